#include <string>

#include <boost/test/unit_test.hpp>

#include "test/unit/access/session_rig.h"

using access_test::has;
using access_test::SessionRig;

BOOST_AUTO_TEST_SUITE(imap_cmd_select)

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
    BOOST_TEST(has(rig.signed_in("a EXAMINE INBOX\r\n"), "* 0 RECENT"));
    BOOST_TEST(has(rig.signed_in("a SELECT INBOX\r\n"), "* 1 RECENT"));
    BOOST_TEST(has(rig.signed_in("a SELECT INBOX\r\n"), "* 0 RECENT"));
}

BOOST_AUTO_TEST_CASE(failed_select_leaves_the_old_mailbox) {
    SessionRig rig;
    BOOST_TEST(rig.selected("a SELECT nowhere\r\nb CLOSE\r\n") ==
               "a NO [NONEXISTENT] No such mailbox\r\nb BAD Not possible in this state\r\n");
    BOOST_TEST(rig.selected("a SELECT\r\nb CLOSE\r\n") ==
               "a BAD Invalid arguments for SELECT\r\nb OK CLOSE completed\r\n");
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

BOOST_AUTO_TEST_SUITE_END()
