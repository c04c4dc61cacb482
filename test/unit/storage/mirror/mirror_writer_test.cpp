#include "storage/mirror/mirror_writer.h"

#include <boost/test/unit_test.hpp>
#include <sys/mount.h>

#include "test/unit/storage/mirror/mirror_fixture.h"
#include "test/unit/storage/path/hanging_fs.h"

using namespace storage;
using namespace storage_test;

BOOST_AUTO_TEST_SUITE(storage_mirror_writer)

BOOST_AUTO_TEST_CASE(a_stored_frame_is_at_the_same_place_of_every_replica) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(3);
        TempDir state;
        Agent agent(loop, stores, state.path());
        agent.settle();
        const auto first = agent.store(1, "one");
        agent.check_stored(first, "one");
        BOOST_CHECK(first.value().durable == (Ids{store_id(1), store_id(2)}));
        BOOST_TEST(first.value().owed.empty());
        BOOST_TEST(!first.value().degraded);
        const auto second = agent.store(2, std::string(200'000, 'x'));
        agent.check_stored(second, std::string(200'000, 'x'));
        BOOST_CHECK(second.value().location.segment == first.value().location.segment);
        BOOST_TEST(second.value().location.offset ==
                   first.value().location.offset + first.value().location.length);
        const SegmentHeader& header = *first.value().segment;
        BOOST_TEST(header.writer == "mx1");
        BOOST_TEST(header.boot_epoch == 1U);
        BOOST_TEST(header.min_copies == 2);
        BOOST_CHECK(header.replicas == (Ids{store_id(1), store_id(2)}));
        BOOST_CHECK(header.salt != Salt{});
        agent.stop();
        // The end: both copies sealed, whole and the same.
        const SegmentName name{first.value().location.segment, 1};
        const Bytes own = file_bytes(stores.path_of(1, name));
        BOOST_CHECK(own == file_bytes(stores.path_of(2, name)));
        BOOST_TEST(verify_sealed(own).operator bool());
        BOOST_REQUIRE(agent.closed.size() == 1U);
        BOOST_TEST(agent.closed[0].sealed);
        BOOST_TEST(agent.closed[0].seal.index.size() == 2U);
        BOOST_TEST(stores.files(3).empty());
        BOOST_TEST(agent.state->unsealed().empty());
    });
}

BOOST_AUTO_TEST_CASE(frames_that_queue_become_one_batch) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        TempDir state;
        Agent agent(loop, stores, state.path());
        agent.settle();
        int stored = 0;
        for (int i = 0; i < 500; ++i) {
            agent.writer->submit(make_frame(static_cast<std::uint8_t>(1 + i % 200), "m"),
                                 in(5'000),
                                 loop.poster(),
                                 [&](const base::Result<Stored>& result) {
                                     BOOST_REQUIRE(result);
                                     ++stored;
                                 });
        }
        BOOST_REQUIRE(eventually([&] { return stored == 500; }));
        BOOST_TEST(agent.writer->counters().batches <= 3U);
        BOOST_TEST(agent.writer->counters().frames_stored == 500U);
        BOOST_TEST(agent.servers.find(store_id(1))->path_counters()[0].syncs <= 4U);
    });
}

