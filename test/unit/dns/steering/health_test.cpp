#include "dns/steering/health.h"

#include <cmath>

#include <boost/test/unit_test.hpp>

namespace {

using namespace dns::steering;
using dns::probe::ProbeOutcome;

struct Fixture {
    HealthGate gate{Settings{}};
    ServerHealth server;

    HealthChange feed(ProbeOutcome outcome, int times = 1) {
        HealthChange change = HealthChange::None;
        for (int i = 0; i < times; ++i) {
            change = gate.on_probe(server, outcome, "");
        }
        return change;
    }
};

BOOST_FIXTURE_TEST_SUITE(health, Fixture)

BOOST_AUTO_TEST_CASE(losses_short_of_the_limit_change_nothing) {
    // ln 1e-6 / ln 0.0396 = 4.28: five in a row at the rate that one loss makes of the start rate.
    BOOST_TEST((feed(ProbeOutcome::Lost, 4) == HealthChange::None));
    BOOST_TEST(server.up);
    BOOST_TEST((feed(ProbeOutcome::Reply) == HealthChange::None));
    BOOST_TEST((feed(ProbeOutcome::Lost, 4) == HealthChange::None));
    BOOST_TEST((feed(ProbeOutcome::Lost) == HealthChange::WentDown));
    BOOST_TEST(server.reason == "5 probes lost");
    BOOST_TEST((feed(ProbeOutcome::Lost) == HealthChange::None));
}

BOOST_AUTO_TEST_CASE(refusal_bad_banner_and_unfit_take_it_down_at_once) {
    for (const auto outcome :
         {ProbeOutcome::Refused, ProbeOutcome::BadBanner, ProbeOutcome::Unfit}) {
        server = {};
        BOOST_TEST((gate.on_probe(server, outcome, "why") == HealthChange::WentDown));
        BOOST_TEST(!server.up);
        BOOST_TEST(server.reason == "why");
        BOOST_TEST((gate.on_probe(server, outcome, "why") == HealthChange::None));
    }
}

BOOST_AUTO_TEST_CASE(two_replies_in_a_row_bring_it_up) {
    feed(ProbeOutcome::Refused);
    BOOST_TEST((feed(ProbeOutcome::Reply) == HealthChange::None));
    BOOST_TEST((feed(ProbeOutcome::Lost) == HealthChange::None));
    BOOST_TEST((feed(ProbeOutcome::Reply) == HealthChange::None));
    BOOST_TEST(!server.up);
    BOOST_TEST((feed(ProbeOutcome::Reply) == HealthChange::WentUp));
    BOOST_TEST(server.up);
    BOOST_TEST(server.reason.empty());
}

BOOST_AUTO_TEST_CASE(unfit_replies_do_not_bring_it_up) {
    feed(ProbeOutcome::Unfit);
    feed(ProbeOutcome::Reply);
    feed(ProbeOutcome::Unfit);
    BOOST_TEST((feed(ProbeOutcome::Reply) == HealthChange::None));
    BOOST_TEST((feed(ProbeOutcome::Reply) == HealthChange::WentUp));
}

BOOST_AUTO_TEST_CASE(loss_rate_learns_from_first_losses_and_replies_of_servers_that_are_up) {
    feed(ProbeOutcome::Reply);
    double rate = 0.02 * 0.98;
    BOOST_TEST(gate.loss_rate() == rate, boost::test_tools::tolerance(1e-12));
    feed(ProbeOutcome::Lost);
    rate += 0.02 * (1 - rate);
    BOOST_TEST(gate.loss_rate() == rate, boost::test_tools::tolerance(1e-12));
    // The repeated probe, the reply after it and anything of a server that is down do not count.
    feed(ProbeOutcome::Lost);
    feed(ProbeOutcome::Reply);
    BOOST_TEST(gate.loss_rate() == rate, boost::test_tools::tolerance(1e-12));
    feed(ProbeOutcome::Lost, 10);
    const double at_down = gate.loss_rate();
    feed(ProbeOutcome::Lost, 10);
    feed(ProbeOutcome::Reply);
    BOOST_TEST(gate.loss_rate() == at_down);
}

BOOST_AUTO_TEST_CASE(limit_follows_the_loss_rate_within_its_bounds) {
    BOOST_TEST(gate.losses_to_down() == 4U);  // ln 1e-6 / ln 0.02 = 3.53
    feed(ProbeOutcome::Reply, 1000);
    BOOST_TEST(gate.losses_to_down() == 3U);
    for (int i = 0; i < 200; ++i) {
        feed(ProbeOutcome::Lost);
        feed(ProbeOutcome::Reply);
        feed(ProbeOutcome::Reply);
    }
    BOOST_TEST(gate.losses_to_down() == 8U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
