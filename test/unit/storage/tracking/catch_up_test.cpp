#include "storage/tracking/catch_up.h"

#include <filesystem>

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/tracking/cluster_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

class CatchUpFixture : public ClusterFixture {
  public:
    CatchUpFixture() : pool(conninfo("roundtable_trackerd"), "test", {2, 64, {}}) {
        options.tracker = "t";
        options.grace = milliseconds(0);
        options.pause = milliseconds(0);
        header.replicas = {store_id(1), store_id(2)};
        header.writer = "a";
    }

    // Puts the segment on stores 1 and 2, unless told otherwise, and tells the catalog of it.
    void publish(const SegmentBuilder& segment, const std::vector<std::uint8_t>& on = {1, 2}) {
        for (const std::uint8_t store : on) {
            put(store, segment.id(), segment.bytes);
        }
        tell(segment.header());
    }

    static std::int64_t end_of(const FrameLocation& frame) {
        return static_cast<std::int64_t>(frame.offset + frame.length);
    }

    // Runs the body with a tracker's catch-up.
    void with(const std::function<void(Servers&, CatchUp&)>& body) {
        run_in_fiber([&](base::Loop& loop) {
            Servers servers(loop, stores);
            CatchUp catch_up(servers.set, pool, options);
            catch_up.set_agents({{MailServerId(uuid_of(2, 1)), "a"}});
            body(servers, catch_up);
        });
    }

    std::string seen() {
        return value(
            "SELECT CASE WHEN seen_at IS NULL THEN '' ELSE 'seen' END FROM catalog.segment");
    }

    static void once(CatchUp& catch_up) {
        const auto done = catch_up.run_once();
        BOOST_REQUIRE_MESSAGE(done, why(done));
    }

    base::DbPool pool;
    CatchUpOptions options;
    SegmentHeader header = make_header();
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_catch_up, CatchUpFixture)

BOOST_AUTO_TEST_CASE(what_the_catalog_lacks_is_delivered_once) {
    SegmentBuilder segment(header);
    (void)segment.add(make_mail(1, ann, "one"));
    const FrameLocation last = segment.add(make_mail(2, bob, "two"));
    publish(segment);
    with([&](Servers&, CatchUp& catch_up) {
        once(catch_up);
        BOOST_TEST(in_inbox(ann) == "1");
        BOOST_TEST(in_inbox(bob) == "1");
        BOOST_TEST(catalogued_to(segment.id()) == end_of(last));
        BOOST_TEST(value("SELECT server FROM catalog.message LIMIT 1") == "a");
        once(catch_up);
        BOOST_TEST(in_inbox(ann) == "1");
        BOOST_TEST(catch_up.counters().delivered == 2U);
        BOOST_TEST(value("SELECT claimed_by FROM catalog.segment").empty());
        BOOST_TEST(state_of(segment.id()) == "open");  // only its writer seals
    });
}

BOOST_AUTO_TEST_CASE(what_an_agent_has_delivered_is_not_delivered_again) {
    SegmentBuilder segment(header);
    const FrameInput mail = make_mail(1, ann, "one");
    const FrameLocation at = segment.add(mail);
    publish(segment);
    Delivery delivery;  // its commit came through, the mark did not
    delivery.id = mail.id;
    delivery.location = at;
    delivery.server = "a";
    delivery.recipients = {to(ann)};
    DeliveryBatch batch;
    batch.committer = "mail a";
    batch.deliveries = {delivery};
    BOOST_REQUIRE(deliver(admin(), batch));
    with([&](Servers&, CatchUp& catch_up) {
        once(catch_up);
        BOOST_TEST(in_inbox(ann) == "1");
        BOOST_TEST(catch_up.counters().delivered == 0U);
        BOOST_TEST(catalogued_to(segment.id()) == end_of(at));
    });
}

