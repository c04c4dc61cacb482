#include "storage/upkeep/repairer.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/upkeep/upkeep_fixture.h"

using namespace storage;
using namespace storage_test;

BOOST_FIXTURE_TEST_SUITE(storage_repairer, UpkeepFixture)

BOOST_AUTO_TEST_CASE(a_copy_owed_is_made_from_a_good_one_and_owed_no_more) {
    const SealedSegment segment = publish({1}, {2});
    with([&](Tools& tools) {
        BOOST_TEST(tools.repair_once() == 1U);
        BOOST_TEST(owed_count() == "0");
        BOOST_TEST(replica(segment, 2) == "active");
        BOOST_TEST(generation(segment, 2) == "2");
        BOOST_TEST((file_bytes(path_of(segment, 2, 2)) == segment.bytes));
        BOOST_TEST(tools.repairer.counters().bytes == segment.bytes.size());
        BOOST_TEST(tools.repair_once() == 0U);
    });
    BOOST_TEST(value("SELECT durable_length FROM catalog.segment_replica WHERE generation = 2") ==
               std::to_string(segment.bytes.size()));
    BOOST_TEST(value("SELECT encode(digest, 'hex') FROM catalog.segment").size() == 64U);
}

BOOST_AUTO_TEST_CASE(the_new_file_has_a_generation_above_all_and_older_files_go) {
    const SealedSegment segment = publish({1, 2}, {});
    const Bytes torn(segment.bytes.begin(), segment.bytes.begin() + 100);
    put(2, segment.id, torn, 1);
    put(2, segment.id, torn, 7);
    sql("UPDATE catalog.segment_replica r SET state = 'lost' FROM directory.storage_server v "
        "WHERE v.id = r.storage_server_id AND v.name = 's2'");
    tell_sealed(segment, {}, {2});
    with([&](Tools& tools) { BOOST_TEST(tools.repair_once() == 1U); });
    BOOST_TEST(generation(segment, 2) == "8");
    BOOST_TEST(stores.files(2).size() == 1U);
    BOOST_TEST((file_bytes(path_of(segment, 2, 8)) == segment.bytes));
}

BOOST_AUTO_TEST_CASE(a_bad_source_is_filed_as_suspect_and_the_next_one_is_read) {
    const SealedSegment segment = publish({1, 2}, {3});
    spoil(path_of(segment, 1), segment.bytes.size() / 2);
    with([&](Tools& tools) {
        BOOST_TEST(tools.repair_once() == 1U);
        BOOST_TEST(tools.repairer.counters().bad_sources == 1U);
    });
    BOOST_TEST(replica(segment, 1) == "suspect");
    BOOST_TEST((file_bytes(path_of(segment, 3, 2)) == segment.bytes));
}

BOOST_AUTO_TEST_CASE(a_copy_under_suspicion_is_a_source_if_it_proves_good) {
    const SealedSegment segment = publish({1}, {2});
    sql("UPDATE catalog.segment_replica SET state = 'suspect'");
    with([&](Tools& tools) { BOOST_TEST(tools.repair_once() == 1U); });
    BOOST_TEST(replica(segment, 2) == "active");
}

BOOST_AUTO_TEST_CASE(without_a_good_copy_it_is_put_off_with_an_alarm) {
    const SealedSegment segment = publish({1}, {2});
    spoil(path_of(segment, 1), 10);
    with([&](Tools& tools) {
        BOOST_TEST(tools.repair_once() == 0U);
        BOOST_TEST(tools.repair_once() == 0U);
        BOOST_TEST(tools.repairer.counters().put_off == 1U);  // not again at once
        sql("UPDATE catalog.copy_owed SET not_before = '-infinity'");
        BOOST_TEST(tools.repair_once() == 0U);
    });
    BOOST_TEST(value("SELECT attempts FROM catalog.copy_owed") == "2");
    BOOST_TEST(value("SELECT problem FROM catalog.copy_owed").find("to read from") !=
               std::string::npos);
    BOOST_TEST(value("SELECT not_before - now() < interval '9 s' FROM catalog.copy_owed") == "t");
    BOOST_TEST(value("SELECT count(*) FROM directory.event "
                     "WHERE kind = 'segment_without_good_copy'") == "1");
}

BOOST_AUTO_TEST_CASE(copies_that_are_good_only_together_are_merged) {
    const SealedSegment segment = publish({1}, {2});
    // A flipped bit here, and there the end is missing.
    spoil(path_of(segment, 1), segment.seal.index[0].offset + 100);
    put(2,
        segment.id,
        {segment.bytes.begin(),
         segment.bytes.begin() + static_cast<std::ptrdiff_t>(segment.seal.index[2].offset)});
    with([&](Tools& tools) {
        BOOST_TEST(tools.repair_once() == 1U);
        BOOST_TEST(tools.repairer.counters().merged == 1U);
    });
    BOOST_TEST(replica(segment, 2) == "active");
    BOOST_TEST((file_bytes(path_of(segment, 2, 2)) == segment.bytes));
    BOOST_TEST(value("SELECT count(*) FROM directory.event "
                     "WHERE kind = 'segment_without_good_copy'") == "0");
}

