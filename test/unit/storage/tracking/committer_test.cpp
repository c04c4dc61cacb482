#include "storage/tracking/committer.h"

#include <atomic>

#include <boost/test/unit_test.hpp>

#include "base/metrics.h"
#include "storage/segment/encoder.h"
#include "test/unit/storage/tracking/cluster_fixture.h"

using namespace storage;
using namespace storage_test;
using Outcome = CommitAnswer::Outcome;

namespace {

class CommitterFixture : public ClusterFixture {
  public:
    CommitterFixture() {
        SegmentHeader made = make_header();
        made.segment = SegmentId(base::Uuid::time_ordered());
        made.replicas = {store_id(1), store_id(2)};
        header = std::make_shared<const SegmentHeader>(made);
    }

    static base::DbPoolOptions one_connection(int statement_ms = 10'000) {
        base::DbTimeouts timeouts;
        timeouts.statement = milliseconds(statement_ms);
        timeouts.grace = milliseconds(1'000);
        return {1, 16, timeouts};
    }

    void start(CommitterOptions options = {"mail a", 256, 8'192}, int statement_ms = 10'000) {
        committer.reset();
        pool = std::make_unique<base::DbPool>(
            conninfo("roundtable_mtad"), "test", one_connection(statement_ms));
        committer = std::make_unique<Committer>(*pool, std::move(options));
    }

    [[nodiscard]] FrameLocation at(std::uint64_t n) const {
        return {header->segment, kFirst + n * 100, 100};
    }

    [[nodiscard]] Stored stored(std::uint64_t n) const {
        Stored made;
        made.location = at(n);
        made.segment = header;
        made.durable = {store_id(1), store_id(2)};
        return made;
    }

    static Delivery message(std::int64_t account) {
        Delivery delivery;
        delivery.id = mail::MessageId::from_bytes(base::Uuid::time_ordered().bytes());
        delivery.message_size = 50;
        delivery.received_us = 1'795'000'000'123'456;
        delivery.server = "a";
        delivery.recipients = {to(account)};
        return delivery;
    }

    CommitAnswer commit(std::uint64_t n, std::int64_t account, int deadline_ms = 10'000) {
        return committer->commit(message(account), stored(n), kFirst, in(deadline_ms));
    }

    // Commits `count` messages for ann, from number `from` on, in fibers: the first one's statement
    // hangs, the others wait behind it. `done` counts those that were answered.
    void commit_behind_one(base::Loop& loop, std::uint64_t from, std::uint64_t count, int& done) {
        hang_deliveries();
        for (std::uint64_t n = from; n < from + count; ++n) {
            BOOST_REQUIRE(base::spawn(loop, "commit", [this, n, &done] {
                done += commit(n, ann).outcome == Outcome::Catalogued ? 1 : 0;
            }));
            if (n == from) {
                BOOST_REQUIRE(eventually([&] { return are_hanging(); }));
            }
        }
        BOOST_REQUIRE(eventually([&] { return committer->waiting() == count - 1; }));
    }

    std::int64_t mark() { return catalogued_to(header->segment); }

    static std::int64_t after(std::uint64_t frames) {
        return static_cast<std::int64_t>(kFirst + frames * 100);
    }

    static constexpr std::uint64_t kFirst = 128;
    std::shared_ptr<const SegmentHeader> header;
    std::atomic<int> renewals = 0;  // the committer may count on until it ends
    std::unique_ptr<base::DbPool> pool;
    std::unique_ptr<Committer> committer;  // ends before its pool
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_committer, CommitterFixture)

BOOST_AUTO_TEST_CASE(a_message_is_catalogued_and_the_mark_moves) {
    start();
    run_in_fiber([&](base::Loop&) {
        const CommitAnswer answer = commit(0, ann);
        BOOST_CHECK(answer.outcome == Outcome::Catalogued);
        BOOST_REQUIRE(answer.recipients.size() == 1U);
        BOOST_TEST(answer.recipients[0].uid == 1U);
        BOOST_TEST(mark() == after(1));
        BOOST_CHECK(commit(1, ann).outcome == Outcome::Catalogued);
        BOOST_TEST(mark() == after(2));
        BOOST_TEST(committer->counters().catalogued == 2U);
        BOOST_TEST(!committer->is_away());
    });
}

BOOST_AUTO_TEST_CASE(a_refusal_leaves_the_mark_until_the_abort_is_durable) {
    start();
    run_in_fiber([&](base::Loop&) {
        const Delivery refused = message(999);
        const CommitAnswer answer = committer->commit(refused, stored(0), kFirst, in(10'000));
        BOOST_CHECK(answer.outcome == Outcome::Refused);
        BOOST_TEST(answer.recipients[0].reason == "no_account");
        BOOST_CHECK(commit(1, ann).outcome == Outcome::Catalogued);
        BOOST_TEST(mark() == after(0));
        committer->note_aborted(refused.id, at(0), stored(2), kFirst);
        BOOST_REQUIRE(committer->drain(in(10'000)));
        BOOST_TEST(mark() == after(3));
        BOOST_TEST(value("SELECT message_id FROM catalog.aborted") == refused.id.text());
        BOOST_TEST(committer->counters().refused == 1U);
    });
}

BOOST_AUTO_TEST_CASE(a_sign_of_life_comes_behind_all_that_waits) {
    CommitterOptions options{"mail a", 1, 8'192};
    options.writer = "a";
    options.boot_epoch = 41;
    start(options);
    const auto alive = [&] { return value("SELECT max(alive_at) FROM catalog.writer"); };
    run_in_fiber([&](base::Loop& loop) {
        committer->sign_of_life();
        BOOST_REQUIRE(eventually([&] { return !alive().empty(); }));
        const std::string first = alive();
        int catalogued = 0;
        commit_behind_one(loop, 0, 3, catalogued);
        committer->sign_of_life();
        BOOST_TEST(alive() == first);
        wake_database();
        BOOST_REQUIRE(eventually([&] { return alive() != first; }));
        BOOST_TEST(mark() == after(3));  // by one statement a message: batch_max
        BOOST_TEST(value("SELECT committer || writer || boot_epoch FROM catalog.writer") ==
                   "mail aa41");
        BOOST_REQUIRE(eventually([&] { return catalogued == 3; }));
    });
}

BOOST_AUTO_TEST_CASE(what_comes_while_a_statement_runs_becomes_one_statement) {
    start();
    run_in_fiber([&](base::Loop& loop) {
        int catalogued = 0;
        commit_behind_one(loop, 0, 100, catalogued);
        wake_database();
        BOOST_REQUIRE(eventually([&] { return catalogued == 100; }));
        BOOST_TEST(committer->counters().batches == 2U);
        BOOST_TEST(in_inbox(ann) == "100");
        BOOST_TEST(mark() == after(100));
    });
}

BOOST_AUTO_TEST_CASE(a_batch_is_bounded) {
    start({"mail a", 10, 8'192});
    run_in_fiber([&](base::Loop& loop) {
        int done = 0;
        commit_behind_one(loop, 0, 41, done);
        wake_database();
        BOOST_REQUIRE(eventually([&] { return done == 41; }));
        BOOST_TEST(committer->counters().batches == 5U);
    });
}

BOOST_AUTO_TEST_CASE(no_answer_in_time_is_caught_up_exactly_once) {
    start();
    run_in_fiber([&](base::Loop&) {
        hang_deliveries();
        BOOST_CHECK(commit(0, ann, 200).outcome == Outcome::ToBeCatalogued);
        BOOST_TEST(committer->is_away());
        // The next ones need not find out by waiting.
        const base::Instant start = base::monotonic_now();
        BOOST_CHECK(commit(1, ann).outcome == Outcome::ToBeCatalogued);
        BOOST_TEST((base::monotonic_now() - start < milliseconds(1'000)));
        wake_database();
        BOOST_REQUIRE(committer->drain(in(10'000)));
        BOOST_TEST(in_inbox(ann) == "2");
        BOOST_TEST(value("SELECT uid_next FROM catalog.mailbox WHERE account_id = $1", {ann}) ==
                   "3");
        BOOST_TEST(mark() == after(2));
        BOOST_TEST(!committer->is_away());
        BOOST_TEST(committer->counters().late == 2U);
    });
}

BOOST_AUTO_TEST_CASE(after_250_a_refusal_does_not_count_any_more) {
    start();
    run_in_fiber([&](base::Loop&) {
        hang_deliveries();
        // It would be refused; but 250 is said before the statement comes through.
        BOOST_CHECK(commit(0, 999, 200).outcome == Outcome::ToBeCatalogued);
        BOOST_REQUIRE(eventually([&] { return are_hanging(); }));
        wake_database();
        BOOST_REQUIRE(committer->drain(in(10'000)));
        BOOST_TEST(value("SELECT messages FROM catalog.mailbox WHERE dead_letter_of IS NOT NULL") ==
                   "1");
        BOOST_TEST(mark() == after(1));
    });
}

BOOST_AUTO_TEST_CASE(a_lost_answer_is_repeated_and_delivers_once) {
    start();
    run_in_fiber([&](base::Loop& loop) {
        hang_deliveries();
        CommitAnswer answer;
        bool done = false;
        BOOST_REQUIRE(base::spawn(loop, "commit", [&] {
            answer = commit(0, ann);
            done = true;
        }));
        BOOST_REQUIRE(eventually([&] { return are_hanging(); }));
        sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE usename = 'roundtable_mtad'");
        BOOST_REQUIRE(eventually([&] { return done; }));
        // The connection is lost: nobody knows, so 250 it is.
        BOOST_CHECK(answer.outcome == Outcome::ToBeCatalogued);
        wake_database();
        BOOST_REQUIRE(committer->drain(in(10'000)));
        BOOST_TEST(in_inbox(ann) == "1");
        BOOST_TEST(committer->counters().failures >= 1U);
    });
}

BOOST_AUTO_TEST_CASE(a_message_that_a_tracker_was_faster_with_has_the_same_uid) {
    start();
    run_in_fiber([&](base::Loop&) {
        Delivery delivery = message(ann);
        delivery.location = at(0);
        delivery.acknowledged = Acknowledged::Yes;
        DeliveryBatch batch;
        batch.committer = "tracker t";
        batch.segments = {note_of(*header, kFirst)};
        batch.deliveries = {delivery};
        const auto first = deliver(admin(), batch);
        BOOST_REQUIRE(first);
        const CommitAnswer answer = committer->commit(delivery, stored(0), kFirst, in(10'000));
        BOOST_CHECK(answer.outcome == Outcome::Catalogued);
        BOOST_TEST(answer.recipients[0].uid == first.value().deliveries[0][0].uid);
        BOOST_TEST(in_inbox(ann) == "1");
    });
}

BOOST_AUTO_TEST_CASE(while_the_database_is_away_the_first_pays_and_nothing_is_lost) {
    start();
    run_in_fiber([&](base::Loop&) {
        BOOST_CHECK(commit(0, ann).outcome == Outcome::Catalogued);
        take_database_away();
        BOOST_CHECK(commit(1, ann, 300).outcome == Outcome::ToBeCatalogued);
        for (std::uint64_t n = 2; n < 20; ++n) {
            BOOST_CHECK(commit(n, ann).outcome == Outcome::ToBeCatalogued);
        }
        BOOST_TEST(committer->is_away());
        BOOST_TEST(!committer->is_full());
        wake_database();
        BOOST_REQUIRE(eventually([&] { return in_inbox(ann) == "20"; }));
        BOOST_REQUIRE(committer->drain(in(10'000)));
        BOOST_TEST(mark() == after(20));
        BOOST_CHECK(commit(20, ann).outcome == Outcome::Catalogued);
    });
}

BOOST_AUTO_TEST_CASE(a_message_that_the_database_cannot_take_is_left_and_the_others_go_on) {
    start();
    run_in_fiber([&](base::Loop& loop) {
        hang_deliveries();
        int done = 0;
        for (std::uint64_t n = 0; n < 5; ++n) {
            BOOST_REQUIRE(base::spawn(loop, "commit", [&, n] {
                Delivery delivery = message(ann);
                if (n == 2) {
                    delivery.sender = std::string("a\0b", 3);  // no text of PostgreSQL's
                }
                (void)committer->commit(delivery, stored(n), kFirst, in(10'000));
                ++done;
            }));
            if (n == 0) {
                BOOST_REQUIRE(eventually([&] { return are_hanging(); }));
            }
        }
        BOOST_REQUIRE(eventually([&] { return committer->waiting() == 4; }));
        wake_database();
        BOOST_REQUIRE(eventually([&] { return done == 5; }));
        BOOST_REQUIRE(committer->drain(in(10'000)));
        BOOST_TEST(in_inbox(ann) == "4");
        BOOST_TEST(mark() == after(2));  // a tracker goes on from there
        BOOST_TEST(committer->counters().dropped == 1U);
        // Its batch alone was taken apart.
        const std::uint64_t before = committer->counters().batches;
        done = 0;
        commit_behind_one(loop, 5, 20, done);
        wake_database();
        BOOST_REQUIRE(eventually([&] { return done == 20; }));
        BOOST_TEST(committer->counters().batches - before == 2U);
    });
}

BOOST_AUTO_TEST_CASE(a_catalog_restored_from_before_the_segment_is_told_of_it_again) {
    start();
    run_in_fiber([&](base::Loop&) {
        BOOST_CHECK(commit(0, ann).outcome == Outcome::Catalogued);
        sql("DELETE FROM catalog.segment");
        BOOST_CHECK(commit(1, ann).outcome == Outcome::ToBeCatalogued);
        BOOST_REQUIRE(committer->drain(in(10'000)));
        BOOST_TEST(in_inbox(ann) == "2");
        BOOST_TEST(state_of(header->segment) == "open");
    });
}

BOOST_AUTO_TEST_CASE(a_full_queue_is_said_before_anything_is_written) {
    start({"mail a", 1, 4});
    run_in_fiber([&](base::Loop& loop) {
        hang_deliveries();
        int done = 0;
        const auto add = [&](std::uint64_t n) {
            BOOST_REQUIRE(base::spawn(loop, "commit", [&, n] {
                (void)commit(n, ann);
                ++done;
            }));
        };
        add(0);
        BOOST_REQUIRE(eventually([&] { return are_hanging(); }));
        for (std::uint64_t n = 1; n <= 4; ++n) {
            BOOST_TEST(!committer->is_full());
            add(n);
            BOOST_REQUIRE(eventually([&] { return committer->waiting() == n; }));
        }
        BOOST_TEST(committer->is_full());
        // Who has written already is not told no: it is left to a tracker.
        BOOST_CHECK(commit(5, ann).outcome == Outcome::ToBeCatalogued);
        wake_database();
        BOOST_REQUIRE(eventually([&] { return done == 5; }));
        BOOST_TEST(in_inbox(ann) == "5");
        BOOST_TEST(mark() == after(5));
        BOOST_TEST(committer->counters().dropped == 1U);
    });
}

BOOST_AUTO_TEST_CASE(what_follows_a_message_that_was_left_is_left_until_a_new_segment) {
    start({"mail a", 1, 2, [this] { ++renewals; }});
    run_in_fiber([&](base::Loop&) {
        take_database_away();
        BOOST_CHECK(commit(0, ann, 300).outcome == Outcome::ToBeCatalogued);
        BOOST_CHECK(commit(1, ann).outcome == Outcome::ToBeCatalogued);
        BOOST_CHECK(commit(2, ann).outcome == Outcome::ToBeCatalogued);  // no room: left
        BOOST_TEST(committer->counters().dropped == 1U);
        BOOST_TEST(renewals == 0);
        wake_database();
        BOOST_REQUIRE(eventually([&] { return in_inbox(ann) == "2"; }));
        BOOST_REQUIRE(committer->drain(in(10'000)));
        BOOST_REQUIRE(eventually([&] { return renewals == 1; }));
        // It would get a lower UID than the one that a tracker is to catalogue.
        BOOST_CHECK(commit(3, ann).outcome == Outcome::ToBeCatalogued);
        BOOST_TEST(in_inbox(ann) == "2");
        BOOST_TEST(committer->counters().late == 4U);
        SegmentHeader made = *header;
        made.segment = SegmentId(base::Uuid::time_ordered());
        header = std::make_shared<const SegmentHeader>(made);
        BOOST_CHECK(commit(0, ann).outcome == Outcome::Catalogued);
        BOOST_TEST(in_inbox(ann) == "3");
    });
}

BOOST_AUTO_TEST_CASE(metrics_say_what_waits_and_since_when) {
    base::Gauge& waiting = base::gauge("roundtable_catalog_waiting_messages", "");
    base::Gauge& oldest = base::gauge("roundtable_catalog_oldest_waiting_timestamp_seconds", "");
    base::Gauge& away = base::gauge("roundtable_catalog_away", "");
    start();
    run_in_fiber([&](base::Loop&) {
        BOOST_CHECK(commit(0, ann).outcome == Outcome::Catalogued);
        BOOST_REQUIRE(eventually([&] { return oldest.value() == 0.0; }));
        take_database_away();
        BOOST_CHECK(commit(1, ann, 300).outcome == Outcome::ToBeCatalogued);
        BOOST_CHECK(commit(2, ann).outcome == Outcome::ToBeCatalogued);
        BOOST_TEST(waiting.value() == 2.0);
        BOOST_TEST(oldest.value() == 1'795'000'000.123456);
        BOOST_TEST(away.value() == 1.0);
        wake_database();
        BOOST_REQUIRE(committer->drain(in(10'000)));
        BOOST_REQUIRE(eventually([&] { return in_inbox(ann) == "3"; }));
        BOOST_REQUIRE(eventually([&] { return oldest.value() == 0.0; }));
        BOOST_TEST(waiting.value() == 0.0);
        BOOST_TEST(away.value() == 0.0);
    });
}

BOOST_AUTO_TEST_CASE(lost_commits_make_segments_news_again) {
    start();
    run_in_fiber([&](base::Loop&) {
        BOOST_CHECK(commit(0, ann).outcome == Outcome::Catalogued);
        SegmentClosed closed;
        closed.segment = header;
        closed.sealed = true;
        closed.seal.data_size = kFirst + 100;
        closed.seal.file_size = kFirst + 200;
        committer->note_closed(closed, kFirst);
        BOOST_REQUIRE(eventually([&] { return state_of(header->segment) == "sealed"; }));
        // The seal was told in a commit that is lost.
        sql("UPDATE catalog.segment SET state = 'open', sealed_at = NULL, length = 0");
        sql("UPDATE catalog.commit_mark SET sequence = 0");
        SegmentHeader made = *header;
        made.segment = SegmentId(base::Uuid::time_ordered());
        const SegmentId sealed = header->segment;
        header = std::make_shared<const SegmentHeader>(made);
        BOOST_CHECK(commit(0, ann).outcome == Outcome::Catalogued);
        BOOST_TEST(committer->counters().jumps == 1U);
        BOOST_REQUIRE(eventually([&] { return state_of(sealed) == "sealed"; }));
    });
}

BOOST_AUTO_TEST_CASE(a_segment_that_closes_is_told_without_a_message) {
    start();
    run_in_fiber([&](base::Loop&) {
        BOOST_CHECK(commit(0, ann).outcome == Outcome::Catalogued);
        SegmentClosed closed;
        closed.segment = header;
        closed.sealed = true;
        closed.seal.data_size = kFirst + 100;
        closed.seal.file_size = kFirst + 300;
        closed.replicas = {{store_id(1), ReplicaEnd::Sealed, kFirst + 300, ""},
                           {store_id(2), ReplicaEnd::Behind, kFirst, "disk full"}};
        committer->note_closed(closed, kFirst);
        BOOST_REQUIRE(committer->drain(in(10'000)));
        BOOST_TEST(state_of(header->segment) == "sealed");
        BOOST_TEST(mark() == after(3));
        BOOST_TEST(value("SELECT o.reason FROM catalog.copy_owed o "
                         "JOIN directory.storage_server s ON s.id = o.storage_server_id "
                         "WHERE s.name = 's2'") == "behind: disk full");
    });
}

BOOST_AUTO_TEST_CASE(it_ends_while_the_database_is_away) {
    start();
    run_in_fiber([&](base::Loop&) {
        take_database_away();
        BOOST_CHECK(commit(0, ann, 100).outcome == Outcome::ToBeCatalogued);
        BOOST_CHECK(code_of(committer->drain(in(100))) == base::Errc::Timeout);
    });
    committer.reset();
    pool.reset();
    wake_database();
    BOOST_TEST(in_inbox(ann) == "0");
}

BOOST_AUTO_TEST_SUITE_END()
