#include "storage/upkeep/scrubber.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/upkeep/upkeep_fixture.h"

using namespace storage;
using namespace storage_test;

BOOST_FIXTURE_TEST_SUITE(storage_scrubber, UpkeepFixture)

BOOST_AUTO_TEST_CASE(a_suspicion_that_is_not_true_is_cleared) {
    const SealedSegment segment = publish({1, 2});
    BOOST_REQUIRE(suspect_replica(admin(), segment.id, store_id(1), "short read"));
    with([&](Tools& tools) { BOOST_TEST(tools.scrub_once() == 1U); });
    BOOST_TEST(replica(segment, 1) == "active");
    BOOST_TEST(value("SELECT count(*) FROM catalog.segment_replica WHERE reason <> ''") == "0");
}

BOOST_AUTO_TEST_CASE(a_copy_is_lost_when_it_is_bad_twice_a_cache_lifetime_apart) {
    const SealedSegment segment = publish({1, 2});
    spoil(path_of(segment, 1), 200);
    BOOST_REQUIRE(suspect_replica(admin(), segment.id, store_id(1), "CRC"));
    with([&](Tools& tools) {
        BOOST_TEST(tools.scrub_once() == 1U);
        BOOST_TEST(replica(segment, 1) == "suspect");
        BOOST_TEST(tools.scrub_once() == 0U);  // not before the cache's time is over
        BOOST_TEST(owed_count() == "0");
        let_cache_expire();
        BOOST_TEST(tools.scrub_once() == 1U);
        BOOST_TEST(replica(segment, 1) == "lost");
        BOOST_TEST(owed(segment).starts_with("s1: corrupt: "));
        BOOST_TEST(tools.scrubber.counters().lost == 1U);
        BOOST_TEST(tools.repair_once() == 1U);
        BOOST_TEST(replica(segment, 1) == "active");
    });
    BOOST_TEST((file_bytes(path_of(segment, 1, 2)) == segment.bytes));
    BOOST_TEST(value("SELECT count(*) FROM directory.event WHERE kind = 'copy_corrupt'") == "1");
}

BOOST_AUTO_TEST_CASE(a_copy_that_is_good_at_the_second_reading_was_an_old_cache) {
    const SealedSegment segment = publish({1, 2});
    spoil(path_of(segment, 1), 200);
    BOOST_REQUIRE(suspect_replica(admin(), segment.id, store_id(1), "CRC"));
    with([&](Tools& tools) {
        BOOST_TEST(tools.scrub_once() == 1U);
        put(1, segment.id, segment.bytes);
        let_cache_expire();
        BOOST_TEST(tools.scrub_once() == 1U);
    });
    BOOST_TEST(replica(segment, 1) == "active");
    BOOST_TEST(value("SELECT count(*) FROM catalog.segment_replica WHERE bad_since IS NOT NULL") ==
               "0");
}

BOOST_AUTO_TEST_CASE(a_missing_file_follows_the_same_rule) {
    scrub.times.attribute_cache = milliseconds(0);
    const SealedSegment segment = publish({1, 2});
    std::filesystem::remove(path_of(segment, 2));
    age_copies("15 days");
    with([&](Tools& tools) {
        while (tools.scrub_once() > 0) {
        }
        BOOST_TEST(replica(segment, 1) == "active");
        BOOST_TEST(replica(segment, 2) == "lost");
        BOOST_TEST(owed(segment) == "s2: corrupt: no file there");
    });
}

BOOST_AUTO_TEST_CASE(a_root_without_its_identity_decides_nothing) {
    const SealedSegment segment = publish({1, 2});
    age_copies("15 days");
    with([&](Tools& tools) {
        // Unmounted a moment ago: the probe has not seen it yet.
        std::filesystem::remove(path_of(segment, 2));
        std::filesystem::rename(stores.root(2) + "/roundtable-store", stores.root(2) + "/away");
        (void)tools.scrub_once();
    });
    BOOST_TEST(replica(segment, 1) == "active");
    BOOST_TEST(replica(segment, 2) == "active");
    BOOST_TEST(value("SELECT count(*) FROM catalog.segment_replica "
                     "WHERE scrubbed_at < now() - interval '1 day'") == "1");
}

BOOST_AUTO_TEST_CASE(only_copies_whose_turn_it_is_are_read_the_oldest_first) {
    scrub.claims_max = 1;
    const SealedSegment fresh = publish({1});
    const SealedSegment old = publish({1});
    const SealedSegment older = publish({1});
    age_copies("15 days");
    sql("UPDATE catalog.segment_replica SET scrubbed_at = now() WHERE segment_id = $1",
        {fresh.id.uuid()});
    sql("UPDATE catalog.segment_replica SET scrubbed_at = now() - interval '16 days' "
        "WHERE segment_id = $1",
        {older.id.uuid()});
    const auto unread = [&] {
        return value(
            "SELECT string_agg(segment_id::text, ' ') FROM catalog.segment_replica "
            "WHERE scrubbed_at < now() - interval '1 day'");
    };
    with([&](Tools& tools) {
        BOOST_TEST(tools.scrub_once() == 1U);
        BOOST_TEST(unread() == old.id.text());
        BOOST_TEST(tools.scrub_once() == 1U);
        BOOST_TEST(tools.scrub_once() == 0U);
        BOOST_TEST(tools.scrubber.counters().copies == 2U);
    });
}

