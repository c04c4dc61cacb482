#include "mta/notify/curl.h"

#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>

#include <boost/test/unit_test.hpp>
#include <dlfcn.h>
#include <netdb.h>

#include "test/unit/mta/notify/canned_server.h"

namespace {

using base::Errc;
using mta::TargetRule;
using test_support::CannedServer;

mta::Reach local() {
    mta::Reach reach(TargetRule({base::Network::parse("127.0.0.0/8").value()}));
    reach.deadline = std::chrono::seconds(10);
    return reach;
}

base::Result<mta::HttpReply> post(const std::string& url, const mta::Reach& reach) {
    return mta::http_post({url, {"X-Test: 1"}, "{\"a\":1}"}, reach);
}

// A name server that does not answer for "*.slow.test" before it is told to.
struct SlowNames {
    std::mutex mutex;
    std::condition_variable changed;
    bool answers = false;

    void answer() {
        const std::scoped_lock lock(mutex);
        answers = true;
        changed.notify_all();
    }
};

SlowNames& slow_names() {
    static SlowNames names;
    return names;
}

std::vector<CannedServer::Turn> answer(const std::string& text) {
    return {{"{\"a\":1}", text}};
}

std::vector<CannedServer::Turn> smarthost(const std::string& to_recipient) {
    return {{"", "220 smart\r\n"},
            {"\r\n", "250 smart\r\n"},
            {"\r\n", "250 ok\r\n"},
            {"\r\n", to_recipient},
            {"\r\n", "354 go\r\n"},
            {"\r\n.\r\n", "250 kept\r\n"},
            {"\r\n", "221 bye\r\n"}};
}

mta::MailSubmission mail_to(const CannedServer& server, const std::string& recipient) {
    mta::MailSubmission mail;
    mail.smarthost = "smtp://" + server.host();
    mail.tls = mta::StartTls::IfOffered;
    mail.host_name = "mail1.example.test";
    mail.recipient = recipient;
    mail.message = "Subject: x\r\n\r\n.dot\r\n";
    return mail;
}

}  // namespace

// Stands before the C library's, for libcurl too.
extern "C" int getaddrinfo(const char* node,
                           const char* service,
                           const addrinfo* hints,
                           addrinfo** found) {
    if (node != nullptr && std::string_view(node).ends_with(".slow.test")) {
        std::unique_lock lock(slow_names().mutex);
        slow_names().changed.wait_for(
            lock, std::chrono::seconds(10), [] { return slow_names().answers; });
        return EAI_AGAIN;
    }
    static const auto real =
        reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    return real(node, service, hints, found);
}

BOOST_AUTO_TEST_SUITE(curl)

// 300 ms are promised; the name server takes 10 s.
BOOST_AUTO_TEST_CASE(a_name_server_that_hangs_is_left_in_time) {
    mta::Reach reach = local();
    reach.deadline = std::chrono::milliseconds(300);
    const base::Instant before = base::monotonic_now();
    const auto reply = post("http://hook.slow.test/", reach);
    BOOST_TEST((reply.error().code == Errc::Timeout));
    BOOST_TEST((base::monotonic_now() - before < std::chrono::seconds(5)));
    slow_names().answer();
}

BOOST_AUTO_TEST_CASE(nobody_asks_to_be_left_alone_for_more_than_a_day) {
    for (const char* wait : {"86401", "99999999999", "9223372036854775807"}) {
        CannedServer server(answer("HTTP/1.1 429 x\r\nRetry-After: " + std::string(wait) +
                                   "\r\nContent-Length: 0\r\n\r\n"));
        BOOST_TEST(post("http://" + server.host() + "/", local()).value().retry_after_s == 86'400,
                   wait);
    }
}

BOOST_AUTO_TEST_CASE(posts_and_takes_any_status_for_an_answer) {
    CannedServer server(
        answer("HTTP/1.1 503 busy\r\nRetry-After: 17\r\nContent-Length: 2\r\nConnection: "
               "close\r\n\r\nno"));
    const auto reply = post("http://" + server.host() + "/hook?q=1", local());
    BOOST_REQUIRE(bool(reply));
    BOOST_TEST(reply.value().status == 503);
    BOOST_TEST(reply.value().retry_after_s == 17);
    BOOST_TEST(server.seen().starts_with("POST /hook?q=1 HTTP/1.1\r\n"));
    BOOST_TEST(server.seen().find("X-Test: 1\r\n") != std::string::npos);
    BOOST_TEST(server.seen().ends_with("\r\n\r\n{\"a\":1}"));
}

BOOST_AUTO_TEST_CASE(follows_no_redirect) {
    CannedServer elsewhere(answer("HTTP/1.1 200 ok\r\nContent-Length: 0\r\n\r\n"));
    CannedServer server(answer("HTTP/1.1 302 there\r\nContent-Length: 0\r\nLocation: http://" +
                               elsewhere.host() + "/\r\n\r\n"));
    BOOST_TEST(post("http://" + server.host() + "/", local()).value().status == 302);
    BOOST_TEST(elsewhere.connections() == 0);
}

// Server-side request forgery: the address counts, whatever its name or form.
BOOST_AUTO_TEST_CASE(private_targets_and_plain_text_are_refused) {
    CannedServer server(answer("HTTP/1.1 200 ok\r\nContent-Length: 0\r\n\r\n"));
    const std::string port = server.host().substr(server.host().find(':'));
    const mta::Reach strict{TargetRule(std::vector<base::Network>())};
    for (const std::string host :
         {"127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]"}) {
        const auto reply = post("http://" + host + port + "/", strict);
        BOOST_TEST(!reply, host);
        BOOST_TEST((reply.error().code == Errc::Refused), host << ": " << reply.error().detail);
    }
    BOOST_TEST(server.connections() == 0);
}

