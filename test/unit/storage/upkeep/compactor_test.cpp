#include "storage/upkeep/compactor.h"

#include <boost/test/unit_test.hpp>

#include "storage/segment/compress.h"
#include "storage/tracking/catch_up.h"
#include "storage/tracking/discovery.h"
#include "test/unit/storage/upkeep/retention_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

class Compacting : public RetentionFixture {
  public:
    void with(const std::function<void(Servers&, Compactor&)>& body) {
        run_in_fiber([&](base::Loop& loop) {
            Servers servers(loop, stores);
            base::WorkerPool workers("test", 1, 8);
            CompactorOptions options;
            options.tracker = "t1";
            options.read_deadline = milliseconds(5'000);
            options.write_deadline = milliseconds(5'000);
            Compactor compactor(servers.set, pool, workers, options);
            body(servers, compactor);
        });
    }

    // Expunges, ends the retention, counts.
    void kill(const std::vector<std::uint8_t>& numbers) {
        for (const std::uint8_t number : numbers) {
            expunge(number);
        }
        purge();
    }

    std::string segments() { return value("SELECT count(*) FROM catalog.segment"); }
};

ReplayResult replay_of(const Stores& stores, const SegmentId& id) {
    const auto found = replay(file_bytes(stores.path_of(1, {id, 1})));
    BOOST_REQUIRE(found);
    return found.value();
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_compactor, Compacting)

BOOST_AUTO_TEST_CASE(what_is_live_moves_and_the_rest_goes) {
    const SealedFile file = put_delivered(1, {1, 2, 3, 4});
    kill({1, 3, 4});
    with([&](Servers&, Compactor& compactor) {
        BOOST_TEST(compactor.run_once().value() == 1U);
        BOOST_TEST(compactor.run_once().value() == 0U);
        BOOST_TEST(compactor.counters().superseded == 1U);
    });
    BOOST_TEST(is_superseded(file.id));
    const MessagePlace place = place_of(2);
    BOOST_TEST(place.location.segment.text() != file.id.text());
    check_readable(2);
    const ReplayResult found = replay_of(stores, place.location.segment);
    BOOST_TEST(found.frames.size() == 1U);
    BOOST_TEST(found.header.header.writer == "a");
    BOOST_CHECK(found.header.header.writer_id == MailServerId(uuid_of(2, 1)));
    BOOST_TEST(value("SELECT state || ' ' || (catalogued_to = length) FROM catalog.segment "
                     "WHERE boot_epoch = 0") == "sealed true");
    BOOST_TEST(value("SELECT segments FROM catalog.compaction_total") == "1");
    purge();
    BOOST_TEST(dead_bytes(place.location.segment) == "0");
    // The old file is there for readers that have the old place.
    BOOST_CHECK(file_bytes(stores.path_of(1, {file.id, 1})) == file.bytes);
}

BOOST_AUTO_TEST_CASE(the_frame_is_the_same_in_every_field) {
    SegmentHeader header = make_header();
    header.writer = "a";
    SegmentBuilder builder(header);
    FrameInput big = make_mail(1, ann, std::string(20'000, 'x'));
    big.compression = Compression::Zstd;
    big.kind = mail::Kind::Fax;
    const FrameLocation at = builder.add(big);
    const FrameLocation dead = builder.add(make_mail(2, ann, std::string(90'000, 'y')));
    builder.seal();
    put(1, builder.id(), builder.bytes);
    put(2, builder.id(), builder.bytes);
    SegmentNote note = note_of(header, encode_header(header).value().size());
    note.state = SegmentState::Sealed;
    note.length = builder.bytes.size();
    BOOST_REQUIRE(note_segments(admin(), std::vector{note}));
    deliver_to(1, at, {ann});
    deliver_to(2, dead, {ann});
    sql("UPDATE catalog.segment SET catalogued_to = length");
    kill({2});
    with([&](Servers&, Compactor& compactor) { BOOST_TEST(compactor.run_once().value() == 1U); });
    const MessagePlace place = place_of(1);
    const Bytes bytes = file_bytes(stores.path_of(1, {place.location.segment, 1}));
    const auto decoded = decode_header(bytes);
    const auto view =
        decode_frame(decoded.value().header,
                     place.location.offset,
                     std::span(bytes).subspan(place.location.offset, place.location.length));
    BOOST_REQUIRE(view);
    BOOST_TEST(message_octets(view.value()).value() == big.message);
    BOOST_CHECK(view.value().compression == Compression::Zstd);
    BOOST_CHECK(view.value().kind == mail::Kind::Fax);
    BOOST_TEST(view.value().received_us == big.received_us);
    BOOST_CHECK(view.value().server == big.server);
    BOOST_TEST(view.value().envelope == big.envelope);
    BOOST_TEST(view.value().summary == big.summary);
}

BOOST_AUTO_TEST_CASE(a_wholly_dead_segment_needs_no_new_one) {
    const SealedFile file = put_delivered(1, {1, 2});
    kill({1, 2});
    with([&](Servers&, Compactor& compactor) {
        BOOST_TEST(compactor.run_once().value() == 1U);
        BOOST_TEST(compactor.counters().written == 0U);
    });
    BOOST_TEST(is_superseded(file.id));
    BOOST_TEST(segments() == "1");
}

BOOST_AUTO_TEST_CASE(several_small_segments_become_one) {
    const SealedFile one = put_delivered(1, {1, 2, 3});
    const SealedFile two = put_delivered(2, {4, 5, 6});
    kill({1, 2, 4, 5});
    with([&](Servers&, Compactor& compactor) {
        BOOST_TEST(compactor.run_once().value() == 2U);
        BOOST_TEST(compactor.counters().written == 1U);
    });
    BOOST_TEST(is_superseded(one.id));
    BOOST_TEST(is_superseded(two.id));
    BOOST_CHECK(place_of(3).location.segment == place_of(6).location.segment);
    check_readable(3);
    check_readable(6);
}

BOOST_AUTO_TEST_CASE(a_segment_with_little_dead_stays) {
    const SealedFile file = put_delivered(1, {1, 2, 3});
    kill({1});
    with([&](Servers&, Compactor& compactor) { BOOST_TEST(compactor.run_once().value() == 0U); });
    BOOST_TEST(!is_superseded(file.id));
}

BOOST_AUTO_TEST_CASE(what_can_be_restored_moves_too) {
    const SealedFile file = put_delivered(1, {1, 2, 3, 4});
    kill({1, 3, 4});
    sql("UPDATE directory.cluster SET expunged_retention = '1 day'");
    expunge(2);
    with([&](Servers&, Compactor& compactor) { BOOST_TEST(compactor.run_once().value() == 1U); });
    BOOST_TEST(is_superseded(file.id));
    sql("SELECT catalog.restore_message($1::uuid, NULL, NULL)",
        {base::Uuid(message_id(2).bytes())});
    BOOST_TEST(place_of(2).location.segment.text() != file.id.text());
    check_readable(2);
}

BOOST_AUTO_TEST_CASE(a_bad_copy_is_passed_over_and_an_unreadable_frame_keeps_its_segment) {
    const SealedFile file = put_delivered(1, {1, 2, 3, 4});
    const SealedFile bad = put_delivered(2, {5, 6, 7, 8});
    kill({1, 3, 4, 6, 7, 8});
    spoil(stores.path_of(1, {file.id, 1}), file.frames[1].offset + 150);
    spoil(stores.path_of(1, {bad.id, 1}), bad.frames[0].offset + 150);
    spoil(stores.path_of(2, {bad.id, 1}), bad.frames[0].offset + 150);
    with([&](Servers&, Compactor& compactor) {
        BOOST_TEST(compactor.run_once().value() == 2U);
        BOOST_TEST(compactor.counters().put_off == 1U);
        BOOST_TEST(compactor.run_once().value() == 0U);  // not again and again
    });
    BOOST_TEST(is_superseded(file.id));
    check_readable(2);
    BOOST_TEST(!is_superseded(bad.id));
    BOOST_TEST(place_of(5).location.segment.text() == bad.id.text());
}

BOOST_AUTO_TEST_CASE(too_few_servers_change_nothing) {
    const SealedFile file = put_delivered(1, {1, 2, 3, 4});
    kill({1, 3, 4});
    with([&](Servers& servers, Compactor& compactor) {
        for (const std::uint8_t store : std::vector<std::uint8_t>{2, 3}) {
            std::filesystem::remove(stores.root(store) + "/roundtable-store");
            BOOST_REQUIRE(eventually(
                [&] { return !servers.set.find(store_id(store))->health().is_healthy(); }));
        }
        BOOST_CHECK(code_of(compactor.run_once()) == base::Errc::Unavailable);
    });
    BOOST_TEST(!is_superseded(file.id));
    BOOST_TEST(segments() == "1");
    BOOST_TEST(place_of(2).location.segment.text() == file.id.text());
}

BOOST_AUTO_TEST_CASE(aborts_stay_while_the_frame_that_they_cancel_has_a_file) {
    // Message 9 lies in the first segment and was refused; its abort is in the second.
    const SealedFile first = put_sealed(1, {1, 9, 3});
    deliver_to(1, first.frames[0], {ann});
    deliver_to(3, first.frames[2], {ann});
    set_catalogued(first);
    const AbortTarget abort{message_id(9), first.id, first.frames[1].offset};
    const SealedFile second =
        put_sealed(2, {2}, {abort, {message_id(8), SegmentId(uuid_of(1, 2)), 500}});
    deliver_to(2, second.frames[0], {ann});
    set_catalogued(second);
    kill({2});
    with([&](Servers&, Compactor& compactor) { BOOST_TEST(compactor.run_once().value() == 1U); });
    BOOST_TEST(is_superseded(second.id));
    const SegmentId kept(
        base::Uuid::parse(value("SELECT id FROM catalog.segment WHERE boot_epoch = 0")).value());
    const ReplayResult found = replay_of(stores, kept);
    BOOST_REQUIRE(found.aborts.size() == 1U);  // that of its own segment went with it
    BOOST_CHECK(found.aborts[0] == abort);
    purge();
    BOOST_TEST(dead_bytes(kept) == "0");  // it is needed
    // The first segment's last file goes: so may the abort.
    sql("UPDATE catalog.segment SET superseded_at = now() - interval '1 hour' WHERE id = $1",
        {first.id.uuid()});
    sql("DELETE FROM catalog.mailbox_message");
    BOOST_CHECK(begin_removal(admin(), first.id, 10).value() == RemovalStep::Clear);
    BOOST_TEST(finish_removal(admin(), first.id, std::vector{store_id(1), store_id(2), store_id(3)})
                   .value());
    purge();
    BOOST_TEST(dead_bytes(kept) != "0");
    with([&](Servers&, Compactor& compactor) { BOOST_TEST(compactor.run_once().value() == 1U); });
    BOOST_TEST(is_superseded(kept));
}

BOOST_AUTO_TEST_CASE(journals_are_left_alone) {
    SegmentHeader header = make_header();
    header.writer = "/journal";
    SegmentBuilder builder(header);
    FrameInput frame = make_frame(1, "journal");
    frame.type = FrameType::Journal;
    frame.envelope.clear();
    frame.summary.clear();
    builder.add(frame);
    builder.seal();
    put(1, builder.id(), builder.bytes);
    put(2, builder.id(), builder.bytes);
    SegmentNote note = note_of(header, encode_header(header).value().size());
    note.state = SegmentState::Sealed;
    note.length = builder.bytes.size();
    BOOST_REQUIRE(note_segments(admin(), std::vector{note}));
    sql("UPDATE catalog.segment SET catalogued_to = length");
    purge();
    BOOST_TEST(dead_bytes(builder.id()) == "0");
    // Not even if somebody counts it dead.
    sql("UPDATE catalog.segment SET dead_bytes = length, surveyed_at = now()");
    with([&](Servers&, Compactor& compactor) {
        BOOST_TEST(compactor.run_once().value() == 1U);
        BOOST_TEST(compactor.counters().put_off == 1U);
    });
    BOOST_TEST(!is_superseded(builder.id()));
}

// A tracker that dies behind the write and before the transaction.
BOOST_AUTO_TEST_CASE(a_crash_before_the_transaction_leaves_a_segment_that_is_cleaned_up) {
    const SealedFile file = put_delivered(1, {1, 2, 3, 4});
    kill({1, 3, 4});
    sql("CREATE FUNCTION catalog.crash() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'crash'; END $$");
    sql("CREATE TRIGGER crash BEFORE UPDATE OF superseded_at ON catalog.segment "
        "FOR EACH ROW EXECUTE FUNCTION catalog.crash()");
    with(
        [&](Servers&, Compactor& compactor) { BOOST_TEST(!compactor.run_once().operator bool()); });
    sql("DROP TRIGGER crash ON catalog.segment");
    sql("DROP FUNCTION catalog.crash()");
    BOOST_TEST(stores.files(1).size() == 2U);
    BOOST_TEST(segments() == "1");
    BOOST_TEST(place_of(2).location.segment.text() == file.id.text());
    check_readable(2);
    sql("UPDATE catalog.segment SET upkeep_until = NULL");
    with([&](Servers& servers, Compactor& compactor) {
        // Its file is found, nothing in it is new, and it is wholly dead.
        Discovery discovery(servers.set, pool);
        BOOST_TEST(discovery.run_once(DiscoveryDepth::Recent).value() == 1U);
        CatchUpOptions options;
        options.tracker = "t1";
        options.grace = milliseconds(0);
        CatchUp catch_up(servers.set, pool, options);
        BOOST_TEST(catch_up.run_once().value() == 1U);
        BOOST_TEST(in_inbox(ann) == "1");
        purge();
        const auto orphan = SegmentId(
            base::Uuid::parse(value("SELECT id FROM catalog.segment WHERE boot_epoch = 0"))
                .value());
        while (compactor.run_once().value() > 0) {
        }
        BOOST_TEST(is_superseded(orphan));
        BOOST_TEST(is_superseded(file.id));
        check_readable(2);
    });
}

BOOST_AUTO_TEST_CASE(claims_of_a_run_that_died_are_taken_up_by_the_next) {
    const SealedFile file = put_delivered(1, {1});
    kill({1});
    BOOST_TEST(claim_compaction(admin(), "t1", 10, std::chrono::seconds(600)).value().size() == 1U);
    with([&](Servers&, Compactor& compactor) { BOOST_TEST(compactor.run_once().value() == 1U); });
    BOOST_TEST(is_superseded(file.id));
}

// Expunged, or copied, while the frames are being written: the messages go where their frames are.
BOOST_AUTO_TEST_CASE(what_changes_between_the_look_and_the_transaction_is_not_lost) {
    const SealedFile file = put_delivered(1, {1, 2, 3, 4, 5});
    kill({1, 3, 4, 5});
    const auto claimed = claim_compaction(admin(), "t1", 1, std::chrono::seconds(60)).value();
    BOOST_REQUIRE(claimed.size() == 1U);
    Compaction compaction;
    compaction.tracker = "t1";
    compaction.lease = std::chrono::seconds(60);
    compaction.done = {file.id};
    // It was looked at when message 2 was dead, and then message 2 was delivered to bob.
    deliver_to(2, file.frames[1], {bob});
    BOOST_TEST(finish_compaction(admin(), compaction).value().empty());
    BOOST_TEST(!is_superseded(file.id));
    // Another tracker has it: nothing is moved.
    compaction.tracker = "t2";
    BOOST_CHECK(code_of(finish_compaction(admin(), compaction)) == base::Errc::Refused);
}

BOOST_AUTO_TEST_SUITE_END()
