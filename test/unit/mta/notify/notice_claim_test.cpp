#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "mta/notify/notice_queue.h"
#include "test/unit/mta/notify/notice_fixture.h"

using mta::NoticeResult;
using test_support::NoticeFixture;
using test_support::soon;
using test_support::why;

// When what waits is told: retries, limits, quiet hours, digests, shares.
BOOST_FIXTURE_TEST_SUITE(notice_claim, NoticeFixture)

BOOST_AUTO_TEST_CASE(failures_are_tried_again_later_and_later_then_given_up) {
    rule();
    send(ann);
    send(ann);
    std::vector<mta::NoticeJob> jobs = claim(1);
    BOOST_REQUIRE(jobs.size() == 1U);
    const base::Uuid token = jobs.front().token;
    BOOST_TEST(finish(jobs.front(), NoticeResult::Retry) == "retry");
    // The receiver is left alone, with everything that is for it.
    BOOST_TEST(claim().empty());
    BOOST_TEST(
        count("not_before > now() + interval '2 s' AND not_before < now() + interval '7 s'") ==
        "1");
    hurry();
    jobs = claim(1);
    BOOST_REQUIRE(jobs.size() == 1U);
    BOOST_TEST((jobs.front().token == token));
    BOOST_TEST(jobs.front().attempts == 2);
    BOOST_TEST(finish(jobs.front(), NoticeResult::Retry, 900) == "retry");
    BOOST_TEST(count("not_before > now() + interval '890 s'") == "1");
    hurry();
    sql("UPDATE directory.notification_job SET tried_at = now() - interval '1 day' "
        "WHERE attempts > 0");
    for (const mta::NoticeJob& job : claim()) {
        BOOST_TEST(finish(job, NoticeResult::Retry) == (job.token == token ? "failed" : "retry"));
    }
    BOOST_TEST(value("SELECT count(*) FROM directory.event WHERE kind = 'notification_failed' "
                     "AND subject = 'ann@example.test'") == "1");
}

BOOST_AUTO_TEST_CASE(a_receiver_that_fails_is_left_alone_longer_each_time) {
    const std::int64_t id = rule();
    for (int i = 0; i < 7; ++i) {
        send(ann);
    }
    const auto held_for = [&](const std::string& least) {
        return value(
            "SELECT count(*) FROM directory.notification_hold WHERE until > now() + interval '" +
            least + "'");
    };
    const auto release = [&] {
        sql("UPDATE directory.notification_hold SET until = now()");
        sql("UPDATE directory.notification_job SET not_before = now() WHERE attempts = 0");
    };
    for (const char* least : {"3 s", "7 s", "14 s", "29 s"}) {  // each time another job
        const auto jobs = claim(1);
        BOOST_REQUIRE(jobs.size() == 1U);
        BOOST_TEST(jobs.front().attempts == 1);
        BOOST_TEST(finish(jobs.front(), NoticeResult::Retry) == "retry");
        BOOST_TEST(held_for(least) == "1", least);
        release();
    }
    const auto both = claim();
    BOOST_REQUIRE(both.size() == 2U);
    BOOST_TEST(finish(both[0], NoticeResult::Retry, 900) == "retry");
    BOOST_TEST(finish(both[1], NoticeResult::Retry) == "retry");
    BOOST_TEST(held_for("890 s") == "1");
    sql("SELECT directory.test_notification($1)", {id});
    const auto test = claim();
    BOOST_REQUIRE(test.size() == 1U);
    BOOST_TEST(finish(test.front(), NoticeResult::Retry) == "failed");
    BOOST_TEST(held_for("890 s") == "1");
    release();
    const auto last = claim(1);
    BOOST_REQUIRE(last.size() == 1U);
    BOOST_TEST(finish(last.front()) == "sent");
    BOOST_TEST(held_for("-1 h") == "0");
}

