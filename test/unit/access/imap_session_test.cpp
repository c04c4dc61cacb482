#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "access/imap/session.h"
#include "test/support/loop_runner.h"
#include "test/unit/access/session_rig.h"

using access_test::SessionRig;

namespace {

const std::string kCapabilities =
    "IMAP4rev1 LITERAL- SASL-IR ID IDLE NAMESPACE UIDPLUS MOVE UNSELECT CHILDREN SPECIAL-USE "
    "APPENDLIMIT=10000";
const std::string kGreeting =
    "* OK [CAPABILITY " + kCapabilities + " AUTH=PLAIN] access1 ready\r\n";

const std::string kShort = "Subject: hi\r\nFrom: bob@example.org\r\n\r\nhello\r\n";

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(imap_session)

BOOST_AUTO_TEST_CASE(greets_and_says_good_bye) {
    SessionRig rig;
    BOOST_TEST(rig.talk("a LOGOUT\r\n") ==
               kGreeting + "* BYE Logging out\r\na OK LOGOUT completed\r\n");
    BOOST_TEST(rig.talk("") == kGreeting);
    BOOST_TEST(rig.talk("a capability\r\n") == kGreeting + "* CAPABILITY " + kCapabilities +
                                                   " AUTH=PLAIN\r\na OK CAPABILITY completed\r\n");
}

BOOST_AUTO_TEST_CASE(commands_are_bound_to_states) {
    SessionRig rig;
    for (const char* name : {"SELECT x",
                             "LIST \"\" *",
                             "FETCH 1 FLAGS",
                             "IDLE",
                             "STATUS x (MESSAGES)",
                             "CLOSE",
                             "EXPUNGE",
                             "CREATE x",
                             "NAMESPACE"}) {
        BOOST_TEST(has(rig.talk(std::string("a ") + name + "\r\n"), "\r\na BAD Not possible"),
                   name);
    }
    for (const char* name : {"FETCH 1 FLAGS",
                             "CLOSE",
                             "UNSELECT",
                             "EXPUNGE",
                             "SEARCH ALL",
                             "CHECK",
                             "COPY 1 x",
                             "STORE 1 FLAGS ()",
                             "LOGIN a b",
                             "AUTHENTICATE PLAIN"}) {
        BOOST_TEST(has(rig.signed_in(std::string("a ") + name + "\r\n"), "a BAD Not possible"),
                   name);
    }
}

BOOST_AUTO_TEST_CASE(signs_in_by_login_and_plain) {
    SessionRig rig;
    const std::string done = "a OK [CAPABILITY " + kCapabilities + "] Signed in\r\n";
    BOOST_TEST(rig.talk("a LOGIN ann@example.org secret\r\n") == kGreeting + done);
    BOOST_TEST(rig.talk("a LOGIN {15}\r\nann@example.org {6+}\r\nsecret\r\n") ==
               kGreeting + "+ Ready for literal data\r\n" + done);
    BOOST_TEST(rig.talk("a LOGIN \"Ann@Example.ORG\" \"secret\"\r\n") == kGreeting + done);
    // "\0ann@example.org\0secret"
    const std::string plain = "AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=";
    BOOST_TEST(rig.talk("a AUTHENTICATE PLAIN " + plain + "\r\n") == kGreeting + done);
    BOOST_TEST(rig.talk("a AUTHENTICATE plain\r\n" + plain + "\r\n") ==
               kGreeting + "+ \r\n" + done);
    BOOST_TEST(has(rig.talk("a AUTHENTICATE PLAIN\r\n*\r\n"), "a BAD AUTHENTICATE cancelled"));
    BOOST_TEST(has(rig.talk("a AUTHENTICATE PLAIN\r\n!!!\r\n"), "a BAD"));
    BOOST_TEST(has(rig.talk("a AUTHENTICATE GSSAPI\r\n"), "a NO [CANNOT]"));
    // "bob@example.org\0ann@example.org\0secret": ann acts for nobody else
    BOOST_TEST(has(rig.talk("a AUTHENTICATE PLAIN "
                            "Ym9iQGV4YW1wbGUub3JnAGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=\r\n"),
                   "a NO [AUTHORIZATIONFAILED]"));
}

BOOST_AUTO_TEST_CASE(does_not_say_what_was_wrong) {
    SessionRig rig;
    const std::string refused = "a NO [AUTHENTICATIONFAILED] Name or password wrong\r\n";
    BOOST_TEST(rig.talk("a LOGIN ann@example.org wrong\r\n") == kGreeting + refused);
    BOOST_TEST(rig.talk("a LOGIN eve@example.org secret\r\n") == kGreeting + refused);
    rig.store.disable_account("ann@example.org");
    BOOST_TEST(rig.talk("a LOGIN ann@example.org secret\r\n") == kGreeting + refused);
}

BOOST_AUTO_TEST_CASE(closes_after_many_failed_sign_ins) {
    SessionRig rig;
    std::string input;
    for (int i = 0; i < 6; ++i) {
        input += "a LOGIN ann@example.org wrong\r\n";
    }
    std::string out;
    test_support::run_in_fiber([&](base::Loop&) { out = rig.talk(input); });
    BOOST_TEST(has(out, "* BYE Too many failed sign-ins\r\na NO [AUTHENTICATIONFAILED]"));
    std::size_t refusals = 0;
    for (std::size_t at = out.find("a NO"); at != std::string::npos;
         at = out.find("a NO", at + 1)) {
        ++refusals;
    }
    BOOST_TEST(refusals == 5U);
}

BOOST_AUTO_TEST_CASE(no_password_in_clear_over_the_network) {
    SessionRig rig;
    rig.peer = base::IpAddress::parse("192.0.2.1").value();
    const std::string out = rig.talk("a LOGIN ann@example.org secret\r\nb AUTHENTICATE PLAIN\r\n");
    BOOST_TEST(has(out, " LOGINDISABLED] "));
    BOOST_TEST(!has(out, "AUTH=PLAIN"));
    BOOST_TEST(has(out, "a NO [PRIVACYREQUIRED]"));
    BOOST_TEST(has(out, "b NO [PRIVACYREQUIRED]"));
    rig.settings.insecure_auth = accessd::InsecureAuth::Allowed;
    BOOST_TEST(has(rig.talk("a LOGIN ann@example.org secret\r\n"), "a OK"));
    rig.settings.insecure_auth = accessd::InsecureAuth::LoopbackOnly;
    rig.secure = true;
    BOOST_TEST(has(rig.talk("a LOGIN ann@example.org secret\r\n"), "a OK"));
}

BOOST_AUTO_TEST_CASE(bad_input_is_answered_and_stays_in_step) {
    SessionRig rig;
    const std::vector<std::pair<std::string, std::string>> rows = {
        {"a\r\n", "a BAD"},
        {"\r\n", "* BAD"},
        {"* NOOP\r\n", "* BAD"},
        {"a+ NOOP\r\n", "* BAD"},
        {"a  NOOP\r\n", "a BAD"},
        {"a NOOP \r\n", "a BAD"},
        {"a NOOP x\r\n", "a BAD"},
        {"a FOO\r\n", "a BAD"},
        {"a UID\r\n", "a BAD"},
        {"a UID NOOP\r\n", "a BAD"},
        {"a LOGIN x\r\n", "a BAD"},
        {"a LOGIN \"x\r\n", "a BAD"},
        {"a NOOP\n", "a BAD"},
        {"a LOGIN {2000}\r\n", "a BAD [TOOBIG]"},
        {"a LOGIN {2000+}\r\n" + std::string(2000, 'x') + " y\r\n", "a BAD [TOOBIG]"},
        {"a LOGIN {1000+}\r\n" + std::string(1000, 'x') + "\r\n", "a BAD"},
        {"a " + std::string(9000, 'x') + "\r\n", "a BAD Command too long"},
        {"a APPEND x {5+}\r\nabcde\r\n", "a BAD"},
        {"a APPEND x {5}\r\n", "a BAD"},
    };
    for (const auto& [input, expected] : rows) {
        for (const std::size_t piece : {1UL, 4096UL}) {
            const std::string out = rig.talk(input + "z NOOP\r\n", piece);
            BOOST_TEST(has(out, "\r\n" + expected), input << " gave " << out);
            BOOST_TEST(out.ends_with("\r\nz OK Completed\r\n"), input << " gave " << out);
        }
    }
}

BOOST_AUTO_TEST_CASE(gives_up_on_a_client_that_sends_nonsense) {
    SessionRig rig;
    std::string input;
    for (int i = 0; i < 100; ++i) {
        input += "GET / HTTP/1.1\r\n";
    }
    const std::string out = rig.talk(input);
    BOOST_TEST(out.ends_with("* BYE Too many bad commands\r\n"));
    BOOST_TEST(out.size() < 5000U);
    BOOST_TEST(rig.talk("a " + std::string(3'000'000, 'x')).ends_with("* BYE Too much input\r\n"));
}

BOOST_AUTO_TEST_CASE(ends_when_nobody_speaks) {
    SessionRig rig;
    const base::Endpoint here(base::IpAddress::loopback_v4(), 143);
    base::MemoryStream stream("a LOGIN ann@example.org secret\r\n", here, here);
    stream.set_at_end(base::MemoryStream::AtEnd::Open);
    accessd::serve_imap(stream, rig.context);
    BOOST_TEST(stream.take_output().ends_with("* BYE Idle for too long\r\n"));
    base::MemoryStream silent("", here, here);
    silent.set_at_end(base::MemoryStream::AtEnd::Open);
    accessd::serve_imap(silent, rig.context);
    BOOST_TEST(silent.take_output().ends_with("* BYE Sign in faster\r\n"));
}

BOOST_AUTO_TEST_CASE(ends_when_the_client_stops_reading) {
    SessionRig rig;
    for (int i = 0; i < 100; ++i) {
        rig.store.deliver("INBOX", kShort + std::string(5000, 'x'));
    }
    const base::Endpoint here(base::IpAddress::loopback_v4(), 143);
    base::MemoryStream stream(
        "a LOGIN ann@example.org secret\r\nb SELECT INBOX\r\nc FETCH 1:* BODY.PEEK[]\r\n"
        "d FETCH 1:* BODY.PEEK[]\r\n",
        here,
        here);
    stream.set_output_accept(10'000);
    accessd::serve_imap(stream, rig.context);
    BOOST_TEST(stream.output().size() <= 10'000U);
    BOOST_TEST(rig.store.watches == 0);
}

BOOST_AUTO_TEST_CASE(id_and_namespace) {
    SessionRig rig;
    BOOST_TEST(rig.signed_in("a ID NIL\r\nb NAMESPACE\r\n") ==
               "* ID (\"name\" \"Roundtable\")\r\na OK ID completed\r\n"
               "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\nb OK NAMESPACE completed\r\n");
}

BOOST_AUTO_TEST_CASE(catalog_away_is_never_an_empty_mailbox) {
    SessionRig rig;
    rig.store.deliver("INBOX", kShort);
    rig.store.on_call = [&](const std::string& name) {
        if (name == "status") {
            rig.store.catalog_failure = base::Errc::Unavailable;
        }
    };
    BOOST_TEST(rig.signed_in("a SELECT INBOX\r\nb LIST \"\" *\r\nc STATUS INBOX (MESSAGES)\r\n"
                             "d NOOP\r\n") ==
               "a NO [UNAVAILABLE] Temporary failure, please try again later\r\n"
               "b NO [UNAVAILABLE] Temporary failure, please try again later\r\n"
               "c NO [UNAVAILABLE] Temporary failure, please try again later\r\n"
               "d OK Completed\r\n");
    rig.store.on_call = nullptr;
    BOOST_TEST(has(rig.talk("a LOGIN ann@example.org secret\r\n"), "a NO [UNAVAILABLE]"));
}

BOOST_AUTO_TEST_CASE(open_session_reads_what_it_has_while_the_catalog_is_away) {
    SessionRig rig;
    rig.store.deliver("INBOX", kShort);
    rig.store.on_call = [&](const std::string& name) {
        if (name == "changes") {
            rig.store.catalog_failure = base::Errc::Unavailable;
        }
    };
    const std::string out = rig.selected(
        "a NOOP\r\nb FETCH 1 (UID RFC822.SIZE BODY.PEEK[TEXT])\r\nc STORE 1 +FLAGS (\\Seen)\r\n");
    BOOST_TEST(out ==
               "a OK Completed\r\n"
               "* 1 FETCH (UID 1 RFC822.SIZE 45 BODY[TEXT] {7}\r\nhello\r\n)\r\n"
               "b OK FETCH completed\r\n"
               "c NO [UNAVAILABLE] Temporary failure, please try again later\r\n");
}

BOOST_AUTO_TEST_SUITE_END()
