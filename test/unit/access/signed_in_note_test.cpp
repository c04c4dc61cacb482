#include "access/signed_in_note.h"

#include <string>

#include <boost/test/unit_test.hpp>

#include "access/imap/session.h"
#include "access/pop3_session.h"
#include "base/fiber.h"
#include "test/support/loop_runner.h"
#include "test/unit/access/session_rig.h"

using access_test::has;
using access_test::SessionRig;
using storage::SessionEvent;

namespace {

struct NoteRig : SessionRig {
    NoteRig() { hear(true, true); }

    void hear(bool login, bool logout) { store.set_hears("ann@example.org", login, logout); }

    std::string pop3(std::string_view input) {
        base::MemoryStream stream(input,
                                  base::Endpoint(base::IpAddress::loopback_v4(), 110),
                                  base::Endpoint(peer, 50'000));
        accessd::serve_pop3(stream, context);
        return stream.take_output();
    }

    /// "Login imap|Logout imap", and none are left.
    std::string told() {
        std::string text;
        for (const storage::SessionNote& note : store.notes) {
            text.append(text.empty() ? "" : "|");
            text.append(storage::session_event_name(note.event)).append(" ").append(note.service);
        }
        store.notes.clear();
        return text;
    }
};

const std::string kLogin = "a LOGIN ann@example.org secret\r\n";
const std::string kPlain = "AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=";
const std::string kPass = "USER ann@example.org\r\nPASS secret\r\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(signed_in_note)

BOOST_AUTO_TEST_CASE(every_way_in_and_out_of_imap) {
    NoteRig rig;
    for (const std::string& in : {kLogin, "a AUTHENTICATE PLAIN " + kPlain + "\r\n"}) {
        for (const char* out : {"b LOGOUT\r\n", "", "b SELECT INBOX\r\nc IDLE\r\n"}) {
            BOOST_TEST(has(rig.talk(in + out), "a OK"));
            BOOST_TEST(rig.told() == "Login imap|Logout imap", in << out);
        }
    }
}

BOOST_AUTO_TEST_CASE(every_way_in_and_out_of_pop3) {
    NoteRig rig;
    for (const std::string& in : {kPass, "AUTH PLAIN " + kPlain + "\r\n"}) {
        for (const char* out : {"QUIT\r\n", "", "STAT\r\n"}) {
            BOOST_TEST(has(rig.pop3(in + out), "+OK Maildrop has"));
            BOOST_TEST(rig.told() == "Login pop|Logout pop", in << out);
        }
    }
}

BOOST_AUTO_TEST_CASE(says_who_from_where_by_which_session) {
    NoteRig rig;
    rig.peer = base::IpAddress::parse("192.0.2.7").value();
    rig.secure = true;
    (void)rig.talk(kLogin);
    (void)rig.talk(kLogin);
    BOOST_TEST_REQUIRE(rig.store.notes.size() == 4U);
    const storage::SessionNote& in = rig.store.notes[0];
    const storage::SessionNote& out = rig.store.notes[1];
    BOOST_CHECK(in.account == *rig.verifier.answer);
    BOOST_TEST(in.client.to_text() == "192.0.2.7:50000");
    BOOST_TEST(in.server.to_text() == "127.0.0.1:143");
    BOOST_TEST(in.session == out.session);
    BOOST_TEST(in.at_us > 0);
    BOOST_TEST(in.at_us <= out.at_us);
    BOOST_TEST(rig.store.notes[2].session != in.session);
}

BOOST_AUTO_TEST_CASE(only_what_a_rule_asked_for_at_sign_in) {
    NoteRig rig;
    rig.hear(true, false);
    (void)rig.talk(kLogin);
    BOOST_TEST(rig.told() == "Login imap");
    rig.hear(false, true);
    (void)rig.pop3(kPass);
    BOOST_TEST(rig.told() == "Logout pop");
    rig.hear(false, false);
    (void)rig.talk(kLogin);
    (void)rig.pop3(kPass);
    BOOST_TEST(rig.told().empty());
}

BOOST_AUTO_TEST_CASE(who_did_not_get_in_is_not_told_of) {
    NoteRig rig;
    (void)rig.talk("a LOGIN ann@example.org wrong\r\nb LOGOUT\r\n");
    (void)rig.talk("b LOGOUT\r\n");
    (void)rig.pop3("USER ann@example.org\r\nPASS wrong\r\nQUIT\r\n");
    const auto lock = rig.store.lock_maildrop(*rig.verifier.answer, "elsewhere");
    BOOST_TEST_REQUIRE(bool(lock));
    BOOST_TEST(has(rig.pop3(kPass + "QUIT\r\n"), "[IN-USE]"));
    BOOST_TEST(rig.told().empty());
}

BOOST_AUTO_TEST_CASE(a_session_that_the_server_ends) {
    NoteRig rig;
    base::MemoryStream stream(kLogin,
                              base::Endpoint(base::IpAddress::loopback_v4(), 143),
                              base::Endpoint(rig.peer, 50'000));
    stream.set_blocking(base::MemoryStream::Blocking::Yes);
    stream.set_at_end(base::MemoryStream::AtEnd::Open);
    test_support::run_in_fiber([&](base::Loop& loop) {
        bool ended = false;
        const auto fiber = base::spawn(loop, "session", [&] {
            accessd::serve_imap(stream, rig.context);
            ended = true;
        });
        BOOST_TEST_REQUIRE(bool(fiber));
        const auto pause = [] {
            BOOST_TEST_REQUIRE(
                bool(base::sleep_until(base::Deadline::after(std::chrono::milliseconds(1)))));
        };
        for (int i = 0; i < 5000 && !has(stream.output(), "a OK"); ++i) {
            pause();
        }
        BOOST_TEST(rig.told() == "Login imap");
        base::cancel_fiber(loop, fiber.value());
        for (int i = 0; i < 5000 && !ended; ++i) {
            pause();
        }
        BOOST_TEST_REQUIRE(ended);
    });
    BOOST_TEST(rig.told() == "Logout imap");
}

BOOST_AUTO_TEST_SUITE_END()
