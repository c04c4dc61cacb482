#include "access/imap/session.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "test/unit/access/session_rig.h"

using access_test::has;
using access_test::SessionRig;

namespace {

const std::string kCapabilities =
    "IMAP4rev1 LITERAL- SASL-IR ID IDLE NAMESPACE UIDPLUS MOVE UNSELECT CHILDREN SPECIAL-USE "
    "NOTIFY APPENDLIMIT=10000";
const std::string kGreeting =
    "* OK [CAPABILITY " + kCapabilities + " AUTH=PLAIN] access1 ready\r\n";

const std::string kShort = "Subject: hi\r\nFrom: bob@example.org\r\n\r\nhello\r\n";

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