BOOST_AUTO_TEST_CASE(two_trackers_at_once_deliver_once) {
    SegmentBuilder segment(header);
    for (std::uint8_t n = 1; n <= 50; ++n) {
        (void)segment.add(make_mail(n, ann, "x"));
    }
    publish(segment);
    options.lease = std::chrono::seconds(0);  // each takes the other's claim
    run_in_fiber([&](base::Loop& loop) {
        Servers servers(loop, stores);
        CatchUp first(servers.set, pool, options);
        options.tracker = "u";
        CatchUp second(servers.set, pool, options);
        int done = 0;
        for (CatchUp* each : {&first, &second}) {
            BOOST_REQUIRE(base::spawn(loop, "round", [&done, each] {
                once(*each);
                ++done;
            }));
        }
        BOOST_REQUIRE(eventually([&] { return done == 2; }));
        BOOST_TEST(in_inbox(ann) == "50");
    });
}

BOOST_AUTO_TEST_CASE(an_aborted_message_is_never_delivered) {
    SegmentBuilder segment(header);
    const FrameLocation refused = segment.add(make_mail(1, ann, "refused"));
    (void)segment.add(make_mail(2, ann, "good"));
    const FrameLocation abort = segment.cancel(message_id(1), refused);
    publish(segment);
    with([&](Servers&, CatchUp& catch_up) {
        once(catch_up);
        BOOST_TEST(in_inbox(ann) == "1");
        BOOST_TEST(value("SELECT id FROM catalog.message") == message_id(2).text());
        BOOST_TEST(catalogued_to(segment.id()) == end_of(abort));
    });
}

BOOST_AUTO_TEST_CASE(an_abort_in_a_later_segment_counts_as_well) {
    SegmentBuilder first(header);
    const FrameLocation refused = first.add(make_mail(1, ann, "refused"));
    publish(first);
    header.segment = SegmentId(uuid_of(1, 2));
    SegmentBuilder second(header);
    (void)second.cancel(message_id(1), refused);
    // A message of now, which is its agent's still, before the abort.
    publish(second);
    with([&](Servers&, CatchUp& catch_up) {
        once(catch_up);
        BOOST_TEST(in_inbox(ann) == "0");
        BOOST_TEST(value("SELECT count(*) FROM catalog.message") == "0");
        BOOST_TEST(catalogued_to(first.id()) == end_of(refused));
    });
}

BOOST_AUTO_TEST_CASE(a_frame_is_taken_from_the_copy_that_has_it) {
    SegmentBuilder segment(header);
    const FrameLocation first = segment.add(make_mail(1, ann, "one"));
    const Bytes shorter = segment.bytes;
    const FrameLocation last = segment.add(make_mail(2, ann, "two"));
    publish(segment, {1});
    put(2, segment.id(), shorter);
    spoil(stores.path_of(1, {segment.id(), 1}), first.offset + 100);
    with([&](Servers&, CatchUp& catch_up) {
        once(catch_up);
        BOOST_TEST(in_inbox(ann) == "2");
        BOOST_TEST(catalogued_to(segment.id()) == end_of(last));
    });
}

BOOST_AUTO_TEST_CASE(the_mark_stays_before_a_gap_and_what_lies_behind_it_is_delivered) {
    SegmentBuilder segment(header);
    const FrameLocation first = segment.add(make_mail(1, ann, "one"));
    const FrameLocation bad = segment.add(make_mail(2, ann, "two"));
    (void)segment.add(make_mail(3, ann, "three"));
    publish(segment);
    for (const std::uint8_t store : std::vector<std::uint8_t>{1, 2}) {
        spoil(stores.path_of(store, {segment.id(), 1}), bad.offset + 100);
    }
    with([&](Servers&, CatchUp& catch_up) {
        once(catch_up);
        BOOST_TEST(in_inbox(ann) == "2");
        BOOST_TEST(catalogued_to(segment.id()) == end_of(first));
        // The copy is mended.
        put(2, segment.id(), segment.bytes);
        once(catch_up);
        BOOST_TEST(in_inbox(ann) == "3");
    });
}