BOOST_AUTO_TEST_CASE(a_killed_helper_costs_one_replica_and_a_stand_in_takes_its_place) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(3);
        TempDir state;
        Agent agent(loop, stores, state.path());
        agent.settle();
        const auto before = agent.store(1, "before");
        BOOST_REQUIRE(before);
        // It is stopped, so that the batch is under way when it dies.
        const pid_t helper = agent.helper(2);
        stop_process(helper);
        base::Completion<Stored> during;
        agent.writer->submit(
            make_frame(2, "during"), in(5'000), loop.poster(), [during](base::Result<Stored> r) {
                during.fulfil(std::move(r));
            });
        BOOST_REQUIRE(eventually([&] {
            return message_at(stores.path_of(1, {before.value().location.segment, 1}),
                              {before.value().location.segment,
                               before.value().location.offset + before.value().location.length,
                               static_cast<std::uint32_t>(before.value().location.length)}) ==
                   "during";
        }));
        BOOST_REQUIRE(::kill(helper, SIGKILL) == 0);
        const auto stored = during.await(in(10'000));
        // One copy only was durable: written again, into a segment on two servers that answer.
        agent.check_stored(stored, "during");
        BOOST_CHECK(stored.value().location.segment != before.value().location.segment);
        BOOST_TEST(stored.value().durable.size() == 2U);
        BOOST_TEST(agent.writer->counters().batches_short == 1U);
        BOOST_TEST(agent.writer->counters().frames_rewritten == 1U);
        // The old segment is sealed where it could be, the frame in it, and the other copy is
        // behind.
        BOOST_REQUIRE(eventually([&] { return agent.closed.size() == 1U; }));
        const SegmentClosed& closed = agent.closed[0];
        BOOST_TEST(closed.sealed);
        BOOST_TEST(closed.seal.index.size() == 2U);
        BOOST_CHECK(closed.replicas[0].end == ReplicaEnd::Sealed);
        BOOST_CHECK(closed.replicas[1].end == ReplicaEnd::Behind);
        BOOST_TEST(closed.replicas[1].durable_size ==
                   before.value().location.offset + before.value().location.length);
    });
}

BOOST_AUTO_TEST_CASE(a_hung_peer_is_owed_and_mail_goes_on) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(3);
        TempDir state;
        Agent agent(loop, stores, state.path(), quick_mirror(), {2, false});
        MirrorTable all{store_id(1), {store_id(2), store_id(3)}};
        agent.writer->set_table(all);
        agent.settle();
        BOOST_REQUIRE(agent.store(1, "before"));
        stop_process(agent.helper(2));
        const auto stored = agent.store(2, "during");
        agent.check_stored(stored, "during");
        BOOST_CHECK(stored.value().durable == (Ids{store_id(1), store_id(3)}));
        BOOST_REQUIRE(stored.value().owed.size() == 1U);
        BOOST_CHECK(stored.value().owed[0].server == store_id(2));
        BOOST_CHECK(stored.value().owed[0].reason == OwedReason::Late);
        BOOST_TEST(agent.writer->counters().frames_rewritten == 0U);
        // The next segment does not even ask for it, until it is back.
        const auto after = agent.store(3, "after");
        agent.check_stored(after, "after");
        BOOST_CHECK(after.value().segment->replicas == (Ids{store_id(1), store_id(3)}));
        BOOST_CHECK(after.value().owed[0].reason == OwedReason::Unhealthy);
        BOOST_REQUIRE(eventually([&] {
            const auto again = agent.store(4, "again");
            return again && again.value().durable.size() == 3U && again.value().owed.empty();
        }));
    });
}

BOOST_AUTO_TEST_CASE(too_few_stores_refuse_at_once_and_are_reported_unfit) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        TempDir state;
        Agent agent(loop, stores, state.path());
        agent.settle();
        BOOST_REQUIRE(agent.store(1, "before"));
        BOOST_TEST(agent.writer->fitness().fit);
        std::filesystem::remove(stores.root(2) + "/roundtable-store");
        BOOST_REQUIRE(
            eventually([&] { return !agent.servers.find(store_id(2))->health().is_healthy(); }));
        // The open segment's files still take frames on both, and say so; a new one does not.
        BOOST_REQUIRE(::kill(agent.helper(2), SIGKILL) == 0);
        BOOST_CHECK(code_of(agent.store(2, "refused")) == base::Errc::Unavailable);
        BOOST_REQUIRE(eventually([&] { return !agent.writer->fitness().fit; }));
        BOOST_TEST(agent.writer->fitness().domains_healthy == 1U);
        BOOST_TEST(agent.writer->fitness().reason.find("2 are needed") != std::string::npos);
        const base::Instant start = base::monotonic_now();
        BOOST_CHECK(code_of(agent.store(3, "refused")) == base::Errc::Unavailable);
        BOOST_TEST((base::monotonic_now() - start < milliseconds(200)));
        // It comes back.
        write_identity(stores.root(2), store_id(2));
        BOOST_REQUIRE(eventually([&] { return agent.writer->fitness().fit; }));
        agent.check_stored(agent.store(4, "after"), "after");
    });
}

