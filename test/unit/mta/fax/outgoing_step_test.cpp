#include "mta/fax/outgoing_step.h"

#include <string>

#include <boost/test/unit_test.hpp>

using mta::HylafaxState;
using mta::OutgoingAct;

namespace {

constexpr std::int64_t kGiveUp = 86'400;

mta::OutgoingStep step(const std::string& state,
                       std::int64_t age_s,
                       std::optional<HylafaxState> there = std::nullopt,
                       const std::string& host = "fax1") {
    mta::OutgoingJob job;
    job.state = state;
    job.host = state == "accepted" ? "" : host;
    job.age_s = age_s;
    std::optional<mta::HylafaxJob> found;
    if (there) {
        found.emplace();
        found->state = *there;
        found->status = "said by HylaFAX";
    }
    return mta::next_step(job, found, "fax1", kGiveUp);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(outgoing_step)

BOOST_AUTO_TEST_CASE(what_hylafax_says_comes_before_the_age) {
    for (const char* state : {"accepted", "submitting", "submitted"}) {
        for (const std::int64_t age : {std::int64_t{5}, 3 * kGiveUp}) {
            BOOST_TEST_CONTEXT(state << " " << age) {
                const auto done = step(state, age, HylafaxState::Done);
                BOOST_TEST((done.act == OutgoingAct::Finish));
                BOOST_TEST(done.why == "done");
                const auto failed = step(state, age, HylafaxState::Failed);
                BOOST_TEST((failed.act == OutgoingAct::Finish));
                BOOST_TEST(failed.why == "failed");
                BOOST_TEST(failed.detail == "said by HylaFAX");
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_job_that_is_late_has_an_end_on_every_machine) {
    BOOST_TEST(step("accepted", kGiveUp + 1).why == "timedout");
    BOOST_TEST(step("submitting", kGiveUp + 1).why == "timedout");
    BOOST_TEST(step("submitted", kGiveUp + 1, HylafaxState::Waiting).why == "timedout");
    BOOST_TEST(step("submitted", kGiveUp + 1).why == "unknown");
    for (const char* state : {"submitting", "submitted"}) {
        BOOST_TEST((step(state, kGiveUp, {}, "fax2").act == OutgoingAct::Wait));
        const auto lost = step(state, kGiveUp + 1, {}, "fax2");
        BOOST_TEST((lost.act == OutgoingAct::Finish));
        BOOST_TEST(lost.why == "unknown");
        BOOST_TEST(lost.detail.find("fax2") != std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(a_call_under_way_is_waited_for_and_not_for_ever) {
    BOOST_TEST((step("submitted", kGiveUp + 1, HylafaxState::Active).act == OutgoingAct::Wait));
    BOOST_TEST(step("submitted", kGiveUp + mta::kFaxCallSecondsMax + 1, HylafaxState::Active).why ==
               "timedout");
}

BOOST_AUTO_TEST_CASE(hylafax_gives_up_no_later_than_we_do) {
    const auto fresh = step("accepted", 0);
    BOOST_TEST((fresh.act == OutgoingAct::Submit));
    BOOST_TEST(fresh.kill_minutes == kGiveUp / 60);
    BOOST_TEST(step("submitting", kGiveUp - 61).kill_minutes == 1);
    BOOST_TEST((step("accepted", kGiveUp - 59).act == OutgoingAct::Wait));
}

BOOST_AUTO_TEST_CASE(nothing_is_sent_twice_or_reported_twice) {
    BOOST_TEST((step("submitting", 5, HylafaxState::Waiting).act == OutgoingAct::Note));
    BOOST_TEST((step("accepted", 5, HylafaxState::Active).act == OutgoingAct::Note));
    BOOST_TEST((step("submitted", 5).act == OutgoingAct::Wait));
    BOOST_TEST((step("submitted", 5, HylafaxState::Waiting).act == OutgoingAct::Wait));
    for (const char* state : {"delivered", "failed"}) {
        BOOST_TEST((step(state, 9 * kGiveUp).act == OutgoingAct::Report));
        BOOST_TEST((mta::next_step({state, "fax2", true, 5}, {}, "fax1", kGiveUp).act ==
                    OutgoingAct::Remove));
    }
}

BOOST_AUTO_TEST_SUITE_END()
