#include <string>

#include <boost/test/unit_test.hpp>

#include "test/unit/access/session_rig.h"

using access_test::Filled;
using access_test::flags;

BOOST_AUTO_TEST_SUITE(imap_cmd_store)

BOOST_AUTO_TEST_CASE(store_tells_flags_unless_silent) {
    Filled rig(2);
    BOOST_TEST(rig.selected("a STORE 1 +FLAGS (\\Seen $X)\r\nb STORE 1:2 -FLAGS.SILENT (\\Seen)\r\n"
                            "c UID STORE 2 FLAGS (\\Answered)\r\nd FETCH 1:2 FLAGS\r\n") ==
               "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $X)\r\n"
               "* 1 FETCH (FLAGS (\\Seen \\Recent $X))\r\na OK STORE completed\r\n"
               "b OK STORE completed\r\n"
               "* 2 FETCH (UID 2 FLAGS (\\Answered \\Recent))\r\nc OK STORE completed\r\n"
               "* 1 FETCH (FLAGS (\\Recent $X))\r\n* 2 FETCH (FLAGS (\\Answered \\Recent))\r\n"
               "d OK FETCH completed\r\n");
    BOOST_TEST(mail::format_flag_list(rig.store.flags_of("INBOX", 1)) == "($X)");
}

BOOST_AUTO_TEST_CASE(silent_store_tells_what_another_session_changed) {
    Filled rig(1);
    rig.store.on_call = [&](const std::string& name) {
        if (name == "store_flags") {
            rig.store.set_flags_now("INBOX", 1, flags(mail::Flags::Flagged));
        }
    };
    BOOST_TEST(rig.selected("a STORE 1 +FLAGS.SILENT (\\Seen)\r\n") ==
               "* 1 FETCH (FLAGS (\\Seen \\Flagged \\Recent))\r\na OK STORE completed\r\n");
}

BOOST_AUTO_TEST_SUITE_END()
