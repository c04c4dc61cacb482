#include "mta/notify/event_json.h"

#include <string>

#include <boost/test/unit_test.hpp>

namespace {

mta::StoreEvent message_new() {
    mta::StoreEvent event;
    event.name = "MessageNew";
    event.at_us = 1'795'000'000'123'000;
    event.kind = 1;
    event.mailbox = "INBOX";
    event.uid_validity = 7;
    event.uids = "42";
    event.modseq = 9'007'199'254'740'993;
    event.size = 700;
    return event;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(event_json)

BOOST_AUTO_TEST_CASE(a_new_message_by_the_names_of_the_standard) {
    BOOST_TEST(mta::event_json(message_new(), "ann@example.test", "imap.example.test") ==
               R"({"event":"MessageNew","timestamp":"2026-11-18T11:06:40.123Z",)"
               R"("user":"ann@example.test",)"
               R"("mailboxID":"imap://ann%40example.test@imap.example.test/INBOX;UIDVALIDITY=7",)"
               R"("uri":"imap://ann%40example.test@imap.example.test/INBOX;UIDVALIDITY=7/;UID=42",)"
               R"("uidset":"42","messageSize":700,"modseq":9007199254740993})");
}

BOOST_AUTO_TEST_CASE(flags_renames_and_quotas) {
    mta::StoreEvent flags;
    flags.name = "FlagsSet";
    flags.flags = {"\\Seen", "$Junk"};
    BOOST_TEST(mta::event_json(flags, "a@b", "").find(R"("flagNames":["\\Seen","$Junk"])") !=
               std::string::npos);
    mta::StoreEvent rename;
    rename.name = "MailboxRename";
    rename.mailbox = "New name/Ärger";
    rename.old_mailbox = "Old";
    const std::string text = mta::event_json(rename, "a@b.test", "");
    BOOST_TEST(text.find(R"("mailboxID":"imap://a%40b.test@b.test/New%20name/%C3%84rger")") !=
               std::string::npos);
    BOOST_TEST(text.find(R"("oldMailboxID":"imap://a%40b.test@b.test/Old")") != std::string::npos);
    BOOST_TEST(text.find("uri") == std::string::npos);
    mta::StoreEvent quota;
    quota.name = "QuotaExceed";
    quota.disk_quota = 10;
    quota.disk_used = 0;
    BOOST_TEST(mta::event_json(quota, "a@b", "").find(R"("diskQuota":10,"diskUsed":0)") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_sign_in_says_from_where_and_to_where) {
    mta::StoreEvent event;
    event.name = "Login";
    event.at_us = 1'795'000'000'123'000;
    event.service = "pop";
    event.client_ip = "2001:db8::7";
    event.client_port = 40'001;
    event.server_ip = "192.0.2.1";
    event.server_port = 995;
    BOOST_TEST(mta::event_json(event, "ann@example.test", "imap.example.test") ==
               R"({"event":"Login","timestamp":"2026-11-18T11:06:40.123Z",)"
               R"("user":"ann@example.test","service":"pop","clientIP":"2001:db8::7",)"
               R"("clientPort":40001,"serverDomain":"192.0.2.1","serverPort":995})");
}

BOOST_AUTO_TEST_CASE(whatever_a_text_holds_it_stays_one_json_string) {
    BOOST_TEST(mta::json_string("a\"b\\c\n\x01\x7F") == R"("a\"b\\c\u000A\u0001\u007F")");
    BOOST_TEST(mta::json_string("\xC3\xA4\xF0\x9F\x90\xB1") == "\"\xC3\xA4\xF0\x9F\x90\xB1\"");
    // RFC 3629: cut off, overlong, surrogate, beyond U+10FFFF.
    for (const std::string bad : {"\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\x80"}) {
        BOOST_TEST(mta::json_string(bad).starts_with("\"\xEF\xBF\xBD"));
        BOOST_TEST(mta::json_string(bad).find(bad) == std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_counted) {
    mta::NoticeJob job;
    job.rule = 3;
    job.login = "ann@example.test";
    job.more = 5;
    job.events.assign(100, message_new());
    const std::string all = mta::notice_json(job, "", 1'000'000);
    BOOST_TEST(all.ends_with("],\"more\":5}"));
    const std::string some = mta::notice_json(job, "", 3'900);
    BOOST_TEST(some.size() <= 3'900U);
    BOOST_TEST(some.size() > 3'500U);
    std::size_t told = 0;
    for (std::size_t at = 0; (at = some.find("\"event\"", at)) != std::string::npos; ++at) {
        ++told;
    }
    BOOST_TEST(some.ends_with("],\"more\":" + std::to_string(105 - told) + "}"));
    job.events.clear();
    job.more = 0;
    BOOST_TEST(mta::notice_json(job, "", 1'000) ==
               R"({"id":"00000000-0000-0000-0000-000000000000","rule":3,"test":true,)"
               R"("events":[],"more":0})");
}

// A push message has room for 4 KiB: a long envelope must not leave it without a word.
BOOST_AUTO_TEST_CASE(an_envelope_that_does_not_fit_is_left_out_not_the_event) {
    mta::NoticeJob job;
    job.events.assign(2, message_new());
    job.events[0].envelope = std::string(5'000, 'e');
    job.events[1].envelope = "(short)";
    const std::string text = mta::notice_json(job, "", 3'900);
    BOOST_TEST(text.ends_with("],\"more\":0}"));
    BOOST_TEST(text.find("eeee") == std::string::npos);
    BOOST_TEST(text.find("\"envelope\":\"(short)\"") != std::string::npos);
    const std::string small = mta::notice_json(job, "", 450);
    BOOST_TEST(small.size() <= 450U);
    BOOST_TEST(small.ends_with("],\"more\":1}"));
}

BOOST_AUTO_TEST_SUITE_END()
