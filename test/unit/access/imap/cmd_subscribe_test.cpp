#include <string>

#include <boost/test/unit_test.hpp>

#include "test/unit/access/session_rig.h"

using access_test::SessionRig;

BOOST_AUTO_TEST_SUITE(imap_cmd_subscribe)

// RFC 3501 6.3.6: a subscription outlives its mailbox.
BOOST_AUTO_TEST_CASE(subscription_needs_no_mailbox) {
    SessionRig rig;
    BOOST_TEST(rig.signed_in("a SUBSCRIBE \"gone for now\"\r\nb SUBSCRIBE inbox\r\n"
                             "c LSUB \"\" *\r\nd UNSUBSCRIBE \"gone for now\"\r\n"
                             "e UNSUBSCRIBE never\r\nf LSUB \"\" *\r\n") ==
               "a OK SUBSCRIBE completed\r\nb OK SUBSCRIBE completed\r\n"
               "* LSUB (\\HasNoChildren) \"/\" \"INBOX\"\r\n"
               "* LSUB (\\HasNoChildren) \"/\" \"gone for now\"\r\nc OK LSUB completed\r\n"
               "d OK UNSUBSCRIBE completed\r\ne OK UNSUBSCRIBE completed\r\n"
               "* LSUB (\\HasNoChildren) \"/\" \"INBOX\"\r\nf OK LSUB completed\r\n");
}

BOOST_AUTO_TEST_CASE(refuses_what_is_no_name) {
    SessionRig rig;
    BOOST_TEST(rig.signed_in("a SUBSCRIBE \"a*\"\r\nb SUBSCRIBE \"&bad\"\r\nc SUBSCRIBE\r\n"
                             "d UNSUBSCRIBE\r\ne SUBSCRIBE a b\r\nf LSUB \"\" *\r\n") ==
               "a NO [CANNOT] Not a name for a mailbox\r\nb NO [CANNOT] Not allowed\r\n"
               "c BAD Invalid arguments for SUBSCRIBE\r\n"
               "d BAD Invalid arguments for UNSUBSCRIBE\r\n"
               "e BAD Invalid arguments for SUBSCRIBE\r\nf OK LSUB completed\r\n");
}

BOOST_AUTO_TEST_CASE(catalog_away_is_said) {
    SessionRig rig;
    rig.store.fail_once["subscribe"] = base::Errc::Timeout;
    rig.store.fail_once["unsubscribe"] = base::Errc::Timeout;
    const std::string away = " NO [UNAVAILABLE] Temporary failure, please try again later\r\n";
    BOOST_TEST(rig.signed_in("a SUBSCRIBE x\r\nb UNSUBSCRIBE x\r\n") == "a" + away + "b" + away);
}

BOOST_AUTO_TEST_SUITE_END()
