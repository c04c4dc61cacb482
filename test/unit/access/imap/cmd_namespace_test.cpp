#include <boost/test/unit_test.hpp>

#include "test/unit/access/session_rig.h"

using access_test::SessionRig;

BOOST_AUTO_TEST_SUITE(imap_cmd_namespace)

BOOST_AUTO_TEST_CASE(one_personal_namespace) {
    SessionRig rig;
    BOOST_TEST(rig.signed_in("a NAMESPACE\r\nb NAMESPACE x\r\n") ==
               "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\na OK NAMESPACE completed\r\n"
               "b BAD Invalid arguments for NAMESPACE\r\n");
}

BOOST_AUTO_TEST_SUITE_END()
