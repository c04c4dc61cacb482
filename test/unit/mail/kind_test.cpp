#include "mail/kind.h"

#include <boost/test/unit_test.hpp>

using mail::Kind;

BOOST_AUTO_TEST_SUITE(kind)

BOOST_AUTO_TEST_CASE(names_and_stored_numbers_are_fixed) {
    struct Case {
        Kind kind;
        int number;
        const char* name;
    };

    for (const Case& c : {Case{Kind::Email, 1, "email"},
                          Case{Kind::Fax, 2, "fax"},
                          Case{Kind::Voicemail, 3, "voicemail"}}) {
        BOOST_TEST(static_cast<int>(c.kind) == c.number);
        BOOST_TEST(mail::kind_name(c.kind) == c.name);
        BOOST_TEST((mail::parse_kind(c.name).value() == c.kind));
        BOOST_TEST((mail::kind_from_number(c.number).value() == c.kind));
    }
}

BOOST_AUTO_TEST_CASE(rejects_what_is_no_kind) {
    BOOST_TEST(!mail::parse_kind("Email"));
    BOOST_TEST(!mail::parse_kind(""));
    BOOST_TEST(!mail::kind_from_number(0));
    BOOST_TEST(!mail::kind_from_number(4));
    BOOST_TEST(!mail::kind_from_number(257));
}

BOOST_AUTO_TEST_SUITE_END()
