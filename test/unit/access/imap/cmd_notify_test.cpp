#include <functional>
#include <string>

#include <boost/test/unit_test.hpp>

#include "access/limits.h"
#include "test/unit/access/session_rig.h"

using access_test::Filled;
using access_test::flags;
using access_test::has;
using access_test::SessionRig;

namespace {

const std::string kBoth = "MessageNew MessageExpunge";
const std::string kAll = "NOTIFY SET (selected (" + kBoth + " FlagChange))\r\n";
const std::string kOk = " OK NOTIFY completed\r\n";

/// Does something behind the session's back before it looks for the nth time.
void at_look(SessionRig& rig, int nth, const std::function<void()>& what) {
    rig.store.on_call = [nth, what, seen = 0](const std::string& name) mutable {
        if ((name == "changes" || name == "list") && ++seen == nth) {
            what();
        }
    };
}

}  // namespace

BOOST_AUTO_TEST_SUITE(imap_cmd_notify)

BOOST_AUTO_TEST_CASE(answers_what_it_is_asked) {
    SessionRig rig;
    BOOST_TEST(rig.signed_in("a NOTIFY NONE\r\nb " + kAll + "c NOTIFY SET (personal (" + kBoth +
                             "))\r\n"
                             "d NOTIFY SET (personal (MessageNew))\r\ne NOTIFY\r\n"
                             "f NOTIFY SET (personal (ServerMetadataChange))\r\n") ==
               "a" + kOk + "b" + kOk + "c" + kOk +
                   "d BAD Invalid arguments for NOTIFY\r\ne BAD Invalid arguments for NOTIFY\r\n"
                   "f NO [BADEVENT (MessageNew MessageExpunge FlagChange MailboxName "
                   "SubscriptionChange)] Not all of these events are offered\r\n");
    BOOST_TEST(rig.store.account_watches == 0);
    BOOST_TEST(has(rig.talk("a NOTIFY NONE\r\n"), "a BAD Not possible in this state, sign in"));
}

BOOST_AUTO_TEST_CASE(status_is_sent_of_all_but_the_selected_mailbox) {
    Filled rig(2);
    rig.store.deliver("a", "m");
    const std::string set = "NOTIFY SET STATUS (personal (" + kBoth + "))\r\n";
    const std::string in = rig.signed_in("a " + set);
    BOOST_TEST(has(in, "* STATUS \"INBOX\" (MESSAGES 2 UIDNEXT 3 UIDVALIDITY "));
    BOOST_TEST(has(in, "* STATUS \"a\" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY "));
    BOOST_TEST(in.ends_with("a" + kOk));
    const std::string selected = rig.selected("a " + set);
    BOOST_TEST(!has(selected, "INBOX"));
    BOOST_TEST(has(selected, "* STATUS \"a\" "));
}

// RFC 5465 3.1.
BOOST_AUTO_TEST_CASE(what_has_gathered_is_told_first) {
    Filled rig(1);
    at_look(rig, 1, [&] { rig.store.deliver("INBOX", "new"); });
    BOOST_TEST(rig.selected("a NOTIFY SET (selected NONE)\r\n") ==
               "* 2 EXISTS\r\n* 2 RECENT\r\na" + kOk);
}

// RFC 5465 5: a mailbox of which nothing is wished for is a snapshot.
BOOST_AUTO_TEST_CASE(none_is_a_snapshot) {
    Filled rig(2);
    at_look(rig, 1, [&] {
        rig.store.deliver("INBOX", "new");
        rig.store.expunge_now("INBOX", 1);
        rig.store.set_flags_now("INBOX", 2, flags(mail::Flags::Flagged));
    });
    BOOST_TEST(rig.selected("a NOTIFY NONE\r\nb NOOP\r\nc STORE 2 +FLAGS (\\Seen)\r\nd " + kAll) ==
               "a" + kOk + "b OK Completed\r\n" +
                   "* 2 FETCH (UID 2 FLAGS (\\Seen \\Flagged \\Recent))\r\nc OK STORE completed\r\n"
                   "* 1 EXPUNGE\r\n* 2 EXISTS\r\n* 2 RECENT\r\nd" +
                   kOk);
}

BOOST_AUTO_TEST_CASE(a_snapshot_of_a_mailbox_that_is_gone_ends) {
    Filled rig(1);
    at_look(rig, 1, [&] { rig.store.jump_now("INBOX"); });
    BOOST_TEST(has(rig.selected("a NOTIFY NONE\r\nb NOOP\r\nc NOOP\r\n"),
                   "* BYE The mailbox may have lost"));
}

BOOST_AUTO_TEST_CASE(flags_are_told_with_uids_if_they_are_wished_for) {
    for (const bool wished : {false, true}) {
        Filled rig(2);
        at_look(rig, 2, [&] {
            rig.store.set_flags_now("INBOX", 2, flags(mail::Flags::Seen));
            rig.store.deliver("INBOX", "new");
        });
        const std::string out =
            rig.selected("a " + (wished ? kAll : "NOTIFY SET (selected (" + kBoth + "))\r\n") +
                         "b NOOP\r\nc UID FETCH 2 FLAGS\r\n");
        BOOST_TEST(has(out, "* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent))\r\nb OK") == wished, out);
        BOOST_TEST(has(out, "* 3 EXISTS"), out);
        BOOST_TEST(has(out, "* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent))\r\nc OK"), out);
    }
}

