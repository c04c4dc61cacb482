#include <functional>
#include <string>

#include <boost/test/unit_test.hpp>

#include "access/imap/session.h"
#include "base/fiber.h"
#include "test/support/loop_runner.h"
#include "test/unit/access/session_rig.h"

using access_test::Filled;
using access_test::flags;
using access_test::has;

namespace {

/// A client that sends something now and then, and the session that it talks to.
class Live {
  public:
    Live(base::Loop& loop, access_test::SessionRig& rig)
        : here_(base::IpAddress::loopback_v4(), 143), stream_("", here_, here_) {
        stream_.set_blocking(base::MemoryStream::Blocking::Yes);
        stream_.set_at_end(base::MemoryStream::AtEnd::Open);
        BOOST_TEST(bool(base::spawn(loop, "session", [&] {
            accessd::serve_imap(stream_, rig.context);
            ended_ = true;
        })));
    }

    void send(const std::string& text) { stream_.push_input(text); }

    /// What was said up to and including this text.
    std::string until(const std::string& text) {
        wait([&] { return has(out_, text); });
        BOOST_TEST_REQUIRE(has(out_, text), text << " in " << out_);
        const std::size_t end = out_.find(text) + text.size();
        const std::string said = out_.substr(0, end);
        out_.erase(0, end);
        return said;
    }

    void end() {
        send("z LOGOUT\r\n");
        (void)until("z OK LOGOUT");
        has_ended();
    }

    void has_ended() {
        wait([&] { return ended_; });
        BOOST_TEST(ended_);
    }

  private:
    void wait(const std::function<bool()>& done) {
        for (int i = 0; i < 3000 && !done(); ++i) {
            BOOST_TEST_REQUIRE(
                bool(base::sleep_until(base::Deadline::after(std::chrono::milliseconds(1)))));
            out_ += stream_.take_output();
        }
    }

