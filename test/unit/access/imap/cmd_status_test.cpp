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

BOOST_AUTO_TEST_SUITE_END()