BOOST_AUTO_TEST_CASE(other_schemes_are_refused) {
    for (const char* url : {"file:///etc/passwd",
                            "gopher://127.0.0.1:1/",
                            "ftp://127.0.0.1/",
                            "smtp://127.0.0.1/",
                            "dict://127.0.0.1/",
                            "no url at all"}) {
        const auto reply = post(url, local());
        BOOST_TEST(!reply, url);
        BOOST_TEST((reply.error().code == Errc::Invalid), url << ": " << reply.error().detail);
    }
}

BOOST_AUTO_TEST_CASE(a_server_that_hangs_or_never_ends_is_left) {
    CannedServer hanging(std::vector<CannedServer::Turn>{{"never", ""}});
    mta::Reach reach = local();
    reach.deadline = std::chrono::milliseconds(300);
    BOOST_TEST((post("http://" + hanging.host() + "/", reach).error().code == Errc::Timeout));
    CannedServer endless(answer("HTTP/1.1 200 ok\r\nContent-Length: 99999999\r\n\r\n" +
                                std::string(2 * mta::kReplyMax, 'x')));
    BOOST_TEST((post("http://" + endless.host() + "/", local()).error().code == Errc::TooLarge));
    CannedServer closing(std::vector<CannedServer::Turn>{{"{\"a\":1}", ""}});
    BOOST_TEST((post("http://" + closing.host() + "/", local()).error().code == Errc::Unavailable));
    BOOST_TEST((post("http://127.0.0.1:1/", local()).error().code == Errc::Unavailable));
}

BOOST_AUTO_TEST_CASE(stops_when_it_is_told_to) {
    CannedServer hanging(std::vector<CannedServer::Turn>{{"never", ""}});
    mta::Reach reach = local();
    const std::atomic<bool> stop{true};
    reach.stop = &stop;
    BOOST_TEST((post("http://" + hanging.host() + "/", reach).error().code == Errc::Cancelled));
}

BOOST_AUTO_TEST_CASE(hands_mail_to_a_smarthost_with_a_null_reverse_path) {
    CannedServer server(smarthost("250 ok\r\n"));
    const base::Status sent = mta::submit_mail(mail_to(server, "ann@phone.test"), local());
    BOOST_TEST(bool(sent), (sent ? "" : sent.error().detail));
    BOOST_TEST(server.seen().starts_with("EHLO mail1.example.test\r\nMAIL FROM:<>"));
    BOOST_TEST(server.seen().find("RCPT TO:<ann@phone.test>\r\n") != std::string::npos);
    BOOST_TEST(server.seen().find("\r\n\r\n..dot\r\n.\r\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_smarthost_refuses_for_now_or_for_good) {
    CannedServer never(smarthost("550 no such user\r\n"));
    BOOST_TEST((mta::submit_mail(mail_to(never, "ann@phone.test"), local()).error().code ==
                Errc::Refused));
    CannedServer later(smarthost("450 later\r\n"));
    BOOST_TEST((mta::submit_mail(mail_to(later, "ann@phone.test"), local()).error().code ==
                Errc::Unavailable));
}

// What is said before the recipient, or of us, says nothing of the recipient: the operator mends
// the settings meanwhile.
BOOST_AUTO_TEST_CASE(a_smarthost_that_is_wrongly_set_is_tried_again) {
    const auto said = [](std::vector<CannedServer::Turn> turns) {
        CannedServer server(std::move(turns));
        return mta::submit_mail(mail_to(server, "ann@phone.test"), local()).error();
    };
    const auto with = [](std::size_t turn, const std::string& text) {
        std::vector<CannedServer::Turn> turns = smarthost("250 ok\r\n");
        turns[turn].answer = text;
        return turns;
    };
    for (const auto& turns : {with(0, "554 no service\r\n"),
                              with(1, "554 go away\r\n"),
                              with(2, "550 no null senders\r\n"),
                              with(2, "530 5.7.0 authenticate first\r\n"),
                              with(3, "530 5.7.0 authenticate first\r\n"),
                              with(3, "554 5.7.1 <ann@phone.test>: Relay access denied\r\n")}) {
        const base::Error error = said(turns);
        BOOST_TEST((error.code == Errc::Unavailable), error.detail);
    }
    const base::Error never = said(with(3, "550 5.1.1 no \x01 such user\r\n"));
    BOOST_TEST((never.code == Errc::Refused));
    BOOST_TEST(never.detail == "the smarthost answered 550 5.1.1 no ? such user");
    BOOST_TEST((said(with(5, "554 5.6.0 no such content\r\n")).code == Errc::Refused));
    BOOST_TEST(said(with(3, "450 " + std::string(900, 'x') + "\r\n")).detail.size() < 250U);
}

BOOST_AUTO_TEST_CASE(without_starttls_nothing_is_sent_that_needs_it) {
    CannedServer server(smarthost("250 ok\r\n"));
    mta::MailSubmission mail = mail_to(server, "ann@phone.test");
    mail.tls = mta::StartTls::Required;
    BOOST_TEST((mta::submit_mail(mail, local()).error().code == Errc::Unavailable));
    BOOST_TEST(server.seen().find("MAIL") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_recipient_cannot_bring_commands) {
    CannedServer server(smarthost("250 ok\r\n"));
    for (const char* recipient : {"a@b>\r\nRCPT TO:<c@d", "a@b> SIZE=1", "a b@c"}) {
        const base::Status sent = mta::submit_mail(mail_to(server, recipient), local());
        BOOST_TEST((sent.error().code == Errc::Invalid));
    }
    BOOST_TEST(server.connections() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
