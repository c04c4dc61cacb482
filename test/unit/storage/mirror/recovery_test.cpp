#include "storage/mirror/recovery.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/tracking/cluster_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

SegmentHeader header_on(std::vector<std::uint8_t> numbers, std::uint8_t min_copies = 2) {
    SegmentHeader header = make_header();
    header.replicas.clear();
    for (const std::uint8_t number : numbers) {
        header.replicas.push_back(store_id(number));
    }
    header.min_copies = min_copies;
    return header;
}

// What a killed writer leaves: frames, no seal.
struct Left {
    SegmentBuilder segment;
    std::vector<FrameLocation> frames;
    std::vector<Bytes> after;  // the file after each frame

    explicit Left(const SegmentHeader& header, std::uint8_t count = 3) : segment(header) {
        after.push_back(segment.bytes);
        for (std::uint8_t n = 1; n <= count; ++n) {
            frames.push_back(segment.add(make_frame(n, "message " + std::to_string(n))));
            after.push_back(segment.bytes);
        }
    }

    void put(const Stores& stores, std::uint8_t store, std::size_t count) const {
        put_file(stores.path_of(store, {segment.id(), 1}), after[count]);
    }
};

Bytes sealed_file(const Stores& stores,
                  std::uint8_t store,
                  const SegmentId& id,
                  std::uint32_t generation) {
    return file_bytes(stores.path_of(store, {id, generation}));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(storage_recovery)

BOOST_AUTO_TEST_CASE(a_successor_seals_what_a_killed_writer_left_open) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        TempDir state;
        const Left left(header_on({1, 2}));
        left.put(stores, 1, 3);
        left.put(stores, 2, 3);
        {  // kill -9: the journal says open, and nothing says done
            const auto killed = AgentState::open(state.path()).take_value();
            killed->record_open(left.segment.id(), [](const base::Status&) {});
            killed->flush(in(5'000));
        }
        const auto successor = AgentState::open(state.path()).take_value();
        BOOST_REQUIRE(successor->unsealed().size() == 1U);
        Servers servers(loop, stores, 2);
        int told = 0;
        BOOST_TEST(recover_all(servers.set, *successor, {}, [&](const RecoveredSegment& recovered) {
                       ++told;
                       BOOST_TEST(recovered.complete);
                       BOOST_TEST(recovered.frames.size() == 3U);
                       BOOST_TEST(recovered.gaps.empty());
                       BOOST_TEST(recovered.closed.generation == 2U);
                   }) == 0U);
        BOOST_TEST(told == 1);
        BOOST_TEST(successor->unsealed().empty());
        const Bytes sealed = sealed_file(stores, 1, left.segment.id(), 2);
        const auto seal = verify_sealed(sealed);
        BOOST_REQUIRE(seal);
        BOOST_TEST(seal.value().index.size() == 3U);
        BOOST_CHECK(sealed == sealed_file(stores, 2, left.segment.id(), 2));
        // A write of the dead that is stuck in a mount cannot reach the new file.
        BOOST_CHECK(sealed_file(stores, 1, left.segment.id(), 1) == left.segment.bytes);
        // The next start has nothing to do.
        successor->flush(in(5'000));
    });
}

BOOST_AUTO_TEST_CASE(a_frame_is_taken_from_whichever_copy_has_it_good) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        const Left left(header_on({1, 2}));
        left.put(stores, 1, 3);
        left.put(stores, 2, 2);  // it was behind
        spoil(stores.path_of(1, {left.segment.id(), 1}), left.frames[0].offset + 100);
        Servers servers(loop, stores, 2);
        const auto recovered = recover_segment(servers.set, left.segment.id(), {});
        BOOST_REQUIRE(recovered);
        BOOST_TEST(recovered.value().complete);
        BOOST_TEST(recovered.value().frames.size() == 3U);
        const Bytes sealed = sealed_file(stores, 2, left.segment.id(), 2);
        BOOST_TEST(verify_sealed(sealed).value().index.size() == 3U);
        BOOST_CHECK(Bytes(sealed.begin(),
                          sealed.begin() + static_cast<std::ptrdiff_t>(
                                               left.segment.bytes.size())) == left.segment.bytes);
    });
}

