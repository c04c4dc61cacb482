#include "storage/tracking/message_reader.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/tracking/cluster_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

class ReaderFixture : public ClusterFixture {
  public:
    ReaderFixture() : pool(conninfo("roundtable_accessd"), "test", {2, 64, {}}) {
        header.replicas = {store_id(1), store_id(2)};
    }

    // Messages 1 to `count`, on stores 1 and 2 and in the catalog.
    void fill(std::uint8_t count) {
        SegmentBuilder segment(header);
        DeliveryBatch batch;
        batch.committer = "mail a";
        batch.segments = {note_of(header, encode_header(header).value().size())};
        for (std::uint8_t n = 1; n <= count; ++n) {
            const FrameInput frame = make_mail(n, ann, text(n));
            Delivery delivery;
            delivery.id = frame.id;
            delivery.location = segment.add(frame);
            delivery.server = "a";
            delivery.recipients = {to(ann)};
            batch.deliveries.push_back(delivery);
            frames.push_back(delivery.location);
        }
        BOOST_REQUIRE(deliver(admin(), batch));
        bytes = segment.bytes;
        put(1, header.segment, bytes);
        put(2, header.segment, bytes);
    }

    static std::string text(std::uint8_t number) {
        return "Subject: " + std::to_string(number) + "\r\n\r\nbody " + std::to_string(number);
    }

    void with(const std::function<void(Servers&, MessageReader&)>& body) {
        run_in_fiber([&](base::Loop& loop) {
            Servers servers(loop, stores);
            CopyReader copies(servers.set, [this](const Suspicion&) { ++suspicions; });
            MessageReader reader(loop, pool, copies, options);
            body(servers, reader);
        });
    }

    static std::vector<mail::MessageId> ids(std::uint8_t from, std::uint8_t to) {
        std::vector<mail::MessageId> all;
        for (std::uint8_t n = from; n <= to; ++n) {
            all.push_back(message_id(n));
        }
        return all;
    }

    // No octet of any message can be read from now on.
    void lose_files() {
        for (const std::uint8_t store : std::vector<std::uint8_t>{1, 2}) {
            std::filesystem::remove(stores.path_of(store, {header.segment, 1}));
        }
    }

    base::DbPool pool;
    SegmentHeader header = make_header();
    std::vector<FrameLocation> frames;
    Bytes bytes;
    MessageReaderOptions options;
    int suspicions = 0;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_message_reader, ReaderFixture)