BOOST_AUTO_TEST_CASE(a_request_has_every_copy_read_and_counts_the_bad_ones) {
    scrub.times.attribute_cache = milliseconds(3'600'000);
    const SealedSegment segment = publish({1, 2});
    const SealedSegment spoiled = publish({1, 2});
    spoil(path_of(spoiled, 2), 300);
    sql("SELECT catalog.request_upkeep('scrub', NULL)");
    with([&](Tools& tools) {
        tools.plan_once();
        BOOST_TEST(value("SELECT count(*) FROM catalog.upkeep_request "
                         "WHERE finished_at IS NULL") == "1");
        while (tools.scrub_once() > 0) {
        }
        tools.plan_once();
    });
    BOOST_TEST(value("SELECT checked || ' ' || bad FROM catalog.upkeep_request "
                     "WHERE finished_at IS NOT NULL") == "4 1");
    BOOST_TEST(replica(segment, 2) == "active");
    BOOST_TEST(replica(spoiled, 2) == "suspect");
}

BOOST_AUTO_TEST_CASE(a_request_for_one_store_leaves_the_others_alone) {
    (void)publish({1, 2});
    sql("SELECT catalog.request_upkeep('scrub', 's2')");
    with([&](Tools& tools) {
        BOOST_TEST(tools.scrub_once() == 1U);
        BOOST_TEST(tools.scrub_once() == 0U);
    });
}

BOOST_AUTO_TEST_CASE(each_octet_of_a_sealed_file_counts) {
    scrub.times.attribute_cache = milliseconds(0);
    const SealedSegment segment = make_sealed();
    run_in_fiber([&](base::Loop& loop) {
        Servers servers(loop, stores, 1);
        base::WorkerPool workers("test", 1, 16);
        const auto verdict = [&] {
            return check_whole(servers.set,
                               workers,
                               segment.id,
                               {store_id(1), 1},
                               segment.shape(),
                               in(5'000))
                .value()
                .finding.verdict;
        };
        put(1, segment.id, segment.bytes);
        BOOST_CHECK(verdict() == CopyVerdict::Good);
        for (std::size_t at = 0; at < segment.bytes.size(); at += 7) {
            Bytes bad = segment.bytes;
            bad[at] ^= static_cast<std::byte>(1U << (at % 8));
            put(1, segment.id, bad);
            BOOST_TEST_CONTEXT("octet " << at) {
                BOOST_CHECK(verdict() == CopyVerdict::Bad);
            }
        }
    });
}

BOOST_AUTO_TEST_CASE(a_file_of_another_generation_is_taken_for_what_it_is) {
    const SealedSegment segment = publish({1, 2});
    std::filesystem::rename(path_of(segment, 2), path_of(segment, 2, 3));
    BOOST_REQUIRE(suspect_replica(admin(), segment.id, store_id(2), "no file"));
    with([&](Tools& tools) { BOOST_TEST(tools.scrub_once() == 1U); });
    BOOST_TEST(replica(segment, 2) == "active");
    BOOST_TEST(generation(segment, 2) == "3");
}

BOOST_AUTO_TEST_CASE(a_sealed_copy_with_other_octets_than_the_first_one_read_is_bad) {
    const SealedSegment segment = publish({1, 2});
    with([&](Tools& tools) {
        BOOST_REQUIRE(suspect_replica(admin(), segment.id, store_id(1), "?"));
        BOOST_TEST(tools.scrub_once() == 1U);
        sql("UPDATE catalog.segment SET digest = sha256('something else')");
        BOOST_REQUIRE(suspect_replica(admin(), segment.id, store_id(2), "?"));
        BOOST_TEST(tools.scrub_once() == 1U);
    });
    BOOST_TEST(replica(segment, 1) == "active");
    BOOST_TEST(value("SELECT reason FROM catalog.segment_replica WHERE state = 'suspect'")
                   .find("other octets") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_copy_that_nobody_has_seen_is_looked_at) {
    const SealedSegment good = publish({1, 2});
    const SealedSegment torn = publish({1, 2});
    const Bytes half(torn.bytes.begin(), torn.bytes.begin() + 300);
    put(2, torn.id, half);
    // As a tracker notes it that found the seal while store 2 was away.
    sql("UPDATE catalog.segment_replica r SET durable_length = 0 FROM directory.storage_server v "
        "WHERE v.id = r.storage_server_id AND v.name = 's2'");
    with([&](Tools& tools) {
        tools.plan_once();
        (void)tools.scrub_once();
        BOOST_TEST(tools.scrubber.counters().looked_at == 2U);
    });
    BOOST_TEST(replica(good, 2) == "active");
    BOOST_TEST(replica(torn, 2) == "suspect");
    BOOST_TEST(value("SELECT count(*) FROM catalog.segment_replica r JOIN catalog.segment s "
                     "ON s.id = r.segment_id WHERE r.state = 'active' "
                     "AND r.durable_length <> s.length") == "0");
}

BOOST_AUTO_TEST_CASE(a_request_to_verify_finds_missing_files_without_reading_the_others) {
    const SealedSegment good = publish({1, 2});
    const SealedSegment gone = publish({1, 2});
    std::filesystem::remove(path_of(gone, 1));
    sql("SELECT catalog.request_upkeep('verify', NULL)");
    with([&](Tools& tools) {
        (void)tools.scrub_once();
        tools.plan_once();
        BOOST_TEST(tools.scrubber.counters().looked_at == 4U);
    });
    BOOST_TEST(value("SELECT checked || ' ' || bad FROM catalog.upkeep_request "
                     "WHERE finished_at IS NOT NULL") == "4 1");
    BOOST_TEST(replica(gone, 1) == "suspect");
    BOOST_TEST(replica(good, 1) == "active");
}

BOOST_AUTO_TEST_SUITE_END()
