#include "mail/field_text.h"

#include <string>

#include <boost/test/unit_test.hpp>

#include "mail/decode.h"
#include "mail/header.h"

namespace {

// What a reader makes of the one field that there must be.
std::string read_back(const std::string& field) {
    const std::string text = field + "\r\n";
    const mail::Header header = mail::scan_header(text);
    BOOST_REQUIRE_EQUAL(header.fields.size(), 1U);
    return mail::decode_header_text(header.fields[0].value);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(field_text)

BOOST_AUTO_TEST_CASE(texts_come_back_in_lines_of_bounded_length) {
    std::string long_text = "word";
    for (int i = 0; i < 40; ++i) {
        long_text += " word" + std::to_string(i);
    }
    for (const std::string& text :
         {std::string("Fax"),
          std::string("J\xc3\xbcrgen \xe2\x82\xac"),
          std::string("=?UTF-8?B?x?="),
          std::string("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f \xe2\x82\xac and much "
                      "more text, which makes several words of it"),
          long_text}) {
        const std::string field = mail::text_field("Subject", text);
        BOOST_TEST(read_back(field) == text);
        for (std::size_t from = 0; from < field.size();) {
            const std::size_t end = field.find("\r\n", from);
            BOOST_TEST(end - from <= 78U);
            from = end + 2;
        }
    }
    BOOST_TEST(mail::text_field("A", "x   y ") == "A: x y\r\n");
}

BOOST_AUTO_TEST_CASE(display_names_are_quoted_or_encoded) {
    BOOST_TEST(mail::address_field("From", "A \"B\" \\C", "a@b.c") ==
               "From: \"A \\\"B\\\" \\\\C\"\r\n <a@b.c>\r\n");
    BOOST_TEST(mail::address_field("From", "", "a@b.c") == "From: <a@b.c>\r\n");
    BOOST_TEST(read_back(mail::address_field("From", "J\xc3\xbcrgen", "a@b.c")) ==
               "J\xc3\xbcrgen <a@b.c>");
}

BOOST_AUTO_TEST_SUITE_END()