    base::Endpoint here_;
    base::MemoryStream stream_;
    std::string out_;
    bool ended_ = false;
};

const std::string kLogin = "i LOGIN ann@example.org secret\r\n";
const std::string kSelect = "s SELECT INBOX\r\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(imap_session_notify)

// RFC 5465 3.1: no command has to be in progress.
BOOST_AUTO_TEST_CASE(the_selected_mailbox_is_told_between_commands) {
    Filled rig(2);
    test_support::run_in_fiber([&](base::Loop& loop) {
        Live client(loop, rig);
        client.send(kLogin + kSelect +
                    "a NOTIFY SET (selected (MessageNew (uid) MessageExpunge FlagChange))\r\n");
        (void)client.until("a OK NOTIFY completed\r\n");
        rig.store.deliver("INBOX", "new");
        rig.store.last_watch();
        BOOST_TEST(client.until("* 3 FETCH (UID 3)\r\n") ==
                   "* 3 EXISTS\r\n* 3 RECENT\r\n* 3 FETCH (UID 3)\r\n");
        rig.store.set_flags_now("INBOX", 1, flags(mail::Flags::Seen));
        rig.store.last_watch();
        (void)client.until("* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent))\r\n");
        rig.store.expunge_now("INBOX", 1);
        rig.store.last_watch();
        (void)client.until("* 1 EXPUNGE\r\n");
        client.end();
    });
    BOOST_TEST(rig.store.watches == 0);
}

// RFC 5465 6.1.2.
BOOST_AUTO_TEST_CASE(delayed_expunges_wait_for_a_command_that_may_tell_them) {
    Filled rig(2);
    test_support::run_in_fiber([&](base::Loop& loop) {
        Live client(loop, rig);
        client.send(kLogin + kSelect +
                    "a NOTIFY SET (selected-delayed (MessageNew MessageExpunge))\r\n");
        (void)client.until("a OK NOTIFY completed\r\n");
        rig.store.expunge_now("INBOX", 1);
        rig.store.deliver("INBOX", "new");
        rig.store.last_watch();
        BOOST_TEST(client.until("* 3 RECENT\r\n") == "* 3 EXISTS\r\n* 3 RECENT\r\n");
        client.send("b STORE 2 +FLAGS (\\Seen)\r\n");
        BOOST_TEST(!has(client.until("b OK"), "EXPUNGE"));
        client.send("c IDLE\r\n");
        (void)client.until("* 1 EXPUNGE\r\n");
        client.send("DONE\r\n");
        client.end();
    });
}

BOOST_AUTO_TEST_CASE(the_account_is_told_between_commands_and_in_idle) {
    Filled rig(1);
    test_support::run_in_fiber([&](base::Loop& loop) {
        Live client(loop, rig);
        client.send(kLogin +
                    "a NOTIFY SET (personal (MessageNew MessageExpunge MailboxName "
                    "SubscriptionChange))\r\n");
        (void)client.until("a OK NOTIFY completed\r\n");
        rig.store.deliver("INBOX", "new");
        rig.store.last_account_watch();
        BOOST_TEST(client.until("\r\n").starts_with("* STATUS \"INBOX\" (MESSAGES 2 UIDNEXT 3 "));
        BOOST_TEST(bool(rig.store.create({}, "made")));
        rig.store.last_account_watch();
        (void)client.until("* LIST (\\HasNoChildren) \"/\" \"made\"\r\n* STATUS \"made\" ");
        BOOST_TEST(rig.store.last_watched.size() == 2U);
        client.send("b IDLE\r\n");
        (void)client.until("+ idling\r\n");
        BOOST_TEST(bool(rig.store.rename({}, "made", "renamed")));
        BOOST_TEST(bool(rig.store.subscribe({}, "renamed")));
        rig.store.last_account_watch();
        (void)client.until(
            "* LIST (\\Subscribed \\HasNoChildren) \"/\" \"renamed\" (\"OLDNAME\" "
            "(\"made\"))\r\n");
        BOOST_TEST(bool(rig.store.remove({}, "renamed")));
        rig.store.last_account_watch();
        (void)client.until("* LIST (\\NonExistent \\Subscribed ");
        client.send("DONE\r\n");
        (void)client.until("b OK IDLE");
        client.send("c NOTIFY NONE\r\n");
        (void)client.until("c OK");
        BOOST_TEST(rig.store.account_watches == 0);
        client.end();
    });
}

BOOST_AUTO_TEST_CASE(a_command_that_is_half_sent_is_not_interrupted) {
    Filled rig(1);
    test_support::run_in_fiber([&](base::Loop& loop) {
        Live client(loop, rig);
        client.send(kLogin + kSelect + "a NOTIFY SET (selected (MessageNew MessageExpunge))\r\n");
        (void)client.until("a OK NOTIFY completed\r\n");
        client.send("b UID FE");
        BOOST_TEST(bool(base::sleep_until(base::Deadline::after(std::chrono::milliseconds(20)))));
        rig.store.expunge_now("INBOX", 1);
        rig.store.last_watch();
        client.send("TCH 1 UID\r\n");
        BOOST_TEST(client.until("b OK FETCH completed\r\n") ==
                   "* 1 FETCH (UID 1)\r\n* 1 EXPUNGE\r\nb OK FETCH completed\r\n");
        client.end();
    });
}

BOOST_AUTO_TEST_CASE(a_mailbox_that_goes_while_it_is_watched_ends_the_session) {
    Filled rig(1);
    test_support::run_in_fiber([&](base::Loop& loop) {
        Live client(loop, rig);
        client.send(kLogin +
                    "s SELECT INBOX\r\na NOTIFY SET (selected (MessageNew "
                    "MessageExpunge))\r\n");
        (void)client.until("a OK NOTIFY completed\r\n");
        rig.store.jump_now("INBOX");
        rig.store.last_watch();
        (void)client.until("* BYE The mailbox may have lost its last changes");
        client.has_ended();
    });
}

BOOST_AUTO_TEST_CASE(what_could_not_be_looked_at_is_told_later) {
    Filled rig(1);
    test_support::run_in_fiber([&](base::Loop& loop) {
        Live client(loop, rig);
        client.send(kLogin + kSelect + "a NOTIFY SET (selected (MessageNew MessageExpunge))\r\n");
        (void)client.until("a OK NOTIFY completed\r\n");
        rig.store.deliver("INBOX", "new");
        rig.store.fail_once["changes"] = base::Errc::Unavailable;
        rig.store.last_watch();
        (void)client.until("* 2 EXISTS\r\n");
        client.end();
    });
}

BOOST_AUTO_TEST_SUITE_END()
