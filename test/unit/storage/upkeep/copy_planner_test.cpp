#include "storage/upkeep/copy_planner.h"

#include <set>

#include <boost/test/unit_test.hpp>

#include "storage/tracking/layout.h"
#include "test/unit/storage/upkeep/upkeep_fixture.h"

using namespace storage;
using namespace storage_test;

BOOST_FIXTURE_TEST_SUITE(storage_copy_planner, UpkeepFixture)

BOOST_AUTO_TEST_CASE(what_the_mirroring_table_asks_for_is_owed) {
    // a mirrors to b, whose store is s2.
    const SealedSegment whole = publish({1, 2});
    const SealedSegment lacks = publish({1, 3});
    with([&](Tools& tools) { tools.plan_once(); });
    BOOST_TEST(owed(whole).empty());
    BOOST_TEST(owed(lacks) == "s2: mirroring table");
}

BOOST_AUTO_TEST_CASE(an_edit_of_the_table_starts_a_walk_and_nothing_else_does) {
    const SealedSegment segment = publish({1, 2});
    with([&](Tools& tools) {
        tools.plan_once();
        BOOST_TEST(tools.planner.counters().walks == 1U);
        add_account("carol");
        tools.plan_once();
        BOOST_TEST(tools.planner.counters().walks == 1U);
        add_mail_server("c", 3);
        sql("INSERT INTO directory.mirroring (mail_server_id, peer_id, position) "
            "SELECT x.id, y.id, 2 FROM directory.mail_server x, directory.mail_server y "
            "WHERE x.name = 'a' AND y.name = 'c'");
        tools.plan_once();
        BOOST_TEST(tools.planner.counters().walks == 2U);
        BOOST_TEST(owed(segment) == "s3: mirroring table");
    });
}

BOOST_AUTO_TEST_CASE(the_walk_goes_page_by_page_and_any_tracker_goes_on) {
    plan.page = 2;
    plan.pages_max = 2;
    std::vector<SealedSegment> segments;
    for (int n = 0; n < 7; ++n) {
        segments.push_back(publish({1}));
    }
    with([&](Tools& tools) {
        tools.plan_once();
        BOOST_TEST(owed_count() == "4");
        PlanOptions other = plan;
        other.tracker = "u";
        CopyPlanner second(tools.servers.set, pool, other);
        BOOST_REQUIRE(second.run_once());
        BOOST_TEST(owed_count() == "4");  // the first one's lease holds
        sql("UPDATE catalog.upkeep_pass SET claimed_until = now() - interval '1 s'");
        BOOST_REQUIRE(second.run_once());
        BOOST_TEST(owed_count() == "7");
        BOOST_TEST(second.counters().walks == 1U);
    });
}

BOOST_AUTO_TEST_CASE(an_access_server_uses_the_table_of_a_mail_server) {
    sql("INSERT INTO directory.access_server (name, host_name, address) VALUES "
        "('i1', 'i1.example.test', '127.0.0.8'), ('i2', 'i2.example.test', '127.0.0.9')");
    sql("DELETE FROM directory.mirroring");
    const SealedSegment first = publish({3}, {}, "i1");
    const SealedSegment second = publish({3}, {}, "i2");
    sql("UPDATE directory.cluster SET min_copies = 1");
    with([&](Tools& tools) { tools.plan_once(); });
    BOOST_TEST(owed(first) == "s1: mirroring table");
    BOOST_TEST(owed(second) == "s2: mirroring table");
}

BOOST_AUTO_TEST_CASE(the_rule_for_access_servers_is_that_of_placement) {
    sql("INSERT INTO directory.access_server (name, host_name, address) VALUES "
        "('i1', 'i1.example.test', '127.0.0.8'), ('i2', 'i2.example.test', '127.0.0.9'), "
        "('i3', 'i3.example.test', '127.0.0.10')");
    sql("UPDATE directory.mail_server SET retired_at = now() WHERE name = 'b'");
    for (const std::string name : {"i1", "i2", "i3"}) {
        const auto layout = read_layout(admin(), ServerRole::Access, name);
        BOOST_REQUIRE(layout);
        std::set<std::string> wanted{layout.value().table.own.text()};
        for (const StorageServerId& peer : layout.value().table.peers) {
            wanted.insert(peer.text());
        }
        std::set<std::string> listed;
        for (const base::Row row :
             sql("SELECT v.store_id FROM catalog.wanted_copy w JOIN directory.storage_server v "
                 "ON v.id = w.storage_server_id WHERE w.writer = $1",
                 {name})) {
            listed.insert(row.string(0));
        }
        BOOST_TEST(wanted == listed, boost::test_tools::per_element());
    }
}

