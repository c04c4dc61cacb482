#include "storage/upkeep/janitor.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/upkeep/retention_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

class Cleaning : public RetentionFixture {
  public:
    JanitorOptions options;

    Cleaning() {
        options.tracker = "t1";
        options.settle = milliseconds(0);
        options.lease = std::chrono::seconds(0);
    }

    void with(const std::function<void(Servers&, Janitor&)>& body) {
        run_in_fiber([&](base::Loop& loop) {
            Servers servers(loop, stores);
            Janitor janitor(servers.set, pool, options);
            body(servers, janitor);
        });
    }

    void supersede(const SealedFile& file) {
        sql("UPDATE catalog.segment SET superseded_at = now() - interval '1 minute' WHERE id = $1",
            {file.id.uuid()});
    }

    bool knows(const SegmentId& id) {
        return value("SELECT count(*) FROM catalog.segment WHERE id = $1", {id.uuid()}) == "1";
    }

    // The file was last written so long ago.
    void age(std::uint8_t store, const SegmentId& id, std::chrono::hours hours) {
        std::filesystem::last_write_time(stores.path_of(store, {id, 1}),
                                         std::filesystem::file_time_type::clock::now() - hours);
    }

    bool exists(std::uint8_t store, const SegmentId& id, std::uint32_t generation = 1) {
        return std::filesystem::exists(stores.path_of(store, {id, generation}));
    }

