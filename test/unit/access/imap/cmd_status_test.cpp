#include <string>

#include <boost/test/unit_test.hpp>

#include "test/unit/access/session_rig.h"

using access_test::has;
using access_test::SessionRig;

BOOST_AUTO_TEST_SUITE(imap_cmd_status)

BOOST_AUTO_TEST_CASE(status_answers_what_was_asked) {
    SessionRig rig;
    rig.store.deliver("Work", "a");
    rig.store.deliver("Work", "b", {mail::Flags::Seen, {}, false});
    BOOST_TEST(rig.signed_in("a STATUS Work (UNSEEN MESSAGES UIDNEXT)\r\n") ==
               "* STATUS \"Work\" (MESSAGES 2 UIDNEXT 3 UNSEEN 1)\r\na OK STATUS completed\r\n");
    BOOST_TEST(has(rig.signed_in("a STATUS nowhere (UNSEEN)\r\n"), "a NO [NONEXISTENT]"));
}

// RFC 7889 4: who offers APPENDLIMIT answers it for a mailbox, too.
BOOST_AUTO_TEST_CASE(status_answers_every_item_in_one_order) {
    SessionRig rig;
    const std::string out = rig.signed_in(
        "a STATUS INBOX (APPENDLIMIT uidvalidity UNSEEN RECENT UIDNEXT MESSAGES UNSEEN)\r\n");
    BOOST_TEST(out.starts_with("* STATUS \"INBOX\" (MESSAGES 0 RECENT 0 UIDNEXT 1 UIDVALIDITY "));
    BOOST_TEST(has(out, " UNSEEN 0 APPENDLIMIT 10000)\r\na OK STATUS completed\r\n"), out);
}

BOOST_AUTO_TEST_CASE(malformed_status_is_bad) {
    SessionRig rig;
    for (const char* arguments : {"",
                                  " INBOX",
                                  " INBOX ()",
                                  " INBOX MESSAGES",
                                  " INBOX (MESSAGES",
                                  " INBOX (FOO)",
                                  " INBOX (MESSAGES)x",
                                  " (MESSAGES)",
                                  " INBOX (MESSAGES  UNSEEN)"}) {
        BOOST_TEST(rig.signed_in(std::string("a STATUS") + arguments + "\r\n") ==
                       "a BAD Invalid arguments for STATUS\r\n",
                   arguments);
    }
}

BOOST_AUTO_TEST_SUITE_END()