BOOST_AUTO_TEST_CASE(it_waits_while_an_acknowledged_frame_may_not_have_been_seen) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(3);
        const Left left(header_on({1, 2, 3}));
        left.put(stores, 1, 3);
        left.put(stores, 2, 3);
        left.put(stores, 3, 1);  // behind: it lacks what was acknowledged on 1 and 2
        Servers servers(loop, stores);
        for (const std::uint8_t away : std::vector<std::uint8_t>{1, 2}) {
            std::filesystem::remove(stores.root(away) + "/roundtable-store");
        }
        BOOST_REQUIRE(eventually([&] {
            return !servers.set.find(store_id(1))->health().is_healthy() &&
                   !servers.set.find(store_id(2))->health().is_healthy();
        }));
        const auto waits = recover_segment(servers.set, left.segment.id(), {});
        BOOST_REQUIRE(waits);
        BOOST_TEST(!waits.value().complete);
        BOOST_TEST(!waits.value().closed.sealed);
        BOOST_TEST(waits.value().reason.find("2 of 3") != std::string::npos);
        BOOST_TEST(stores.files(3).size() == 1U);
        // One of the two is enough: what is acknowledged is on it or on the one that was read.
        write_identity(stores.root(2), store_id(2));
        BOOST_REQUIRE(
            eventually([&] { return servers.set.find(store_id(2))->health().is_healthy(); }));
        const auto sealed = recover_segment(servers.set, left.segment.id(), {});
        BOOST_REQUIRE(sealed);
        BOOST_TEST(sealed.value().complete);
        BOOST_TEST(sealed.value().closed.seal.index.size() == 3U);
        BOOST_CHECK(sealed.value().closed.replicas[0].end == ReplicaEnd::Behind);
    });
}

BOOST_AUTO_TEST_CASE(servers_declared_lost_are_not_waited_for) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(3);
        const Left left(header_on({1, 2, 3}));
        left.put(stores, 3, 1);
        std::filesystem::remove(stores.root(1) + "/roundtable-store");
        std::filesystem::remove(stores.root(2) + "/roundtable-store");
        StorageServerSet set(loop, quick_options());
        set.apply(stores.configs);
        BOOST_REQUIRE(eventually([&] { return set.find(store_id(3))->health().is_healthy(); }));
        RecoveryOptions options;
        options.lost = {store_id(1), store_id(2)};
        const auto sealed = recover_segment(set, left.segment.id(), options);
        BOOST_REQUIRE(sealed);
        BOOST_TEST(sealed.value().closed.sealed);
        BOOST_TEST(sealed.value().closed.seal.index.size() == 1U);
        BOOST_TEST(!sealed.value().complete);  // on one replica only
    });
}

BOOST_AUTO_TEST_CASE(draining_servers_are_read_and_waited_for) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(3);
        const Left left(header_on({1, 2, 3}));
        left.put(stores, 1, 3);
        left.put(stores, 2, 3);
        left.put(stores, 3, 1);
        Servers servers(loop, stores);
        servers.set.apply(stores.configs, {store_id(1), store_id(2)});
        const auto sealed = recover_segment(servers.set, left.segment.id(), {});
        BOOST_REQUIRE(sealed);
        BOOST_TEST(sealed.value().closed.seal.index.size() == 3U);
    });
}