    // A segment that was opened so long ago.
    static SegmentHeader header_of(std::chrono::hours hours, std::uint64_t epoch) {
        SegmentHeader header = make_header();
        header.boot_epoch = epoch;
        std::array<std::byte, 16> bytes = base::Uuid::time_ordered().bytes();
        const auto lower = base::Uuid::lower_bound_at(
            base::wall_us() - std::chrono::duration_cast<std::chrono::microseconds>(hours).count());
        std::copy_n(lower.bytes().begin(), 6, bytes.begin());
        header.segment = SegmentId(base::Uuid(bytes));
        return header;
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_janitor, Cleaning)

BOOST_AUTO_TEST_CASE(a_superseded_segment_goes_with_all_its_generations) {
    const SealedFile file = put_delivered(1, {1, 2});
    const SealedFile other = put_delivered(2, {3});
    put(2, file.id, file.bytes, 2);
    put(3, file.id, file.bytes, 5);
    expunge(1);
    expunge(2);
    purge();
    supersede(file);
    with([&](Servers&, Janitor& janitor) {
        BOOST_TEST(janitor.remove_superseded().value() == 1U);
        BOOST_TEST(janitor.remove_superseded().value() == 0U);
        BOOST_TEST(janitor.counters().superseded == 4U);
        BOOST_TEST(janitor.counters().forgotten == 1U);
    });
    BOOST_TEST(!knows(file.id));
    BOOST_TEST(stores.files(1).size() == 1U);
    BOOST_TEST(stores.files(2).size() == 1U);
    BOOST_TEST(stores.files(3).empty());
    BOOST_TEST(exists(1, other.id));
    check_readable(3);
    // No message points nowhere; the deliveries keep a late copy from being new mail.
    BOOST_TEST(value("SELECT count(*) FROM catalog.message") == "1");
    BOOST_TEST(value("SELECT count(*) FROM catalog.delivery") == "3");
}

BOOST_AUTO_TEST_CASE(of_a_message_that_is_in_two_segments_the_other_frame_stays) {
    const SealedFile first = put_delivered(1, {1});
    const SealedFile second = put_sealed(2, {1});
    deliver_to(1, second.frames[0], {ann});
    supersede(second);
    with(
        [&](Servers&, Janitor& janitor) { BOOST_TEST(janitor.remove_superseded().value() == 1U); });
    BOOST_TEST(!knows(second.id));
    BOOST_TEST(in_inbox(ann) == "1");
    BOOST_TEST(place_of(1).location.segment.text() == first.id.text());
    check_readable(1);
}

BOOST_AUTO_TEST_CASE(not_before_its_grace_has_passed) {
    const SealedFile file = put_sealed(1, {1});
    sql("UPDATE directory.cluster SET superseded_grace = '1 hour'");
    supersede(file);
    with(
        [&](Servers&, Janitor& janitor) { BOOST_TEST(janitor.remove_superseded().value() == 0U); });
    BOOST_TEST(exists(1, file.id));
}

BOOST_AUTO_TEST_CASE(a_store_that_is_away_is_waited_for) {
    const SealedFile file = put_sealed(1, {1});
    supersede(file);
    with([&](Servers& servers, Janitor& janitor) {
        std::filesystem::remove(stores.root(2) + "/roundtable-store");
        BOOST_REQUIRE(
            eventually([&] { return !servers.set.find(store_id(2))->health().is_healthy(); }));
        BOOST_TEST(janitor.remove_superseded().value() == 1U);
        BOOST_TEST(!exists(1, file.id));
        BOOST_TEST(exists(2, file.id));
        BOOST_TEST(knows(file.id));
        write_identity(stores.root(2), store_id(2));
        servers.settle();
        BOOST_TEST(janitor.remove_superseded().value() == 1U);
        BOOST_TEST(!exists(2, file.id));
        BOOST_TEST(!knows(file.id));
    });
}

BOOST_AUTO_TEST_CASE(a_store_that_only_the_directory_knows_is_waited_for) {
    const SealedFile file = put_sealed(1, {1});
    supersede(file);
    sql("INSERT INTO directory.storage_server (name, store_id, failure_domain) "
        "VALUES ('s4', $1, 'h4')",
        {store_id(4).uuid()});
    with([&](Servers&, Janitor& janitor) {
        BOOST_TEST(janitor.remove_superseded().value() == 1U);
        BOOST_TEST(knows(file.id));
        sql("UPDATE directory.storage_server SET state = 'retired' WHERE name = 's4'");
        BOOST_TEST(janitor.remove_superseded().value() == 1U);
        BOOST_TEST(!knows(file.id));
    });
}

BOOST_AUTO_TEST_CASE(a_segment_that_is_needed_again_is_kept) {
    const SealedFile file = put_delivered(1, {1});
    expunge(1);
    purge();
    supersede(file);
    deliver_to(1, file.frames[0], {bob});
    with([&](Servers&, Janitor& janitor) {
        BOOST_TEST(janitor.remove_superseded().value() == 1U);
        BOOST_TEST(janitor.remove_superseded().value() == 0U);
    });
    BOOST_TEST(!is_superseded(file.id));
    BOOST_TEST(exists(1, file.id));
    check_readable(1);
}

// deliver() sees the message's row and leaves it; the row must not go before that is committed.
BOOST_AUTO_TEST_CASE(a_delivery_under_way_is_waited_for) {
    const SealedFile file = put_delivered(1, {1});
    expunge(1);
    purge();
    supersede(file);
    auto delivering = open("postgres");
    auto begun = delivering->begin();
    BOOST_REQUIRE(begun);
    std::optional<base::Tx> tx(std::move(begun).take_value());
    BOOST_REQUIRE(tx->query(
        "INSERT INTO catalog.message (id, kind, segment_id, frame_offset, frame_length, "
        "message_size, summary_size, received_at, server, sender) "
        "SELECT id, kind, segment_id, frame_offset, frame_length, message_size, summary_size, "
        "received_at, server, sender FROM catalog.message ON CONFLICT (id) DO NOTHING"));
    auto removing = open("roundtable_trackerd");
    // It gives up after a while, and comes again.
    BOOST_CHECK(code_of(begin_removal(*removing, file.id, 10)) == base::Errc::Timeout);
    BOOST_REQUIRE(tx->commit());
    BOOST_CHECK(begin_removal(*removing, file.id, 10).value() == RemovalStep::Clear);
}

BOOST_AUTO_TEST_CASE(a_lower_generation_goes_when_the_good_copy_is_there) {
    const SealedFile file = put_delivered(1, {1});
    const SealedFile open_one = put_sealed(2, {2});
    put(1, file.id, file.bytes, 2);
    put(2, open_one.id, open_one.bytes, 2);
    sql("UPDATE catalog.segment_replica SET generation = 2, changed_at = now() - interval '1 min'");
    sql("UPDATE catalog.segment SET state = 'open' WHERE id = $1", {open_one.id.uuid()});
    with([&](Servers&, Janitor& janitor) {
        BOOST_REQUIRE(janitor.sweep());
        BOOST_TEST(janitor.counters().replaced == 1U);
    });
    BOOST_TEST(!exists(1, file.id, 1));
    BOOST_TEST(exists(1, file.id, 2));
    BOOST_TEST(exists(2, file.id, 1));      // generation 2 is not there
    BOOST_TEST(exists(2, open_one.id, 1));  // not sealed
}

BOOST_AUTO_TEST_CASE(a_lower_generation_stays_beside_a_copy_that_is_not_good) {
    const SealedFile suspect = put_delivered(1, {1});
    const SealedFile fresh = put_delivered(2, {2});
    const SealedFile torn = put_delivered(3, {3});
    put(1, suspect.id, suspect.bytes, 2);
    put(1, fresh.id, fresh.bytes, 2);
    put(1, torn.id, Bytes(torn.bytes.begin(), torn.bytes.end() - 8), 2);
    sql("UPDATE catalog.segment_replica SET generation = 2, changed_at = now() - interval '1 min'");
    sql("UPDATE directory.cluster SET superseded_grace = '30 s'");
    sql("UPDATE catalog.segment_replica SET state = 'suspect' WHERE segment_id = $1",
        {suspect.id.uuid()});
    sql("UPDATE catalog.segment_replica SET changed_at = now() WHERE segment_id = $1",
        {fresh.id.uuid()});
    with([&](Servers&, Janitor& janitor) {
        BOOST_REQUIRE(janitor.sweep());
        BOOST_TEST(janitor.counters().replaced == 0U);
    });
    BOOST_TEST(stores.files(1).size() == 6U);
}

BOOST_AUTO_TEST_CASE(what_a_dead_tracker_left_goes_after_an_hour_unchanged) {
    const SegmentHeader header = header_of(std::chrono::hours(3), 0);
    SegmentBuilder torn(header);
    torn.add(make_frame(1, "one"));
    put(1, torn.id(), torn.bytes);
    age(1, torn.id(), std::chrono::hours(3));
    // Of an agent; young by its id; young by its time; whole.
    SegmentBuilder agents(header_of(std::chrono::hours(3), 7));
    agents.add(make_frame(2, "two"));
    put(1, agents.id(), agents.bytes);
    age(1, agents.id(), std::chrono::hours(3));
    SegmentBuilder young(header_of(std::chrono::hours(0), 0));
    young.add(make_frame(3, "three"));
    put(1, young.id(), young.bytes);
    age(1, young.id(), std::chrono::hours(3));
    SegmentBuilder written(header_of(std::chrono::hours(3), 0));
    written.add(make_frame(4, "four"));
    put(1, written.id(), written.bytes);
    SegmentBuilder whole(header_of(std::chrono::hours(3), 0));
    whole.add(make_frame(5, "five"));
    whole.seal();
    put(1, whole.id(), whole.bytes);
    age(1, whole.id(), std::chrono::hours(3));
    with([&](Servers&, Janitor& janitor) {
        BOOST_REQUIRE(janitor.sweep());
        BOOST_TEST(janitor.counters().torn == 0U);  // seen once
        // It grew since: not dead after all.
        torn.add(make_frame(6, "six"));
        put(1, torn.id(), torn.bytes);
        age(1, torn.id(), std::chrono::hours(3));
        BOOST_REQUIRE(janitor.sweep());
        BOOST_TEST(exists(1, torn.id()));
        BOOST_REQUIRE(janitor.sweep());
        BOOST_TEST(!exists(1, torn.id()));
        BOOST_TEST(janitor.counters().torn == 1U);
    });
    BOOST_TEST(stores.files(1).size() == 4U);
}

BOOST_AUTO_TEST_CASE(what_was_seen_a_moment_ago_is_left_alone) {
    options.settle = milliseconds(600'000);
    SegmentBuilder torn(header_of(std::chrono::hours(3), 0));
    torn.add(make_frame(1, "one"));
    put(1, torn.id(), torn.bytes);
    age(1, torn.id(), std::chrono::hours(3));
    with([&](Servers&, Janitor& janitor) {
        BOOST_REQUIRE(janitor.sweep());
        BOOST_REQUIRE(janitor.sweep());
        BOOST_REQUIRE(janitor.sweep());
    });
    BOOST_TEST(exists(1, torn.id()));
}

BOOST_AUTO_TEST_CASE(files_without_a_frame_go_when_all_stores_were_listed) {
    const SegmentId empty = header_of(std::chrono::hours(30), 7).segment;
    const SegmentId young = header_of(std::chrono::hours(3), 7).segment;
    put(1, empty, {});
    put(1, young, {});
    age(1, empty, std::chrono::hours(30));
    age(1, young, std::chrono::hours(30));
    const SealedFile known = put_sealed(1, {1});
    put(1, known.id, {});
    age(1, known.id, std::chrono::hours(30));
    with([&](Servers& servers, Janitor& janitor) {
        std::filesystem::remove(stores.root(3) + "/roundtable-store");
        BOOST_REQUIRE(
            eventually([&] { return !servers.set.find(store_id(3))->health().is_healthy(); }));
        BOOST_REQUIRE(janitor.sweep());
        BOOST_REQUIRE(janitor.sweep());
        BOOST_TEST(exists(1, empty));
        write_identity(stores.root(3), store_id(3));
        servers.settle();
        BOOST_REQUIRE(janitor.sweep());
        BOOST_TEST(janitor.counters().shorts == 1U);
    });
    BOOST_TEST(!exists(1, empty));
    BOOST_TEST(exists(1, young));
    BOOST_TEST(exists(1, known.id));
}

BOOST_AUTO_TEST_SUITE_END()
