#include "dns/control/priority_report.h"

#include <boost/test/unit_test.hpp>

#include "dns/directory/pools.h"
#include "dns/steering/engine.h"
#include "test/unit/dns/directory/world.h"

namespace {

using dns::steering::ServerId;

// A row of a batch, for one of its domains.
struct Reported : dns::ServerPriority {
    std::int64_t domain_id = 0;
};

struct Reporting {
    Reporting() {
        directory.overrides.clear();
        directory.domains[1].policy = dns::steering::Policy::Static;
    }

    void steer() {
        auto plan = dns::plan_pool(directory, dns::PoolName::Mail);
        auto engine = dns::steering::SteeringEngine::create(plan.config, {}).take_value();
        BOOST_REQUIRE(engine.set_overrides(plan.overrides, {}));
        commit = engine.poll({});
        priorities.take(std::make_shared<const dns::Directory>(directory), commit, now_s);
    }

    std::vector<Reported> rest(std::size_t rows_max = 1000) {
        std::vector<Reported> rows;
        batches = 0;
        while (const auto batch = priorities.next(rows_max)) {
            ++batches;
            for (const std::int64_t domain : batch->domains) {
                for (const dns::ServerPriority& row : batch->rows) {
                    rows.push_back({row, domain});
                }
            }
        }
        return rows;
    }

    std::vector<Reported> report() {
        steer();
        return rest();
    }

    // Domains that are steered as the second one is.
    void add_domains(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            dns::DirectoryDomain made = directory.domains[1];
            made.id = static_cast<std::int64_t>(100 + i);
            made.name = "d" + std::to_string(i) + ".test";
            directory.domains.push_back(made);
        }
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
    double now_s = 1000;
    std::size_t batches = 0;  // of the last rest()
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
        now_s += 31;
        return report().size();
    };
    BOOST_TEST(share_at(1.02) == 0U, "from 0.1667 to 0.1694");
    BOOST_TEST(share_at(1.04) == 0U, "to 0.1722");
    BOOST_TEST(share_at(1.08) == 1U, "to 0.1776");
}

BOOST_AUTO_TEST_CASE(shares_wait_for_half_a_minute_and_indices_do_not) {
    directory.domains[1].policy = dns::steering::Policy::Roundtable;
    BOOST_REQUIRE(report().size() == 3U);
    directory.mail_servers[0].capacity = 1.5;
    now_s += 29;
    BOOST_TEST(report().empty());
    BOOST_TEST(!priorities.poll(now_s + 0.5));
    BOOST_TEST(rest().empty());
    BOOST_TEST(priorities.poll(now_s + 1));
    BOOST_TEST(rest().size() == 3U);
    add_override(dns::steering::OverrideKind::Pin, 3, 5);
    BOOST_TEST(report().size() == 3U, "in the same moment");
}

BOOST_AUTO_TEST_CASE(shares_wait_longer_for_many_rows) {
    BOOST_TEST(dns::share_hold_s(3) == 30);
    BOOST_TEST(dns::share_hold_s(800000) == 800);
}

BOOST_AUTO_TEST_CASE(domains_that_lack_the_same_rows_are_reported_together) {
    add_domains(5);
    BOOST_TEST(report().size() == 18U);
    BOOST_TEST(batches == 1U);
    add_override(dns::steering::OverrideKind::Pin, 3, 5);
    steer();
    const auto rows = rest(4);  // two rows of two domains
    BOOST_TEST(rows.size() == 12U);
    BOOST_TEST(batches == 3U);
    BOOST_TEST(rows[0].domain_id == 2);
    BOOST_TEST(*rows[0].cause == commit->cause);
    add_override(dns::steering::OverrideKind::Down, 1);
    steer();
    BOOST_TEST(rest(1).size() >= 6U);
    BOOST_TEST(batches == 6U, "of one domain at least");
}

BOOST_AUTO_TEST_CASE(who_takes_late_gets_the_newest) {
    add_domains(3);
    BOOST_REQUIRE(report().size() == 12U);
    add_override(dns::steering::OverrideKind::Pin, 3, 5);
    steer();
    BOOST_REQUIRE(priorities.next(4)->domains.size() == 2U);
    directory.overrides[0].entry.value = 6;
    steer();
    for (const Reported& row : rest()) {
        BOOST_TEST((row.server != ServerId{3} || row.priority_index == 6));
    }
    BOOST_TEST(batches == 2U, "two domains lack one row, two more");
}

BOOST_AUTO_TEST_CASE(a_new_domain_is_reported_and_the_others_are_not) {
    add_domains(2);
    BOOST_REQUIRE(report().size() == 9U);
    add_domains(1);
    directory.domains.back().id = 500;
    directory.domains.back().name = "new.test";
    const auto rows = report();
    BOOST_REQUIRE(rows.size() == 3U);
    BOOST_TEST(rows[0].domain_id == 500);
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