BOOST_AUTO_TEST_CASE(a_torn_tail_is_no_error_and_bad_bytes_before_frames_are_a_gap) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        const Left left(header_on({1, 2}));
        Bytes torn = left.after[3];
        torn.resize(torn.size() - 10);  // in the middle of the third frame
        for (const std::uint8_t number : std::vector<std::uint8_t>{1, 2}) {
            put_file(stores.path_of(number, {left.segment.id(), 1}), torn);
            spoil(stores.path_of(number, {left.segment.id(), 1}), left.frames[0].offset + 100);
        }
        Servers servers(loop, stores, 2);
        const auto sealed = recover_segment(servers.set, left.segment.id(), {});
        BOOST_REQUIRE(sealed);
        BOOST_TEST(sealed.value().complete);
        BOOST_REQUIRE(sealed.value().frames.size() == 1U);
        BOOST_TEST(sealed.value().frames[0].offset == left.frames[1].offset);
        BOOST_REQUIRE(sealed.value().gaps.size() == 1U);
        BOOST_TEST(sealed.value().gaps[0].begin == left.frames[0].offset);
        BOOST_TEST(sealed.value().gaps[0].end == left.frames[1].offset);
        const auto found = replay(sealed_file(stores, 1, left.segment.id(), 2));
        BOOST_REQUIRE(found);
        BOOST_TEST(found.value().frames.size() == 1U);
    });
}

BOOST_AUTO_TEST_CASE(a_seal_that_some_copy_has_is_the_seal) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        Left left(header_on({1, 2}));
        left.put(stores, 2, 2);
        left.segment.seal();
        put_file(stores.path_of(1, {left.segment.id(), 1}), left.segment.bytes);
        Servers servers(loop, stores, 2);
        const auto sealed = recover_segment(servers.set, left.segment.id(), {});
        BOOST_REQUIRE(sealed);
        BOOST_TEST(sealed.value().complete);
        BOOST_CHECK(sealed_file(stores, 2, left.segment.id(), 2) == left.segment.bytes);
        BOOST_TEST(stores.files(1).size() == 1U);
        // Each copy is told with the generation of its own file: nobody finds it by another.
        const auto& replicas = sealed.value().closed.replicas;
        BOOST_REQUIRE(replicas.size() == 2U);
        BOOST_TEST(replicas[0].generation == 1U);
        BOOST_TEST(replicas[1].generation == 2U);
        // Again: nothing is written any more.
        BOOST_TEST(recover_segment(servers.set, left.segment.id(), {}).value().complete);
        BOOST_TEST(stores.files(2).size() == 2U);
    });
}

BOOST_AUTO_TEST_CASE(aborts_are_told) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        Left left(header_on({1, 2}));
        left.segment.cancel(message_id(2), left.frames[1]);
        put_file(stores.path_of(1, {left.segment.id(), 1}), left.segment.bytes);
        put_file(stores.path_of(2, {left.segment.id(), 1}), left.segment.bytes);
        Servers servers(loop, stores, 2);
        const auto sealed = recover_segment(servers.set, left.segment.id(), {});
        BOOST_REQUIRE(sealed);
        BOOST_REQUIRE(sealed.value().aborts.size() == 1U);
        BOOST_CHECK(sealed.value().aborts[0].id == message_id(2));
    });
}

BOOST_AUTO_TEST_CASE(a_segment_without_a_file_or_with_empty_ones_never_was) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        TempDir state;
        const auto agent = AgentState::open(state.path()).take_value();
        const SegmentId none(uuid_of(1, 1));
        const SegmentId empty(uuid_of(1, 2));
        put_file(stores.path_of(1, {empty, 1}), {});
        agent->record_unsealed(none);
        agent->record_unsealed(empty);
        Servers servers(loop, stores, 2);
        BOOST_TEST(recover_all(servers.set, *agent, {}, [](const RecoveredSegment&) {
                       BOOST_ERROR("there is nothing to tell of");
                   }) == 0U);
        BOOST_TEST(agent->unsealed().empty());
        BOOST_TEST(eventually([&] { return stores.files(1).empty(); }));
    });
}

BOOST_AUTO_TEST_CASE(while_a_server_is_away_a_segment_is_not_forgotten) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        TempDir state;
        const auto agent = AgentState::open(state.path()).take_value();
        agent->record_unsealed(SegmentId(uuid_of(1, 1)));
        Servers servers(loop, stores, 2);
        std::filesystem::remove(stores.root(2) + "/roundtable-store");
        BOOST_REQUIRE(
            eventually([&] { return !servers.set.find(store_id(2))->health().is_healthy(); }));
        BOOST_TEST(recover_all(servers.set, *agent, {}, [](const RecoveredSegment&) {}) == 1U);
        BOOST_TEST(agent->unsealed().size() == 1U);
    });
}

