#include <string>

#include <boost/test/unit_test.hpp>

#include "test/unit/access/session_rig.h"

using access_test::SessionRig;

BOOST_AUTO_TEST_SUITE(imap_cmd_create)

BOOST_AUTO_TEST_CASE(makes_renames_and_deletes) {
    SessionRig rig;
    BOOST_TEST(rig.signed_in("a CREATE Work/\r\nb CREATE work\r\nc CREATE Work\r\n"
                             "d RENAME Work \"Entw&APw-rfe\"\r\ne RENAME Work x\r\n"
                             "f DELETE \"Entw&APw-rfe\"\r\ng DELETE INBOX\r\nh DELETE nowhere\r\n"
                             "i CREATE \"a*b\"\r\nj CREATE INBOX\r\nk CREATE a//b\r\n"
                             "l CREATE \"&A-\"\r\n") ==
               "a OK CREATE completed\r\nb OK CREATE completed\r\n"
               "c NO [ALREADYEXISTS] Mailbox exists\r\n"
               "d OK RENAME completed\r\ne NO [NONEXISTENT] No such mailbox\r\n"
               "f OK DELETE completed\r\ng NO [CANNOT] Not allowed\r\n"
               "h NO [NONEXISTENT] No such mailbox\r\n"
               "i NO [CANNOT] Not a name for a mailbox\r\n"
               "j NO [ALREADYEXISTS] Mailbox exists\r\n"
               "k NO [CANNOT] Not a name for a mailbox\r\n"
               "l NO [CANNOT] Not allowed\r\n");
}

BOOST_AUTO_TEST_SUITE_END()