BOOST_AUTO_TEST_CASE(young_messages_are_left_to_their_agent) {
    options.grace = milliseconds(60'000);
    SegmentBuilder segment(header);
    const FrameLocation old = segment.add(make_mail(1, ann, "old"));
    FrameInput young = make_mail(2, ann, "young");
    young.id = mail::MessageId::from_bytes(base::Uuid::time_ordered().bytes());
    (void)segment.add(young);
    publish(segment);
    with([&](Servers&, CatchUp& catch_up) {
        once(catch_up);
        BOOST_TEST(in_inbox(ann) == "1");
        BOOST_TEST(catalogued_to(segment.id()) == end_of(old));
    });
}

BOOST_AUTO_TEST_CASE(says_when_it_had_all_that_a_segment_holds) {
    options.grace = milliseconds(60'000);
    SegmentBuilder segment(header);
    FrameInput young = make_mail(1, ann, "young");
    young.id = mail::MessageId::from_bytes(base::Uuid::time_ordered().bytes());
    (void)segment.add(young);
    publish(segment);
    with([&](Servers& servers, CatchUp& catch_up) {
        once(catch_up);
        BOOST_TEST(seen() == "");  // it is left to its agent for now
        options.grace = milliseconds(0);
        CatchUp later(servers.set, pool, options);
        for (std::uint8_t store = 1; store <= 2; ++store) {
            std::filesystem::remove(stores.root(store) + "/roundtable-store");
            BOOST_REQUIRE(eventually(
                [&] { return !servers.set.find(store_id(store))->health().is_healthy(); }));
        }
        once(later);
        BOOST_TEST(seen() == "");  // nothing could be read
        write_identity(stores.root(1), store_id(1));
        BOOST_REQUIRE(eventually([&] {
            once(later);
            return seen() == "seen";
        }));
        BOOST_TEST(in_inbox(ann) == "1");
    });
}

BOOST_AUTO_TEST_CASE(a_message_from_a_clock_that_was_ahead_does_not_wait_for_that_time) {
    SegmentBuilder segment(header);
    FrameInput ahead = make_mail(1, ann, "from tomorrow");
    auto id = base::Uuid::time_ordered().bytes();
    id[2] = static_cast<std::byte>(std::to_integer<unsigned>(id[2]) + 8U);  // a day and a half
    ahead.id = mail::MessageId::from_bytes(id);
    const FrameLocation last = segment.add(ahead);
    publish(segment);
    with([&](Servers&, CatchUp& catch_up) {
        once(catch_up);
        BOOST_TEST(in_inbox(ann) == "1");
        BOOST_TEST(catalogued_to(segment.id()) == end_of(last));
    });
}

BOOST_AUTO_TEST_CASE(a_frame_that_cannot_be_catalogued_raises_one_alarm_and_the_others_pass) {
    SegmentBuilder segment(header);
    const FrameLocation first = segment.add(make_mail(1, ann, "one"));
    (void)segment.add(make_frame(2, "its envelope is none"));
    (void)segment.add(make_mail(4, ann, "four"));
    publish(segment);
    with([&](Servers&, CatchUp& catch_up) {
        once(catch_up);
        once(catch_up);
        BOOST_TEST(in_inbox(ann) == "2");
        BOOST_TEST(catalogued_to(segment.id()) == end_of(first));
        BOOST_TEST(catch_up.counters().problems == 1U);
        BOOST_TEST(value("SELECT count(*) FROM directory.event "
                         "WHERE kind = 'frame_not_catalogued' AND severity = 'alarm'") == "1");
    });
}

BOOST_AUTO_TEST_CASE(what_the_database_does_not_take_is_found_one_by_one) {
    SegmentBuilder segment(header);
    (void)segment.add(make_mail(1, ann, "one"));
    FrameInput odd = make_mail(2, ann, "two");
    mail::Envelope envelope = mail::decode_envelope(odd.envelope).value();
    envelope.sender = "\xff\xfe";  // no UTF-8
    odd.envelope = mail::encode(envelope).value();
    (void)segment.add(odd);
    (void)segment.add(make_mail(3, ann, "three"));
    publish(segment);
    with([&](Servers&, CatchUp& catch_up) {
        once(catch_up);
        BOOST_TEST(in_inbox(ann) == "2");
        BOOST_TEST(catch_up.counters().problems == 1U);
        BOOST_TEST(catalogued_to(segment.id()) ==
                   static_cast<std::int64_t>(encode_header(header).value().size()));
    });
}

BOOST_AUTO_TEST_CASE(mail_for_a_vanished_account_is_a_dead_letter) {
    SegmentBuilder segment(header);
    (void)segment.add(make_mail(1, 999'999, "one"));
    publish(segment);
    with([&](Servers&, CatchUp& catch_up) {
        once(catch_up);
        BOOST_TEST(catch_up.counters().dead_letters == 1U);
        BOOST_TEST(value("SELECT dead_letter_of FROM catalog.mailbox") == "example.test");
    });
}

BOOST_AUTO_TEST_CASE(a_seal_is_told_with_how_each_copy_ended) {
    SegmentBuilder segment(header);
    (void)segment.add(make_mail(1, ann, "one"));
    put(2, segment.id(), segment.bytes);  // it did not get the seal
    const Seal seal = segment.seal();
    publish(segment, {1});
    with([&](Servers&, CatchUp& catch_up) {
        once(catch_up);
        BOOST_TEST(state_of(segment.id()) == "sealed");
        once(catch_up);
        BOOST_TEST(catalogued_to(segment.id()) == static_cast<std::int64_t>(seal.file_size));
        BOOST_TEST(value("SELECT string_agg(s.name || ' ' || r.state, ', ' ORDER BY s.name) "
                         "FROM catalog.segment_replica r "
                         "JOIN directory.storage_server s ON s.id = r.storage_server_id") ==
                   "s1 active, s2 behind");
        BOOST_TEST(value("SELECT reason FROM catalog.copy_owed") == "it does not end in the seal");
        BOOST_TEST(catch_up.run_once().value() == 0U);  // done with it
    });
}

// Its writer is given the time to tell of it; if that is lost, a tracker must still find the seal.
BOOST_AUTO_TEST_CASE(a_seal_that_was_seen_early_is_seen_again) {
    options.grace = milliseconds(300);
    SegmentBuilder segment(header);
    const FrameLocation last = segment.add(make_mail(1, ann, "one"));
    (void)segment.seal();
    publish(segment);
    with([&](Servers&, CatchUp& catch_up) {
        once(catch_up);
        BOOST_TEST(in_inbox(ann) == "1");
        BOOST_TEST(state_of(segment.id()) == "open");
        BOOST_TEST(catalogued_to(segment.id()) == end_of(last));
        BOOST_REQUIRE(eventually([&] {
            once(catch_up);
            return state_of(segment.id()) == "sealed";
        }));
        once(catch_up);
        BOOST_TEST(value("SELECT catalogued_to = length FROM catalog.segment") == "t");
        BOOST_TEST(catch_up.run_once().value() == 0U);
    });
}

BOOST_AUTO_TEST_CASE(a_sealed_segment_with_a_place_left_out_ends) {
    SegmentBuilder whole(header);
    (void)whole.add(make_mail(1, ann, "one"));
    const FrameLocation bad = whole.add(make_mail(2, ann, "two"));
    (void)whole.add(make_mail(3, ann, "three"));
    for (const std::uint8_t store : std::vector<std::uint8_t>{1, 2}) {
        put(store, whole.id(), whole.bytes);
        spoil(stores.path_of(store, {whole.id(), 1}), bad.offset + 100);
    }
    tell(header);
    with([&](Servers& servers, CatchUp& catch_up) {
        // Its successor seals it, without what no copy has good.
        BOOST_REQUIRE(recover_segment(servers.set, whole.id(), {}).value().complete);
        once(catch_up);
        BOOST_TEST(in_inbox(ann) == "2");
        BOOST_TEST(state_of(whole.id()) == "sealed");
        once(catch_up);
        BOOST_TEST(catch_up.run_once().value() == 0U);
    });
}

BOOST_AUTO_TEST_CASE(a_retired_writer_ends_when_every_copy_was_read) {
    SegmentBuilder segment(header);
    const FrameLocation last = segment.add(make_mail(1, ann, "one"));
    publish(segment);
    sql("UPDATE directory.mail_server SET retired_at = now() WHERE name = 'a'");
    with([&](Servers& servers, CatchUp& catch_up) {
        std::filesystem::remove(stores.root(2) + "/roundtable-store");
        BOOST_REQUIRE(
            eventually([&] { return !servers.set.find(store_id(2))->health().is_healthy(); }));
        once(catch_up);
        BOOST_TEST(in_inbox(ann) == "1");
        BOOST_TEST(state_of(segment.id()) == "open");  // 2 may have more
        write_identity(stores.root(2), store_id(2));
        BOOST_REQUIRE(eventually([&] {
            once(catch_up);
            return state_of(segment.id()) == "retired";
        }));
        BOOST_TEST(value("SELECT length FROM catalog.segment") == std::to_string(end_of(last)));
        BOOST_TEST(catch_up.run_once().value() == 0U);
    });
}

BOOST_AUTO_TEST_CASE(a_sealed_segment_that_cannot_be_read_is_not_read_again_and_again) {
    SegmentBuilder segment(header);
    (void)segment.add(make_mail(1, ann, "one"));
    (void)segment.seal();
    tell(header);
    SegmentNote sealed = note_of(header, encode_header(header).value().size());
    sealed.state = SegmentState::Sealed;
    sealed.length = segment.bytes.size();
    BOOST_REQUIRE(note_segments(admin(), std::vector{sealed}));
    with([&](Servers&, CatchUp& catch_up) {
        for (int n = 0; n < 5; ++n) {
            once(catch_up);
        }
        BOOST_TEST(catch_up.counters().segments_read == 1U);
    });
}

BOOST_AUTO_TEST_CASE(a_segment_of_which_nobody_has_a_file_is_forgotten) {
    SegmentBuilder segment(header);
    tell(segment.header());
    sql("UPDATE catalog.segment SET opened_at = now()");
    with([&](Servers&, CatchUp& catch_up) {
        once(catch_up);
        BOOST_TEST(state_of(segment.id()) == "open");  // its files may be about to be seen
        sql("UPDATE catalog.segment SET opened_at = now() - interval '1 hour'");
        const std::string root = stores.root(2);
        std::filesystem::rename(root, root + ".away");
        once(catch_up);
        BOOST_TEST(state_of(segment.id()) == "open");  // one store has not answered
        std::filesystem::rename(root + ".away", root);
        BOOST_REQUIRE(eventually([&] {
            once(catch_up);
            return value("SELECT count(*) FROM catalog.segment") == "0";
        }));
    });
    BOOST_TEST(value("SELECT count(*) FROM catalog.segment_replica") == "0");
}

BOOST_AUTO_TEST_CASE(a_database_that_is_away_is_an_error_and_nothing_is_lost) {
    SegmentBuilder segment(header);
    (void)segment.add(make_mail(1, ann, "one"));
    publish(segment);
    options.statement_deadline = milliseconds(300);
    with([&](Servers&, CatchUp& catch_up) {
        take_database_away();
        BOOST_TEST(!catch_up.run_once());
        wake_database();
        BOOST_REQUIRE(eventually([&] {
            (void)catch_up.run_once();
            return in_inbox(ann) == "1";
        }));
    });
}

BOOST_AUTO_TEST_CASE(long_segments_are_delivered_in_batches) {
    options.batch_max = 7;
    SegmentBuilder segment(header);
    FrameLocation last;
    for (std::uint8_t n = 1; n <= 30; ++n) {
        last = segment.add(make_mail(n, ann, "x"));
    }
    publish(segment);
    with([&](Servers&, CatchUp& catch_up) {
        once(catch_up);
        BOOST_TEST(in_inbox(ann) == "30");
        BOOST_TEST(catalogued_to(segment.id()) == end_of(last));
    });
}

BOOST_AUTO_TEST_SUITE_END()
