#include "mta/notify/notice_text.h"

#include <string>

#include <boost/test/unit_test.hpp>

#include "mail/decode.h"
#include "mail/header.h"

namespace {

mta::NoticeJob job_of(std::size_t events) {
    mta::NoticeJob job;
    job.login = "ann@example.test";
    mta::StoreEvent event;
    event.name = "MessageNew";
    event.kind = 1;
    event.mailbox = "INBOX";
    event.size = 2'000;
    job.events.assign(events, event);
    return job;
}

std::string body_of(const std::string& message) {
    const mail::Header header = mail::scan_header(message);
    return mail::decode_transfer(
        message.substr(header.size), mail::TransferEncoding::Base64, 100'000);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(notice_text)

BOOST_AUTO_TEST_CASE(an_e_mail_says_that_no_person_sent_it) {
    const std::string message =
        mta::notice_mail(job_of(1), "notify@example.test", "ann@phone.test", 0);
    const mail::Header header = mail::scan_header(message);
    BOOST_TEST(mail::unfold(header.value("Auto-Submitted")) == "auto-generated");
    BOOST_TEST(mail::unfold(header.value("Subject")) == "New mail for ann@example.test");
    BOOST_TEST(mail::unfold(header.value("Date")) == "Thu, 01 Jan 1970 00:00:00 +0000");
    BOOST_TEST(mail::unfold(header.value("To")) == "<ann@phone.test>");
    BOOST_TEST(body_of(message) == "1970-01-01 00:00 UTC  New mail in INBOX, 2 KiB\r\n");
}

BOOST_AUTO_TEST_CASE(sign_ins_and_sign_outs_say_by_what_and_from_where) {
    mta::NoticeJob job = job_of(1);
    mta::StoreEvent event;
    event.name = "Login";
    event.service = "imap";
    event.client_ip = "192.0.2.7";
    job.events.front() = event;
    BOOST_TEST(mta::notice_short_text(job) == "Sign-in to ann@example.test by IMAP from 192.0.2.7");
    event.name = "Logout";
    event.service = "pop";
    job.events.front() = event;
    BOOST_TEST(mta::notice_title(job) == "Sign-out of ann@example.test by POP3 from 192.0.2.7");
    BOOST_TEST(body_of(mta::notice_mail(job, "n@example.test", "a@b.test", 0)) ==
               "1970-01-01 00:00 UTC  Sign-out by POP3 from 192.0.2.7\r\n");
}

BOOST_AUTO_TEST_CASE(hostile_subjects_stay_text) {
    mta::NoticeJob job = job_of(1);
    job.events.front().subject = "x\r\nBcc: victim@example.test\r\n\r\nbody";
    job.events.front().from = std::string(5'000, 'f') + "\xFF\x00";
    job.login = "ann\r\nX: y@example.test";
    const std::string message = mta::notice_mail(job, "n@example.test\r\nA: b", "a@b\r\nC: d", 0);
    const mail::Header header = mail::scan_header(message);
    BOOST_TEST(header.fields.size() == 9U);
    BOOST_TEST(header.find("Bcc") == nullptr);
    BOOST_TEST(header.find("X") == nullptr);
    const std::string body = body_of(message);
    BOOST_TEST(body.find("Subject: x  Bcc: victim@example.test    body\r\n") != std::string::npos);
    BOOST_TEST(body.size() < 500U);
    BOOST_TEST(mta::notice_short_text(job).find_first_of("\r\n") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(many_become_one_and_more) {
    mta::NoticeJob job = job_of(mta::kLinesMax + 5);
    job.more = 10;
    BOOST_TEST(mta::notice_title(job) == "35 notifications for ann@example.test");
    const std::string message = mta::notice_mail(job, "n@example.test", "a@b.test", 0);
    BOOST_TEST(body_of(message).ends_with("and 15 more\r\n"));
    BOOST_TEST(mta::notice_short_text(job) == "35 notifications for ann@example.test");
}

BOOST_AUTO_TEST_CASE(a_short_message_is_short_and_whole) {
    mta::NoticeJob job = job_of(1);
    job.events.front().kind = 3;
    job.events.front().from = "Bob";
    for (int i = 0; i < 100; ++i) {
        job.events.front().subject += "\xC3\xA4";
    }
    const std::string text = mta::notice_short_text(job);
    BOOST_TEST(text.starts_with("New voice message for ann@example.test from Bob: \xC3\xA4"));
    BOOST_TEST(text.size() <= mta::kShortTextMax + 3);
    BOOST_TEST(mail::convert_to_utf8(text, "utf-8").ok);
    BOOST_TEST(mta::notice_short_text(job_of(0)) == "Test notification for ann@example.test");
}

BOOST_AUTO_TEST_SUITE_END()