BOOST_AUTO_TEST_CASE(many_summaries_come_in_their_order_each_with_its_own_result) {
    fill(40);
    with([&](Servers&, MessageReader& reader) {
        std::vector<mail::MessageId> wanted = ids(1, 40);
        std::ranges::reverse(wanted);
        wanted.insert(wanted.begin() + 5, message_id(200));  // there is none
        const auto found = reader.summaries(wanted, in(10'000));
        BOOST_REQUIRE(found.size() == 41U);
        BOOST_CHECK(code_of(found[5]) == base::Errc::NotFound);
        for (std::size_t n = 0; n < found.size(); ++n) {
            if (n != 5) {
                BOOST_REQUIRE(found[n]);
                const int number = static_cast<int>(n < 5 ? 40 - n : 41 - n);
                BOOST_TEST(found[n].value()->envelope.find("\"" + std::to_string(number) + "\"") !=
                           std::string::npos);
            }
        }
    });
}

BOOST_AUTO_TEST_CASE(what_was_read_is_kept) {
    fill(3);
    with([&](Servers&, MessageReader& reader) {
        BOOST_TEST(*reader.message(message_id(1), in(5'000)).value() == text(1));
        BOOST_REQUIRE(reader.summaries(ids(2, 2), in(5'000))[0]);
        lose_files();
        BOOST_TEST(*reader.message(message_id(1), in(5'000)).value() == text(1));
        BOOST_TEST(reader.summaries(ids(2, 2), in(5'000))[0].operator bool());
        BOOST_CHECK(code_of(reader.message(message_id(2), in(5'000))) == base::Errc::Corrupt);
    });
}

BOOST_AUTO_TEST_CASE(caches_are_bounded) {
    options.message_cache_bytes = text(1).size() + 1;
    fill(3);
    with([&](Servers&, MessageReader& reader) {
        BOOST_REQUIRE(reader.message(message_id(1), in(5'000)));
        BOOST_REQUIRE(reader.message(message_id(2), in(5'000)));
        lose_files();
        BOOST_TEST(reader.message(message_id(2), in(5'000)).operator bool());
        BOOST_TEST(!reader.message(message_id(1), in(5'000)));
    });
}

BOOST_AUTO_TEST_CASE(a_copy_that_was_moved_is_found_by_asking_again) {
    fill(2);
    with([&](Servers&, MessageReader& reader) {
        BOOST_REQUIRE(reader.locate(ids(1, 2), in(5'000)));
        // Recovered meanwhile: the files of another generation are what there is.
        lose_files();
        put(3, header.segment, bytes, 2);
        SegmentNote moved = note_of(header, encode_header(header).value().size());
        moved.generation = 2;
        moved.replicas = {{store_id(3), 2, ReplicaState::Active, 0, {}}};
        BOOST_REQUIRE(note_segments(admin(), std::vector{moved}));
        BOOST_TEST(*reader.message(message_id(1), in(5'000)).value() == text(1));
        const int before = suspicions;
        // Who asks for the next one of that segment knows already.
        BOOST_TEST(*reader.message(message_id(2), in(5'000)).value() == text(2));
        BOOST_TEST(suspicions - before <= 2);
    });
}

BOOST_AUTO_TEST_CASE(a_place_with_a_bad_copy_is_looked_up_again_for_the_next_reading) {
    fill(1);
    options.message_cache_bytes = 0;
    // Both places may be tried first: whichever is, is bad, and then repaired.
    const auto repair = [&](std::uint8_t store) {
        put(store, header.segment, bytes, 2);
        std::filesystem::remove(stores.path_of(store, {header.segment, 1}));
        sql("UPDATE catalog.segment_replica r SET generation = 2 FROM directory.storage_server v "
            "WHERE v.id = r.storage_server_id AND v.store_id = $1::uuid",
            {store_id(store).uuid()});
    };
    run_in_fiber([&](base::Loop& loop) {
        Servers servers(loop, stores);
        MessageReader* told = nullptr;
        CopyReader copies(servers.set, [&](const Suspicion& suspicion) {
            ++suspicions;
            told->forget_segment(suspicion.segment);
        });
        MessageReader reader(loop, pool, copies, options);
        told = &reader;
        BOOST_REQUIRE(reader.message(message_id(1), in(5'000)));
        repair(1);
        repair(2);
        put(1, header.segment, bytes);  // the old place is good in one copy at least
        BOOST_REQUIRE(reader.message(message_id(1), in(5'000)));
        const int after_first = suspicions;
        BOOST_REQUIRE(reader.message(message_id(1), in(5'000)));
        BOOST_REQUIRE(reader.message(message_id(1), in(5'000)));
        BOOST_TEST(suspicions == after_first);
    });
}

BOOST_AUTO_TEST_CASE(our_own_message_is_read_before_the_catalog_has_it) {
    fill(1);
    sql("DELETE FROM catalog.message");
    with([&](Servers&, MessageReader& reader) {
        BOOST_CHECK(code_of(reader.message(message_id(1), in(5'000))) == base::Errc::NotFound);
        reader.remember(message_id(1), frames[0], {{store_id(1), 1, ReplicaState::Active, 0}});
        BOOST_TEST(*reader.message(message_id(1), in(5'000)).value() == text(1));
    });
}

BOOST_AUTO_TEST_CASE(while_the_catalog_is_away_only_what_was_located_is_read) {
    fill(2);
    with([&](Servers&, MessageReader& reader) {
        BOOST_REQUIRE(reader.locate(ids(1, 1), in(5'000)));
        take_database_away();
        BOOST_TEST(*reader.message(message_id(1), in(5'000)).value() == text(1));
        BOOST_CHECK(code_of(reader.message(message_id(2), in(300))) == base::Errc::Unavailable);
        const auto both = reader.summaries(ids(1, 2), in(300));
        BOOST_TEST(both[0].operator bool());
        BOOST_CHECK(code_of(both[1]) == base::Errc::Unavailable);
    });
}

BOOST_AUTO_TEST_CASE(no_octet_of_a_bad_copy_is_returned) {
    fill(1);
    for (const std::uint8_t store : std::vector<std::uint8_t>{1, 2}) {
        spoil(stores.path_of(store, {header.segment, 1}), frames[0].offset + frames[0].length - 20);
    }
    with([&](Servers&, MessageReader& reader) {
        BOOST_CHECK(code_of(reader.message(message_id(1), in(5'000))) == base::Errc::Corrupt);
        BOOST_TEST(suspicions == 2);
    });
}

BOOST_AUTO_TEST_CASE(a_summary_of_another_version_is_made_anew_from_the_message) {
    SegmentBuilder segment(header);
    FrameInput frame = make_mail(1, ann, text(1));
    frame.summary = "from the future";
    const FrameLocation at = segment.add(frame);
    put(1, header.segment, segment.bytes);
    with([&](Servers&, MessageReader& reader) {
        reader.remember(message_id(1), at, {{store_id(1), 1, ReplicaState::Active, 0}});
        const auto summary = reader.summaries(ids(1, 1), in(5'000));
        BOOST_REQUIRE(summary[0]);
        BOOST_CHECK(summary[0].value()->envelope == mail::summarize(text(1)).envelope);
    });
}

BOOST_AUTO_TEST_SUITE_END()
