#include "dns/control/priority_report.h"

#include <boost/test/unit_test.hpp>

#include "dns/directory/pools.h"
#include "dns/steering/engine.h"
#include "test/unit/dns/directory/world.h"

namespace {

using dns::ExchangePriority;
using dns::steering::ServerId;

struct Reporting {
    Reporting() {
        directory.overrides.clear();
        directory.domains[1].policy = dns::steering::Policy::Static;
    }

    std::vector<ExchangePriority> report() {
        auto plan = dns::plan_pool(directory, dns::PoolName::Mail);
        auto engine = dns::steering::SteeringEngine::create(plan.config, {}).take_value();
        BOOST_REQUIRE(engine.set_overrides(plan.overrides, {}));
        commit = engine.poll({});
        return priorities.changes(directory, *commit);
    }

    void add_override(dns::steering::OverrideKind kind, std::uint64_t server, double value = 0) {
        dns::DirectoryOverride made;
        made.entry.id = directory.overrides.size() + 1;
        made.entry.kind = kind;
        made.entry.scope.server = ServerId{server};
        made.entry.value = value;
        directory.overrides.push_back(made);
    }

    dns::Directory directory = dns_test::directory();
    dns::PriorityReport priorities;
    std::shared_ptr<const dns::steering::SteeringCommit> commit;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(priority_report, Reporting)

BOOST_AUTO_TEST_CASE(reports_all_at_first_and_then_nothing_while_nothing_changes) {
    const auto rows = report();
    BOOST_REQUIRE(rows.size() == 3U);
    BOOST_TEST(rows[0].domain_id == 2);
    BOOST_TEST(rows[0].server.value == 1U);
    BOOST_TEST(rows[0].priority_index == 10);
    BOOST_TEST(rows[0].first_share == 1.0);
    BOOST_TEST(rows[1].priority_index == 20);
    BOOST_TEST(rows[1].first_share == 0.0);
    BOOST_TEST(report().empty());
}

BOOST_AUTO_TEST_CASE(reports_only_what_changed) {
    BOOST_REQUIRE(report().size() == 3U);
    add_override(dns::steering::OverrideKind::Pin, 3, 5);
    const auto rows = report();
    BOOST_REQUIRE(rows.size() == 2U);
    BOOST_TEST(rows[0].server.value == 1U, "its share went to the pinned one");
    BOOST_TEST(rows[0].first_share == 0.0);
    BOOST_TEST(rows[1].server.value == 3U);
    BOOST_TEST(rows[1].priority_index == 5);
    BOOST_TEST(rows[1].first_share == 1.0);
}

BOOST_AUTO_TEST_CASE(a_withdrawn_server_has_the_last_index_and_no_share) {
    BOOST_REQUIRE(report().size() == 3U);
    add_override(dns::steering::OverrideKind::Down, 1);
    const auto rows = report();
    BOOST_REQUIRE(!rows.empty());
    BOOST_TEST(rows[0].server.value == 1U);
    BOOST_TEST(rows[0].priority_index == dns::kWithdrawnPriority);
    BOOST_TEST(rows[0].first_share == 0.0);
}

BOOST_AUTO_TEST_CASE(a_retired_server_is_withdrawn) {
    directory.mail_servers[1].state = dns::ServerState::Retired;
    const auto rows = report();
    BOOST_REQUIRE(rows.size() == 3U);
    BOOST_TEST(rows[1].priority_index == dns::kWithdrawnPriority);
}

// The sum of many small steps is reported, too: it is compared with what was reported.
BOOST_AUTO_TEST_CASE(a_share_is_reported_when_it_has_moved_by_a_step) {
    directory.domains[1].policy = dns::steering::Policy::Roundtable;
    BOOST_REQUIRE(report().size() == 3U);
    const auto share_at = [this](double capacity) {
        directory.mail_servers[0].capacity = capacity;
        return report().size();
    };
    BOOST_TEST(share_at(1.02) == 0U, "from 0.1667 to 0.1694");
    BOOST_TEST(share_at(1.04) == 0U, "to 0.1722");
    BOOST_TEST(share_at(1.08) == 1U, "to 0.1776");
}

BOOST_AUTO_TEST_CASE(a_domain_that_went_and_came_back_is_reported_again) {
    BOOST_REQUIRE(report().size() == 3U);
    const auto mail = directory.domains[1].mail;
    directory.domains[1].mail = {mail[0]};
    (void)report();
    directory.domains[1].mail = mail;
    BOOST_TEST(report().size() >= 2U);
}

BOOST_AUTO_TEST_CASE(each_domain_has_its_own_rows) {
    directory.domains[0].mail = {{{2}, 7}};
    directory.domains[0].policy = dns::steering::Policy::Static;
    const auto rows = report();
    BOOST_REQUIRE(rows.size() == 4U);
    BOOST_TEST(rows[0].domain_id == 1);
    BOOST_TEST(rows[0].priority_index == 7);
    BOOST_TEST(rows[0].first_share == 1.0);
}

BOOST_AUTO_TEST_SUITE_END()
