#include <string>

#include <boost/test/unit_test.hpp>

#include "test/unit/access/session_rig.h"

using access_test::has;
using access_test::SessionRig;

BOOST_AUTO_TEST_SUITE(imap_cmd_list)

BOOST_AUTO_TEST_CASE(lists_names_levels_and_special_use) {
    SessionRig rig;
    rig.store.deliver("a/b/c", "x");
    rig.store.deliver("Sent", "x");
    rig.store.deliver("Entwürfe", "x");
    rig.store.set_special_use("Sent", "\\Sent");
    BOOST_TEST(rig.signed_in("a LIST \"\" *\r\n") ==
               "* LIST (\\HasNoChildren) \"/\" \"Entw&APw-rfe\"\r\n"
               "* LIST (\\HasNoChildren) \"/\" \"INBOX\"\r\n"
               "* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent\"\r\n"
               "* LIST (\\Noselect \\HasChildren) \"/\" \"a\"\r\n"
               "* LIST (\\Noselect \\HasChildren) \"/\" \"a/b\"\r\n"
               "* LIST (\\HasNoChildren) \"/\" \"a/b/c\"\r\n"
               "a OK LIST completed\r\n");
    BOOST_TEST(rig.signed_in("a LIST a/ %\r\n") ==
               "* LIST (\\Noselect \\HasChildren) \"/\" \"a/b\"\r\na OK LIST completed\r\n");
    BOOST_TEST(rig.signed_in("a LIST \"\" \"\"\r\n") ==
               "* LIST (\\Noselect) \"/\" \"\"\r\na OK LIST completed\r\n");
    BOOST_TEST(has(rig.signed_in("a LIST \"\" inbox\r\n"), "\"INBOX\""));
}

BOOST_AUTO_TEST_CASE(lsub_lists_subscriptions_and_levels_only_for_percent) {
    SessionRig rig;
    BOOST_TEST(rig.signed_in("a SUBSCRIBE gone/news\r\nb SUBSCRIBE INBOX\r\nc LSUB \"\" *\r\n"
                             "d LSUB \"\" %\r\ne UNSUBSCRIBE gone/news\r\nf LSUB \"\" *\r\n") ==
               "a OK SUBSCRIBE completed\r\nb OK SUBSCRIBE completed\r\n"
               "* LSUB (\\HasNoChildren) \"/\" \"INBOX\"\r\n"
               "* LSUB (\\HasNoChildren) \"/\" \"gone/news\"\r\n"
               "c OK LSUB completed\r\n"
               "* LSUB (\\HasNoChildren) \"/\" \"INBOX\"\r\n"
               "* LSUB (\\Noselect \\HasChildren) \"/\" \"gone\"\r\n"
               "d OK LSUB completed\r\n"
               "e OK UNSUBSCRIBE completed\r\n"
               "* LSUB (\\HasNoChildren) \"/\" \"INBOX\"\r\n"
               "f OK LSUB completed\r\n");
}

BOOST_AUTO_TEST_SUITE_END()
