#include "mta/fax/fax_number.h"

#include <string>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(fax_number)

BOOST_AUTO_TEST_CASE(numbers_have_one_form) {
    const struct {
        const char* text;
        const char* number;
    } cases[] = {{"+49 (30) 901-820", "+4930901820"},
                 {"tel:+49.30.901820", "+4930901820"},
                 {"  030/901 820 ", "030901820"},
                 {"", ""},
                 {"+", ""},
                 {"ACME CORP", ""},
                 {"12+3", ""},
                 {"12\r\nX: y", ""},
                 {"123456789012345678901234567890123", ""}};

    for (const auto& one : cases) {
        BOOST_TEST(mta::normal_fax_number(one.text) == one.number);
    }
    BOOST_TEST(mta::fax_match_form(" ACME Corp ") == "acme corp");
    BOOST_TEST(mta::fax_match_form("+49 30 1") == "+49301");
}

BOOST_AUTO_TEST_CASE(patterns_are_numbers_beginnings_or_anything) {
    BOOST_TEST(mta::fax_pattern("*").value() == "*");
    BOOST_TEST(mta::fax_pattern("+49 30 *").value() == "+4930*");
    BOOST_TEST(mta::fax_pattern("+49 30 1").value() == "+49301");
    BOOST_TEST(mta::fax_pattern("Roger").value() == "roger");
    for (const char* wrong : {"", " ", "+49*30", "**", "a\nb"}) {
        BOOST_TEST_CONTEXT(wrong) {
            BOOST_TEST(!mta::fax_pattern(wrong));
        }
    }
}

BOOST_AUTO_TEST_CASE(addresses_of_a_fax_domain_name_a_number) {
    BOOST_TEST(mta::fax_number_of_local_part("+4930901820") == "+4930901820");
    BOOST_TEST(mta::fax_number_of_local_part("FAX=+49-30-901820") == "+4930901820");
    BOOST_TEST(mta::fax_number_of_local_part("alice") == "");
    BOOST_TEST(mta::fax_number_of_local_part("FAX=+4930/T33S=5") == "");
}

BOOST_AUTO_TEST_SUITE_END()