BOOST_AUTO_TEST_CASE(a_torn_file_of_an_earlier_attempt_is_passed_over) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        const Left left(header_on({1, 2}));
        left.put(stores, 1, 3);
        left.put(stores, 2, 3);
        put_file(stores.path_of(1, {left.segment.id(), 2}), Bytes(50, std::byte{1}));
        Servers servers(loop, stores, 2);
        const auto sealed = recover_segment(servers.set, left.segment.id(), {});
        BOOST_REQUIRE(sealed);
        BOOST_TEST(sealed.value().complete);
        BOOST_TEST(sealed.value().closed.generation == 3U);
    });
}

BOOST_AUTO_TEST_CASE(a_whole_segment_is_not_completed) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        SegmentHeader header = header_on({1, 2});
        header.boot_epoch = 0;
        Left left(header);
        left.put(stores, 1, 3);
        Servers servers(loop, stores, 2);
        BOOST_CHECK(code_of(recover_segment(servers.set, left.segment.id(), {})) ==
                    base::Errc::NotFound);
        BOOST_TEST(stores.files(1).size() == 1U);
        BOOST_TEST(stores.files(2).empty());
        // With its seal it is a segment like any other.
        left.segment.seal();
        put_file(stores.path_of(2, {left.segment.id(), 1}), left.segment.bytes);
        BOOST_TEST(recover_segment(servers.set, left.segment.id(), {}).value().complete);
        BOOST_CHECK(sealed_file(stores, 1, left.segment.id(), 2) == left.segment.bytes);
    });
}

BOOST_AUTO_TEST_CASE(a_large_copy_is_written_and_read_in_parts) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(1);
        Servers servers(loop, stores, 1);
        auto bytes = std::make_shared<Bytes>(20U << 20U);
        for (std::size_t n = 0; n < bytes->size(); ++n) {
            (*bytes)[n] = static_cast<std::byte>(n * 2'654'435'761U >> 13U);
        }
        const SegmentId id(uuid_of(1, 1));
        BOOST_REQUIRE(write_copy(servers.set, id, {store_id(1), 4}, bytes, in(20'000)));
        BOOST_CHECK(read_copy(servers.set, id, {store_id(1), 4}, in(20'000)).value() == *bytes);
        BOOST_CHECK(code_of(write_copy(servers.set, id, {store_id(1), 4}, bytes, in(20'000))) ==
                    base::Errc::Exists);
        BOOST_CHECK(code_of(read_copy(servers.set, id, {store_id(9), 4}, in(20'000))) ==
                    base::Errc::Unavailable);
    });
}

BOOST_AUTO_TEST_CASE(open_segments_of_a_writer_are_found_by_listing) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        const auto put =
            [&](std::uint8_t number, std::uint64_t epoch, std::uint8_t writer, bool seal) {
                SegmentHeader header = make_header(7, number);
                header.boot_epoch = epoch;
                header.writer_id = MailServerId(uuid_of(2, writer));
                const BuiltSegment built = build_segment(header, {"x"}, false, seal);
                put_file(stores.path_of(1, {header.segment, 1}), built.bytes);
            };
        put(1, 5, 1, false);
        put(2, 5, 1, true);
        put(3, 7, 1, false);  // of the present epoch
        put(4, 5, 2, false);  // another's
        put(6, 0, 1, false);  // of a tracker that died while it wrote
        // Open here, but sealed there.
        put(5, 5, 1, false);
        SegmentHeader both = make_header(7, 5);
        both.boot_epoch = 5;
        put_file(stores.path_of(2, {both.segment, 2}),
                 build_segment(both, {"x"}, false, true).bytes);
        Servers servers(loop, stores, 2);
        const auto found =
            find_unsealed(servers.set, MailServerId(uuid_of(2, 1)), 7, RecoveryOptions());
        BOOST_REQUIRE(found);
        BOOST_CHECK(found.value() == std::vector{SegmentId(uuid_of(1, 1))});
    });
}

BOOST_AUTO_TEST_SUITE_END()
