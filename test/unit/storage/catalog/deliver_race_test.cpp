#include <algorithm>
#include <atomic>
#include <thread>

#include <boost/test/unit_test.hpp>

#include "storage/catalog/catalog.h"
#include "test/unit/storage/catalog/deliver_fixture.h"

using storage::DeliveryOutcome;
using test_support::DeliverFixture;

namespace {

constexpr int kCommitters = 6;
constexpr int kBatches = 20;
constexpr int kMessages = 4;
constexpr int kAccounts = 8;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(deliver_race_test, DeliverFixture)

// A client that has seen UID 7 never gets a 6 later: what is visible is a prefix of what is
// allotted.
BOOST_AUTO_TEST_CASE(uids_become_visible_in_order_and_nothing_deadlocks) {
    std::vector<std::int64_t> accounts;
    for (int n = 0; n < kAccounts; ++n) {
        accounts.push_back(add_account("user" + std::to_string(n)));
    }
    deliver(batch({}));
    const std::string deadlocks_before =
        value("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()");

    std::atomic<int> failures = 0;
    std::atomic<bool> done = false;
    std::vector<std::thread> committers;
    for (int committer = 0; committer < kCommitters; ++committer) {
        committers.emplace_back([&, committer] {
            const auto connection = open("postgres");
            for (int n = 0; n < kBatches; ++n) {
                storage::DeliveryBatch work;
                work.committer = "mail " + std::to_string(committer);
                for (int m = 0; m < kMessages; ++m) {
                    // Recipients in an order of their own: the statement must sort them.
                    std::vector<mail::Recipient> recipients;
                    for (int r = 0; r < kAccounts; ++r) {
                        const int which = (r * 3 + committer * 5 + n + m) % kAccounts;
                        recipients.push_back(to(accounts[static_cast<std::size_t>(which)]));
                    }
                    work.deliveries.push_back(message(0, std::move(recipients)));
                }
                if (!storage::deliver(*connection, work)) {
                    ++failures;
                }
            }
        });
    }
    std::atomic<int> disorder = 0;
    std::thread watcher([&] {
        const auto connection = open("postgres");
        std::int64_t highest = 0;
        std::int64_t count = 0;
        while (!done) {
            const auto rows = connection->query(
                "SELECT coalesce(max(m.uid), 0), count(m.uid), b.uid_next, b.messages "
                "FROM catalog.mailbox b LEFT JOIN catalog.mailbox_message m ON m.mailbox_id = b.id "
                "WHERE b.account_id = " +
                std::to_string(accounts[0]) + " GROUP BY b.id");
            if (!rows || rows.value().empty()) {
                continue;
            }
            const base::Row row = rows.value()[0];
            // UIDs have no gaps here, so a missing one below the highest would show in the count.
            if (row.int64(0) != row.int64(1) || row.int64(2) != row.int64(0) + 1 ||
                row.int64(3) != row.int64(1) || row.int64(0) < highest || row.int64(1) < count) {
                ++disorder;
            }
            highest = row.int64(0);
            count = row.int64(1);
        }
    });
    for (std::thread& committer : committers) {
        committer.join();
    }
    done = true;
    watcher.join();

    BOOST_TEST(failures == 0);
    BOOST_TEST(disorder == 0);
    constexpr int kEach = kCommitters * kBatches * kMessages;
    BOOST_TEST(inbox(accounts[0], "messages") == std::to_string(kEach));
    BOOST_TEST(value("SELECT count(*) FROM catalog.mailbox_message") ==
               std::to_string(kEach * kAccounts));
    // The statistics of a backend arrive when it ends.
    BOOST_TEST(value("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") ==
               deadlocks_before);
}

// Agent, retry and any number of trackers may deliver the same frames at the same time.
BOOST_AUTO_TEST_CASE(many_deliverers_of_the_same_messages_deliver_each_once) {
    std::vector<storage::Delivery> messages;
    for (std::uint64_t n = 0; n < 30; ++n) {
        messages.push_back(message(n, {to(ann), to(bob), to(999, "gone@example.test")}));
        messages.back().acknowledged = storage::Acknowledged::Yes;
    }
    deliver(batch({}));
    std::atomic<int> delivered = 0;
    std::atomic<int> failures = 0;
    std::vector<std::thread> deliverers;
    for (int n = 0; n < kCommitters; ++n) {
        deliverers.emplace_back([&, n] {
            const auto connection = open("postgres");
            auto work = batch(messages);
            work.committer = "tracker " + std::to_string(n);
            if (n % 2 == 1) {
                std::reverse(work.deliveries.begin(), work.deliveries.end());
            }
            const auto report = storage::deliver(*connection, work);
            if (!report) {
                ++failures;
                return;
            }
            for (const auto& placed : report.value().deliveries) {
                for (const auto& each : placed) {
                    delivered += each.outcome == DeliveryOutcome::Delivered ||
                                         each.outcome == DeliveryOutcome::DeadLetter
                                     ? 1
                                     : 0;
                }
            }
        });
    }
    for (std::thread& deliverer : deliverers) {
        deliverer.join();
    }
    BOOST_TEST(failures == 0);
    BOOST_TEST(delivered == 90);
    BOOST_TEST(inbox(ann, "messages || ' ' || uid_next") == "30 31");
    BOOST_TEST(value("SELECT messages FROM catalog.mailbox WHERE account_id IS NULL") == "30");
    BOOST_TEST(value("SELECT count(*) FROM catalog.message") == "30");
}

// What fits is stored, to the octet, however many agents deliver at the same time.
BOOST_AUTO_TEST_CASE(a_quota_is_exact_under_concurrent_deliveries_and_copies) {
    constexpr int kFit = 50;
    sql("UPDATE directory.account SET quota_bytes = $2 WHERE id = $1", {ann, kFit * 700 + 699});
    deliver(batch({message(0, {to(ann)})}));
    const std::int64_t inbox_id = std::stoll(inbox(ann, "id"));
    const std::int64_t archive =
        std::stoll(value("SELECT catalog.create_mailbox($1, 'Archive', NULL)", {ann}));
    std::atomic<int> stored = 1;
    std::atomic<int> failures = 0;
    std::vector<std::thread> committers;
    for (int committer = 0; committer < kCommitters; ++committer) {
        committers.emplace_back([&, committer] {
            const auto connection = open("postgres");
            for (int n = 0; n < kBatches; ++n) {
                storage::DeliveryBatch work;
                work.committer = "mail " + std::to_string(committer);
                work.deliveries = {message(0, {to(bob), to(ann)})};
                const auto report = storage::deliver(*connection, work);
                failures += report ? 0 : 1;
                stored +=
                    report && report.value().deliveries[0][1].outcome == DeliveryOutcome::Delivered
                        ? 1
                        : 0;
                const auto copied = connection->query(
                    "SELECT count(*) FROM catalog.copy_messages($1, '{1}', '{1}', $2, false)",
                    {inbox_id, archive});
                stored += copied ? 1 : 0;
                failures += !copied && copied.error().detail.find("RT002") == std::string::npos;
            }
        });
    }
    for (std::thread& committer : committers) {
        committer.join();
    }
    BOOST_TEST(failures == 0);
    BOOST_TEST(stored == kFit);
    BOOST_TEST(value("SELECT sum(bytes) FROM catalog.mailbox WHERE account_id = $1", {ann}) ==
               std::to_string(kFit * 700));
}

// Deleting an account while its mail arrives leaves neither a row nor an error behind.
BOOST_AUTO_TEST_CASE(an_account_may_be_deleted_while_mail_arrives) {
    std::atomic<int> failures = 0;
    deliver(batch({}));
    for (int round = 0; round < 8; ++round) {
        const std::int64_t account = add_account("short" + std::to_string(round));
        std::thread deliverer([&] {
            const auto connection = open("postgres");
            for (int n = 0; n < 6; ++n) {
                auto late = message(0, {to(account, "short@example.test")});
                late.acknowledged = storage::Acknowledged::Yes;
                storage::DeliveryBatch work;
                work.committer = "mail x";
                work.deliveries = {late};
                if (!storage::deliver(*connection, work)) {
                    ++failures;
                }
            }
        });
        sql("DELETE FROM directory.account WHERE id = $1", {account});
        deliverer.join();
    }
    BOOST_TEST(failures == 0);
    BOOST_TEST(value("SELECT count(*) FROM catalog.delivery") == "48");
    BOOST_TEST(value("SELECT count(*) FROM catalog.mailbox_message m WHERE NOT EXISTS "
                     "(SELECT FROM catalog.mailbox b WHERE b.id = m.mailbox_id)") == "0");
}

BOOST_AUTO_TEST_SUITE_END()
