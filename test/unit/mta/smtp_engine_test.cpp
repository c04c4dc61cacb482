#include "mta/smtp_engine.h"

#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "test/unit/mta/engine_harness.h"

namespace {

using mta::Refusal;
using mta::TransactionEnd;
using mta::test::EngineHarness;

constexpr std::string_view kMailAndRcpt =
    "MAIL FROM:<alice@client.example>\r\nRCPT TO:<bob@example.org>\r\n";
constexpr std::string_view kTransaction =
    "MAIL FROM:<alice@client.example>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n";

// The codes of the replies, "250 250 354"; continuation lines are left out.
std::string codes(std::string_view replies) {
    std::string out;
    while (!replies.empty()) {
        const std::string_view line = replies.substr(0, replies.find("\r\n"));
        replies.remove_prefix(line.size() + 2);
        if (line.size() > 3 && line[3] == ' ') {
            out += out.empty() ? "" : " ";
            out += line.substr(0, 3);
        }
    }
    return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(smtp_engine)

BOOST_AUTO_TEST_CASE(greets_and_tells_what_it_offers) {
    EngineHarness h;
    BOOST_TEST(h.greet() == "220 mx1.example.org ESMTP Roundtable\r\n");
    BOOST_TEST(h.say("EHLO client.example\r\n") ==
               "250-mx1.example.org\r\n250-PIPELINING\r\n250-SIZE 100000\r\n250-8BITMIME\r\n"
               "250 ENHANCEDSTATUSCODES\r\n");
    BOOST_TEST(h.engine().client_name() == "client.example");
}

BOOST_AUTO_TEST_CASE(takes_a_message_octet_for_octet_behind_its_trace_fields) {
    EngineHarness h;
    h.hello();
    BOOST_TEST(h.say(kTransaction) ==
               "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n"
               "354 End data with <CR><LF>.<CR><LF>\r\n");
    BOOST_TEST(h.say("Subject: x\r\n\r\n..dot\r\n\xff\r\n.\r\n") == "250 2.0.0 stored\r\n");
    BOOST_REQUIRE(h.stored.size() == 1U);
    const mta::ReceivedMail& mail = h.stored.front();
    BOOST_TEST(mail.envelope.sender == "alice@client.example");
    BOOST_REQUIRE(mail.envelope.recipients.size() == 1U);
    BOOST_TEST(mail.envelope.recipients.front().address == "bob@example.org");
    BOOST_TEST(mail.envelope.recipients.front().account_id == 7);
    BOOST_TEST(mail.message ==
               "Return-Path: <alice@client.example>\r\n"
               "Received: from client.example ([192.0.2.7])\r\n"
               "\tby mx1.example.org with ESMTP id 5e55.1\r\n"
               "\tfor <bob@example.org>;\r\n"
               "\tTue, 14 Nov 2023 22:13:20 +0000\r\n"
               "Subject: x\r\n\r\n.dot\r\n\xff\r\n");
    BOOST_TEST((h.ends == std::vector{TransactionEnd::Accepted}));
    BOOST_TEST(h.begun == 1);
}

BOOST_AUTO_TEST_CASE(the_same_at_any_split) {
    for (std::size_t piece = 1; piece < 40; ++piece) {
        EngineHarness h;
        h.hello();
        std::string replies = h.say(kTransaction, piece);
        replies += h.say("Subject: x\r\n\r\n..dot\r\n.\r\nNOOP\r\nQUIT\r\n", piece);
        BOOST_TEST_CONTEXT("piece " << piece) {
            BOOST_TEST(codes(replies) == "250 250 354 250 250 221");
            BOOST_TEST(h.stored.size() == 1U);
        }
    }
}

BOOST_AUTO_TEST_CASE(several_recipients_are_not_named_in_received) {
    EngineHarness h;
    h.hello();
    (void)h.say(
        "MAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nRCPT TO:<eve@example.org>\r\nDATA\r\n");
    (void)h.say("x\r\n.\r\n");
    BOOST_REQUIRE(h.stored.size() == 1U);
    BOOST_TEST(h.stored.front().message.find("for <") == std::string::npos);
    BOOST_TEST(h.stored.front().message.starts_with("Return-Path: <>\r\n"));
    BOOST_TEST(h.stored.front().envelope.sender.empty());
}

BOOST_AUTO_TEST_CASE(helo_is_plain_smtp) {
    EngineHarness h;
    (void)h.greet();
    BOOST_TEST(h.say("HELO client.example\r\n") == "250 mx1.example.org\r\n");
    BOOST_TEST(codes(h.say("MAIL FROM:<a@b.example> SIZE=10\r\n")) == "555");
    BOOST_TEST(codes(h.say("MAIL FROM:<a@b.example>\r\n")) == "250");
    BOOST_TEST(codes(h.say("RCPT TO:<bob@example.org>\r\n")) == "250");
    BOOST_TEST(codes(h.say("DATA\r\n")) == "354");
    (void)h.say("x\r\n.\r\n");
    BOOST_REQUIRE(h.stored.size() == 1U);
    BOOST_TEST(h.stored.front().message.find("with SMTP id") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(commands_out_of_sequence) {
    struct Case {
        std::string_view wire;
        std::string_view reply;
    };

    const std::vector<Case> before_hello = {
        {"MAIL FROM:<a@b.example>\r\n", "503 5.5.1"},
        {"RCPT TO:<bob@example.org>\r\n", "503 5.5.1"},
        {"DATA\r\n", "503 5.5.1"},
        {"NOOP\r\n", "250 2.0.0"},
        {"RSET\r\n", "250 2.0.0"},
        {"EHLO\r\n", "501 5.5.4"},
        {"EHLO two words\r\n", "501 5.5.4"},
    };
    for (const Case& c : before_hello) {
        EngineHarness h;
        (void)h.greet();
        BOOST_TEST_CONTEXT("wire " << c.wire) {
            BOOST_TEST(h.say(c.wire).starts_with(c.reply));
        }
    }
    EngineHarness h;
    h.hello();
    BOOST_TEST(h.say("RCPT TO:<bob@example.org>\r\n").starts_with("503 5.5.1"));
    BOOST_TEST(h.say("DATA\r\n").starts_with("503 5.5.1"));
    BOOST_TEST(h.say("MAIL FROM:<>\r\n").starts_with("250 2.1.0"));
    BOOST_TEST(h.say("MAIL FROM:<>\r\n").starts_with("503 5.5.1"));
    BOOST_TEST(h.say("DATA\r\n").starts_with("554 5.5.1"));
    BOOST_TEST(h.say("DATA x\r\n").starts_with("501 5.5.4"));
}

BOOST_AUTO_TEST_CASE(other_commands) {
    struct Case {
        std::string_view wire;
        std::string_view reply;
    };

    const std::vector<Case> cases = {
        {"NOOP anything\r\n", "250 2.0.0"},
        {"RSET now\r\n", "501 5.5.4"},
        {"QUIT now\r\n", "501 5.5.4"},
        {"VRFY bob\r\n", "252 2.5.0"},
        {"VRFY\r\n", "501 5.5.4"},
        {"EXPN list\r\n", "502 5.5.1"},
        {"HELP\r\n", "214 2.0.0"},
        {"STARTTLS\r\n", "502 5.5.1"},
        {"AUTH PLAIN AGEAYg==\r\n", "502 5.5.1"},
        {"TURN\r\n", "500 5.5.1"},
        {"\r\n", "500 5.5.1"},
        {"MAIL FROM:<a@b.example> SMTPUTF8\r\n", "555 5.5.4"},
        {"MAIL FROM:<a b@c.example>\r\n", "501 5.1.7"},
        {"MAIL TO:<a@b.example>\r\n", "501 5.5.2"},
        {"MAIL FROM:<a@b.example> SIZE=100001\r\n", "552 5.3.4"},
        {"MAIL FROM:<a@b.example> SIZE=100000\r\n", "250 2.1.0"},
    };
    for (const Case& c : cases) {
        EngineHarness h;
        h.hello();
        BOOST_TEST_CONTEXT("wire " << c.wire) {
            BOOST_TEST(h.say(c.wire).starts_with(c.reply));
        }
    }
}

BOOST_AUTO_TEST_CASE(recipients_are_judged_one_by_one) {
    EngineHarness h;
    h.hello();
    const std::string replies = h.say(
        "MAIL FROM:<a@b.example>\r\nRCPT TO:<bob@example.org>\r\nRCPT TO:<nobody@example.org>\r\n"
        "RCPT TO:<x@elsewhere.example>\r\nRCPT TO:<late@example.org>\r\nRCPT TO:<>\r\nDATA\r\n");
    BOOST_TEST(codes(replies) == "250 250 550 550 451 501 354");
    BOOST_TEST(replies.find("550 5.1.1") != std::string::npos);
    BOOST_TEST(replies.find("550 5.7.1") != std::string::npos);
    BOOST_TEST(replies.find("451 4.4.3") != std::string::npos);
    (void)h.say("x\r\n.\r\n");
    BOOST_REQUIRE(h.stored.size() == 1U);
    BOOST_TEST(h.stored.front().envelope.recipients.size() == 1U);
    const std::vector expected = {Refusal::RecipientUnknown,
                                  Refusal::RelayDenied,
                                  Refusal::RecipientUnverified,
                                  Refusal::RecipientSyntax};
    BOOST_TEST((h.refusals == expected));
}

BOOST_AUTO_TEST_CASE(duplicate_recipients_fold_without_being_asked_again) {
    EngineHarness h;
    h.hello();
    BOOST_TEST(codes(h.say("MAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\n"
                           "RCPT TO:<Bob@Example.ORG>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n")) ==
               "250 250 250 250 354");
    BOOST_TEST(h.recipient_questions == 1);
    (void)h.say(".\r\n");
    BOOST_REQUIRE(h.stored.size() == 1U);
    BOOST_TEST(h.stored.front().envelope.recipients.size() == 1U);
}

BOOST_AUTO_TEST_CASE(postmaster_without_domain_folds_with_its_full_form) {
    EngineHarness h;
    h.hello();
    BOOST_TEST(
        codes(h.say("MAIL FROM:<>\r\nRCPT TO:<PostMaster>\r\n"
                    "RCPT TO:<postmaster@example.org>\r\nRCPT TO:<PostMaster>\r\nDATA\r\n")) ==
        "250 250 250 250 354");
    BOOST_TEST(h.recipient_questions == 1);
    (void)h.say(".\r\n");
    BOOST_REQUIRE(h.stored.size() == 1U);
    BOOST_REQUIRE(h.stored.front().envelope.recipients.size() == 1U);
    BOOST_TEST(h.stored.front().envelope.recipients.front().address == "postmaster@example.org");
}

BOOST_AUTO_TEST_CASE(recipients_beyond_the_limit_are_for_another_transaction) {
    mta::EngineSettings settings = EngineHarness::default_settings();
    settings.recipients_max = 100;
    EngineHarness h(settings);
    h.hello();
    (void)h.say("MAIL FROM:<>\r\n");
    for (int i = 0; i < 101; ++i) {
        const std::string address = "u" + std::to_string(i) + "@example.org";
        h.verdicts.emplace(address, mta::VerifiedRecipient{address, i});
        const std::string reply = h.say("RCPT TO:<" + address + ">\r\n");
        BOOST_TEST(reply.starts_with(i < 100 ? "250 2.1.5" : "452 4.5.3"));
    }
    BOOST_TEST(codes(h.say("DATA\r\n")) == "354");
    BOOST_TEST(codes(h.say(".\r\n")) == "250");
    BOOST_TEST(h.stored.front().envelope.recipients.size() == 100U);
}

BOOST_AUTO_TEST_CASE(blocked_senders_are_refused_at_mail) {
    EngineHarness h;
    h.hello();
    h.sender_verdict = base::Error{base::Errc::Refused, "entry 12"};
    BOOST_TEST(h.say("MAIL FROM:<spam@bad.example>\r\n") == "550 5.7.1 Sender blocked\r\n");
    BOOST_TEST(codes(h.say("RCPT TO:<bob@example.org>\r\n")) == "503");
    BOOST_TEST((h.ends == std::vector{TransactionEnd::Policy}));
    h.sender_phase = mta::ReplyPhase::Store;
    h.sender_verdict = base::Error{base::Errc::Unavailable, "too few stores"};
    BOOST_TEST(h.say("MAIL FROM:<a@b.example>\r\n").starts_with("451 4.3.0"));
    BOOST_TEST((h.refusals.back() == Refusal::StoreFailed));
    h.sender_verdict = base::Error{base::Errc::Busy, "no room"};
    BOOST_TEST(h.say("MAIL FROM:<a@b.example>\r\n").starts_with("452 4.3.1"));
    BOOST_TEST((h.ends.back() == TransactionEnd::Resources));
}

BOOST_AUTO_TEST_CASE(bad_data_is_refused_after_its_true_end_and_the_session_goes_on) {
    struct Case {
        std::string data;
        std::string_view reply;
        Refusal refusal;
    };

    std::string hops;
    for (int i = 0; i < 100; ++i) {
        hops += "Received: x\r\n";
    }
    const std::vector<Case> cases = {
        {"a\nb\r\n.\r\n", "550 5.6.0", Refusal::BareLf},
        {"a\rb\r\n.\r\n", "550 5.6.0", Refusal::BareCr},
        {std::string("a\0\r\n.\r\n", 7), "550 5.6.0", Refusal::Nul},
        {"a\n.\nMAIL FROM:<x@evil.example>\nRCPT TO:<bob@example.org>\nDATA\nfoo\r\n.\r\n",
         "550 5.6.0",
         Refusal::BareLf},
        {"a\n.\r\nMAIL FROM:<x@evil.example>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nfoo\r\n.\r\n",
         "550 5.6.0",
         Refusal::BareLf},
        {"a\r\n.\rMAIL FROM:<x@evil.example>\r\nDATA\r\nfoo\r\n.\r\n",
         "550 5.6.0",
         Refusal::BareCr},
        {std::string(100'001, 'x') + "\r\n.\r\n", "552 5.3.4", Refusal::MessageTooLarge},
        {hops + "\r\n.\r\n", "554 5.4.6", Refusal::TooManyHops},
    };
    for (const Case& c : cases) {
        for (const std::size_t piece : {1U, 7U, 1'000'000U}) {
            EngineHarness h;
            h.hello();
            (void)h.say(kTransaction);
            const std::string replies = h.say(c.data, piece);
            BOOST_TEST_CONTEXT("reply " << c.reply << " piece " << piece) {
                BOOST_TEST(replies.starts_with(c.reply));
                BOOST_TEST(codes(replies).size() == 3U);
                BOOST_TEST((h.refusals == std::vector{c.refusal}));
                BOOST_TEST(h.stored.empty());
                BOOST_TEST((h.ends == std::vector{TransactionEnd::Policy}));
                BOOST_TEST(h.budget().used_bytes() == 0U);
                BOOST_TEST(codes(h.say(kTransaction)) == "250 250 354");
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(data_without_end_is_not_read_for_ever) {
    for (const char octet : {'x', '\0', '\n', '\r'}) {
        EngineHarness h;
        h.hello();
        (void)h.say(kTransaction);
        const std::string octets(1'000'000, octet);
        std::string replies;
        for (int i = 0; i < 4 && !h.closed(); ++i) {
            replies += h.say(octets);
        }
        BOOST_TEST(h.closed());
        BOOST_TEST(replies.starts_with("552 5.3.4"));
    }
}

// RFC 5321 3.8: 421 says that the channel is closed, whatever it answers.
BOOST_AUTO_TEST_CASE(a_421_to_any_question_closes) {
    const base::Error cancelled{base::Errc::Cancelled, "shutting down"};
    EngineHarness at_mail;
    at_mail.hello();
    at_mail.sender_verdict = cancelled;
    BOOST_TEST(codes(at_mail.say("MAIL FROM:<a@b.example>\r\nNOOP\r\n")) == "421");
    BOOST_TEST(at_mail.closed());
    BOOST_TEST((at_mail.ends == std::vector{TransactionEnd::Resources}));

    EngineHarness at_rcpt;
    at_rcpt.hello();
    at_rcpt.verdicts.insert_or_assign("bob@example.org", cancelled);
    BOOST_TEST(codes(at_rcpt.say("MAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n")) ==
               "250 421");
    BOOST_TEST(at_rcpt.closed());
    BOOST_TEST((at_rcpt.ends == std::vector{TransactionEnd::Resources}));

    EngineHarness at_data;
    at_data.hello();
    at_data.store_reply = {421, "4.3.2", "Shutting down"};
    (void)at_data.say(kTransaction);
    BOOST_TEST(codes(at_data.say("x\r\n.\r\nNOOP\r\n")) == "421");
    BOOST_TEST(at_data.closed());
    BOOST_TEST((at_data.ends == std::vector{TransactionEnd::Resources}));
}

BOOST_AUTO_TEST_CASE(a_full_budget_is_our_fault_and_temporary) {
    EngineHarness h(EngineHarness::default_settings(), 10);
    h.hello();
    (void)h.say(kTransaction);
    BOOST_TEST(h.say("x\r\n.\r\n").starts_with("452 4.3.1"));
    BOOST_TEST((h.ends == std::vector{TransactionEnd::Resources}));
}

BOOST_AUTO_TEST_CASE(the_reply_of_acceptance_is_the_reply) {
    EngineHarness h;
    h.hello();
    h.store_reply = {451, "4.3.0", "later"};
    (void)h.say(kTransaction);
    BOOST_TEST(h.say("x\r\n.\r\n") == "451 4.3.0 later\r\n");
    BOOST_TEST((h.ends == std::vector{TransactionEnd::Resources}));
    h.store_reply = {552, "5.2.2", "full"};
    (void)h.say(kTransaction);
    BOOST_TEST(h.say("x\r\n.\r\n") == "552 5.2.2 full\r\n");
    BOOST_TEST((h.ends.back() == TransactionEnd::Policy));
}

BOOST_AUTO_TEST_CASE(early_talkers_are_refused) {
    EngineHarness h;
    BOOST_TEST(h.greet(mta::SmtpEngine::EarlyTalk::Yes) ==
               "554 5.5.0 SMTP protocol synchronization\r\n");
    BOOST_TEST(h.closed());
    BOOST_TEST((h.refusals == std::vector{Refusal::EarlyTalk}));
}

BOOST_AUTO_TEST_CASE(pipelining_across_ehlo_and_data_is_refused) {
    const std::vector<std::string> group_ends_too_early = {
        "EHLO client.example\r\nMAIL FROM:<a@b.example>\r\n",
        "HELO client.example\r\nMAIL FROM:<a@b.example>\r\n",
        std::string(kMailAndRcpt) + "DATA\r\nSubject: x\r\n",
        std::string(kMailAndRcpt) + "DATA\r\n.\r\n",
        "DATA\r\n.\r\n",
    };
    for (const std::string& wire : group_ends_too_early) {
        EngineHarness h;
        h.hello();
        const std::string replies = h.say(wire);
        BOOST_TEST_CONTEXT("wire " << wire) {
            BOOST_TEST(replies.ends_with("554 5.5.0 SMTP protocol synchronization\r\n"));
            BOOST_TEST(h.closed());
            BOOST_TEST(h.stored.empty());
        }
    }
}

BOOST_AUTO_TEST_CASE(a_client_that_was_not_offered_pipelining_may_not_use_it) {
    EngineHarness helo;
    (void)helo.greet();
    (void)helo.say("HELO client.example\r\n");
    BOOST_TEST(helo.say(kMailAndRcpt).starts_with("554 5.5.0"));
    BOOST_TEST(helo.closed());
    EngineHarness before;
    (void)before.greet();
    BOOST_TEST(before.say("NOOP\r\nNOOP\r\n").starts_with("554 5.5.0"));
}

BOOST_AUTO_TEST_CASE(a_new_transaction_may_follow_the_data_at_once) {
    EngineHarness h;
    h.hello();
    (void)h.say(kTransaction);
    BOOST_TEST(codes(h.say("x\r\n.\r\n" + std::string(kTransaction))) == "250 250 250 354");
    BOOST_TEST(codes(h.say("y\r\n.\r\nQUIT\r\n")) == "250 221");
    BOOST_TEST(h.stored.size() == 2U);
}

BOOST_AUTO_TEST_CASE(ehlo_and_rset_clear_the_transaction) {
    for (const std::string_view clear : {"RSET\r\n", "EHLO again.example\r\n"}) {
        EngineHarness h;
        h.hello();
        (void)h.say(kMailAndRcpt);
        (void)h.say(clear);
        BOOST_TEST(codes(h.say("DATA\r\n")) == "503");
        BOOST_TEST((h.ends == std::vector{TransactionEnd::Abandoned}));
        (void)h.say("MAIL FROM:<>\r\n");
        BOOST_TEST(codes(h.say("DATA\r\n")) == "554");
    }
}

BOOST_AUTO_TEST_CASE(malformed_lines_are_refused_and_the_session_stays_in_step) {
    struct Case {
        std::string wire;
        std::string_view codes;
    };

    const std::vector<Case> cases = {
        {"NOOP\nRSET\r\nNOOP\r\n", "500 250"},
        {"MAIL FROM:<a@b.example>\nRCPT TO:<bob@example.org>\nDATA\r\nNOOP\r\n", "500 250"},
        {"NOOP\rRSET\r\nNOOP\r\n", "500 250"},
        {"NOOP " + std::string(600, 'x') + "\r\nNOOP\r\n", "500 250"},
        {"NOOP " + std::string(5'000, 'x') + "\r\nNOOP\r\n", "500 250"},
        {"MAIL FROM:<\xc3\xa9@b.example>\r\nNOOP\r\n", "500 250"},
        {"MAIL FROM:<a@b.example>" + std::string(600, ' ') + "\r\nNOOP\r\n", "250 250"},
        {"MAIL FROM:<a@b.example>" + std::string(976, ' ') + "\r\nNOOP\r\n", "500 250"},
    };
    for (const Case& c : cases) {
        for (const std::size_t piece : {1U, 3U, 1'000'000U}) {
            EngineHarness h;
            h.hello();
            BOOST_TEST_CONTEXT("wire " << c.wire.substr(0, 40) << " piece " << piece) {
                BOOST_TEST(codes(h.say(c.wire, piece)) == c.codes);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(protocols_that_are_not_smtp_are_cut_off) {
    for (const std::string_view wire :
         {"GET / HTTP/1.1\r\n", "POST / HTTP/1.0\r\n", "BDAT 5 LAST\r\n"}) {
        EngineHarness h;
        h.hello();
        BOOST_TEST(h.say(wire).starts_with("554 5.5.1"));
        BOOST_TEST(h.closed());
    }
}

BOOST_AUTO_TEST_CASE(too_many_errors_end_the_session) {
    struct Case {
        std::string_view wire;
        int allowed;
        int code;
    };

    for (const Case& c : {Case{"MAIL FROM:x\r\n", 20, 501},
                          Case{"WHAT\r\n", 10, 500},
                          Case{"NOOP\r\n", 200, 250},
                          Case{"MAIL FROM:<spam@bad.example>\r\n", 20, 550},
                          Case{"RCPT TO:<nobody@example.org>\r\n", 100, 550}}) {
        EngineHarness h;
        h.hello();
        if (c.wire.starts_with("RCPT")) {
            (void)h.say("MAIL FROM:<>\r\n");
        }
        h.sender_verdict = base::Error{base::Errc::Refused, "entry 12"};
        for (int i = 0; i < c.allowed; ++i) {
            BOOST_TEST(codes(h.say(c.wire)) == std::to_string(c.code));
        }
        BOOST_TEST_CONTEXT("wire " << c.wire) {
            BOOST_TEST(h.say(c.wire).starts_with("421 4.7.0"));
            BOOST_TEST(h.closed());
            BOOST_TEST((h.refusals.back() == Refusal::ErrorLimit));
        }
    }
}

BOOST_AUTO_TEST_CASE(an_accepted_message_forgives_errors) {
    EngineHarness h;
    h.hello();
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 15; ++i) {
            (void)h.say("MAIL FROM:x\r\n");
        }
        (void)h.say(kTransaction);
        BOOST_TEST(codes(h.say("x\r\n.\r\n")) == "250");
    }
}

BOOST_AUTO_TEST_CASE(shutdown_waits_for_the_transaction) {
    EngineHarness h;
    h.hello();
    (void)h.say(kTransaction);
    h.engine().shut_down();
    BOOST_TEST(h.poke().empty());
    const std::string replies = h.say("x\r\n.\r\n");
    BOOST_TEST(codes(replies) == "250 421");
    BOOST_TEST(h.closed());
    BOOST_TEST(h.stored.size() == 1U);

    EngineHarness idle;
    idle.hello();
    idle.engine().shut_down();
    BOOST_TEST(idle.poke().starts_with("421 4.3.2"));
    BOOST_TEST(idle.closed());
}

BOOST_AUTO_TEST_CASE(abort_ends_the_session_in_any_state) {
    EngineHarness h;
    h.hello();
    (void)h.say(kTransaction);
    h.engine().abort(Refusal::ClientTimeout, {421, "4.4.2", "Timeout"});
    BOOST_TEST(h.poke() == "421 4.4.2 Timeout\r\n");
    BOOST_TEST(h.closed());
    BOOST_TEST((h.ends == std::vector{TransactionEnd::Abandoned}));
}

BOOST_AUTO_TEST_CASE(a_client_that_gives_up_on_451_was_refused_by_us) {
    EngineHarness h;
    h.hello();
    BOOST_TEST(codes(h.say("MAIL FROM:<>\r\nRCPT TO:<late@example.org>\r\nDATA\r\n")) ==
               "250 451 451");
    (void)h.say("RSET\r\n");
    BOOST_TEST((h.ends == std::vector{TransactionEnd::Resources}));
}

BOOST_AUTO_TEST_SUITE_END()
