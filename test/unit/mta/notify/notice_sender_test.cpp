#include "mta/notify/notice_sender.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include <boost/test/unit_test.hpp>

#include "base/random.h"
#include "mta/notify/web_push.h"
#include "test/unit/mta/notify/canned_server.h"

namespace {

using mta::NoticeResult;
using test_support::CannedServer;

std::vector<CannedServer::Turn> http(const std::string& status_line,
                                     const std::string& awaited = "}") {
    return {{awaited,
             "HTTP/1.1 " + status_line + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"}};
}

std::vector<CannedServer::Turn> smarthost() {
    return {{"", "220 smart\r\n"},
            {"\r\n", "250 ok\r\n"},
            {"\r\n", "250 ok\r\n"},
            {"\r\n", "250 ok\r\n"},
            {"\r\n", "354 go\r\n"},
            {"\r\n.\r\n", "250 ok\r\n"}};
}

struct Fixture {
    Fixture() {
        settings.allowed = {base::Network::parse("127.0.0.0/8").value()};
        settings.mail_from = "notify@example.test";
        settings.smarthost_tls = mta::StartTls::IfOffered;
        job.login = "ann@example.test";
        job.token = base::Uuid::random();
        job.hmac_key = std::string(32, 'k');
        mta::StoreEvent event;
        event.name = "MessageNew";
        event.kind = 1;
        event.mailbox = "INBOX";
        event.message = mail::MessageId::make(1, {1, 1});
        job.events = {event};
        message = "From: \"B\" <bob@x.test>\r\nSubject: hello\r\n\r\nbody\r\n";
    }

    mta::NoticeOutcome send() {
        mta::NoticeReaders readers;
        readers.summary =
            [this](const mail::MessageId&,
                   base::Deadline) -> base::Result<std::shared_ptr<const mail::Summary>> {
            return std::make_shared<const mail::Summary>(mail::summarize(message));
        };
        readers.message = [this](
                              const mail::MessageId&,
                              base::Deadline) -> base::Result<std::shared_ptr<const std::string>> {
            ++reads;
            if (!unreadable.empty()) {
                return base::Error{unreadable.front(), "test"};
            }
            return std::make_shared<const std::string>(message);
        };
        return mta::NoticeSender(readers, "mail1.example.test", stop).send(job, settings);
    }

    NoticeResult result_for(mta::Channel channel, const std::string& status) {
        CannedServer server(http(status, channel == mta::Channel::WebPush ? "aes128gcm" : "}"));
        job.channel = channel;
        job.target = "http://" + server.host() + "/x";
        return send().result;
    }

    std::atomic<bool> stop{false};
    mta::NoticeSettings settings;
    mta::NoticeJob job;
    std::string message;
    std::vector<base::Errc> unreadable;
    int reads = 0;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(notice_sender, Fixture)

BOOST_AUTO_TEST_CASE(a_webhook_is_signed_over_time_and_body) {
    CannedServer server(http("200 ok", "\"more\":0}"));
    job.channel = mta::Channel::Webhook;
    job.target = "http://" + server.host() + "/hook";
    BOOST_TEST((send().result == NoticeResult::Sent));
    const std::string seen = server.seen();
    const auto header = [&](const std::string& name) {
        const std::size_t from = seen.find(name + ": ") + name.size() + 2;
        return seen.substr(from, seen.find("\r\n", from) - from);
    };
    const std::string body = seen.substr(seen.find("\r\n\r\n") + 4);
    BOOST_TEST(header("Roundtable-Id") == job.token.to_text());
    BOOST_TEST(header("Roundtable-Signature") ==
               mta::webhook_signature(job.hmac_key, header("Roundtable-Timestamp"), body));
    BOOST_TEST(body.find("hello") == std::string::npos);  // no content unless it is asked for
    BOOST_TEST(seen.find(job.hmac_key) == std::string::npos);
    // printf '1795000000.{"id":"x"}' | openssl dgst -sha256 -hmac 'the secret of a webhook'
    BOOST_TEST(mta::webhook_signature("the secret of a webhook", "1795000000", R"({"id":"x"})") ==
               "v1=1345047fc957d0e6c3df93da7cf03d6fa7281b7670c21c6de53d0f3b38055934");
}

BOOST_AUTO_TEST_CASE(answers_of_receivers_are_judged) {
    const std::map<std::string, NoticeResult> hooks = {{"200 ok", NoticeResult::Sent},
                                                       {"204 ok", NoticeResult::Sent},
                                                       {"302 x", NoticeResult::Retry},
                                                       {"404 x", NoticeResult::Retry},
                                                       {"410 x", NoticeResult::Ended},
                                                       {"500 x", NoticeResult::Retry}};
    for (const auto& [status, result] : hooks) {
        BOOST_TEST((result_for(mta::Channel::Webhook, status) == result), status);
    }
    const mta::P256Pair browser = mta::p256_generate();
    job.push_key = browser.point;
    job.push_auth = std::string(16, 'a');
    settings.vapid_secret = mta::p256_generate().secret;
    settings.vapid_subject = "mailto:admin@example.test";
    const std::map<std::string, NoticeResult> pushes = {{"201 created", NoticeResult::Sent},
                                                        {"404 x", NoticeResult::Ended},
                                                        {"410 x", NoticeResult::Ended},
                                                        {"413 x", NoticeResult::Failed},
                                                        {"400 x", NoticeResult::Failed},
                                                        {"429 x", NoticeResult::Retry},
                                                        {"503 x", NoticeResult::Retry}};
    for (const auto& [status, result] : pushes) {
        BOOST_TEST((result_for(mta::Channel::WebPush, status) == result), status);
    }
}

BOOST_AUTO_TEST_CASE(an_e_mail_goes_through_the_smarthost_and_tells_content_if_asked) {
    CannedServer server(smarthost());
    settings.smarthost = "smtp://" + server.host();
    job.channel = mta::Channel::Email;
    job.target = "ann@phone.test";
    job.content = mta::NoticeContent::Summary;
    const mta::NoticeOutcome outcome = send();
    BOOST_TEST((outcome.result == NoticeResult::Sent), outcome.text);
    BOOST_TEST(server.seen().find("RCPT TO:<ann@phone.test>") != std::string::npos);
    BOOST_TEST(server.seen().find("Auto-Submitted: auto-generated\r\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_a_program_sent_is_not_told_by_mail) {
    job.channel = mta::Channel::Email;
    job.target = "ann@phone.test";
    message = "Auto-Submitted: auto-replied (vacation)\r\n\r\n";
    const mta::NoticeOutcome outcome = send();  // without a smarthost: nothing is sent
    BOOST_TEST((outcome.result == NoticeResult::Dropped), outcome.text);
    BOOST_TEST(outcome.text.starts_with("nothing to tell"));
    message = "Auto-Submitted: No\r\n\r\n";
    BOOST_TEST((send().result == NoticeResult::Retry));
    BOOST_TEST(mta::is_auto_submitted("auto-submitted:\r\n auto-generated; x=y\r\n\r\n"));
    BOOST_TEST(!mta::is_auto_submitted("Subject: Auto-Submitted: yes\r\n\r\nAuto-Submitted: yes"));
    unreadable = {base::Errc::Unavailable};
    BOOST_TEST((send().result == NoticeResult::Retry));
    unreadable = {base::Errc::NotFound};
    BOOST_TEST((send().result == NoticeResult::Dropped));
    // A fax or a voicemail answers nobody: what hands it in may well say that it is a program.
    unreadable.clear();
    message = "Auto-Submitted: auto-generated\r\n\r\n";
    for (const int kind : {2, 3}) {
        job.events.front().kind = kind;
        BOOST_TEST((send().result == NoticeResult::Retry));  // there is no smarthost
    }
}

BOOST_AUTO_TEST_CASE(sms_by_a_gateway_of_either_kind) {
    const std::string token_file =
        std::filesystem::temp_directory_path() / ("sms-" + std::to_string(base::random_u64()));
    std::ofstream(token_file) << "t0ken\n";
    job.channel = mta::Channel::Sms;
    job.target = "+4930123456";
    {
        CannedServer server(http("202 ok"));
        settings.sms_gateway = "http://" + server.host() + "/sms";
        settings.sms_token_file = token_file;
        BOOST_TEST((send().result == NoticeResult::Sent));
        BOOST_TEST(server.seen().find("Authorization: Bearer t0ken\r\n") != std::string::npos);
        BOOST_TEST(server.seen().find("\"to\":\"+4930123456\",\"text\":\"New mail for "
                                      "ann@example.test\"}") != std::string::npos);
    }
    settings.sms_token_file = token_file + ".not";
    BOOST_TEST((send().result == NoticeResult::Retry));
    CannedServer server(smarthost());
    settings.smarthost = "smtp://" + server.host();
    settings.sms_gateway = "mailto:{number}@sms.test";
    BOOST_TEST((send().result == NoticeResult::Sent));
    BOOST_TEST(server.seen().find("RCPT TO:<4930123456@sms.test>") != std::string::npos);
    std::filesystem::remove(token_file);
}

BOOST_AUTO_TEST_CASE(a_private_target_fails_for_good_and_no_url_is_told) {
    settings.allowed.clear();
    job.target = "http://127.0.0.1:9/very-secret";
    const mta::NoticeOutcome outcome = send();
    BOOST_TEST((outcome.result == NoticeResult::Failed));
    BOOST_TEST(outcome.text.find("secret") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_not_set_up_yet_is_waited_for) {
    for (const mta::Channel channel :
         {mta::Channel::Email, mta::Channel::Sms, mta::Channel::WebPush}) {
        job.channel = channel;
        job.events.clear();
        const mta::NoticeOutcome outcome = send();
        BOOST_TEST((outcome.result == NoticeResult::Retry));
        BOOST_TEST(outcome.text.find("roundtable notify configure") != std::string::npos);
    }
}

BOOST_AUTO_TEST_SUITE_END()
