#include "storage/tracking/copy_reader.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/tracking/cluster_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

// A segment with three messages on stores 1 and 2, and a reader. In a fiber.
struct Reading {
    Stores stores{2};
    Servers servers;
    SegmentBuilder segment;
    std::vector<FrameLocation> frames;
    std::vector<Suspicion> suspicions;
    CopyReader reader;
    std::vector<ReplicaPlace> replicas{{store_id(1), 1, ReplicaState::Active, 0},
                                       {store_id(2), 1, ReplicaState::Active, 0}};

    explicit Reading(base::Loop& loop)
        : servers(loop, stores, 2),
          reader(servers.set, [this](const Suspicion& each) { suspicions.push_back(each); }) {
        for (std::uint8_t n = 1; n <= 3; ++n) {
            frames.push_back(segment.add(make_mail(n, 1, "message " + std::to_string(n))));
        }
        put_file(path(1), segment.bytes);
        put_file(path(2), segment.bytes);
    }

    [[nodiscard]] std::string path(std::uint8_t store) const {
        return stores.path_of(store, {segment.id(), 1});
    }

    base::Result<std::string> read(std::uint8_t number, int deadline_ms = 5'000) {
        const auto frame =
            reader.read(message_id(number), frames[number - 1U], replicas, in(deadline_ms));
        if (!frame) {
            return frame.error();
        }
        return std::string(frame.value()->view.message);
    }

