// The dialogues of SMTP, IMAP and POP3 as servers were recorded, and as they should not be.

#include "dns/probe/mail_dialogue.h"

#include <vector>

#include <boost/test/unit_test.hpp>

#include "dns/limits.h"

namespace {

using namespace dns::probe;

/// What came of a text that a server says, whole and one octet at a time; both must be the same.
std::optional<Verdict> hear(ProbeKind kind, std::string_view text, std::string* said = nullptr) {
    DialogueConfig config;
    config.kind = kind;
    const auto whole = make_dialogue(config);
    std::string out = whole->start(true);
    const auto verdict = whole->on_bytes(text, out);
    const auto split = make_dialogue(config);
    std::string split_out = split->start(true);
    std::optional<Verdict> split_verdict;
    for (std::size_t i = 0; i < text.size() && !split_verdict; ++i) {
        split_verdict = split->on_bytes(text.substr(i, 1), split_out);
    }
    BOOST_TEST(out == split_out);
    BOOST_REQUIRE(verdict.has_value() == split_verdict.has_value());
    if (verdict) {
        BOOST_CHECK(verdict->outcome == split_verdict->outcome);
        BOOST_TEST(verdict->reason == split_verdict->reason);
    }
    if (said != nullptr) {
        *said = out;
    }
    return verdict;
}

void check_alive(ProbeKind kind, std::string_view text, bool keep = true) {
    const auto verdict = hear(kind, text);
    BOOST_REQUIRE_MESSAGE(verdict.has_value(), text);
    BOOST_TEST((verdict->outcome == ProbeOutcome::Reply), text);
    BOOST_TEST(verdict->keep == keep, text);
    BOOST_TEST((!verdict->counters && !verdict->gauge && !verdict->weight));
}

void check_bad(ProbeKind kind, std::string_view text, std::string_view reason) {
    const auto verdict = hear(kind, text);
    BOOST_REQUIRE_MESSAGE(verdict.has_value(), text);
    BOOST_TEST((verdict->outcome == ProbeOutcome::BadBanner), text);
    BOOST_TEST(verdict->reason == reason);
}

void check_waits(ProbeKind kind, std::string_view text) {
    BOOST_TEST(!hear(kind, text).has_value(), text);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(mail_dialogue)

BOOST_AUTO_TEST_CASE(smtp_servers_greet_and_say_hello) {
    std::string said;
    // Postfix 3.7.
    BOOST_TEST(hear(ProbeKind::Smtp,
                    "220 mx1.example.org ESMTP Postfix (Debian/GNU)\r\n"
                    "250-mx1.example.org\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n"
                    "250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-DSN\r\n250 CHUNKING\r\n",
                    &said)
                   .has_value());
    BOOST_TEST(said == "EHLO roundtable-probe\r\n");
    check_alive(ProbeKind::Smtp, "220-mx1 ESMTP\r\n220 ready\r\n250 mx1\r\n");
    check_alive(ProbeKind::Smtp, "220\n250\n");
    check_waits(ProbeKind::Smtp, "220 mx1 ESMTP\r\n250-mx1\r\n");
}

BOOST_AUTO_TEST_CASE(a_busy_smtp_server_is_alive_and_its_connection_not_kept) {
    check_alive(ProbeKind::Smtp, "421 4.7.0 mx1 Error: too many connections\r\n", false);
    check_alive(ProbeKind::Smtp, "220 mx1\r\n421 4.3.2 shutting down\r\n", false);
}

BOOST_AUTO_TEST_CASE(other_smtp_answers_are_bad) {
    check_bad(ProbeKind::Smtp, "554 no service\r\n", "greeting: 554 no service");
    check_bad(ProbeKind::Smtp, "220 mx1\r\n502 what\r\n", "EHLO: 502 what");
    check_bad(ProbeKind::Smtp, "220 mx1\r\n220 mx1\r\n", "EHLO: 220 mx1");
    check_bad(ProbeKind::Smtp, "220 mx1\r\n451 4.3.0 no store\r\n", "EHLO: 451 4.3.0 no store");
    check_bad(ProbeKind::Smtp, "SSH-2.0-OpenSSH_9\r\n", "greeting: SSH-2.0-OpenSSH_9");
    check_bad(ProbeKind::Smtp, "\r\n", "greeting: ");
    check_bad(ProbeKind::Smtp, "220x\r\n", "greeting: 220x");
}

BOOST_AUTO_TEST_CASE(imap_servers_greet_and_name_their_protocol) {
    std::string said;
    // Dovecot 2.3.
    const auto verdict =
        hear(ProbeKind::Imap,
             "* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ STARTTLS "
             "LOGINDISABLED] Dovecot (Debian) ready.\r\n"
             "* CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ STARTTLS "
             "LOGINDISABLED\r\na OK Pre-login capabilities listed, post-login capabilities have "
             "more.\r\n",
             &said);
    BOOST_REQUIRE(verdict.has_value());
    BOOST_TEST((verdict->outcome == ProbeOutcome::Reply));
    BOOST_TEST(said == "a CAPABILITY\r\n");
    check_alive(ProbeKind::Imap, "* PREAUTH hi\r\n* CAPABILITY AUTH=PLAIN IMAP4rev2\r\nA OK\r\n");
    check_alive(ProbeKind::Imap, "* ok\r\n* 3 EXISTS\r\n* capability imap4REV1\r\na ok x\r\n");
    check_waits(ProbeKind::Imap, "* OK hi\r\n* CAPABILITY IMAP4rev1\r\n");
}

BOOST_AUTO_TEST_CASE(other_imap_answers_are_bad) {
    check_bad(ProbeKind::Imap, "* BYE overloaded\r\n", "greeting: * BYE overloaded");
    check_bad(ProbeKind::Imap, "* OKAY\r\n", "greeting: * OKAY");
    check_bad(ProbeKind::Imap, "220 smtp\r\n", "greeting: 220 smtp");
    check_bad(ProbeKind::Imap, "* OK\r\na OK done\r\n", "CAPABILITY: a OK done");
    check_bad(ProbeKind::Imap, "* OK\r\n* CAPABILITY IMAP4\r\na OK\r\n", "CAPABILITY: a OK");
    check_bad(ProbeKind::Imap,
              "* OK\r\n* CAPABILITY XIMAP4rev1 IMAP4rev11\r\na OK\r\n",
              "CAPABILITY: a OK");
    check_bad(
        ProbeKind::Imap, "* OK\r\n* CAPABILITY IMAP4rev1\r\na NO x\r\n", "CAPABILITY: a NO x");
    check_bad(ProbeKind::Imap, "* OK\r\n* BYE gone\r\n", "CAPABILITY: * BYE gone");
    check_bad(ProbeKind::Imap, "* OK\r\nb OK\r\n", "CAPABILITY: b OK");
}

BOOST_AUTO_TEST_CASE(pop3_servers_greet_and_answer_capa) {
    std::string said;
    const auto verdict = hear(ProbeKind::Pop3,
                              "+OK Dovecot (Debian) ready.\r\n+OK\r\nCAPA\r\nTOP\r\nUIDL\r\n.\r\n",
                              &said);
    BOOST_REQUIRE(verdict.has_value());
    BOOST_TEST((verdict->outcome == ProbeOutcome::Reply));
    BOOST_TEST(said == "CAPA\r\n");
    check_alive(ProbeKind::Pop3, "+OK <1896.697@x>\r\n-ERR unknown command\r\n");
    check_waits(ProbeKind::Pop3, "+OK\r\n+OK list\r\nTOP\r\n");
}

BOOST_AUTO_TEST_CASE(other_pop3_answers_are_bad) {
    check_bad(ProbeKind::Pop3, "-ERR [SYS/TEMP] down\r\n", "greeting: -ERR [SYS/TEMP] down");
    check_bad(ProbeKind::Pop3, "+OKAY\r\n", "greeting: +OKAY");
    check_bad(ProbeKind::Pop3, "+OK\r\nwhat\r\n", "CAPA: what");
}

BOOST_AUTO_TEST_CASE(an_answer_without_end_is_cut_off) {
    for (const auto& [kind, text] :
         std::vector<std::pair<ProbeKind, std::string>>{{ProbeKind::Smtp, "220-more\r\n"},
                                                        {ProbeKind::Imap, "* OK\r\n"},
                                                        {ProbeKind::Pop3, "+OK\r\n"},
                                                        {ProbeKind::Smtp, "220"}}) {
        DialogueConfig config;
        config.kind = kind;
        const auto dialogue = make_dialogue(config);
        std::string said = dialogue->start(true);
        std::optional<Verdict> verdict;
        std::size_t octets = 0;
        while (!verdict && octets <= dns::kProbeInputMax + text.size()) {
            verdict = dialogue->on_bytes(text, said);
            octets += text.size();
        }
        BOOST_REQUIRE(verdict.has_value());
        BOOST_TEST((verdict->outcome == ProbeOutcome::BadBanner));
    }
}

BOOST_AUTO_TEST_CASE(a_dialogue_begins_anew_with_each_probe) {
    SmtpDialogue dialogue;
    std::string said = dialogue.start(true);
    BOOST_TEST(!dialogue.on_bytes("220 mx1\r\n25", said).has_value());
    said = dialogue.start(true);
    BOOST_TEST(dialogue.on_bytes("250 mx1\r\n", said).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
