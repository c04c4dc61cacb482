#include "mta/notify/notice_queue.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "test/unit/mta/notify/notice_fixture.h"

using mta::NoticeResult;
using test_support::NoticeFixture;
using test_support::soon;
using test_support::why;

BOOST_FIXTURE_TEST_SUITE(notice_queue, NoticeFixture)

BOOST_AUTO_TEST_CASE(a_delivery_is_told_once_to_who_wishes_it) {
    const std::int64_t id = rule();
    const storage::DeliveryBatch both = batch({mail_to(ann), mail_to(bob)});
    deliver(both);
    deliver(both);  // a retry, a tracker, a rebuild
    const auto jobs = claim();
    BOOST_REQUIRE(jobs.size() == 1U);
    const mta::NoticeJob& job = jobs.front();
    BOOST_TEST(job.rule == id);
    BOOST_TEST(job.login == "ann@example.test");
    BOOST_TEST(job.target == "https://x.test/h");
    BOOST_REQUIRE(job.events.size() == 1U);
    const mta::StoreEvent& event = job.events.front();
    BOOST_TEST(event.name == "MessageNew");
    BOOST_TEST(event.mailbox == "INBOX");
    BOOST_TEST(event.uids == "1");
    BOOST_TEST(event.size.value() == 700);
    BOOST_TEST(event.sender == "bob@x.test");
    BOOST_TEST(!event.message.is_nil());
    BOOST_TEST(finish(job) == "sent");
    BOOST_TEST(claim().empty());
    BOOST_TEST(count("true") == "1");
}

BOOST_AUTO_TEST_CASE(the_conditions_of_a_rule) {
    rule("sender", "'*@x.test'");
    rule("kinds", "'{3}'");
    rule("size_min", "701");
    rule("size_max", "699");
    rule("folder", "'Work/*'");
    rule("events", "'{MessageExpunge}'");
    rule("state", "'paused'");
    rule("sender", "'50%_@x.test'");
    send(ann, "Bob@X.test");
    send(ann, "bob@y.test");
    BOOST_TEST(count("true") == "1");
    BOOST_TEST(drain() == "MessageNew");
    send(ann, "50%_@x.test");
    BOOST_TEST(count("state = 'waiting'") == "2");
}

