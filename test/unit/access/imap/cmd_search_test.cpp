#include <string>

#include <boost/test/unit_test.hpp>

#include "test/unit/access/session_rig.h"

using access_test::Filled;
using access_test::has;
using access_test::SessionRig;

BOOST_AUTO_TEST_SUITE(imap_cmd_search)

BOOST_AUTO_TEST_CASE(search_by_number_and_uid) {
    Filled rig(4);
    rig.store.expunge_now("INBOX", 2);
    BOOST_TEST(rig.selected("a SEARCH SUBJECT m\r\nb UID SEARCH NOT SUBJECT m3\r\n"
                            "c SEARCH TEXT nowhere\r\nd SEARCH CHARSET KOI8-R ALL\r\n"
                            "e SEARCH\r\nf SEARCH BODY b UID 4\r\n") ==
               "* SEARCH 1 2 3\r\na OK SEARCH completed\r\n"
               "* SEARCH 1 4\r\nb OK SEARCH completed\r\n"
               "* SEARCH\r\nc OK SEARCH completed\r\n"
               "d NO [BADCHARSET (US-ASCII UTF-8)] Charset not supported\r\n"
               "e BAD Invalid arguments for SEARCH\r\n"
               "* SEARCH 3\r\nf OK SEARCH completed\r\n");
}

BOOST_AUTO_TEST_CASE(search_decodes_large_messages_on_a_worker) {
    SessionRig rig;
    rig.store.deliver("INBOX", "Subject: x\r\n\r\n" + std::string(100'000, 'x') + " needle\r\n");
    BOOST_TEST(has(rig.selected("a SEARCH BODY NEEDLE\r\n"), "* SEARCH 1\r\n"));
}

BOOST_AUTO_TEST_CASE(search_does_not_guess_about_what_is_away) {
    Filled rig(2);
    rig.store.unreadable[rig.store.text_of("INBOX", 1)] = base::Errc::Unavailable;
    BOOST_TEST(rig.selected("a SEARCH SUBJECT m\r\nb SEARCH ALL\r\n") ==
               "a NO [UNAVAILABLE] Some messages cannot be read now\r\n"
               "* SEARCH 1 2\r\nb OK SEARCH completed\r\n");
    rig.store.unreadable[rig.store.text_of("INBOX", 1)] = base::Errc::Corrupt;
    BOOST_TEST(has(rig.selected("a SEARCH SUBJECT m\r\n"), "* SEARCH 2\r\na OK"));
}

BOOST_AUTO_TEST_SUITE_END()