// Whoever cannot say how an attempt ended, or dies of it, does not try for ever.
BOOST_AUTO_TEST_CASE(attempts_that_never_end_are_given_up) {
    rule();
    send(ann);
    BOOST_REQUIRE(claim().size() == 1U);
    sql("UPDATE directory.notification_job SET claimed_until = now(), "
        "tried_at = now() - interval '23 h'");
    BOOST_REQUIRE(claim().size() == 1U);
    sql("UPDATE directory.notification_job SET claimed_until = now(), "
        "tried_at = now() - interval '25 h'");
    BOOST_TEST(claim().empty());
    BOOST_TEST(count("state = 'failed' AND outcome LIKE 'given up%'") == "1");
    BOOST_TEST(value("SELECT count(*) FROM directory.event WHERE kind = 'notification_failed' "
                     "AND subject = 'ann@example.test'") == "1");
    send(ann);
    sql("UPDATE directory.notification_job SET created_at = now() - interval '49 h' "
        "WHERE state = 'waiting'");
    BOOST_TEST(claim().empty());
    BOOST_TEST(count("state = 'failed'") == "2");
}

BOOST_AUTO_TEST_CASE(a_claim_that_lapsed_says_nothing) {
    rule();
    send(ann);
    const std::vector<mta::NoticeJob> first = claim();
    BOOST_REQUIRE(first.size() == 1U);
    BOOST_TEST(claim().empty());
    sql("UPDATE directory.notification_job SET claimed_until = now()");
    const std::vector<mta::NoticeJob> second = claim();
    BOOST_REQUIRE(second.size() == 1U);
    BOOST_TEST((second.front().token == first.front().token));
    BOOST_TEST(finish(first.front()) == "lapsed");
    BOOST_TEST(finish(second.front()) == "sent");
    BOOST_TEST(finish(second.front()) == "lapsed");
}

BOOST_AUTO_TEST_CASE(an_account_has_two_attempts_at_once) {
    rule();
    for (int i = 0; i < 5; ++i) {
        send(ann);
    }
    BOOST_TEST(claim().size() == 2U);
    BOOST_TEST(claim().empty());
}

BOOST_AUTO_TEST_CASE(beyond_the_limit_they_become_one) {
    rule("per_hour", "3");
    for (int i = 0; i < 10; ++i) {
        send(ann);
    }
    BOOST_TEST(drain() == "MessageNew|MessageNew|MessageNew");
    BOOST_TEST(count("state = 'waiting' AND digest AND not_before > now() + interval '50 min'") ==
               "7");
    sql("UPDATE directory.notification_job SET finished_at = now() - interval '61 min' "
        "WHERE state = 'sent'");
    hurry();
    const auto jobs = claim();
    BOOST_REQUIRE(jobs.size() == 1U);
    BOOST_TEST(jobs.front().events.size() == 7U);
    BOOST_TEST(finish(jobs.front(), NoticeResult::Retry) == "retry");
    hurry();
    const auto again = claim();
    BOOST_REQUIRE(again.size() == 1U);
    BOOST_TEST(again.front().events.size() == 7U);
    BOOST_TEST(count("state = 'merged'") == "6");
}

// What failed, or whose claim lapsed, is told by the same rules; alone, its id is known.
BOOST_AUTO_TEST_CASE(retries_keep_to_the_limit_and_the_quiet_hours) {
    rule("per_hour", "2");
    for (int i = 0; i < 5; ++i) {
        send(ann);
    }
    sql("UPDATE directory.notification_job SET attempts = 1, tried_at = now()");
    BOOST_TEST(drain() == "MessageNew|MessageNew");
    BOOST_TEST(count("state = 'waiting' AND not_before > now() + interval '50 min'") == "3");
    sql("UPDATE directory.notification_job SET finished_at = now() - interval '61 min' "
        "WHERE state = 'sent'");
    sql("UPDATE directory.notification SET quiet_zone = 'UTC', quiet_does = 'drop', "
        "quiet_from = (now() AT TIME ZONE 'UTC')::time - interval '1 h', "
        "quiet_to = (now() AT TIME ZONE 'UTC')::time + interval '1 h'");
    hurry();
    BOOST_TEST(claim().empty());
    BOOST_TEST(count("state = 'waiting' AND not_before > now() + interval '50 min'") == "3");
    sql("UPDATE directory.notification SET quiet_from = NULL, quiet_to = NULL, quiet_zone = NULL");
    hurry();
    BOOST_TEST(drain() == "MessageNew|MessageNew");
    BOOST_TEST(count("state = 'merged'") == "0");
}