BOOST_AUTO_TEST_CASE(degraded_service_is_said) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        TempDir state;
        std::filesystem::remove(stores.root(2) + "/roundtable-store");
        Agent agent(loop, stores, state.path(), quick_mirror(), {2, true});
        BOOST_REQUIRE(eventually([&] { return agent.writer->fitness().fit; }));
        const auto stored = agent.store(1, "alone");
        agent.check_stored(stored, "alone");
        BOOST_TEST(stored.value().degraded);
        BOOST_TEST(stored.value().segment->min_copies == 1);
        BOOST_CHECK(stored.value().durable == Ids{store_id(1)});
        BOOST_TEST(stored.value().owed.size() == 1U);
        BOOST_TEST(agent.writer->fitness().degraded);
        BOOST_TEST(agent.writer->counters().frames_degraded == 1U);
    });
}

BOOST_AUTO_TEST_CASE(copies_in_one_failure_domain_are_one_copy) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        for (StorageServerConfig& config : stores.configs) {
            config.failure_domain = "one-host";
        }
        TempDir state;
        Agent agent(loop, stores, state.path());
        agent.settle();
        BOOST_CHECK(code_of(agent.store(1, "x")) == base::Errc::Unavailable);
        BOOST_TEST(stores.files(1).empty());
    });
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_a_replica_behind) {
    BOOST_REQUIRE_MESSAGE(::geteuid() == 0, "this test mounts a file system: run it as root");
    run_in_fiber([](base::Loop& loop) {
        Stores stores(3);
        BOOST_REQUIRE(::mount("tmpfs", stores.root(2).c_str(), "tmpfs", 0, "size=256k") == 0);
        write_identity(stores.root(2), store_id(2));
        {
            TempDir state;
            Agent agent(loop, stores, state.path());
            agent.settle();
            BOOST_REQUIRE(agent.store(1, "small"));
            const std::string large(1U << 20U, 'x');
            const auto stored = agent.store(2, large);
            agent.check_stored(stored, large);
            BOOST_CHECK(stored.value().durable == (Ids{store_id(1), store_id(3)}));
            BOOST_TEST(agent.writer->counters().frames_rewritten == 1U);
        }
        BOOST_REQUIRE(::umount2(stores.root(2).c_str(), MNT_DETACH) == 0);
    });
}

BOOST_AUTO_TEST_CASE(a_directory_that_vanishes_is_a_store_that_is_out) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(3);
        TempDir state;
        MirrorOptions options = quick_mirror();
        options.segment_size_max = 1;  // each batch in its own segment
        Agent agent(loop, stores, state.path(), options);
        agent.settle();
        BOOST_REQUIRE(agent.store(1, "before"));
        std::filesystem::remove_all(stores.root(2));
        const auto stored = agent.store(2, "after");
        agent.check_stored(stored, "after");
        BOOST_CHECK(stored.value().durable == (Ids{store_id(1), store_id(3)}));
    });
}

BOOST_AUTO_TEST_CASE(segments_rotate_by_size_and_age) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        TempDir state;
        MirrorOptions options = quick_mirror();
        options.segment_size_max = 100'000;
        options.segment_age_max = milliseconds(700);
        Agent agent(loop, stores, state.path(), options);
        agent.settle();
        std::set<SegmentId> segments;
        for (std::uint8_t i = 1; i <= 20; ++i) {
            const auto stored = agent.store(i, std::string(20'000, 'x'));
            BOOST_REQUIRE(stored);
            segments.insert(stored.value().location.segment);
        }
        BOOST_TEST(segments.size() == 4U);
        // The last is sealed although nothing more comes.
        BOOST_REQUIRE(eventually([&] { return agent.closed.size() == 4U; }));
        for (const SegmentClosed& closed : agent.closed) {
            BOOST_TEST(closed.sealed);
        }
    });
}

