#include <string>

#include <boost/test/unit_test.hpp>

#include "test/unit/access/session_rig.h"

using access_test::SessionRig;

BOOST_AUTO_TEST_SUITE(imap_cmd_id)

BOOST_AUTO_TEST_CASE(id_and_namespace) {
    SessionRig rig;
    BOOST_TEST(rig.signed_in("a ID NIL\r\nb NAMESPACE\r\n") ==
               "* ID (\"name\" \"Roundtable\")\r\na OK ID completed\r\n"
               "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\nb OK NAMESPACE completed\r\n");
}

BOOST_AUTO_TEST_SUITE_END()
