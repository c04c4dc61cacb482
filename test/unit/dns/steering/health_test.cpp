#include "dns/steering/health.h"

#include <array>
#include <cmath>
#include <utility>

#include <boost/test/unit_test.hpp>

namespace {

using namespace dns::steering;
using dns::probe::ProbeOutcome;

// Time stands where a test does not move it, so dwell is off but in the tests of it.
struct Fixture {
    HealthGate gate{Settings{}};
    HealthRule rule;
    ServerHealth server;
    double now_s = 0;

    Fixture() { rule.dwell_s = 0; }

    HealthChange feed(ProbeOutcome outcome, int times = 1, std::uint8_t check = 0) {
        HealthChange change = HealthChange::None;
        for (int i = 0; i < times; ++i) {
            dns::probe::ProbeResult result;
            result.check = check;
            result.outcome = outcome;
            result.reason = outcome == ProbeOutcome::Lost ? "" : "why";
            change = gate.on_probe(server, rule, result, now_s);
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
        BOOST_TEST((feed(outcome) == HealthChange::WentDown));
        BOOST_TEST(!server.up);
        BOOST_TEST(server.reason == "why");
        BOOST_TEST((feed(outcome) == HealthChange::None));
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

BOOST_AUTO_TEST_CASE(a_server_may_have_counts_of_its_own) {
    rule.fall = 2;
    rule.rise = 3;
    BOOST_TEST((feed(ProbeOutcome::Lost) == HealthChange::None));
    BOOST_TEST((feed(ProbeOutcome::Lost) == HealthChange::WentDown));
    BOOST_TEST((feed(ProbeOutcome::Reply, 2) == HealthChange::None));
    BOOST_TEST((feed(ProbeOutcome::Reply) == HealthChange::WentUp));
}

BOOST_AUTO_TEST_CASE(a_change_is_followed_by_none_for_the_dwell) {
    rule.dwell_s = 10;
    rule.fall = 1;
    rule.rise = 1;
    BOOST_TEST((feed(ProbeOutcome::Lost) == HealthChange::WentDown), "the first waits for nothing");
    now_s = 9.9;
    BOOST_TEST((feed(ProbeOutcome::Reply) == HealthChange::None));
    BOOST_TEST(held_down_until(server).value() == 10.0);
    now_s = 10;
    BOOST_TEST((feed(ProbeOutcome::Reply) == HealthChange::WentUp));
    BOOST_TEST(!held_down_until(server));
    now_s = 19.9;
    BOOST_TEST((feed(ProbeOutcome::Lost) == HealthChange::None), "silence waits");
    BOOST_TEST(server.up);
    now_s = 20;
    BOOST_TEST((feed(ProbeOutcome::Lost) == HealthChange::WentDown));
}

BOOST_AUTO_TEST_CASE(what_proves_that_nobody_serves_waits_for_no_dwell) {
    rule.dwell_s = 10;
    for (const auto outcome :
         {ProbeOutcome::Refused, ProbeOutcome::BadBanner, ProbeOutcome::Unfit}) {
        server = {};
        feed(ProbeOutcome::Refused);
        now_s += 10;
        BOOST_TEST((feed(ProbeOutcome::Reply, 2) == HealthChange::WentUp));
        BOOST_TEST((feed(outcome) == HealthChange::WentDown));
        now_s += 1000;
    }
}

BOOST_AUTO_TEST_CASE(falls_keep_it_down_for_longer_and_are_forgotten) {
    rule.dwell_s = 10;
    rule.flap_max_s = 60;
    rule.flap_half_life_s = 1e4;
    // A little less each time, since some is forgotten meanwhile.
    for (const double expected : {10.0, 10.0, 20.0, 40.0, 60.0, 60.0}) {
        feed(ProbeOutcome::Refused);
        const double fell_s = now_s;
        while (!server.up) {
            now_s += 0.5;
            feed(ProbeOutcome::Reply);
        }
        BOOST_TEST(now_s - fell_s <= expected);
        BOOST_TEST(now_s - fell_s >= 0.9 * expected);
    }
    now_s += 2e5;
    feed(ProbeOutcome::Refused);
    BOOST_TEST(server.hold_s == 10, boost::test_tools::tolerance(0.01));
}

BOOST_AUTO_TEST_CASE(the_penalty_of_flapping_is_bounded) {
    rule.dwell_s = 1;
    rule.flap_max_s = 1;  // so that it falls faster than it is forgotten
    for (int i = 0; i < 1000; ++i) {
        feed(ProbeOutcome::Refused);
        now_s += server.hold_s + 0.001;
        feed(ProbeOutcome::Reply, 2);
        BOOST_TEST_REQUIRE(server.up);
        BOOST_TEST_REQUIRE(server.flaps <= kFlapsMax);
    }
    rule.dwell_s = 100;
    rule.flap_max_s = 0;  // less than the dwell: no penalty
    feed(ProbeOutcome::Refused);
    BOOST_TEST(server.hold_s == 100.0);
}

BOOST_AUTO_TEST_CASE(a_server_that_must_be_probed_is_not_up_before) {
    rule.probe_first = true;
    server = first_health(rule, {"smtp:25"});
    BOOST_TEST(!server.up);
    BOOST_TEST(wants_news(server));
    BOOST_TEST(server.reason == "not probed yet");
    BOOST_TEST((feed(ProbeOutcome::Lost) == HealthChange::None));
    BOOST_TEST(wants_news(server), "one loss is no verdict");
    BOOST_TEST((feed(ProbeOutcome::Reply) == HealthChange::WentUp), "the first reply is enough");
    server = first_health(rule, {"smtp:25"});
    BOOST_TEST((feed(ProbeOutcome::Refused) == HealthChange::None));
    BOOST_TEST(!wants_news(server));
    BOOST_TEST(server.reason == "why");
    BOOST_TEST((feed(ProbeOutcome::Reply) == HealthChange::None), "it has had a bad word");
    BOOST_TEST((feed(ProbeOutcome::Reply) == HealthChange::WentUp));
}

BOOST_AUTO_TEST_CASE(every_check_must_be_well_and_known) {
    rule.probe_first = true;
    server = first_health(rule, {"report:4000", "smtp:25"});
    BOOST_TEST((feed(ProbeOutcome::Reply, 5, 0) == HealthChange::None));
    BOOST_TEST((feed(ProbeOutcome::Reply, 1, 1) == HealthChange::WentUp));
    BOOST_TEST((feed(ProbeOutcome::BadBanner, 1, 1) == HealthChange::WentDown));
    BOOST_TEST(server.reason == "smtp:25: why");
    BOOST_TEST((feed(ProbeOutcome::Reply, 9, 0) == HealthChange::None), "a broken idle server");
    BOOST_TEST((feed(ProbeOutcome::Reply, 2, 1) == HealthChange::WentUp));
    BOOST_TEST((feed(ProbeOutcome::Refused, 1, 2) == HealthChange::None), "a check it has not");
    BOOST_TEST(server.up);
}

BOOST_AUTO_TEST_CASE(the_silence_of_an_agent_changes_nothing_but_is_a_verdict) {
    rule.probe_first = true;
    server = first_health(rule, {"smtp:25", "agent:7777"});
    feed(ProbeOutcome::Reply, 1, 0);
    BOOST_TEST(!server.up);
    BOOST_TEST((feed(ProbeOutcome::Silent, 1, 1) == HealthChange::WentUp));
    const double rate = gate.loss_rate();
    feed(ProbeOutcome::Unfit, 1, 1);
    BOOST_TEST((feed(ProbeOutcome::Silent, 9, 1) == HealthChange::None));
    BOOST_TEST(!server.up, "its last word stands");
    feed(ProbeOutcome::Reply, 2, 1);
    BOOST_TEST((feed(ProbeOutcome::Silent, 100, 1) == HealthChange::None));
    BOOST_TEST(server.up);
    BOOST_TEST(gate.loss_rate() <= rate, "silence is no loss");
}

BOOST_AUTO_TEST_CASE(checks_that_stay_keep_their_state) {
    server = first_health(rule, {"report:4000"});
    feed(ProbeOutcome::Unfit);
    set_checks(server, {"smtp:25", "report:4000"});
    BOOST_TEST(server.checks[0].up);
    BOOST_TEST(!server.checks[1].up);
    BOOST_TEST(!server.up);
    set_checks(server, {"smtp:25"});
    BOOST_TEST((feed(ProbeOutcome::Reply) == HealthChange::WentUp));
}

BOOST_AUTO_TEST_CASE(what_was_saved_comes_back_and_holds_nothing_up) {
    rule.dwell_s = 10;
    rule.probe_first = true;
    server = first_health(rule, {"smtp:25"});
    BOOST_TEST(!save_health(ServerId{1}, rule, server, now_s).has_value(), "nothing is known");
    feed(ProbeOutcome::Reply);
    now_s = 20;
    feed(ProbeOutcome::Refused);
    const auto saved = save_health(ServerId{1}, rule, server, now_s);
    BOOST_REQUIRE(saved.has_value());
    BOOST_TEST(!saved->up);
    BOOST_TEST(saved->flaps == 1.0);
    ServerHealth other = first_health(rule, {"smtp:25"});
    restore_health(other, *saved, 1000);
    server = other;
    now_s = 1000.1;
    BOOST_TEST(server.reason == "why");
    BOOST_TEST(!wants_news(server));
    BOOST_TEST((feed(ProbeOutcome::Reply) == HealthChange::None));
    BOOST_TEST((feed(ProbeOutcome::Reply) == HealthChange::WentUp));
    restore_health(server, {ServerId{1}, true, "x", -1}, 1000);
    BOOST_TEST(server.up);
    BOOST_TEST(server.flaps == 0.0);
}

BOOST_AUTO_TEST_CASE(rules_out_of_range_are_named) {
    BOOST_TEST(bool(check_health_rule(HealthRule{})));
    const std::array<std::pair<const char*, HealthRule>, 6> bad = {{
        {"rise", {11, 0, 10, 300, 600, false}},
        {"fall", {0, 17, 10, 300, 600, false}},
        {"dwell", {0, 0, -1, 300, 600, false}},
        {"dwell", {0, 0, std::nan(""), 300, 600, false}},
        {"flap_max", {0, 0, 10, 1e6, 600, false}},
        {"flap_half_life", {0, 0, 10, 300, 0, false}},
    }};
    for (const auto& [name, value] : bad) {
        const auto checked = check_health_rule(value);
        BOOST_REQUIRE(!checked);
        BOOST_TEST(checked.error().detail.ends_with(name), checked.error().detail);
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