// An attempt that ends while another agent counts is counted. Counting takes milliseconds here: so
// many were told in the last hour.
BOOST_AUTO_TEST_CASE(agents_together_keep_to_the_limit) {
    rule("per_hour", "1000");
    send(ann);
    send(ann);
    sql("INSERT INTO directory.notification_job "
        "(notification_id, account_id, key, happened, finished_at, state) "
        "SELECT j.notification_id, j.account_id, 'old ' || i, j.happened, now(), "
        "CASE WHEN i < 1000 THEN 'sent' ELSE 'dropped' END "
        "FROM generate_series(1, 30000) i, (SELECT * FROM directory.notification_job LIMIT 1) j");
    sql("ANALYZE directory.notification_job");
    mta::NoticeQueue other(*pool, "mail2");
    for (int round = 0; round < 20; ++round) {
        const auto first = claim(1);
        BOOST_REQUIRE(first.size() == 1U);
        std::size_t beyond = 1;
        std::jthread agent([&] {
            const auto more = other.claim(1, soon());
            beyond = more ? more.value().size() : 2;
        });
        for (int later = 0; later < 3 * round; ++later) {
            sql("SELECT 1");
        }
        const std::string became = finish(first.front());
        agent.join();
        BOOST_TEST(became == "sent");
        BOOST_TEST(beyond == 0U);
        sql("UPDATE directory.notification_job SET state = 'waiting', digest = false, "
            "not_before = now(), claim = NULL, claimed_until = NULL, finished_at = NULL "
            "WHERE key NOT LIKE 'old %'");
    }
}

BOOST_AUTO_TEST_CASE(what_was_not_told_is_dropped_and_counts_for_no_limit) {
    rule("per_hour", "1");
    send(ann);
    send(ann);
    const auto jobs = claim(1);
    BOOST_REQUIRE(jobs.size() == 1U);
    BOOST_TEST(finish(jobs.front(), NoticeResult::Dropped) == "dropped");
    BOOST_TEST(count("state = 'dropped'") == "1");
    BOOST_TEST(drain() == "MessageNew");
}

