#include "dns/explain/server_reason.h"

#include <cmath>

#include <boost/test/unit_test.hpp>

using dns::explain::ServerFacts;
using dns::steering::ForcedState;

namespace {

// A healthy server of a pool that is steered by load; explain_report_test.cpp has it whole.
struct World {
    World() {
        server.up = true;
        server.weight = 1;
        server.first_share = 0.5;
        now = {1000, 1'700'000'000'000'000};
    }

    [[nodiscard]] std::string why() const {
        return dns::explain::server_reason(
            {status, server, table, nullptr, nullptr, std::nullopt, now});
    }

    dns::steering::ServerStatus status;
    dns::steering::TableServer server;
    dns::steering::SteeringTable table;
    dns::steering::Now now;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(server_reason, World)

BOOST_AUTO_TEST_CASE(there_is_always_a_reason) {
    BOOST_TEST(why() == "in service");
}

BOOST_AUTO_TEST_CASE(trims_are_told_where_they_count) {
    server.trim = std::log(0.5);
    BOOST_TEST(why() == "busier than the others: weight x 0.50");
    server.trim = std::log(1.5);
    BOOST_TEST(why() == "idler than the others: weight x 1.50");
    table.policy = dns::steering::Policy::Roundtable;
    BOOST_TEST(why() == "in service");
}

BOOST_AUTO_TEST_CASE(a_liar_is_called_one) {
    status.ill = true;
    BOOST_TEST(why() ==
               "takes no mail though it should: its low load is not believed, it loses weight");
}

BOOST_AUTO_TEST_CASE(slow_starts_and_backup_sites_are_told) {
    status.ramp = 0.4;
    server.tier = 1;
    BOOST_TEST(why() == "slow start at 40 % of its weight; of backup site 1");
}

BOOST_AUTO_TEST_CASE(forced_up_against_the_probes) {
    server.forced = ForcedState::Up;
    status.up = false;
    status.reason = "3 probes lost";
    BOOST_TEST(why() == "forced up; probes say down: 3 probes lost");
}

BOOST_AUTO_TEST_CASE(spans_and_times) {
    BOOST_TEST(dns::explain::span_text(-1) == "0 s");
    BOOST_TEST(dns::explain::span_text(119.9) == "119 s");
    BOOST_TEST(dns::explain::span_text(120) == "2 min");
    BOOST_TEST(dns::explain::span_text(3600) == "1 h 0 min");
    BOOST_TEST(dns::explain::span_text(52 * 3600.0) == "2 d 4 h");
    BOOST_TEST(dns::explain::time_text(0) == "1970-01-01 00:00:00 UTC");
    BOOST_TEST(dns::explain::time_text(1'709'164'799'999'999) == "2024-02-28 23:59:59 UTC");
    BOOST_TEST(dns::explain::fixed_text(1.005, 1) == "1.0");
}

BOOST_AUTO_TEST_SUITE_END()
