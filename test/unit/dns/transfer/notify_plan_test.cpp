#include "dns/transfer/notify_plan.h"

#include <boost/test/unit_test.hpp>

namespace {

using dns::transfer::NoticeKey;
using dns::transfer::NotifyPlan;

NoticeKey key(const char* to = "192.0.2.1:53", const char* zone = "a.test") {
    return {base::Endpoint::parse(to).take_value(), dns::Name::from_text(zone).take_value()};
}

BOOST_AUTO_TEST_SUITE(notify_plan)

BOOST_AUTO_TEST_CASE(repeats_ever_later_and_gives_up) {
    NotifyPlan plan;
    plan.want(key(), 7, 100);
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
    BOOST_TEST(plan.waiting() == 0U);
}

BOOST_AUTO_TEST_CASE(an_answer_ends_it_if_it_is_to_the_last_attempt) {
    NotifyPlan plan;
    plan.want(key(), 7, 0);
    BOOST_TEST(plan.take_due(0, 10).size() == 1U);
    plan.sent_as(key(), 5);
    BOOST_TEST(!plan.acknowledge(key(), 6));
    BOOST_TEST(!plan.acknowledge(key("192.0.2.1:53", "b.test"), 5));
    BOOST_TEST(!plan.acknowledge(key("192.0.2.2:53"), 5));
    BOOST_TEST(plan.acknowledge(key(), 5));
    BOOST_TEST(!plan.next_due_s().has_value());
}

BOOST_AUTO_TEST_CASE(a_newer_serial_begins_anew_and_old_answers_do_not_end_it) {
    NotifyPlan plan;
    plan.want(key(), 7, 0);
    (void)plan.take_due(0, 10);
    plan.sent_as(key(), 5);
    plan.want(key(), 8, 0.5);
    BOOST_TEST(!plan.acknowledge(key(), 5));
    const auto due = plan.take_due(0.5, 10);
    BOOST_REQUIRE(due.size() == 1U);
    BOOST_TEST(due[0].serial == 8U);
    BOOST_TEST(plan.waiting() == 1U);
}

BOOST_AUTO_TEST_CASE(sends_a_few_at_once_and_forgets_peers_that_are_gone) {
    NotifyPlan plan;
    for (int i = 0; i < 30; ++i) {
        plan.want(key("192.0.2.1:53", ("z" + std::to_string(i) + ".test").c_str()), 1, 0);
    }
    plan.want(key("192.0.2.2:53"), 1, 0);
    BOOST_TEST(plan.take_due(0, 10).size() == 10U);
    BOOST_TEST(plan.take_due(0, 10).size() == 10U);
    plan.keep_only({key("192.0.2.2:53").to});
    BOOST_TEST(plan.waiting() == 1U);
    BOOST_TEST(plan.take_due(0, 100).size() <= 1U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
