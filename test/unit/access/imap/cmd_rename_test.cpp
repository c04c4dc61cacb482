#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "test/unit/access/session_rig.h"

using access_test::has;
using access_test::SessionRig;

BOOST_AUTO_TEST_SUITE(imap_cmd_rename)

BOOST_AUTO_TEST_CASE(renames_and_says_why_not) {
    SessionRig rig;
    rig.store.deliver("Work", "x");
    rig.store.deliver("Other", "x");
    BOOST_TEST(rig.signed_in("a RENAME Work Entw&APw-rfe/2026\r\nb RENAME Work x\r\n"
                             "c RENAME Other inbox\r\nd RENAME Other \"a*\"\r\n"
                             "e RENAME Other a//b\r\nf RENAME Other \"\"\r\n"
                             "g STATUS Entw&APw-rfe/2026 (MESSAGES)\r\n") ==
               "a OK RENAME completed\r\n"
               "b NO [NONEXISTENT] No such mailbox\r\n"
               "c NO [ALREADYEXISTS] Mailbox exists\r\n"
               "d NO [CANNOT] Not a name for a mailbox\r\n"
               "e NO [CANNOT] Not a name for a mailbox\r\n"
               "f NO [CANNOT] Not allowed\r\n"
               "* STATUS \"Entw&APw-rfe/2026\" (MESSAGES 1)\r\ng OK STATUS completed\r\n");
}

BOOST_AUTO_TEST_CASE(malformed_rename_changes_nothing) {
    SessionRig rig;
    rig.store.deliver("Work", "x");
    for (const char* arguments : {"", " Work", " Work ", " Work a b", " Work  a", " \"Work a"}) {
        const std::string out =
            rig.signed_in(std::string("a RENAME") + arguments + "\r\nb STATUS Work (MESSAGES)\r\n");
        BOOST_TEST(out.starts_with("a BAD "), out);
        BOOST_TEST(has(out, "b OK STATUS"), out);
    }
}

// The session keeps the mailbox that it selected, whatever it is called.
BOOST_AUTO_TEST_CASE(selected_mailbox_may_be_renamed) {
    SessionRig rig;
    rig.store.deliver("Work", "x");
    const std::string out = rig.signed_in(
        "a SELECT Work\r\nb RENAME Work Play\r\nc FETCH 1 UID\r\nd STATUS Work (MESSAGES)\r\n");
    BOOST_TEST(has(out, "b OK RENAME completed\r\n* 1 FETCH (UID 1)\r\nc OK"), out);
    BOOST_TEST(has(out, "d NO [NONEXISTENT]"), out);
}

BOOST_AUTO_TEST_SUITE_END()
