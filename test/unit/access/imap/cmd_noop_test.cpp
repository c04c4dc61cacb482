#include <string>

#include <boost/test/unit_test.hpp>

#include "test/unit/access/session_rig.h"

using access_test::Filled;
using access_test::flags;

BOOST_AUTO_TEST_SUITE(imap_cmd_noop)

BOOST_AUTO_TEST_CASE(noop_brings_what_others_did) {
    Filled rig(3);
    rig.store.on_call = [&](const std::string& name) {
        if (name == "changes") {
            rig.store.on_call = nullptr;
            rig.store.set_flags_now("INBOX", 3, flags(mail::Flags::Answered));
            rig.store.expunge_now("INBOX", 1);
            rig.store.expunge_now("INBOX", 2);
            rig.store.deliver("INBOX", "new");
        }
    };
    BOOST_TEST(rig.selected("a NOOP\r\nb NOOP\r\n") ==
               "* 2 EXPUNGE\r\n* 1 EXPUNGE\r\n* 2 EXISTS\r\n* 2 RECENT\r\n"
               "* 1 FETCH (FLAGS (\\Answered \\Recent))\r\na OK Completed\r\nb OK Completed\r\n");
}

// What a primary lost that is gone, this session may have shown; nothing would tell it so.
BOOST_AUTO_TEST_CASE(a_session_of_before_a_jump_ends) {
    Filled rig(3);
    rig.store.on_call = [&](const std::string& name) {
        if (name == "changes") {
            rig.store.on_call = nullptr;
            rig.store.jump_now("INBOX");
        }
    };
    BOOST_TEST(rig.selected("a NOOP\r\nb NOOP\r\n") ==
               "* BYE The mailbox may have lost its last changes, please sign in again\r\n");
}

BOOST_AUTO_TEST_CASE(no_expunge_during_fetch_store_search) {
    Filled rig(3);
    rig.store.on_call = [&](const std::string& name) {
        if (name == "store_flags") {
            rig.store.on_call = nullptr;
            rig.store.expunge_now("INBOX", 2);
            rig.store.last_watch();
        }
    };
    BOOST_TEST(rig.selected("a STORE 1 +FLAGS.SILENT (\\Seen)\r\nb SEARCH ALL\r\n"
                            "c FETCH 3 UID\r\nd NOOP\r\ne FETCH 2 UID\r\n") ==
               "a OK STORE completed\r\n"
               "* SEARCH 1 3\r\nb OK SEARCH completed\r\n"
               "* 3 FETCH (UID 3)\r\nc OK FETCH completed\r\n"
               "* 2 EXPUNGE\r\nd OK Completed\r\n"
               "* 2 FETCH (UID 3)\r\ne OK FETCH completed\r\n");
}

BOOST_AUTO_TEST_SUITE_END()
