#include <string>

#include <boost/test/unit_test.hpp>

#include "test/unit/access/session_rig.h"

using access_test::Filled;
using access_test::has;

BOOST_AUTO_TEST_SUITE(imap_cmd_close)

BOOST_AUTO_TEST_CASE(close_expunges_silently_and_unselect_does_not) {
    Filled rig(2);
    BOOST_TEST(
        rig.selected("a STORE 1 +FLAGS.SILENT (\\Deleted)\r\nb UNSELECT\r\nc SELECT INBOX\r\n")
            .find("* 2 EXISTS") != std::string::npos);
    const std::string out = rig.selected("b CLOSE\r\nc SELECT INBOX\r\n");
    BOOST_TEST(out.starts_with("b OK CLOSE completed\r\n"));
    BOOST_TEST(has(out, "* 1 EXISTS"));
}

BOOST_AUTO_TEST_SUITE_END()