BOOST_AUTO_TEST_CASE(a_frame_that_cannot_be_is_answered_and_the_others_go_on) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        TempDir state;
        Agent agent(loop, stores, state.path());
        agent.settle();
        FrameInput nil = make_frame(1, "x");
        nil.id = mail::MessageId();
        FrameInput deep = make_frame(2, "x");
        deep.summary.assign(mail::kSummaryMax + 1, 's');
        std::vector<base::Errc> answers;
        for (FrameInput& frame : std::vector<FrameInput>{nil, deep, make_frame(3, "good")}) {
            agent.writer->submit(
                std::move(frame), in(5'000), loop.poster(), [&](const base::Result<Stored>& r) {
                    answers.push_back(code_of(r));
                });
        }
        BOOST_REQUIRE(eventually([&] { return answers.size() == 3U; }));
        BOOST_CHECK((answers == std::vector{base::Errc::Invalid,
                                            base::Errc::TooLarge,
                                            base::Errc::Cancelled /* of code_of: stored */}));
    });
}

BOOST_AUTO_TEST_CASE(the_largest_frame_passes) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        TempDir state;
        MirrorOptions options = quick_mirror();
        options.batch_deadline = milliseconds(10'000);
        PathOptions paths = quick_options();
        paths.hang_after = milliseconds(20'000);
        Agent agent(loop, stores, state.path(), options, {2, false}, paths);
        agent.settle();
        const std::string largest(format::kMessageSizeMax, 'x');
        const auto stored = agent.store(1, largest, 20'000);
        BOOST_REQUIRE(stored);
        BOOST_TEST(stored.value().durable.size() == 2U);
        BOOST_CHECK(message_at(stores.path_of(2, {stored.value().location.segment, 1}),
                               stored.value().location) == largest);
    });
}

BOOST_AUTO_TEST_CASE(an_abort_is_durable_and_names_what_it_cancels) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        TempDir state;
        Agent agent(loop, stores, state.path());
        agent.settle();
        const auto stored = agent.store(1, "refused later");
        BOOST_REQUIRE(stored);
        const auto aborted = agent.writer->abort(message_id(1), stored.value().location, in(5'000));
        BOOST_REQUIRE(aborted);
        BOOST_TEST(aborted.value().durable.size() == 2U);
        for (const std::uint8_t number : std::vector<std::uint8_t>{1, 2}) {
            const auto found =
                replay(file_bytes(stores.path_of(number, {stored.value().location.segment, 1})));
            BOOST_REQUIRE(found);
            BOOST_REQUIRE(found.value().aborts.size() == 1U);
            BOOST_CHECK((found.value().aborts[0] == AbortTarget{message_id(1),
                                                                stored.value().location.segment,
                                                                stored.value().location.offset}));
        }
    });
}

