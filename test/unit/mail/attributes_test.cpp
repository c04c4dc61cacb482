#include "mail/attributes.h"

#include <boost/test/unit_test.hpp>

#include "mail/limits.h"

using base::Errc;
using mail::Attributes;

BOOST_AUTO_TEST_SUITE(attributes)

BOOST_AUTO_TEST_CASE(keeps_names_in_order_and_once) {
    Attributes attributes;
    for (const char* name : {"pages", "called", "x-y", "pages", "caller"}) {
        BOOST_TEST(bool(attributes.set(name, name)));
    }
    BOOST_TEST(bool(attributes.set("pages", "3")));
    std::string names;
    for (const mail::Attribute& attribute : attributes) {
        names += attribute.name + "=" + attribute.value + " ";
    }
    BOOST_TEST(names == "called=called caller=caller pages=3 x-y=x-y ");
    BOOST_REQUIRE(attributes.find("pages") != nullptr);
    BOOST_TEST(*attributes.find("pages") == "3");
    BOOST_TEST(attributes.find("page") == nullptr);
    attributes.erase("pages");
    attributes.erase("pages");
    BOOST_TEST(attributes.find("pages") == nullptr);
    BOOST_TEST(attributes.size() == 3U);
}

BOOST_AUTO_TEST_CASE(refuses_what_is_no_attribute_and_keeps_the_rest) {
    Attributes attributes;
    BOOST_REQUIRE(attributes.set("a", "x"));
    for (const char* name : {"", "A", "a_b", "a1", "a b", "\xc3\xa4"}) {
        BOOST_TEST((attributes.set(name, "y").error().code == Errc::Invalid), name);
    }
    const std::string name_max(mail::kAttributeNameMax, 'n');
    BOOST_TEST(bool(attributes.set(name_max, "")));
    BOOST_TEST(!attributes.set(name_max + "n", ""));
    const std::string value_max(mail::kAttributeValueMax, 'v');
    BOOST_TEST(bool(attributes.set("v", value_max)));
    BOOST_TEST((attributes.set("a", value_max + "v").error().code == Errc::TooLarge));
    BOOST_TEST((attributes.set("a", "two\nlines").error().code == Errc::Invalid));
    BOOST_TEST(*attributes.find("a") == "x");
    std::string name = "b";
    while (attributes.size() < mail::kAttributesMax) {
        BOOST_REQUIRE(attributes.set(name += "b", "y"));
    }
    BOOST_TEST((attributes.set("z", "y").error().code == Errc::TooLarge));
    BOOST_TEST(bool(attributes.set("a", "y")));
}

BOOST_AUTO_TEST_CASE(knows_clean_text) {
    for (const char* text : {"",
                             "plain ~",
                             "\xc3\xbc",
                             "\xc2\xa0",
                             "\xe0\xa0\x80",
                             "\xed\x9f\xbf",
                             "\xef\xbf\xbd",
                             "\xf0\x90\x80\x80",
                             "\xf4\x8f\xbf\xbf"}) {
        BOOST_TEST(mail::is_clean_text(text), text);
        BOOST_TEST(mail::clean_text(text) == text);
    }
    const std::string_view wrong[] = {{"\0", 1},
                                      "\t",
                                      "\x7f",
                                      "\xc2\x80",
                                      "\xc2\x9f",
                                      "\x80",
                                      "\xc0\xaf",
                                      "\xc1\xbf",
                                      "\xc3",
                                      "\xc3(",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xe2\x82",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff"};
    for (const std::string_view text : wrong) {
        BOOST_TEST(!mail::is_clean_text(text), text);
        BOOST_TEST(mail::clean_text(text).find_first_not_of(" (") == std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(cleans_and_cuts_at_a_character) {
    BOOST_TEST(mail::clean_text(" \ttwo\r\nlines\n ") == "two  lines");
    const std::string long_text = std::string(mail::kAttributeValueMax - 1, 'x') + "\xc3\xbc";
    BOOST_TEST(mail::clean_text(long_text) == std::string(mail::kAttributeValueMax - 1, 'x'));
    BOOST_TEST(mail::is_clean_text(mail::clean_text(std::string(5'000, '\xff'))));
}

BOOST_AUTO_TEST_SUITE_END()
