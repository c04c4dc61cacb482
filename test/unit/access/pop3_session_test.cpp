#include "access/pop3_session.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/fiber.h"
#include "test/support/loop_runner.h"
#include "test/unit/access/session_rig.h"

using access_test::flags;
using access_test::has;
using access_test::SessionRig;

namespace {

const std::string kGreeting = "+OK access1 POP3 server ready\r\n";
const std::string kLogin = "USER ann@example.org\r\nPASS secret\r\n";
const std::string kRefused = "-ERR [AUTH] Name or password wrong\r\n";
const std::string kInUse = "-ERR [IN-USE] Another session has this maildrop\r\n";
// "\0ann@example.org\0secret"
const std::string kPlain = "AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=";
const base::Endpoint kHere(base::IpAddress::loopback_v4(), 110);

struct Pop3Rig : SessionRig {
    /// What the server says to this input, without the greeting.
    std::string pop3(std::string_view input, std::size_t piece = 4096) {
        base::MemoryStream stream(input, kHere, base::Endpoint(peer, 50'000));
        stream.set_fill_max(piece);
        stream.set_secure(secure);
        accessd::serve_pop3(stream, context);
        std::string out = stream.take_output();
        BOOST_TEST(out.starts_with(kGreeting));
        return out.substr(std::min(out.size(), kGreeting.size()));
    }

    /// As pop3(), behind a sign-in whose replies are left out.
    std::string signed_in_pop3(std::string_view input, std::size_t piece = 4096) {
        const std::string out = pop3(kLogin + std::string(input), piece);
        const std::size_t at = out.find("+OK Maildrop has ");
        return at == std::string::npos ? "not signed in: " + out
                                       : out.substr(out.find("\r\n", at) + 2);
    }

    /// True if nobody holds the maildrop.
    bool is_unlocked() {
        const auto lock = store.lock_maildrop({}, "test");
        if (lock) {
            BOOST_TEST(bool(store.release_maildrop(lock.value())));
        }
        return bool(lock);
    }

    std::size_t count() { return store.status({}, "INBOX").value().messages; }
};

/// Three messages: of 16, 15 and 23 octets, 54 in all.
struct Three : Pop3Rig {
    Three() {
        store.deliver("INBOX", "S: 1\r\n\r\nbody\r\n\r\n");
        store.deliver("INBOX", "S: 2\r\n\r\n.dot\r\nx");
        store.deliver("INBOX", "S: 3\r\n\r\na\r\nb\r\nc\r\nd\r\n.\r\n");
        validity = std::to_string(store.status({}, "INBOX").value().uid_validity);
    }

    std::string validity;
};

/// A session that runs in a fiber of its own until its client says more.
class Beside {
  public:
    Beside(base::Loop& loop, Pop3Rig& rig) : stream_("", kHere, kHere) {
        stream_.set_blocking(base::MemoryStream::Blocking::Yes);
        stream_.set_at_end(base::MemoryStream::AtEnd::Open);
        BOOST_TEST(bool(base::spawn(loop, "session", [this, &rig] {
            accessd::serve_pop3(stream_, rig.context);
            ended_ = true;
        })));
    }

    /// Sends, and waits until the server has said this.
    void say(std::string_view input, const std::string& answer) {
        stream_.push_input(input);
        wait_for([&] { return has(stream_.output(), answer); }, answer);
    }

    void wait_for_end() {
        wait_for([&] { return ended_; }, "the end");
    }

  private:
    template <typename Condition>
    void wait_for(Condition condition, const std::string& what) {
        for (int i = 0; i < 5000 && !condition(); ++i) {
            BOOST_TEST_REQUIRE(
                bool(base::sleep_until(base::Deadline::after(std::chrono::milliseconds(1)))));
        }
        BOOST_TEST_REQUIRE(condition(), what << " in " << stream_.output());
    }

    base::MemoryStream stream_;
    bool ended_ = false;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(pop3_session)

BOOST_AUTO_TEST_CASE(greets_and_says_good_bye) {
    Pop3Rig rig;
    BOOST_TEST(rig.pop3("QUIT\r\n") == "+OK Bye\r\n");
    BOOST_TEST(rig.pop3("QUIT\r\nSTAT\r\n") == "+OK Bye\r\n");
    BOOST_TEST(rig.pop3("").empty());
}

// RFC 2449: what is offered works, in both states.
BOOST_AUTO_TEST_CASE(tells_its_capabilities) {
    Pop3Rig rig;
    const std::string capabilities =
        "+OK Capabilities\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n"
        "EXPIRE NEVER\r\nUSER\r\nSASL PLAIN\r\nIMPLEMENTATION Roundtable\r\n.\r\n";
    BOOST_TEST(rig.pop3("CAPA\r\n") == capabilities);
    BOOST_TEST(rig.signed_in_pop3("capa\r\n") == capabilities);
}

BOOST_AUTO_TEST_CASE(signs_in_by_user_and_pass) {
    Three rig;
    BOOST_TEST(rig.pop3(kLogin) ==
               "+OK Password please\r\n+OK Maildrop has 3 messages (54 octets)\r\n");
    BOOST_TEST(rig.pop3("user Ann@Example.ORG\r\npass secret\r\n") ==
               "+OK Password please\r\n+OK Maildrop has 3 messages (54 octets)\r\n");
}

BOOST_AUTO_TEST_CASE(signs_in_by_plain) {
    Pop3Rig rig;
    const std::string done = "+OK Maildrop has 0 messages (0 octets)\r\n";
    BOOST_TEST(rig.pop3("AUTH PLAIN " + kPlain + "\r\n") == done);
    BOOST_TEST(rig.pop3("AUTH plain\r\n" + kPlain + "\r\n") == "+ \r\n" + done);
    BOOST_TEST(rig.pop3("AUTH PLAIN\r\n" + kPlain + "\r\n", 1) == "+ \r\n" + done);
    BOOST_TEST(rig.pop3("AUTH PLAIN\r\n*\r\nNOOP\r\n") ==
               "+ \r\n-ERR AUTH cancelled\r\n-ERR Sign in first\r\n");
    BOOST_TEST(rig.pop3("AUTH PLAIN\r\n!!!\r\n") == "+ \r\n-ERR Malformed response\r\n");
    BOOST_TEST(rig.pop3("AUTH PLAIN =\r\n") == "-ERR Malformed response\r\n");
    BOOST_TEST(rig.pop3("AUTH CRAM-MD5\r\n") == "-ERR No such mechanism\r\n");
    BOOST_TEST(rig.pop3("AUTH PLAIN\r\n") == "+ \r\n");
    // "bob@example.org\0ann@example.org\0secret": ann acts for nobody else
    BOOST_TEST(rig.pop3("AUTH PLAIN Ym9iQGV4YW1wbGUub3JnAGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=\r\n") ==
               "-ERR [AUTH] Not allowed to act for another\r\n");
}

BOOST_AUTO_TEST_CASE(overlong_response_to_a_challenge_stays_in_step) {
    Pop3Rig rig;
    BOOST_TEST(rig.pop3("AUTH PLAIN\r\n" + std::string(5000, 'A') + "\r\nNOOP\r\n") ==
               "+ \r\n-ERR Command too long\r\n-ERR Sign in first\r\n");
    // Longer than a command may be, and still read: RFC 5034 4.
    BOOST_TEST(rig.pop3("AUTH PLAIN\r\n" + std::string(4000, 'A') + "\r\nNOOP\r\n") ==
               "+ \r\n-ERR Malformed response\r\n-ERR Sign in first\r\n");
}

BOOST_AUTO_TEST_CASE(does_not_say_what_was_wrong) {
    Pop3Rig rig;
    const std::string refused = "+OK Password please\r\n" + kRefused;
    BOOST_TEST(rig.pop3("USER ann@example.org\r\nPASS wrong\r\n") == refused);
    BOOST_TEST(rig.pop3("USER eve@example.org\r\nPASS secret\r\n") == refused);
    rig.store.disable_account("ann@example.org");
    BOOST_TEST(rig.pop3(kLogin) == refused);
    BOOST_TEST(rig.is_unlocked());
}

BOOST_AUTO_TEST_CASE(pass_follows_its_user_at_once) {
    Pop3Rig rig;
    BOOST_TEST(rig.pop3("PASS secret\r\n") == "-ERR USER first\r\n");
    BOOST_TEST(rig.pop3("USER ann@example.org\r\nNOOP\r\nPASS secret\r\n") ==
               "+OK Password please\r\n-ERR Sign in first\r\n-ERR USER first\r\n");
    // A refused PASS needs a USER again.
    BOOST_TEST(rig.pop3("USER ann@example.org\r\nPASS x\r\nPASS secret\r\n") ==
               "+OK Password please\r\n" + kRefused + "-ERR USER first\r\n");
    BOOST_TEST(has(rig.pop3("USER eve@example.org\r\n" + kLogin), "+OK Maildrop"));
}

BOOST_AUTO_TEST_CASE(closes_after_many_failed_sign_ins) {
    Pop3Rig rig;
    std::string input;
    for (int i = 0; i < 6; ++i) {
        input += "USER ann@example.org\r\nPASS wrong\r\n";
    }
    std::string expected;
    for (int i = 0; i < 5; ++i) {
        expected += "+OK Password please\r\n" + kRefused;
    }
    std::string out;
    test_support::run_in_fiber([&](base::Loop&) { out = rig.pop3(input); });
    BOOST_TEST(out == expected);
}

BOOST_AUTO_TEST_CASE(no_password_in_clear_over_the_network) {
    Pop3Rig rig;
    rig.peer = base::IpAddress::parse("192.0.2.1").value();
    const std::string needed = "-ERR Encryption is required to sign in\r\n";
    BOOST_TEST(rig.pop3(kLogin + "AUTH PLAIN " + kPlain + "\r\nAUTH PLAIN\r\n") ==
               needed + needed + needed + needed);
    const std::string capabilities = rig.pop3("CAPA\r\n");
    BOOST_TEST(!has(capabilities, "USER"));
    BOOST_TEST(!has(capabilities, "SASL"));
    BOOST_TEST(rig.verifier.questions == 0);
    rig.settings.insecure_auth = accessd::InsecureAuth::Allowed;
    BOOST_TEST(has(rig.pop3(kLogin), "+OK Maildrop"));
    rig.settings.insecure_auth = accessd::InsecureAuth::LoopbackOnly;
    rig.secure = true;
    BOOST_TEST(has(rig.pop3(kLogin), "+OK Maildrop"));
    BOOST_TEST(has(rig.pop3("CAPA\r\n"), "SASL PLAIN\r\n"));
}

BOOST_AUTO_TEST_CASE(commands_are_bound_to_states) {
    Three rig;
    for (const char* line :
         {"STAT", "LIST", "LIST 1", "RETR 1", "DELE 1", "NOOP", "RSET", "TOP 1 1", "UIDL"}) {
        BOOST_TEST(rig.pop3(std::string(line) + "\r\n") == "-ERR Sign in first\r\n", line);
    }
    for (const std::string& line : {std::string("USER ann@example.org"),
                                    std::string("PASS secret"),
                                    "AUTH PLAIN " + kPlain,
                                    std::string("AUTH PLAIN")}) {
        BOOST_TEST(rig.signed_in_pop3(line + "\r\n") == "-ERR Signed in already\r\n", line);
    }
}

BOOST_AUTO_TEST_CASE(counts_and_lists) {
    Three rig;
    const std::string all = "+OK\r\n1 16\r\n2 15\r\n3 23\r\n.\r\n";
    BOOST_TEST(rig.signed_in_pop3("STAT\r\nLIST\r\nLIST 2\r\nLIST 4\r\nNOOP\r\n") ==
               "+OK 3 54\r\n" + all + "+OK 2 15\r\n-ERR No such message\r\n+OK\r\n");
    const std::string v = rig.validity;
    BOOST_TEST(rig.signed_in_pop3("UIDL\r\nUIDL 3\r\nUIDL 99\r\n") ==
               "+OK\r\n1 " + v + ".1\r\n2 " + v + ".2\r\n3 " + v + ".3\r\n.\r\n+OK 3 " + v +
                   ".3\r\n-ERR No such message\r\n");
}

BOOST_AUTO_TEST_CASE(unique_ids_stay_with_their_messages) {
    Three rig;
    BOOST_TEST(rig.signed_in_pop3("DELE 1\r\nQUIT\r\n") ==
               "+OK Will be deleted at QUIT\r\n+OK Bye\r\n");
    BOOST_TEST(rig.signed_in_pop3("UIDL\r\n") ==
               "+OK\r\n1 " + rig.validity + ".2\r\n2 " + rig.validity + ".3\r\n.\r\n");
}

BOOST_AUTO_TEST_CASE(empty_maildrop) {
    Pop3Rig rig;
    BOOST_TEST(rig.signed_in_pop3("STAT\r\nLIST\r\nUIDL\r\nLIST 1\r\nRETR 1\r\nDELE 1\r\n"
                                  "TOP 1 0\r\nRSET\r\nQUIT\r\n") ==
               "+OK 0 0\r\n+OK\r\n.\r\n+OK\r\n.\r\n-ERR No such message\r\n"
               "-ERR No such message\r\n-ERR No such message\r\n-ERR No such message\r\n"
               "+OK Nothing is marked as deleted\r\n+OK Bye\r\n");
}

BOOST_AUTO_TEST_CASE(retrieves_with_dots_doubled) {
    Three rig;
    BOOST_TEST(rig.signed_in_pop3("RETR 1\r\nRETR 2\r\nRETR 3\r\nRETR 4\r\n") ==
               "+OK 16 octets\r\nS: 1\r\n\r\nbody\r\n\r\n.\r\n"
               "+OK 15 octets\r\nS: 2\r\n\r\n..dot\r\nx\r\n.\r\n"
               "+OK 23 octets\r\nS: 3\r\n\r\na\r\nb\r\nc\r\nd\r\n..\r\n.\r\n"
               "-ERR No such message\r\n");
}

BOOST_AUTO_TEST_CASE(retrieves_a_message_of_many_pieces) {
    Pop3Rig rig;
    std::string text = "S: big\r\n\r\n";
    for (int i = 0; i < 20'000; ++i) {
        text += "line " + std::to_string(i) + "\r\n";
    }
    rig.store.deliver("INBOX", text);
    BOOST_TEST(rig.signed_in_pop3("RETR 1\r\nNOOP\r\n") ==
               "+OK " + std::to_string(text.size()) + " octets\r\n" + text + ".\r\n+OK\r\n");
}

BOOST_AUTO_TEST_CASE(lists_more_than_fits_into_a_piece) {
    Pop3Rig rig;
    std::string lines;
    for (int i = 1; i <= 5000; ++i) {
        rig.store.deliver("INBOX", "x");
        lines += std::to_string(i) + " 1\r\n";
    }
    BOOST_TEST(rig.signed_in_pop3("LIST\r\n") == "+OK\r\n" + lines + ".\r\n");
}

BOOST_AUTO_TEST_CASE(top_sends_header_and_some_lines) {
    Three rig;
    BOOST_TEST(rig.signed_in_pop3("TOP 3 0\r\nTOP 3 2\r\nTOP 3 999\r\nTOP 2 1\r\nTOP 9 1\r\n") ==
               "+OK\r\nS: 3\r\n\r\n.\r\n"
               "+OK\r\nS: 3\r\n\r\na\r\nb\r\n.\r\n"
               "+OK\r\nS: 3\r\n\r\na\r\nb\r\nc\r\nd\r\n..\r\n.\r\n"
               "+OK\r\nS: 2\r\n\r\n..dot\r\n.\r\n-ERR No such message\r\n");
}

BOOST_AUTO_TEST_CASE(deleted_messages_are_hidden_until_reset) {
    Three rig;
    const std::string gone = "-ERR The message is marked as deleted\r\n";
    BOOST_TEST(rig.signed_in_pop3("DELE 2\r\nDELE 2\r\nSTAT\r\nLIST\r\nLIST 2\r\nUIDL 2\r\n"
                                  "RETR 2\r\nTOP 2 1\r\nRSET\r\nSTAT\r\nLIST 2\r\n") ==
               "+OK Will be deleted at QUIT\r\n" + gone +
                   "+OK 2 39\r\n+OK\r\n1 16\r\n3 23\r\n.\r\n" + gone + gone + gone + gone +
                   "+OK Nothing is marked as deleted\r\n+OK 3 54\r\n+OK 2 15\r\n");
    BOOST_TEST(rig.count() == 3U);
}

BOOST_AUTO_TEST_CASE(quit_deletes_what_is_marked_and_nothing_else) {
    Three rig;
    BOOST_TEST(rig.signed_in_pop3("DELE 1\r\nDELE 3\r\nRSET\r\nDELE 2\r\nQUIT\r\n") ==
               "+OK Will be deleted at QUIT\r\n+OK Will be deleted at QUIT\r\n"
               "+OK Nothing is marked as deleted\r\n+OK Will be deleted at QUIT\r\n+OK Bye\r\n");
    BOOST_TEST(rig.count() == 2U);
    BOOST_TEST(rig.signed_in_pop3("LIST\r\n") == "+OK\r\n1 16\r\n2 23\r\n.\r\n");
    BOOST_TEST(rig.is_unlocked());
}

// What came after sign-in is not in the maildrop: its number would be another's.
BOOST_AUTO_TEST_CASE(maildrop_is_what_it_was_at_sign_in) {
    Three rig;
    rig.store.on_call = [&](const std::string& name) {
        if (name == "renew_maildrop") {
            rig.store.on_call = nullptr;
            rig.store.deliver("INBOX", "late");
            rig.store.set_flags_now("INBOX", 3, flags(mail::Flags::Deleted));
        }
    };
    BOOST_TEST(rig.signed_in_pop3("DELE 1\r\nQUIT\r\n") ==
               "+OK Will be deleted at QUIT\r\n+OK Bye\r\n");
    // The late one is there, and so is the one that another session marked with \Deleted.
    BOOST_TEST(rig.count() == 3U);
}

// RFC 1939 6: without QUIT there is no UPDATE state.
BOOST_AUTO_TEST_CASE(dead_connection_deletes_nothing) {
    Three rig;
    BOOST_TEST(rig.signed_in_pop3("DELE 1\r\nDELE 2\r\nRETR 3\r\n").size() > 60U);
    BOOST_TEST(rig.signed_in_pop3("DELE 1\r\nQUIT").starts_with("+OK Will"));
    BOOST_TEST(rig.count() == 3U);
    BOOST_TEST((rig.store.flags_of("INBOX", 3).flags == mail::Flags::None));
    BOOST_TEST(rig.is_unlocked());
}

BOOST_AUTO_TEST_CASE(client_that_stops_reading_deletes_nothing) {
    Three rig;
    rig.store.deliver("INBOX", std::string(200'000, 'x'));
    const std::string input = kLogin + "DELE 1\r\nRETR 4\r\nQUIT\r\n";
    base::MemoryStream stream(input, kHere, kHere);
    stream.set_output_accept(20'000);
    accessd::serve_pop3(stream, rig.context);
    BOOST_TEST(stream.output().size() <= 20'000U);
    BOOST_TEST(rig.count() == 4U);
    BOOST_TEST(rig.is_unlocked());
}

BOOST_AUTO_TEST_CASE(idle_session_ends_without_a_word_and_deletes_nothing) {
    Three rig;
    int renewals = 0;
    rig.store.on_call = [&](const std::string& name) {
        renewals += name == "renew_maildrop" ? 1 : 0;
    };
    base::MemoryStream stream(kLogin + "DELE 1\r\n", kHere, kHere);
    stream.set_at_end(base::MemoryStream::AtEnd::Open);
    accessd::serve_pop3(stream, rig.context);
    BOOST_TEST(stream.output().ends_with("+OK Will be deleted at QUIT\r\n"));
    // 10 minutes, and the lock was kept alive every 30 seconds of them.
    BOOST_TEST(renewals == 20);
    BOOST_TEST(rig.count() == 3U);
    BOOST_TEST(rig.is_unlocked());
}

BOOST_AUTO_TEST_CASE(retrieved_messages_are_seen_after_quit) {
    Three rig;
    BOOST_TEST(rig.signed_in_pop3("RETR 1\r\nTOP 2 1\r\nQUIT\r\n").ends_with("+OK Bye\r\n"));
    BOOST_TEST((rig.store.flags_of("INBOX", 1).flags == mail::Flags::Seen));
    BOOST_TEST((rig.store.flags_of("INBOX", 2).flags == mail::Flags::None));
    // A mark that is not kept is no reason to keep a message.
    rig.store.fail_once["store_flags"] = base::Errc::Unavailable;
    BOOST_TEST(rig.signed_in_pop3("RETR 2\r\nDELE 3\r\nQUIT\r\n").ends_with("+OK Bye\r\n"));
    BOOST_TEST(rig.count() == 2U);
}

BOOST_AUTO_TEST_CASE(a_maildrop_has_one_session) {
    Three rig;
    test_support::run_in_fiber([&](base::Loop& loop) {
        Beside first(loop, rig);
        first.say(kLogin + "DELE 1\r\n", "+OK Will be deleted");
        BOOST_TEST(rig.pop3(kLogin + "STAT\r\n") ==
                   "+OK Password please\r\n" + kInUse + "-ERR Sign in first\r\n");
        BOOST_TEST(rig.pop3("AUTH PLAIN " + kPlain + "\r\nQUIT\r\n") == kInUse + "+OK Bye\r\n");
        first.say("QUIT\r\n", "+OK Bye");
        first.wait_for_end();
        BOOST_TEST(rig.signed_in_pop3("STAT\r\n") == "+OK 2 38\r\n");
    });
}

BOOST_AUTO_TEST_CASE(lock_that_lapsed_deletes_nothing) {
    Three rig;
    rig.store.fail_once["renew_maildrop"] = base::Errc::Refused;
    BOOST_TEST(rig.signed_in_pop3("DELE 1\r\nQUIT\r\n") ==
               "+OK Will be deleted at QUIT\r\n"
               "-ERR [SYS/TEMP] Some deleted messages were not removed\r\n");
    BOOST_TEST(rig.count() == 3U);
    rig.store.fail_once["expunge"] = base::Errc::Timeout;
    BOOST_TEST(has(rig.signed_in_pop3("DELE 1\r\nQUIT\r\n"), "-ERR [SYS/TEMP] Some deleted"));
    BOOST_TEST(rig.is_unlocked());
}

// A client that believes in an empty maildrop deletes its own copies.
BOOST_AUTO_TEST_CASE(catalog_away_is_never_an_empty_maildrop) {
    Three rig;
    for (const char* call : {"find_account", "lock_maildrop", "status", "open"}) {
        rig.store.fail_once[call] = base::Errc::Unavailable;
        const std::string out = rig.pop3(kLogin + "STAT\r\n");
        BOOST_TEST(out ==
                       "+OK Password please\r\n-ERR [SYS/TEMP] Not available now, please try "
                       "again\r\n-ERR Sign in first\r\n",
                   call << " gave " << out);
        BOOST_TEST(rig.is_unlocked(), call);
    }
    BOOST_TEST(rig.signed_in_pop3("STAT\r\n") == "+OK 3 54\r\n");
}

BOOST_AUTO_TEST_CASE(unreadable_message_costs_its_own_answer) {
    Three rig;
    const std::string second = rig.store.text_of("INBOX", 2);
    const std::vector<std::pair<base::Errc, std::string>> rows = {
        {base::Errc::Unavailable, "-ERR [SYS/TEMP] Not available now, please try again\r\n"},
        {base::Errc::Corrupt, "-ERR [SYS/PERM] The message cannot be read\r\n"},
        {base::Errc::NotFound, "-ERR No such message any more\r\n"},
    };
    for (const auto& [code, answer] : rows) {
        rig.store.unreadable[second] = code;
        BOOST_TEST(rig.signed_in_pop3("RETR 2\r\nTOP 2 0\r\nTOP 1 0\r\nQUIT\r\n") ==
                   answer + answer + "+OK\r\nS: 1\r\n\r\n.\r\n+OK Bye\r\n");
    }
    BOOST_TEST((rig.store.flags_of("INBOX", 2).flags == mail::Flags::None));
}

BOOST_AUTO_TEST_CASE(pipelined_commands_are_answered_in_order) {
    Three rig;
    const std::string input =
        "STAT\r\nLIST 1\r\nDELE 1\r\nRETR 2\r\nFOO\r\nRSET\r\nNOOP\r\nDELE 3\r\nQUIT\r\nSTAT\r\n";
    const std::string expected =
        "+OK 3 54\r\n+OK 1 16\r\n+OK Will be deleted at QUIT\r\n"
        "+OK 15 octets\r\nS: 2\r\n\r\n..dot\r\nx\r\n.\r\n-ERR Unknown command\r\n"
        "+OK Nothing is marked as deleted\r\n+OK\r\n+OK Will be deleted at QUIT\r\n+OK Bye\r\n";
    BOOST_TEST(rig.signed_in_pop3(input) == expected);
    rig.store.deliver("INBOX", std::string(23, 'x'));
    BOOST_TEST(rig.signed_in_pop3(input, 1) == expected);
}

BOOST_AUTO_TEST_CASE(bad_input_is_answered_and_stays_in_step) {
    Three rig;
    const std::vector<std::pair<std::string, std::string>> rows = {
        {"\r\n", "-ERR Unknown command\r\n"},
        {"FOO\r\n", "-ERR Unknown command\r\n"},
        {"APOP ann d41d8cd9\r\n", "-ERR Unknown command\r\n"},
        {"STAT\n", "-ERR Lines must end in CRLF\r\n"},
        {std::string("STAT\0\r\n", 7), "-ERR NUL is not allowed in a command\r\n"},
        {"STAT {3}\r\n", "-ERR Too many arguments\r\n"},
        {"RETR\r\n", "-ERR Argument missing\r\n"},
        {"RETR 0\r\n", "-ERR Not a message number\r\n"},
        {"RETR 99999999999999999999\r\n", "-ERR Not a message number\r\n"},
        {"DELE 1 2\r\n", "-ERR Too many arguments\r\n"},
        {"TOP 1\r\n", "-ERR Number of lines expected\r\n"},
        {"TOP 1 -1\r\n", "-ERR Not a number of lines\r\n"},
        {"LIST x\r\n", "-ERR Not a message number\r\n"},
        {"NOOP " + std::string(600, 'x') + "\r\n", "-ERR Command too long\r\n"},
        {std::string(100'000, 'x') + "\r\n", "-ERR Command too long\r\n"},
        {"PASS " + std::string(505, 'x') + "\r\n", "-ERR Signed in already\r\n"},
        {"PASS " + std::string(506, 'x') + "\r\n", "-ERR Command too long\r\n"},
    };
    for (const auto& [input, expected] : rows) {
        for (const std::size_t piece : {1UL, 7UL, 4096UL}) {
            const std::string out = rig.signed_in_pop3(input + "STAT\r\n", piece);
            BOOST_TEST(out == expected + "+OK 3 54\r\n", input.substr(0, 50) << " gave " << out);
        }
    }
    BOOST_TEST(rig.count() == 3U);
}

BOOST_AUTO_TEST_CASE(gives_up_on_a_client_that_sends_nonsense) {
    Pop3Rig rig;
    std::string input;
    for (int i = 0; i < 100; ++i) {
        input += "GET / HTTP/1.1\r\n";
    }
    const std::string out = rig.pop3(input);
    BOOST_TEST(out.ends_with("-ERR Unknown command\r\n-ERR Too many bad commands\r\n"));
    BOOST_TEST(out.size() < 1000U);
    BOOST_TEST(rig.pop3(std::string(3'000'000, 'x')) == "-ERR Too much input\r\n");
    BOOST_TEST(rig.pop3("AUTH PLAIN\r\n" + std::string(3'000'000, 'x')) ==
               "+ \r\n-ERR Too much input\r\n");
}

BOOST_AUTO_TEST_CASE(server_that_stops_ends_the_session) {
    Three rig;
    rig.store.unreadable[rig.store.text_of("INBOX", 1)] = base::Errc::Cancelled;
    BOOST_TEST(rig.signed_in_pop3("DELE 2\r\nRETR 1\r\nQUIT\r\n") ==
               "+OK Will be deleted at QUIT\r\n-ERR [SYS/TEMP] Server is shutting down\r\n");
    BOOST_TEST(rig.count() == 3U);
    BOOST_TEST(rig.is_unlocked());
}

BOOST_AUTO_TEST_SUITE_END()