BOOST_AUTO_TEST_CASE(old_mail_is_no_news) {
    rule();
    storage::Delivery old = mail_to(ann);
    old.id = mail::MessageId::make(
        static_cast<std::uint64_t>(base::wall_us() / 1000 - std::int64_t{25} * 3'600'000), {1, 1});
    storage::Delivery before = mail_to(ann);
    before.id = mail::MessageId::make(
        static_cast<std::uint64_t>(base::wall_us() / 1000 - std::int64_t{60'000}), {1, 2});
    deliver(batch({old, before}));
    BOOST_TEST(count("true") == "0");
}

BOOST_AUTO_TEST_CASE(mail_without_a_sender_is_not_told_by_mail) {
    sql("INSERT INTO directory.notification (account_id, channel, target) VALUES "
        "($1, 'email', 'ann@phone.test'), ($1, 'sms', '+4930123456'), "
        "($1, 'webhook', 'https://x.test/')",
        {ann});
    send(ann, "");
    BOOST_TEST(count("true") == "1");
    // Of a fax or a voicemail nobody else would tell, and no server answers one with another.
    for (const mail::Kind kind : {mail::Kind::Fax, mail::Kind::Voicemail}) {
        storage::Delivery delivery = mail_to(ann, "");
        delivery.kind = kind;
        deliver(batch({delivery}));
    }
    BOOST_TEST(count("(happened).kind = 2") == "3");
    BOOST_TEST(count("(happened).kind = 3") == "3");
}

BOOST_AUTO_TEST_CASE(events_of_mailboxes_by_their_names) {
    send(ann);
    send(ann);
    send(ann);
    rule("events",
         "'{MessageExpunge,MessageRead,MessageTrash,FlagsSet,FlagsClear,MailboxCreate,"
         "MailboxDelete,MailboxRename,MailboxSubscribe,MailboxUnSubscribe,QuotaExceed}'");
    const std::string box = inbox(ann, "id");
    sql("SELECT catalog.store_flags($1, '{1}', '{3}', 'add', 1::smallint, '{$Junk}', 99999999)",
        {box});
    BOOST_TEST(drain() == "FlagsSet|MessageRead");
    BOOST_TEST(value("SELECT (happened).uids || ' ' || array_to_string((happened).flags, ',') FROM "
                     "directory.notification_job WHERE (happened).event = 'FlagsSet'") ==
               "1:3 \\Seen,$Junk");
    sql("SELECT catalog.store_flags($1, '{1}', '{1}', 'remove', 1::smallint, '{}', 99999999)",
        {box});
    sql("SELECT catalog.store_flags($1, '{3}', '{3}', 'add', 8::smallint, '{}', 99999999)", {box});
    BOOST_TEST(drain() == "FlagsClear|FlagsSet|MessageTrash");
    sql("SELECT catalog.expunge($1, '{1}', '{9}', true)", {box});
    BOOST_TEST(drain() == "MessageExpunge");
    sql("SELECT catalog.create_mailbox($1, 'Work', NULL)", {ann});
    sql("SELECT catalog.rename_mailbox($1, 'Work', 'Job')", {ann});
    sql("SELECT catalog.delete_mailbox($1, 'Job')", {ann});
    sql("SELECT catalog.subscribe($1, 'Job')", {ann});
    sql("SELECT catalog.subscribe($1, 'Job')", {ann});
    sql("SELECT catalog.unsubscribe($1, 'Job')", {ann});
    BOOST_TEST(drain() ==
               "MailboxCreate|MailboxRename|MailboxDelete|MailboxSubscribe|MailboxUnSubscribe");
    sql("UPDATE directory.account SET quota_bytes = 10000 WHERE id = $1", {ann});
    BOOST_TEST(drain().empty());
}

// A full mailbox, by whatever way: mail and APPEND (the same delivery), COPY; and room again.
BOOST_AUTO_TEST_CASE(quotas_are_told_when_they_are_met_left_and_changed) {
    rule("events", "'{QuotaExceed,QuotaWithin,QuotaChange}'");
    for (int i = 0; i < 3; ++i) {
        send(ann);
    }
    const std::string box = inbox(ann, "id");
    sql("UPDATE directory.account SET quota_bytes = 2500 WHERE id = $1", {ann});
    BOOST_TEST(drain() == "QuotaChange");
    for (int i = 0; i < 2; ++i) {
        const auto report = deliver(batch({mail_to(ann)}));
        BOOST_TEST(report.deliveries[0][0].reason == "over_quota");
    }
    BOOST_TEST(value("SELECT (happened).disk_quota || ' ' || (happened).disk_used "
                     "FROM directory.notification_job WHERE state = 'waiting'") == "2 2");
    BOOST_TEST(drain() == "QuotaExceed");  // once an hour
    sql("SELECT catalog.copy_messages($1, '{1}', '{1}', $1, true)", {box});
    BOOST_TEST(drain().empty());
    sql("SELECT catalog.expunge($1, '{2}', '{2}', false)", {box});
    BOOST_TEST(drain() == "QuotaWithin");
    sql("SELECT catalog.expunge($1, '{3}', '{3}', false)", {box});
    BOOST_TEST(drain().empty());

    sql("DELETE FROM directory.notification_job");
    sql("SELECT catalog.note_copy_exceeded($1, '{1}', '{9}', $1)", {box});
    BOOST_TEST(drain() == "QuotaExceed");
    sql("UPDATE directory.account SET quota_bytes = NULL WHERE id = $1", {ann});
    BOOST_TEST(drain() == "QuotaChange|QuotaWithin");
    BOOST_TEST(value("SELECT count(*) FROM catalog.over_quota") == "0");
}

BOOST_AUTO_TEST_CASE(sign_ins_come_with_both_ends) {
    rule("events", "'{Login}'");
    sql("SELECT catalog.note_session('Login', $1, 'abc', $2, 'pop', '192.0.2.7', 40001, '::1', "
        "995)",
        {ann, base::wall_us()});
    const auto jobs = claim();
    BOOST_TEST_REQUIRE(jobs.size() == 1U);
    const mta::StoreEvent& event = jobs.front().events.at(0);
    BOOST_TEST(event.name == "Login");
    BOOST_TEST(event.service == "pop");
    BOOST_TEST(event.client_ip == "192.0.2.7");
    BOOST_TEST(event.client_port == 40'001);
    BOOST_TEST(event.server_ip == "::1");
    BOOST_TEST(event.server_port == 995);
    BOOST_TEST(event.at_us <= base::wall_us());
}

BOOST_AUTO_TEST_CASE(the_path_of_a_webhook_is_shown_to_nobody) {
    for (const char* target : {"https://x.test/services/T0/secret",
                               "https://x.test?token=secret",
                               "https://x.test#secret"}) {
        sql("INSERT INTO directory.notification (account_id, channel, target) "
            "VALUES ($1, 'webhook', $2)",
            {ann, target});
    }
    BOOST_TEST(value("SELECT string_agg(DISTINCT shown, ' ') FROM directory.notification") ==
               "https://x.test");
}

// A release is news, however old the message is.
BOOST_AUTO_TEST_CASE(a_release_from_quarantine_is_told_after_a_day) {
    rule();
    storage::Delivery old = message(next++, {to(ann, "ann@example.test")});
    old.recipients.front().mailbox = "/quarantine";
    old.id = mail::MessageId::make(
        static_cast<std::uint64_t>(base::wall_us() / 1000 - std::int64_t{25} * 3'600'000), {1, 1});
    deliver(batch({old}));
    BOOST_TEST(count("true") == "0");
    sql("SELECT catalog.release_quarantined($1, NULL, 'eve')", {base::Uuid(old.id.bytes())});
    BOOST_TEST(drain() == "MessageNew");
}

BOOST_AUTO_TEST_CASE(a_rule_that_ended_or_went_drops_what_waits) {
    const std::int64_t id = rule();
    send(ann);
    send(ann);
    const auto jobs = claim(1);
    BOOST_TEST(finish(jobs.front(), NoticeResult::Ended) == "ended");
    BOOST_TEST(value("SELECT state FROM directory.notification WHERE id = $1", {id}) == "ended");
    BOOST_TEST(claim().empty());
    BOOST_TEST(count("state = 'dropped' AND outcome = 'the rule is ended'") == "1");
    rule();
    send(ann);
    sql("DELETE FROM directory.notification");
    BOOST_TEST(claim().empty());
    BOOST_TEST(count("state = 'dropped' AND outcome = 'the rule is gone'") == "1");
}

// Nothing that goes wrong with notifications may keep a message from being delivered.
BOOST_AUTO_TEST_CASE(a_delivery_survives_whatever_is_wrong_here) {
    rule();
    sql("ALTER TABLE directory.notification_job ADD CONSTRAINT broken CHECK (id < 0) NOT VALID");
    send(ann);
    sql("ALTER TABLE directory.notification_job DROP CONSTRAINT broken");
    BOOST_TEST(inbox(ann, "messages") == "1");
    BOOST_TEST(value("SELECT count(*) FROM directory.event WHERE kind = 'notification_lost'") ==
               "1");
    const auto operators = open("roundtable_operator");
    BOOST_REQUIRE(bool(operators->query(std::string_view("BEGIN"))));
    BOOST_REQUIRE(bool(operators->query(std::string_view("DELETE FROM directory.notification"))));
    send(ann);  // waits for no operator who is editing rules
    BOOST_TEST(inbox(ann, "messages") == "2");
    BOOST_REQUIRE(bool(operators->query(std::string_view("ROLLBACK"))));
}

BOOST_AUTO_TEST_CASE(secrets_are_for_mail_agents_by_one_function) {
    const std::int64_t id = rule();
    const auto operators = open("roundtable_operator");
    const auto as_operator = [&](const std::string& text) {
        const auto rows = operators->query(text);
        return rows ? "ok" : std::string(base::errc_name(rows.error().code));
    };
    BOOST_TEST(as_operator("INSERT INTO directory.notification_secret (notification_id, hmac_key) "
                           "VALUES (" +
                           std::to_string(id) + ", '\\x" + std::string(64, 'a') + "')") == "ok");
    BOOST_TEST(as_operator("SELECT hmac_key FROM directory.notification_secret") == "refused");
    BOOST_TEST(as_operator("SELECT target FROM directory.notification") == "refused");
    BOOST_TEST(as_operator("SELECT shown FROM directory.notification") == "ok");
    BOOST_TEST(as_operator("SELECT vapid_private FROM directory.notification_gateway") ==
               "refused");
    BOOST_TEST(as_operator("SELECT * FROM directory.notification_settings()") == "refused");
    BOOST_TEST(as_operator("SELECT * FROM directory.claim_notifications('x', 1, 1)") == "refused");
    for (const char* role : {"roundtable_mtad",
                             "roundtable_accessd",
                             "roundtable_trackerd",
                             "roundtable_dnsd",
                             "roundtable_report"}) {
        const auto connection = open(role);
        for (const char* table :
             {"notification_secret", "notification", "notification_gateway", "notification_job"}) {
            const auto rows = connection->query("SELECT * FROM directory." + std::string(table));
            BOOST_TEST(!rows, role << " reads " << table);
        }
    }
    send(ann);
    BOOST_TEST(claim().front().hmac_key.size() == 32U);
}

BOOST_AUTO_TEST_CASE(what_was_told_is_forgotten_after_a_week) {
    rule();
    send(ann);
    BOOST_TEST(drain() == "MessageNew");
    BOOST_TEST(queue->purge(soon()).value() == 0);
    sql("UPDATE directory.notification_job SET finished_at = now() - interval '8 days'");
    BOOST_TEST(queue->purge(soon()).value() == 1);
    send(ann);
    BOOST_TEST(queue->state(soon()).value().waiting == 1);
}

BOOST_AUTO_TEST_CASE(reads_the_settings_of_the_gateway) {
    sql("UPDATE directory.notification_gateway SET smarthost = 'smtp://s.test:25', "
        "mail_from = 'n@x.test', allowed_networks = '{10.0.0.0/8,fd00::/8}', "
        "vapid_private = decode(repeat('11', 32), 'hex'), vapid_public = repeat('A', 87)");
    const mta::NoticeSettings settings = queue->settings(soon()).value();
    BOOST_TEST(settings.smarthost == "smtp://s.test:25");
    BOOST_TEST((settings.smarthost_tls == mta::StartTls::Required));
    BOOST_TEST(settings.allowed.size() == 2U);
    BOOST_TEST(settings.vapid_secret == std::string(32, '\x11'));
}

BOOST_AUTO_TEST_SUITE_END()
