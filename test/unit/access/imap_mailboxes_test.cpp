// LIST, LSUB, SELECT, EXAMINE, STATUS, CREATE, DELETE, RENAME, SUBSCRIBE, APPEND.

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "access/imap/list_names.h"
#include "test/unit/access/session_rig.h"

using access_test::SessionRig;

namespace {

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(imap_mailboxes)

BOOST_AUTO_TEST_CASE(lists_names_levels_and_special_use) {
    SessionRig rig;
    rig.store.deliver("a/b/c", "x");
    rig.store.deliver("Sent", "x");
    rig.store.deliver("Entwürfe", "x");
    rig.store.set_special_use("Sent", "\\Sent");
    BOOST_TEST(rig.signed_in("a LIST \"\" *\r\n") ==
               "* LIST (\\HasNoChildren) \"/\" \"Entw&APw-rfe\"\r\n"
               "* LIST (\\HasNoChildren) \"/\" \"INBOX\"\r\n"
               "* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent\"\r\n"
               "* LIST (\\Noselect \\HasChildren) \"/\" \"a\"\r\n"
               "* LIST (\\Noselect \\HasChildren) \"/\" \"a/b\"\r\n"
               "* LIST (\\HasNoChildren) \"/\" \"a/b/c\"\r\n"
               "a OK LIST completed\r\n");
    BOOST_TEST(rig.signed_in("a LIST a/ %\r\n") ==
               "* LIST (\\Noselect \\HasChildren) \"/\" \"a/b\"\r\na OK LIST completed\r\n");
    BOOST_TEST(rig.signed_in("a LIST \"\" \"\"\r\n") ==
               "* LIST (\\Noselect) \"/\" \"\"\r\na OK LIST completed\r\n");
    BOOST_TEST(has(rig.signed_in("a LIST \"\" inbox\r\n"), "\"INBOX\""));
}

BOOST_AUTO_TEST_CASE(lsub_lists_subscriptions_and_levels_only_for_percent) {
    SessionRig rig;
    BOOST_TEST(rig.signed_in("a SUBSCRIBE gone/news\r\nb SUBSCRIBE INBOX\r\nc LSUB \"\" *\r\n"
                             "d LSUB \"\" %\r\ne UNSUBSCRIBE gone/news\r\nf LSUB \"\" *\r\n") ==
               "a OK SUBSCRIBE completed\r\nb OK SUBSCRIBE completed\r\n"
               "* LSUB (\\HasNoChildren) \"/\" \"INBOX\"\r\n"
               "* LSUB (\\HasNoChildren) \"/\" \"gone/news\"\r\n"
               "c OK LSUB completed\r\n"
               "* LSUB (\\HasNoChildren) \"/\" \"INBOX\"\r\n"
               "* LSUB (\\Noselect \\HasChildren) \"/\" \"gone\"\r\n"
               "d OK LSUB completed\r\n"
               "e OK UNSUBSCRIBE completed\r\n"
               "* LSUB (\\HasNoChildren) \"/\" \"INBOX\"\r\n"
               "f OK LSUB completed\r\n");
}

BOOST_AUTO_TEST_CASE(select_describes_the_mailbox) {
    SessionRig rig;
    rig.store.deliver("Work", "a", {mail::Flags::Seen, {}, false});
    rig.store.deliver("Work", "b", {mail::Flags::None, {"$Label"}, false});
    const std::string out = rig.signed_in("a SELECT Work\r\nb EXAMINE Work\r\n");
    BOOST_TEST(has(out,
                   "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Label)\r\n"
                   "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Label "
                   "\\*)] Flags that are kept\r\n"
                   "* 2 EXISTS\r\n* 2 RECENT\r\n"
                   "* OK [UNSEEN 2] First unseen\r\n"
                   "* OK [UIDVALIDITY "));
    BOOST_TEST(has(out, "* OK [UIDNEXT 3] Next UID\r\na OK [READ-WRITE] SELECT completed\r\n"));
    // \Recent was taken by the SELECT.
    BOOST_TEST(has(out, "* OK [PERMANENTFLAGS ()] Read-only\r\n* 2 EXISTS\r\n* 0 RECENT\r\n"));
    BOOST_TEST(has(out, "b OK [READ-ONLY] EXAMINE completed\r\n"));
}

BOOST_AUTO_TEST_CASE(examine_leaves_recent_to_the_next) {
    SessionRig rig;
    rig.store.deliver("INBOX", "a");
    BOOST_TEST(has(rig.signed_in("a EXAMINE INBOX\r\n"), "* 1 RECENT"));
    BOOST_TEST(has(rig.signed_in("a SELECT INBOX\r\n"), "* 1 RECENT"));
    BOOST_TEST(has(rig.signed_in("a SELECT INBOX\r\n"), "* 0 RECENT"));
}

BOOST_AUTO_TEST_CASE(failed_select_leaves_the_old_mailbox) {
    SessionRig rig;
    BOOST_TEST(rig.selected("a SELECT nowhere\r\nb CLOSE\r\n") ==
               "a NO [NONEXISTENT] No such mailbox\r\nb BAD Not possible in this state\r\n");
    BOOST_TEST(rig.selected("a SELECT\r\nb CLOSE\r\n") ==
               "a BAD Invalid command or arguments\r\nb OK CLOSE completed\r\n");
}

BOOST_AUTO_TEST_CASE(examine_changes_nothing) {
    SessionRig rig;
    rig.store.deliver("INBOX", "a");
    const std::string out = rig.signed_in(
        "a EXAMINE INBOX\r\nb STORE 1 +FLAGS (\\Deleted)\r\nc EXPUNGE\r\nd MOVE 1 INBOX\r\n"
        "e FETCH 1 BODY[]\r\nf CLOSE\r\n");
    BOOST_TEST(has(out, "b NO [READ-ONLY]"));
    BOOST_TEST(has(out, "c NO [READ-ONLY]"));
    BOOST_TEST(has(out, "d NO [READ-ONLY]"));
    BOOST_TEST(has(out, "* 1 FETCH (BODY[] {1}\r\na)\r\ne OK"));
    BOOST_TEST((rig.store.flags_of("INBOX", 1).flags == mail::Flags::None));
}

BOOST_AUTO_TEST_CASE(status_answers_what_was_asked) {
    SessionRig rig;
    rig.store.deliver("Work", "a");
    rig.store.deliver("Work", "b", {mail::Flags::Seen, {}, false});
    BOOST_TEST(rig.signed_in("a STATUS Work (UNSEEN MESSAGES UIDNEXT)\r\n") ==
               "* STATUS \"Work\" (MESSAGES 2 UIDNEXT 3 UNSEEN 1)\r\na OK STATUS completed\r\n");
    BOOST_TEST(has(rig.signed_in("a STATUS nowhere (UNSEEN)\r\n"), "a NO [NONEXISTENT]"));
}

BOOST_AUTO_TEST_CASE(makes_renames_and_deletes) {
    SessionRig rig;
    BOOST_TEST(rig.signed_in("a CREATE Work/\r\nb CREATE work\r\nc CREATE Work\r\n"
                             "d RENAME Work \"Entw&APw-rfe\"\r\ne RENAME Work x\r\n"
                             "f DELETE \"Entw&APw-rfe\"\r\ng DELETE INBOX\r\nh DELETE nowhere\r\n"
                             "i CREATE \"a*b\"\r\nj CREATE INBOX\r\nk CREATE a//b\r\n"
                             "l CREATE \"&A-\"\r\n") ==
               "a OK CREATE completed\r\nb OK CREATE completed\r\n"
               "c NO [ALREADYEXISTS] Mailbox exists\r\n"
               "d OK RENAME completed\r\ne NO [NONEXISTENT] No such mailbox\r\n"
               "f OK DELETE completed\r\ng NO [CANNOT] Not allowed\r\n"
               "h NO [NONEXISTENT] No such mailbox\r\n"
               "i NO [CANNOT] Not a name for a mailbox\r\n"
               "j NO [ALREADYEXISTS] Mailbox exists\r\n"
               "k NO [CANNOT] Not a name for a mailbox\r\n"
               "l NO [CANNOT] Not allowed\r\n");
}

BOOST_AUTO_TEST_CASE(deleting_the_selected_mailbox_leaves_it) {
    SessionRig rig;
    rig.store.deliver("Work", "a");
    const std::string out =
        rig.signed_in("a SELECT Work\r\nb DELETE Work\r\nc CLOSE\r\nd NOOP\r\n");
    BOOST_TEST(has(out, "b OK DELETE completed\r\nc BAD Not possible in this state\r\nd OK"));
}

BOOST_AUTO_TEST_CASE(selected_mailbox_deleted_by_another_ends_the_session) {
    SessionRig rig;
    rig.store.deliver("Work", "a");
    rig.store.on_call = [&](const std::string& name) {
        if (name == "changes") {
            rig.store.on_call = nullptr;
            BOOST_TEST(bool(rig.store.remove({}, "Work")));
        }
    };
    const std::string out = rig.signed_in("a SELECT Work\r\nb NOOP\r\nc NOOP\r\n");
    BOOST_TEST(out.ends_with("* BYE The selected mailbox was deleted\r\n"), out);
}

BOOST_AUTO_TEST_CASE(append_stores_the_octets) {
    SessionRig rig;
    const std::string message = "Subject: x\r\n\r\nline {5}\r\n.\r\n";
    const std::string size = std::to_string(message.size());
    for (const std::size_t piece : {1UL, 7UL, 4096UL}) {
        const std::string out =
            rig.signed_in("a APPEND INBOX (\\Seen $X) \"05-Nov-2026 10:00:00 +0100\" {" + size +
                              "}\r\n" + message + "\r\nb NOOP\r\n",
                          piece);
        BOOST_TEST(has(out, "+ Ready for the message\r\na OK [APPENDUID "), out);
        BOOST_TEST(has(out, "APPEND completed\r\nb OK"));
        BOOST_TEST(rig.store.last_append->message == message);
        BOOST_TEST(rig.store.last_append->internal_date_s.value() == 1'793'869'200);
        BOOST_TEST(mail::format_flag_list(rig.store.last_append->flags) == "(\\Seen $X)");
    }
    // A mailbox name that is a literal too, and both without waiting.
    BOOST_TEST(has(rig.signed_in("a APPEND {5+}\r\ninbox {3+}\r\nabc\r\n"), "a OK [APPENDUID"));
    BOOST_TEST(rig.store.last_append->message == "abc");
    rig.store.append_uid_unknown = true;
    BOOST_TEST(rig.signed_in("a APPEND INBOX {3+}\r\nabc\r\n") == "a OK APPEND completed\r\n");
}

BOOST_AUTO_TEST_CASE(append_is_refused_before_the_message_is_sent) {
    SessionRig rig;
    const std::vector<std::pair<std::string, std::string>> rows = {
        {"a APPEND nowhere {10}\r\n", "a NO [TRYCREATE] No such mailbox\r\n"},
        {"a APPEND nowhere {3+}\r\nabc\r\n", "a NO [TRYCREATE] No such mailbox\r\n"},
        {"a APPEND INBOX {10001}\r\n", "a NO [TOOBIG] Message too big\r\n"},
        {"a APPEND INBOX {4097+}\r\n" + std::string(4097, 'x') + "\r\n",
         "a BAD [TOOBIG] Literals of this size must be synchronizing\r\n"},
        {"a APPEND INBOX (\\Recent) {10}\r\n", "a BAD Invalid command or arguments\r\n"},
        {"a APPEND INBOX \"yesterday\" {10}\r\n", "a BAD Invalid command or arguments\r\n"},
        {"a APPEND INBOX\r\n", "a BAD Invalid command or arguments\r\n"},
        {"a APPEND INBOX \"abc\"\r\n", "a BAD Invalid command or arguments\r\n"},
        {"a APPEND INBOX {3+}\r\nabc x\r\n", "a BAD Invalid command or arguments\r\n"},
        {"a APPEND INBOX {3+}\r\nabc {3+}\r\nabc\r\n", "a BAD One message at a time\r\n"},
        {std::string("a APPEND INBOX {3+}\r\na\0b\r\n", 26), "a NO [CANNOT] NUL in a message\r\n"},
    };
    for (const auto& [input, expected] : rows) {
        BOOST_TEST(rig.signed_in(input + "z NOOP\r\n") == expected + "z OK Completed\r\n",
                   input << " gave " << rig.signed_in(input + "z NOOP\r\n"));
    }
    BOOST_TEST(!rig.store.last_append.has_value());
}

BOOST_AUTO_TEST_CASE(append_errors_have_their_codes) {
    SessionRig rig;
    const std::vector<std::pair<base::Errc, std::string>> rows = {
        {base::Errc::NotFound, "a NO [TRYCREATE]"},
        {base::Errc::Refused, "a NO [OVERQUOTA]"},
        {base::Errc::TooLarge, "a NO [TOOBIG]"},
        {base::Errc::Unavailable, "a NO [UNAVAILABLE]"},
        {base::Errc::Busy, "a NO [UNAVAILABLE]"},
    };
    for (const auto& [code, expected] : rows) {
        rig.store.fail_once["append"] = code;
        BOOST_TEST(has(rig.signed_in("a APPEND INBOX {3+}\r\nabc\r\n"), expected));
    }
}

BOOST_AUTO_TEST_CASE(append_to_the_selected_mailbox_is_seen_at_once) {
    SessionRig rig;
    const std::string out = rig.selected("a APPEND INBOX {3+}\r\nabc\r\n");
    BOOST_TEST(has(out, "* 1 EXISTS\r\n* 1 RECENT\r\na OK [APPENDUID"));
}

BOOST_AUTO_TEST_CASE(messages_in_flight_are_bounded) {
    SessionRig rig;
    auto most = rig.budget.take((std::size_t{1} << 20U) - 100);
    BOOST_TEST(bool(most));
    BOOST_TEST(has(rig.signed_in("a APPEND INBOX {101}\r\n"), "a NO [UNAVAILABLE]"));
    BOOST_TEST(
        has(rig.signed_in("a APPEND INBOX {100}\r\n" + std::string(100, 'x') + "\r\n"), "a OK"));
    // And it was given back.
    BOOST_TEST(
        has(rig.signed_in("a APPEND INBOX {100}\r\n" + std::string(100, 'x') + "\r\n"), "a OK"));
}

BOOST_AUTO_TEST_SUITE_END()