BOOST_AUTO_TEST_CASE(a_thousand_wait_for_a_rule_and_the_rest_is_counted) {
    const std::int64_t full = rule();
    send(ann);
    sql("INSERT INTO directory.notification_job (notification_id, account_id, key, happened) "
        "SELECT j.notification_id, j.account_id, 'more ' || i, j.happened "
        "FROM directory.notification_job j, generate_series(1, 999) AS i");
    rule();
    for (int i = 0; i < 3; ++i) {
        send(ann);
    }
    BOOST_TEST(count("notification_id = " + std::to_string(full)) == "1000");
    BOOST_TEST(count("notification_id <> " + std::to_string(full)) == "3");
    BOOST_TEST(value("SELECT count(*) FROM directory.event WHERE kind = 'notification_overflow' "
                     "AND subject = 'ann@example.test'") == "1");
    sql("UPDATE directory.notification_job SET digest = true");
    std::int64_t told = 0;
    for (auto jobs = claim(); !jobs.empty(); jobs = claim()) {
        for (const mta::NoticeJob& job : jobs) {
            told += static_cast<std::int64_t>(job.events.size()) + job.more;
            BOOST_TEST(finish(job) == "sent");
        }
    }
    BOOST_TEST(told == 1'003 + 3);
}

// Receivers that hang must not have every worker of an agent.
BOOST_AUTO_TEST_CASE(rules_that_failed_last_have_a_small_share) {
    for (const char* name : {"eve", "mallory", "trudy", "carol"}) {
        const std::int64_t account = add_account(name);
        sql("INSERT INTO directory.notification (account_id, channel, target) "
            "VALUES ($1, 'webhook', 'https://x.test/h')",
            {account});
        deliver(batch({mail_to(account), mail_to(account)}));
    }
    sql("INSERT INTO directory.notification_hold (notification_id, until, failures) "
        "SELECT id, now(), 3 FROM directory.notification");
    rule();
    send(ann);
    send(ann);
    const auto jobs = claim(8);
    BOOST_TEST(jobs.size() == 4U);
    BOOST_TEST(std::count_if(jobs.begin(), jobs.end(), [](const mta::NoticeJob& job) {
                   return job.login == "ann@example.test";
               }) == 2);
    BOOST_TEST(claim(8).empty());
    mta::NoticeQueue other(*pool, "mail2");
    BOOST_TEST(other.claim(8, soon()).value().size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_claim_is_given_back_as_if_it_had_not_been) {
    rule();
    send(ann);
    const auto jobs = claim();
    BOOST_REQUIRE(jobs.size() == 1U);
    BOOST_TEST(why(queue->give_back(jobs.front(), soon())) == "");
    const auto again = claim();
    BOOST_REQUIRE(again.size() == 1U);
    BOOST_TEST(again.front().attempts == 1);
    BOOST_TEST(finish(jobs.front()) == "lapsed");
}

BOOST_AUTO_TEST_CASE(a_large_digest_lists_a_hundred) {
    rule("quiet_from, quiet_to, quiet_zone",
         "(now() AT TIME ZONE 'UTC')::time - interval '1 h', "
         "(now() AT TIME ZONE 'UTC')::time + interval '1 h', "
         "'UTC'");
    for (int i = 0; i < 103; ++i) {
        send(ann);
    }
    BOOST_TEST(claim().empty());
    BOOST_TEST(count("digest") == "103");
    sql("UPDATE directory.notification SET quiet_from = NULL, quiet_to = NULL, quiet_zone = NULL");
    hurry();
    const auto jobs = claim();
    BOOST_REQUIRE(jobs.size() == 1U);
    BOOST_TEST(jobs.front().events.size() == 100U);
    BOOST_TEST(jobs.front().more == 3);
}

BOOST_AUTO_TEST_CASE(quiet_hours_drop_if_the_rule_says_so_but_not_a_test) {
    const std::int64_t id =
        rule("quiet_from, quiet_to, quiet_zone, quiet_does",
             "(now() AT TIME ZONE 'UTC')::time - interval '1 h', "
             "(now() AT TIME ZONE 'UTC')::time + interval '1 h', 'UTC', 'drop'");
    send(ann);
    BOOST_TEST(claim().empty());
    BOOST_TEST(count("state = 'dropped' AND outcome = 'quiet hours'") == "1");
    sql("SELECT directory.test_notification($1)", {id});
    const auto jobs = claim();
    BOOST_REQUIRE(jobs.size() == 1U);
    BOOST_TEST(jobs.front().events.empty());
    BOOST_TEST(finish(jobs.front(), NoticeResult::Retry) == "failed");  // a test is tried once
}

BOOST_AUTO_TEST_CASE(quiet_hours_are_times_of_the_day_there) {
    const std::pair<const char*, const char*> cases[] = {
        {"2026-03-28 20:59Z", ""},
        {"2026-03-28 21:00Z", "2026-03-29 05:00:00+00"},  // the clocks go forward in this night
        {"2026-03-29 04:59Z", "2026-03-29 05:00:00+00"},
        {"2026-03-29 05:00Z", ""},
        {"2026-10-24 23:00Z", "2026-10-25 06:00:00+00"},  // and back in this
        {"2026-10-25 05:59Z", "2026-10-25 06:00:00+00"},
        {"2026-10-25 06:00Z", ""}};
    sql("SET TIME ZONE 'UTC'");
    for (const auto& [at, end] : cases) {
        BOOST_TEST(
            value("SELECT directory.quiet_end('22:00', '07:00', 'Europe/Berlin', $1)", {at}) == end,
            at);
    }
    BOOST_TEST(value("SELECT directory.quiet_end('12:00', '14:00', 'UTC', '2026-01-01 13:00Z')") ==
               "2026-01-01 14:00:00+00");
    BOOST_CHECK_THROW(rule("quiet_from, quiet_to, quiet_zone", "'1:00', '2:00', 'Mars/Base'"),
                      std::runtime_error);
}

BOOST_AUTO_TEST_SUITE_END()
