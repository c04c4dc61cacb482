#include <string>

#include <boost/test/unit_test.hpp>

#include "test/unit/access/session_rig.h"

using access_test::Filled;
using access_test::has;

BOOST_AUTO_TEST_SUITE(imap_cmd_copy)

BOOST_AUTO_TEST_CASE(copy_and_move_tell_their_uids) {
    Filled rig(3);
    rig.store.deliver("Work", "w");
    const std::string out = rig.selected(
        "a COPY 1:2 Work\r\nb UID MOVE 2:3 Work\r\nc COPY 1 nowhere\r\nd MOVE 1 nowhere\r\n"
        "e FETCH 1:* UID\r\n");
    BOOST_TEST(has(out, "a OK [COPYUID "));
    BOOST_TEST(has(out, " 1:2 2:3] COPY completed\r\n"));
    BOOST_TEST(
        has(out, " 2:3 4:5] Moved\r\n* 3 EXPUNGE\r\n* 2 EXPUNGE\r\nb OK MOVE completed\r\n"));
    BOOST_TEST(has(out, "c NO [TRYCREATE]"));
    BOOST_TEST(has(out, "d NO [TRYCREATE]"));
    BOOST_TEST(has(out, "* 1 FETCH (UID 1)\r\ne OK"));
    rig.store.fail_once["copy"] = base::Errc::TooLarge;
    BOOST_TEST(has(rig.selected("a COPY 1 Work\r\n"), "a NO [OVERQUOTA]"));
}

BOOST_AUTO_TEST_CASE(copy_into_the_same_mailbox_is_seen) {
    Filled rig(1);
    const std::string out = rig.selected("a COPY 1 INBOX\r\nb NOOP\r\n");
    BOOST_TEST(has(out, " 1 2] COPY completed\r\n"));
    BOOST_TEST(has(out, "* 2 EXISTS"));
}

BOOST_AUTO_TEST_SUITE_END()