BOOST_AUTO_TEST_CASE(a_segment_with_too_few_copies_gets_a_stand_in_in_ring_order) {
    // Nobody's table: as a journal.
    const SealedSegment nobody = publish({2}, {}, "/journal");
    const SealedSegment fine = publish({2, 3}, {}, "/journal");
    sql("UPDATE directory.storage_server SET failure_domain = 'h2' WHERE name = 's1'");
    with([&](Tools& tools) { tools.plan_once(); });
    BOOST_TEST(owed(nobody) == "s3: too few copies");  // s1 fails together with s2
    BOOST_TEST(owed(fine).empty());
}

BOOST_AUTO_TEST_CASE(copies_known_to_be_bad_are_owed_at_once) {
    const SealedSegment segment = publish({1, 2, 3});
    sql("UPDATE catalog.segment_replica r SET state = 'behind', reason = 'late' "
        "FROM directory.storage_server v WHERE v.id = r.storage_server_id AND v.name = 's3'");
    sql("UPDATE catalog.upkeep_pass SET finished_at = now(), "
        "fingerprint = catalog.placement_fingerprint()");
    with([&](Tools& tools) {
        tools.plan_once();
        BOOST_TEST(owed(segment) == "s3: behind: late");
        BOOST_TEST(tools.repair_once() == 1U);
    });
    BOOST_TEST(replica(segment, 3) == "active");
}

BOOST_AUTO_TEST_CASE(what_is_owed_to_a_store_that_leaves_is_dropped) {
    const SealedSegment segment = publish({1, 2}, {3});
    sql("UPDATE directory.storage_server SET state = 'draining' WHERE name = 's3'");
    with([&](Tools& tools) { tools.plan_once(); });
    BOOST_TEST(owed(segment).empty());
}

BOOST_AUTO_TEST_CASE(a_store_that_drains_is_emptied_and_then_retired) {
    const SealedSegment elsewhere = publish({1, 2});
    const SealedSegment segment = publish({1, 3}, {}, "/journal");
    sql("UPDATE directory.storage_server SET state = 'draining' WHERE name = 's3'");
    sql("SELECT catalog.request_upkeep('retire', 's3')");
    const auto state = [&] {
        return value("SELECT state FROM directory.storage_server WHERE name = 's3'");
    };
    with([&](Tools& tools) {
        tools.plan_once();
        BOOST_TEST(state() == "draining");
        BOOST_TEST(value("SELECT catalog.request_left(id) FROM catalog.upkeep_request") == "1");
        BOOST_TEST(owed(segment) == "s2: too few copies");
        BOOST_TEST(tools.repair_once() == 1U);
        tools.plan_once();
        BOOST_TEST(state() == "retired");
        BOOST_TEST(tools.planner.counters().retired == 1U);
        tools.plan_once();
    });
    BOOST_TEST(replica(segment, 3).empty());  // its rows go, so that it can be removed
    BOOST_TEST(replica(segment, 2) == "active");
    BOOST_TEST(value("SELECT count(*) FROM catalog.upkeep_request "
                     "WHERE finished_at IS NOT NULL") == "1");
}

BOOST_AUTO_TEST_CASE(a_store_where_somebody_still_writes_is_not_retired) {
    const SealedSegment segment = publish({1, 2, 3});
    sql("UPDATE catalog.segment SET state = 'open'");
    sql("UPDATE directory.storage_server SET state = 'draining' WHERE name = 's3'");
    sql("SELECT catalog.request_upkeep('retire', 's3')");
    with([&](Tools& tools) {
        tools.plan_once();
        BOOST_TEST(value("SELECT count(*) FROM directory.storage_server "
                         "WHERE state = 'retired'") == "0");
        sql("UPDATE catalog.segment SET state = 'sealed'");
        tools.plan_once();
    });
    BOOST_TEST(value("SELECT name FROM directory.storage_server WHERE state = 'retired'") == "s3");
    BOOST_TEST(owed(segment).empty());
}

BOOST_AUTO_TEST_CASE(a_superseded_segment_is_owed_nothing) {
    const SealedSegment segment = publish({1}, {3});
    sql("UPDATE catalog.segment SET superseded_at = now()");
    with([&](Tools& tools) { tools.plan_once(); });
    BOOST_TEST(owed(segment).empty());
}

BOOST_AUTO_TEST_SUITE_END()