BOOST_AUTO_TEST_CASE(a_store_that_is_away_is_not_tried_and_served_when_it_is_back) {
    const SealedSegment segment = publish({1}, {2});
    std::filesystem::rename(stores.root(2) + "/roundtable-store", stores.root(2) + "/away");
    run_in_fiber([&](base::Loop& loop) {
        repair.tracker = "t";
        Servers servers(loop, stores, 1);
        servers.set.apply(stores.configs);
        BOOST_REQUIRE(
            eventually([&] { return servers.set.find(store_id(3))->health().is_healthy(); }));
        base::WorkerPool workers("test", 1, 16);
        ByteRate rate(1U << 30U);
        Repairer repairer({servers.set, pool, workers, rate}, repair);
        BOOST_TEST(repairer.run_once().value() == 0U);
        BOOST_TEST(value("SELECT attempts FROM catalog.copy_owed") == "0");
        std::filesystem::rename(stores.root(2) + "/away", stores.root(2) + "/roundtable-store");
        servers.settle();
        BOOST_TEST(repairer.run_once().value() == 1U);
    });
    BOOST_TEST(replica(segment, 2) == "active");
}

BOOST_AUTO_TEST_CASE(a_target_that_fails_is_put_off_and_leaves_no_file) {
    const SealedSegment segment = publish({1}, {2});
    // A file where the folder should be.
    std::ofstream(stores.root(2) + "/segments") << "in the way";
    with([&](Tools& tools) {
        BOOST_TEST(tools.repair_once() == 0U);
        BOOST_TEST(value("SELECT attempts FROM catalog.copy_owed") == "1");
        std::filesystem::remove(stores.root(2) + "/segments");
        BOOST_TEST(value("SELECT claimed_by IS NULL FROM catalog.copy_owed") == "t");
        sql("SELECT catalog.repair_now()");
        BOOST_TEST(tools.repair_once() == 1U);
    });
    BOOST_TEST(replica(segment, 2) == "active");
}

BOOST_AUTO_TEST_CASE(those_with_the_fewest_good_copies_come_first) {
    repair.claims_max = 1;
    const SealedSegment safe = publish({1, 2}, {3});
    const SealedSegment poor = publish({1}, {3});
    sql("UPDATE catalog.copy_owed SET since = since - interval '1 h' WHERE segment_id = $1",
        {safe.id.uuid()});
    with([&](Tools& tools) {
        BOOST_TEST(tools.repair_once() == 1U);
        BOOST_TEST(replica(poor, 3) == "active");
        BOOST_TEST(replica(safe, 3).empty());
    });
}

BOOST_AUTO_TEST_CASE(what_somebody_else_makes_is_left_alone_until_the_lease_is_over) {
    const SealedSegment segment = publish({1}, {2});
    sql("UPDATE catalog.copy_owed SET claimed_by = 'u', claimed_until = now() + interval '1 h'");
    with([&](Tools& tools) {
        BOOST_TEST(tools.repair_once() == 0U);
        sql("UPDATE catalog.copy_owed SET claimed_until = now() - interval '1 s'");
        BOOST_TEST(tools.repair_once() == 1U);
    });
    BOOST_TEST(replica(segment, 2) == "active");
}

BOOST_AUTO_TEST_CASE(open_and_superseded_segments_are_not_copied) {
    const SealedSegment superseded = publish({1}, {2});
    sql("UPDATE catalog.segment SET superseded_at = now()");
    const SealedSegment open = publish({1}, {2});
    sql("UPDATE catalog.segment SET state = 'open' WHERE id = $1", {open.id.uuid()});
    with([&](Tools& tools) { BOOST_TEST(tools.repair_once() == 0U); });
    BOOST_TEST(stores.files(2).empty());
}

BOOST_AUTO_TEST_CASE(a_late_note_of_the_writer_does_not_undo_a_repair) {
    const SealedSegment segment = publish({1}, {2});
    with([&](Tools& tools) {
        BOOST_TEST(tools.repair_once() == 1U);
        tell_sealed(segment, {1}, {2});
        tools.plan_once();
        BOOST_TEST(owed_count() == "0");
        BOOST_TEST(tools.repair_once() == 0U);
    });
    BOOST_TEST(stores.files(2).size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
