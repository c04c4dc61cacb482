#include "storage/mailbox/mailbox_watch.h"

#include <array>

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/tracking/cluster_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

class WatchFixture : public ClusterFixture {
  public:
    WatchFixture() : watch(conninfo("roundtable_accessd"), "test watch") {}

    void change(int mailbox) {
        sql("SELECT pg_notify('roundtable_mailbox', $1)", {std::to_string(mailbox)});
    }

    // Listens, and what it told for that is over: only then a count is of notices.
    void settle(base::Loop& loop) {
        int told = 0;
        const auto probe = watch.watch(MailboxId{999'999}, loop.poster(), [&] { ++told; });
        BOOST_REQUIRE(eventually([&] {
            change(999'999);
            return told > 0;
        }));
    }

    MailboxWatch watch;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_mailbox_watch, WatchFixture)

BOOST_AUTO_TEST_CASE(who_watches_a_mailbox_is_told_and_nobody_else) {
    run_in_fiber([&](base::Loop& loop) {
        settle(loop);
        int first = 0;
        int second = 0;
        int other = 0;
        const auto a = watch.watch(MailboxId{1}, loop.poster(), [&] { ++first; });
        const auto b = watch.watch(MailboxId{1}, loop.poster(), [&] { ++second; });
        const auto c = watch.watch(MailboxId{2}, loop.poster(), [&] { ++other; });
        change(1);
        BOOST_REQUIRE(eventually([&] { return first == 1 && second == 1; }));
        change(2);
        BOOST_REQUIRE(eventually([&] { return other == 1; }));
        BOOST_TEST(first == 1);
    });
}

BOOST_AUTO_TEST_CASE(a_delivery_is_a_notice) {
    sql("INSERT INTO catalog.mailbox (account_id, name) VALUES ($1, 'INBOX')", {ann});
    const std::int64_t inbox = std::stoll(value("SELECT id FROM catalog.mailbox"));
    run_in_fiber([&](base::Loop& loop) {
        settle(loop);
        int told = 0;
        const auto watching = watch.watch(MailboxId{inbox}, loop.poster(), [&] { ++told; });
        SegmentHeader header = make_header();
        DeliveryBatch batch;
        batch.committer = "mail a";
        batch.segments = {note_of(header, 128)};
        Delivery delivery;
        delivery.id = message_id(1);
        delivery.location = {header.segment, 128, 100};
        delivery.server = "a";
        delivery.recipients = {to(ann)};
        batch.deliveries = {delivery};
        BOOST_REQUIRE(deliver(admin(), batch));
        BOOST_TEST(eventually([&] { return told == 1; }));
    });
}

BOOST_AUTO_TEST_CASE(after_its_end_a_subscription_is_not_told) {
    run_in_fiber([&](base::Loop& loop) {
        settle(loop);
        int ended = 0;
        int kept = 0;
        auto first = watch.watch(MailboxId{1}, loop.poster(), [&] { ++ended; });
        auto second = watch.watch(MailboxId{1}, loop.poster(), [&] { ++kept; });
        MailboxWatch::Subscription moved = std::move(second);
        first = MailboxWatch::Subscription();
        change(1);
        BOOST_REQUIRE(eventually([&] { return kept == 1; }));
        BOOST_TEST(ended == 0);
    });
}

BOOST_AUTO_TEST_CASE(notices_that_come_before_the_callback_runs_are_one) {
    run_in_fiber([&](base::Loop& loop) {
        settle(loop);
        int many = 0;
        int mark = 0;
        const auto a = watch.watch(MailboxId{1}, loop.poster(), [&] { ++many; });
        const auto b = watch.watch(MailboxId{2}, loop.poster(), [&] { ++mark; });
        // One transaction, so that they come at once; distinct payloads, so that none is merged by
        // the server.
        sql("SELECT pg_notify('roundtable_mailbox', repeat('0', n) || '1') "
            "FROM generate_series(1, 500) AS n");
        change(2);
        BOOST_REQUIRE(eventually([&] { return mark == 1; }));
        BOOST_TEST(many >= 1);
        BOOST_TEST(many < 250);
    });
}

BOOST_AUTO_TEST_CASE(who_watches_an_account_is_told_of_its_names_and_of_these_mailboxes) {
    run_in_fiber([&](base::Loop& loop) {
        settle(loop);
        int told = 0;
        int other = 0;
        const AccountId account{ann};
        const std::array<MailboxId, 2> watched = {MailboxId{70'001}, MailboxId{70'002}};
        const auto a = watch.watch_account(account, watched, loop.poster(), [&] { ++told; });
        const auto b = watch.watch_account(AccountId{bob}, {}, loop.poster(), [&] { ++other; });
        const auto is_told = [&](const char* statement) {
            const int before = told;
            sql(statement, {ann});
            BOOST_TEST(eventually([&] { return told == before + 1; }), statement);
        };
        is_told("INSERT INTO catalog.mailbox (account_id, name) VALUES ($1, 'a')");
        is_told("UPDATE catalog.mailbox SET name = 'b' WHERE account_id = $1");
        is_told("INSERT INTO catalog.subscription (account_id, name) VALUES ($1, 'a')");
        is_told("DELETE FROM catalog.subscription WHERE account_id = $1");
        is_told("DELETE FROM catalog.mailbox WHERE account_id = $1");
        change(70'001);
        BOOST_TEST(eventually([&] { return told == 6; }));
        change(70'002);
        BOOST_TEST(eventually([&] { return told == 7; }));
        BOOST_TEST(other == 0);
    });
}

BOOST_AUTO_TEST_CASE(a_mailbox_and_an_account_of_one_number_are_two_things) {
    run_in_fiber([&](base::Loop& loop) {
        settle(loop);
        int mailbox = 0;
        int account = 0;
        const auto a = watch.watch(MailboxId{70'003}, loop.poster(), [&] { ++mailbox; });
        const auto b =
            watch.watch_account(AccountId{70'003}, {}, loop.poster(), [&] { ++account; });
        change(70'003);
        BOOST_TEST(eventually([&] { return mailbox == 1; }));
        sql("SELECT pg_notify('roundtable_account', '70003')");
        BOOST_TEST(eventually([&] { return account == 1; }));
        BOOST_TEST(mailbox == 1);
    });
}

BOOST_AUTO_TEST_CASE(after_a_lost_connection_all_look_again) {
    run_in_fiber([&](base::Loop& loop) {
        settle(loop);
        int told = 0;
        const auto a = watch.watch(MailboxId{1}, loop.poster(), [&] { ++told; });
        take_database_away();
        wake_database();
        BOOST_TEST(eventually([&] { return told >= 1; }, milliseconds(30'000)));
    });
}

BOOST_AUTO_TEST_CASE(a_subscription_may_outlive_the_watch) {
    run_in_fiber([&](base::Loop& loop) {
        auto short_lived = std::make_unique<MailboxWatch>(conninfo("roundtable_accessd"), "test");
        const auto a = short_lived->watch(MailboxId{1}, loop.poster(), [] {});
        short_lived.reset();
    });
}

BOOST_AUTO_TEST_SUITE_END()