    // Only that store's copy is there to be read.
    void only(std::uint8_t store) { replicas = {{store_id(store), 1, ReplicaState::Active, 0}}; }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(storage_copy_reader)

BOOST_AUTO_TEST_CASE(reads_what_was_written) {
    run_in_fiber([](base::Loop& loop) {
        Reading it(loop);
        for (std::uint8_t n = 1; n <= 3; ++n) {
            BOOST_TEST(it.read(n).value() == "message " + std::to_string(n));
        }
        BOOST_TEST(it.suspicions.empty());
    });
}

BOOST_AUTO_TEST_CASE(a_bad_copy_is_never_served_and_the_next_one_is) {
    run_in_fiber([](base::Loop& loop) {
        Reading it(loop);
        const auto check = [&](const char* what, const std::function<void(std::uint8_t)>& damage) {
            BOOST_TEST_CONTEXT(what) {
                for (const std::uint8_t bad : std::vector<std::uint8_t>{1, 2}) {
                    it.suspicions.clear();
                    damage(bad);
                    BOOST_TEST(it.read(2).value() == "message 2");
                    put_file(it.path(bad), it.segment.bytes);
                    for (const Suspicion& suspicion : it.suspicions) {
                        BOOST_CHECK(suspicion.store == store_id(bad));
                        BOOST_CHECK(suspicion.segment == it.segment.id());
                    }
                    // Whichever is first: read from the bad one alone, it is reported.
                    it.only(bad);
                    damage(bad);
                    it.suspicions.clear();
                    BOOST_CHECK(code_of(it.read(2)) == base::Errc::Corrupt);
                    BOOST_TEST(it.suspicions.size() == 1U);
                    put_file(it.path(bad), it.segment.bytes);
                    it.replicas = {{store_id(1), 1, ReplicaState::Active, 0},
                                   {store_id(2), 1, ReplicaState::Active, 0}};
                }
            }
        };
        (void)it.read(1);  // the header is known from here on
        check("a bit", [&](std::uint8_t bad) { spoil(it.path(bad), it.frames[1].offset + 120); });
        check("short", [&](std::uint8_t bad) {
            std::filesystem::resize_file(it.path(bad), it.frames[1].offset + 50);
        });
        check("missing", [&](std::uint8_t bad) { std::filesystem::remove(it.path(bad)); });
        check("another segment's", [&](std::uint8_t bad) {
            put_file(it.path(bad),
                     build_segment(make_header(8), {"a", "b", "c"}, false, false).bytes);
        });
    });
}

BOOST_AUTO_TEST_CASE(a_bad_header_sends_to_the_next_copy) {
    run_in_fiber([](base::Loop& loop) {
        Reading it(loop);
        it.only(1);
        spoil(it.path(1), 20);
        BOOST_CHECK(code_of(it.read(1)) == base::Errc::Corrupt);
        BOOST_TEST(it.suspicions.size() == 1U);
        it.replicas.push_back({store_id(2), 1, ReplicaState::Active, 0});
        BOOST_TEST(it.read(1).value() == "message 1");
    });
}

BOOST_AUTO_TEST_CASE(another_message_at_that_place_is_not_it) {
    run_in_fiber([](base::Loop& loop) {
        Reading it(loop);
        const auto frame = it.reader.read(message_id(3), it.frames[0], it.replicas, in(5'000));
        BOOST_CHECK(code_of(frame) == base::Errc::Corrupt);
        BOOST_TEST(it.suspicions.size() == 2U);
    });
}

BOOST_AUTO_TEST_CASE(a_hung_copy_does_not_use_up_the_turn_of_the_next) {
    run_in_fiber([](base::Loop& loop) {
        Reading it(loop);
        (void)it.read(1);
        for (const std::uint8_t hung : std::vector<std::uint8_t>{1, 2}) {
            const pid_t helper = it.servers.helper(hung);
            stop_process(helper);
            BOOST_TEST(it.read(2, 3'000).value() == "message 2");
            (void)::kill(helper, SIGCONT);
            it.servers.settle();
        }
        BOOST_TEST(it.suspicions.empty());  // the way is bad, not the copy
    });
}

BOOST_AUTO_TEST_CASE(out_of_reach_is_not_lost) {
    run_in_fiber([](base::Loop& loop) {
        Reading it(loop);
        BOOST_CHECK(code_of(it.read(1, 0)) == base::Errc::Unavailable);  // no time
        it.servers.set.apply({it.stores.configs[0]});
        spoil(it.path(1), it.frames[0].offset + 100);
        BOOST_CHECK(code_of(it.read(1)) == base::Errc::Unavailable);  // 2 may have it
        it.servers.set.apply({});
        BOOST_CHECK(code_of(it.read(1)) == base::Errc::Unavailable);
        it.replicas.clear();
        BOOST_CHECK(code_of(it.read(1)) == base::Errc::Unavailable);
    });
}

BOOST_AUTO_TEST_CASE(a_copy_that_ends_before_the_frame_is_not_asked) {
    run_in_fiber([](base::Loop& loop) {
        Reading it(loop);
        it.replicas[0] = {store_id(1), 1, ReplicaState::Behind, it.frames[0].offset + 1};
        std::filesystem::remove(it.path(1));
        BOOST_TEST(it.read(1).value() == "message 1");
        BOOST_TEST(it.suspicions.empty());
        it.only(1);
        it.replicas[0].state = ReplicaState::Behind;
        it.replicas[0].durable_length = it.frames[0].offset + it.frames[0].length;
        put_file(it.path(1), it.segment.bytes);
        BOOST_TEST(it.read(1).value() == "message 1");
        BOOST_CHECK(code_of(it.read(2)) == base::Errc::Unavailable);
    });
}

BOOST_AUTO_TEST_CASE(suspects_come_last) {
    run_in_fiber([](base::Loop& loop) {
        Reading it(loop);
        for (const std::uint8_t bad : std::vector<std::uint8_t>{1, 2}) {
            spoil(it.path(bad), it.frames[0].offset + 100);
            it.replicas[bad - 1U].state = ReplicaState::Suspect;
            BOOST_TEST(it.read(1).value() == "message 1");
            BOOST_TEST(it.suspicions.empty());
            put_file(it.path(bad), it.segment.bytes);
            it.replicas[bad - 1U].state = ReplicaState::Active;
        }
    });
}

BOOST_AUTO_TEST_CASE(octets_in_flight_are_bounded_and_reads_wait_for_room) {
    run_in_fiber([](base::Loop& loop) {
        Reading it(loop);
        for (const std::uint8_t number : std::vector<std::uint8_t>{1, 2}) {
            stop_process(it.servers.helper(number));
        }
        FrameLocation huge = it.frames[0];
        huge.length = 64U << 20U;
        int failed = 0;
        for (int n = 0; n < 4; ++n) {  // as much as there may be
            BOOST_REQUIRE(base::spawn(loop, "read", [&] {
                failed += it.reader.read(message_id(1), huge, it.replicas, in(1'000)) ? 0 : 1;
            }));
        }
        BOOST_REQUIRE(base::fiber_yield());
        const base::Instant start = base::monotonic_now();
        const auto waited = it.reader.read(message_id(1), it.frames[0], it.replicas, in(100));
        BOOST_CHECK(code_of(waited) == base::Errc::Unavailable);
        BOOST_TEST(waited.error().detail == "too many octets are being read");
        BOOST_TEST((base::monotonic_now() - start >= milliseconds(100)));
        for (const std::uint8_t number : std::vector<std::uint8_t>{1, 2}) {
            (void)::kill(it.servers.helper(number), SIGCONT);
        }
        BOOST_REQUIRE(eventually([&] { return failed == 4; }));
        it.servers.settle();
        BOOST_TEST(it.read(1).value() == "message 1");
    });
}

BOOST_AUTO_TEST_SUITE_END()
