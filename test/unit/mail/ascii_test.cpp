#include "mail/ascii.h"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(ascii)

BOOST_AUTO_TEST_CASE(case_is_that_of_ascii_alone) {
    BOOST_TEST(mail::to_lower("A-Z\xc4[") == "a-z\xc4[");
    BOOST_TEST(mail::to_upper("a-z\xe4{") == "A-Z\xe4{");
    BOOST_TEST(mail::equal_ignoring_case("Subject", "sUBJECT"));
    BOOST_TEST(!mail::equal_ignoring_case("Subject", "Subject "));
    BOOST_TEST(!mail::equal_ignoring_case("@", "`"));
}

BOOST_AUTO_TEST_CASE(an_octet_above_127_is_in_no_class) {
    BOOST_TEST(!mail::is_alpha('\xe4'));
    BOOST_TEST(!mail::is_atext('\xe4'));
    BOOST_TEST(!mail::is_control('\x80'));
    BOOST_TEST(mail::is_8bit('\x80'));
    BOOST_TEST(!mail::is_8bit('\x7f'));
}

BOOST_AUTO_TEST_CASE(atext_is_that_of_rfc_5322) {
    for (const char c : std::string_view("azAZ09!#$%&'*+-/=?^_`{|}~")) {
        BOOST_TEST(mail::is_atext(c), c);
    }
    for (const char c : std::string_view("()<>[]:;@\\,.\" \t\x7f")) {
        BOOST_TEST(!mail::is_atext(c), c);
    }
    BOOST_TEST(!mail::is_atext('\0'));
}

BOOST_AUTO_TEST_CASE(trim_removes_folding_at_both_ends) {
    BOOST_TEST(mail::trim(" \r\n\ta b\r\n ") == "a b");
    BOOST_TEST(mail::trim(" \t") == "");
}

BOOST_AUTO_TEST_SUITE_END()
