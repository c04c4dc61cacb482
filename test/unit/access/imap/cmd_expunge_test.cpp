#include <string>

#include <boost/test/unit_test.hpp>

#include "test/unit/access/session_rig.h"

using access_test::Filled;

BOOST_AUTO_TEST_SUITE(imap_cmd_expunge)

BOOST_AUTO_TEST_CASE(expunge_tells_from_the_end) {
    Filled rig(4);
    BOOST_TEST(rig.selected("a STORE 1,3:4 +FLAGS.SILENT (\\Deleted)\r\nb UID EXPUNGE 3\r\n"
                            "c EXPUNGE\r\nd FETCH 1:* UID\r\n") ==
               "a OK STORE completed\r\n* 3 EXPUNGE\r\nb OK EXPUNGE completed\r\n"
               "* 3 EXPUNGE\r\n* 1 EXPUNGE\r\nc OK EXPUNGE completed\r\n"
               "* 1 FETCH (UID 2)\r\nd OK FETCH completed\r\n");
}

BOOST_AUTO_TEST_SUITE_END()