// RFC 5465 5.2: EXISTS, then what was asked for, never for the client's own.
BOOST_AUTO_TEST_CASE(new_messages_are_fetched) {
    Filled rig(1);
    at_look(rig, 2, [&] { rig.store.deliver("INBOX", "Subject: new\r\n\r\nbody\r\n"); });
    const std::string out = rig.selected(
        "a NOTIFY SET (selected (MessageNew (uid body[text]) MessageExpunge))\r\nb NOOP\r\n"
        "c COPY 1 INBOX\r\nd APPEND INBOX {3}\r\nown\r\ne NOOP\r\n");
    BOOST_TEST(has(out,
                   "* 2 EXISTS\r\n* 2 RECENT\r\n* 2 FETCH (UID 2 BODY[TEXT] {6}\r\nbody\r\n)"
                   "\r\nb OK"),
               out);
    BOOST_TEST(has(out, "* 4 EXISTS"), out);
    BOOST_TEST(!has(out, "UID 3"), out);
    BOOST_TEST(!has(out, "UID 4"), out);
    BOOST_TEST(!mail::has(rig.store.flags_of("INBOX", 2).flags, mail::Flags::Seen));
}

BOOST_AUTO_TEST_CASE(more_new_messages_than_can_be_fetched_end_notify) {
    Filled rig(1);
    at_look(rig, 2, [&] {
        for (std::size_t i = 0; i <= accessd::kNotifyMessagesMax; ++i) {
            rig.store.deliver("INBOX", "m");
        }
    });
    const std::string out =
        rig.selected("a NOTIFY SET (selected (MessageNew (uid) MessageExpunge))\r\nb NOOP\r\n");
    BOOST_TEST(out == "a" + kOk +
                          "* 502 EXISTS\r\n* 502 RECENT\r\n* OK [NOTIFICATIONOVERFLOW] Too "
                          "much has changed, NOTIFY is NONE now\r\nb OK Completed\r\n");
}

BOOST_AUTO_TEST_CASE(more_names_than_can_be_told_end_notify) {
    SessionRig rig;
    at_look(rig, 3, [&] {
        for (int i = 0; i < 150; ++i) {
            rig.store.deliver(std::string(450, 'n') + std::to_string(i), "m");
        }
    });
    BOOST_TEST(rig.signed_in("a NOTIFY SET (personal (MailboxName))\r\nb NOOP\r\nc NOOP\r\n") ==
               "a" + kOk +
                   "* OK [NOTIFICATIONOVERFLOW] Too much has changed, NOTIFY is NONE now\r\n"
                   "b OK Completed\r\nc OK Completed\r\n");
}

BOOST_AUTO_TEST_CASE(what_is_too_large_is_refused) {
    SessionRig rig;
    for (std::size_t i = 0; i < accessd::kNotifyMailboxesMax; ++i) {
        rig.store.deliver("m" + std::to_string(i), "m");
    }
    std::string groups;
    for (std::size_t i = 0; i <= accessd::kNotifyGroupsMax; ++i) {
        groups += " (personal NONE)";
    }
    BOOST_TEST(rig.signed_in("a NOTIFY SET (personal (MailboxName))\r\nb NOTIFY SET" + groups +
                             "\r\nc NOTIFY SET (personal NONE)\r\n") ==
               "a NO [NOTIFICATIONOVERFLOW] Too many mailboxes to watch\r\n"
               "b NO [NOTIFICATIONOVERFLOW] Too much for one NOTIFY\r\nc" +
                   kOk);
}

// RFC 5465 5: a client is not told what it did.
BOOST_AUTO_TEST_CASE(own_changes_are_no_news) {
    Filled rig(2);
    BOOST_TEST(rig.selected("a NOTIFY SET (personal (" + kBoth +
                            " FlagChange MailboxName SubscriptionChange))\r\n"
                            "b CREATE x\r\nc COPY 1:2 x\r\nd SUBSCRIBE x\r\n"
                            "e RENAME x z\r\nf APPEND z {1}\r\nm\r\ng DELETE z\r\n"
                            "h UNSUBSCRIBE x\r\ni NOOP\r\n")
                   .find("* ") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(catalog_away_changes_nothing) {
    SessionRig rig;
    rig.store.fail_once["list"] = base::Errc::Unavailable;
    BOOST_TEST(has(rig.signed_in("a NOTIFY SET (personal (MailboxName))\r\nb NOOP\r\n"),
                   "a NO [UNAVAILABLE]"));
    BOOST_TEST(rig.store.account_watches == 0);
}

BOOST_AUTO_TEST_SUITE_END()
