#include "dns/transfer/notify_plan.h"

#include <boost/test/unit_test.hpp>

namespace {

using dns::transfer::kNoticesMax;
using dns::transfer::NotifyPlan;

dns::Name zone(const std::string& text = "a.test") {
    return dns::Name::from_text(text).take_value();
}

BOOST_AUTO_TEST_SUITE(notify_plan)

BOOST_AUTO_TEST_CASE(repeats_ever_later_and_gives_up) {
    NotifyPlan plan(1000);
    BOOST_TEST(plan.want(zone(), 7, 100));
    std::vector<double> sent;
    while (const auto due = plan.next_due_s()) {
        for (const auto& notice : plan.take_due(*due, 10)) {
            BOOST_TEST(notice.serial == 7U);
            sent.push_back(*due - 100);
        }
    }
    BOOST_TEST(sent == std::vector<double>({0, 1, 3, 7, 15, 31, 63, 123}),
               boost::test_tools::per_element());
    BOOST_TEST(plan.counts().given_up == 1U);
    BOOST_TEST((plan.take_given_up() == std::vector<dns::Name>{zone()}));
    BOOST_TEST(plan.take_given_up().empty());
    BOOST_TEST(plan.waiting() == 0U);
}

BOOST_AUTO_TEST_CASE(an_answer_ends_it_if_it_is_to_the_last_attempt) {
    NotifyPlan plan(1000);
    BOOST_TEST(plan.want(zone(), 7, 10));
    BOOST_TEST(plan.take_due(10, 10).size() == 1U);
    BOOST_TEST(plan.sent_mac(zone()) == nullptr);
    plan.sent_as(zone(), 5, {.size = 3});
    BOOST_TEST(plan.sent_mac(zone())->size == 3U);
    BOOST_TEST(!plan.acknowledge(zone(), 6));
    BOOST_TEST(!plan.acknowledge(zone("b.test"), 5));
    BOOST_TEST(plan.acknowledge(zone(), 5));
    BOOST_TEST(!plan.next_due_s().has_value());
}

BOOST_AUTO_TEST_CASE(a_newer_serial_begins_anew_and_old_answers_do_not_end_it) {
    NotifyPlan plan(1000);
    BOOST_TEST(plan.want(zone(), 7, 10));
    (void)plan.take_due(10, 10);
    plan.sent_as(zone(), 5);
    BOOST_TEST(plan.want(zone(), 8, 10.5));
    BOOST_TEST(!plan.acknowledge(zone(), 5));
    const auto due = plan.take_due(10.5, 10);
    BOOST_REQUIRE(due.size() == 1U);
    BOOST_TEST(due[0].serial == 8U);
    BOOST_TEST(plan.waiting() == 1U);
}

BOOST_AUTO_TEST_CASE(keeps_its_pace_whatever_is_due) {
    NotifyPlan plan(100);
    for (int i = 0; i < 500; ++i) {
        BOOST_TEST(plan.want(zone("z" + std::to_string(i) + ".test"), 1, 1000));
    }
    std::size_t sent = 0;
    for (int turn = 0; turn <= 100; ++turn) {  // a second
        sent += plan.take_due(1000 + turn * 0.01, 1000).size();
    }
    BOOST_TEST(sent >= 100U);
    BOOST_TEST(sent <= 111U);  // and what had gathered before
    plan.set_pace(100'000);
    BOOST_TEST(plan.take_due(1001.5, 7).size() == 7U);
    BOOST_TEST(plan.take_due(1001.5, 1000).size() > 300U);
}

BOOST_AUTO_TEST_CASE(who_hurries_goes_first) {
    NotifyPlan plan(10);
    for (int i = 0; i < 100; ++i) {
        BOOST_TEST(plan.want(zone("z" + std::to_string(i) + ".test"), 1, 1000));
    }
    BOOST_TEST(plan.want(zone("news.test"), 1, 1001, NotifyPlan::Hurry::Yes));
    const auto due = plan.take_due(1001, 1);
    BOOST_REQUIRE(due.size() == 1U);
    BOOST_TEST((due[0].zone == zone("news.test")));
    // Its second attempt is as any other.
    BOOST_TEST((plan.take_due(1003, 1)[0].zone != zone("news.test")));
}

BOOST_AUTO_TEST_CASE(its_memory_is_bounded) {
    NotifyPlan plan(1000);
    for (std::size_t i = 0; i < kNoticesMax; ++i) {
        BOOST_REQUIRE(plan.want(zone("z" + std::to_string(i) + ".test"), 1, 0));
    }
    BOOST_TEST(!plan.want(zone(), 1, 0));
    BOOST_TEST(plan.want(zone("z1.test"), 2, 0));
    plan.forget(zone("z2.test"));
    BOOST_TEST(plan.want(zone(), 1, 0));
    BOOST_TEST(plan.waiting() == kNoticesMax);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