BOOST_AUTO_TEST_CASE(after_a_pause_nothing_is_acknowledged_in_the_old_segment) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        TempDir state;
        MirrorOptions options = quick_mirror();
        options.lease = milliseconds(400);
        options.batch_deadline = milliseconds(5'000);
        PathOptions paths = quick_options();
        paths.hang_after = milliseconds(20'000);
        Agent agent(loop, stores, state.path(), options, {2, false}, paths);
        agent.settle();
        const auto before = agent.store(1, "before");
        BOOST_REQUIRE(before);
        // The batch is on both disks; then the process stands still before it can say so.
        base::Completion<Stored> during;
        agent.writer->submit(
            make_frame(2, "during"), in(5'000), loop.poster(), [during](base::Result<Stored> r) {
                during.fulfil(std::move(r));
            });
        const SegmentName old{before.value().location.segment, 1};
        const std::uint64_t end = before.value().location.offset + before.value().location.length;
        stop_process(agent.helper(2));
        BOOST_REQUIRE(eventually([&] { return file_bytes(stores.path_of(1, old)).size() > end; }));
        BOOST_REQUIRE(::kill(agent.helper(2), SIGCONT) == 0);
        const base::Deadline pause = in(600);
        while (!pause.passed()) {  // the whole loop stands still
        }
        const auto stored = during.await(in(10'000));
        agent.check_stored(stored, "during");
        BOOST_CHECK(stored.value().location.segment != before.value().location.segment);
        BOOST_TEST(agent.writer->counters().lease_breaks == 1U);
        // Nothing more was written to it, not even a seal: it may be another's by now.
        BOOST_REQUIRE(agent.closed.size() == 1U);
        BOOST_TEST(!agent.closed[0].sealed);
        BOOST_TEST(!replay(file_bytes(stores.path_of(1, old))).value().seal.has_value());
        BOOST_CHECK(agent.state->unsealed() == std::vector{before.value().location.segment});
        // Its own recovery finds it.
        BOOST_TEST(recover_all(agent.servers, *agent.state, {}, [](const RecoveredSegment&) {}) ==
                   0U);
        BOOST_TEST(
            verify_sealed(file_bytes(stores.path_of(2, {before.value().location.segment, 2})))
                .
                operator bool());
    });
}

BOOST_AUTO_TEST_CASE(a_full_queue_answers_busy) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        TempDir state;
        MirrorOptions options = quick_mirror();
        options.queue_frames_max = 10;
        Agent agent(loop, stores, state.path(), options);
        agent.settle();
        int busy = 0;
        int good = 0;
        for (int i = 0; i < 30; ++i) {
            agent.writer->submit(
                make_frame(1, "x"), in(5'000), loop.poster(), [&](const base::Result<Stored>& r) {
                    ++(r ? good : busy);
                    BOOST_TEST((r || code_of(r) == base::Errc::Busy));
                });
        }
        BOOST_REQUIRE(eventually([&] { return busy + good == 30; }));
        BOOST_TEST(good == 10);
        BOOST_TEST(agent.writer->counters().frames_refused == 20U);
    });
}

BOOST_AUTO_TEST_CASE(the_journal_names_what_is_open_and_nothing_else) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        TempDir state;
        SegmentId segment;
        {
            Agent agent(loop, stores, state.path());
            agent.settle();
            segment = agent.store(1, "x").value().location.segment;
            BOOST_TEST(file_text(state / "segments-agent/journal") ==
                       "open " + segment.text() + "\n");
        }
        BOOST_TEST(file_text(state / "segments-agent/journal") ==
                   "open " + segment.text() + "\ndone " + segment.text() + "\n");
        BOOST_TEST(AgentState::open(state.path()).take_value()->unsealed().empty());
    });
}

BOOST_AUTO_TEST_CASE(a_changed_table_moves_to_a_new_segment) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(3);
        TempDir state;
        Agent agent(loop, stores, state.path());
        agent.settle();
        BOOST_REQUIRE(agent.store(1, "x"));
        agent.writer->set_table({store_id(1), {store_id(3)}});
        BOOST_REQUIRE(eventually([&] {
            const auto stored = agent.store(2, "y");
            return stored && stored.value().durable == Ids{store_id(1), store_id(3)};
        }));
    });
}

BOOST_AUTO_TEST_CASE(a_mount_hung_in_the_kernel_costs_one_replica) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(3);
        TempDir state;
        MirrorOptions options = quick_mirror();
        options.segment_size_max = 1;  // each batch opens files
        Agent agent(loop, stores, state.path(), options);
        agent.settle();
        BOOST_REQUIRE(agent.store(1, "before"));
        HangingFs hung(stores.root(2));
        const auto stored = agent.store(2, "during");
        BOOST_REQUIRE(stored);
        BOOST_CHECK(stored.value().durable == (Ids{store_id(1), store_id(3)}));
        BOOST_REQUIRE(stored.value().owed.size() == 1U);
        for (std::uint8_t i = 3; i < 20; ++i) {
            BOOST_REQUIRE(agent.store(i, "during"));
        }
        hung.release();
        BOOST_REQUIRE(eventually([&] {
            const auto again = agent.store(4, "again");
            return again && again.value().durable == Ids{store_id(1), store_id(2)};
        }));
    });
}

BOOST_AUTO_TEST_SUITE_END()
