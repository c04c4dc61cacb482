#include "access/imap_cursor.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using accessd::Cursor;

BOOST_AUTO_TEST_SUITE(imap_cursor)

BOOST_AUTO_TEST_CASE(reads_astrings) {
    const std::vector<std::pair<std::string, std::string>> good = {
        {"abc def", "abc"},
        {"a]b+c", "a]b+c"},
        {"\"\"", ""},
        {"\"a b\"", "a b"},
        {R"("a\"b\\c")", R"(a"b\c)"},
        {"{3}\r\na\r\n", "a\r\n"},
        {"{3+}\r\nabcdef", "abc"},
        {"{0}\r\n", ""},
        {"\"\xC3\xA4\"", "\xC3\xA4"},
    };
    for (const auto& [text, expected] : good) {
        Cursor cursor(text);
        const auto value = cursor.astring();
        BOOST_TEST_REQUIRE(bool(value), text);
        BOOST_TEST(value.value() == expected);
    }
}

BOOST_AUTO_TEST_CASE(refuses_broken_strings) {
    for (const char* text : {"",
                             " a",
                             "(",
                             "\"abc",
                             "\"a\\n\"",
                             "\"a\r\nb\"",
                             "\"a\\",
                             "{3}\r\nab",
                             "{3\r\nabc",
                             "{}\r\n",
                             "{x}\r\n",
                             "{3}abc",
                             "{-1}\r\n",
                             "\x80",
                             "%",
                             "{9999999999999999999}\r\n"}) {
        Cursor cursor(text);
        BOOST_TEST(!cursor.astring(), text);
    }
}

BOOST_AUTO_TEST_CASE(list_patterns_have_wildcards) {
    Cursor cursor("a/%*] x");
    BOOST_TEST(cursor.list_mailbox().value() == "a/%*]");
    BOOST_TEST(cursor.rest() == " x");
}

BOOST_AUTO_TEST_CASE(numbers_have_bounds) {
    BOOST_TEST(Cursor("4294967295").number().value() == 4294967295U);
    BOOST_TEST(!Cursor("4294967296").number());
    BOOST_TEST(!Cursor("0").nz_number());
    BOOST_TEST(Cursor("0").number().value() == 0U);
    BOOST_TEST(!Cursor("").number());
    BOOST_TEST(!Cursor("-1").number());
    BOOST_TEST(Cursor("999999999999999999").number64().value() == 999999999999999999U);
    BOOST_TEST(!Cursor("9999999999999999999").number64());
}

BOOST_AUTO_TEST_CASE(words_are_taken_in_any_case_and_only_whole) {
    Cursor cursor("Charset x");
    BOOST_TEST(!cursor.skip_word("CHARSETS"));
    BOOST_TEST(cursor.skip_word("CHARSET"));
    BOOST_TEST(bool(cursor.space()));
    BOOST_TEST(!cursor.space());
    BOOST_TEST(!cursor.end());
    BOOST_TEST(cursor.skip('x'));
    BOOST_TEST(bool(cursor.end()));
    BOOST_TEST(cursor.peek() == '\0');
}

BOOST_AUTO_TEST_CASE(flags_keep_their_backslash) {
    BOOST_TEST(Cursor("\\Seen)").flag().value() == "\\Seen");
    BOOST_TEST(Cursor("$Fwd ").flag().value() == "$Fwd");
    BOOST_TEST(!Cursor("\\").flag());
    BOOST_TEST(!Cursor("\\\\x").flag());
}

BOOST_AUTO_TEST_CASE(tags_have_no_plus) {
    BOOST_TEST(Cursor("a1 x").tag().value() == "a1");
    BOOST_TEST(Cursor("a+1").tag().value() == "a");
    BOOST_TEST(!Cursor("*").tag());
}

BOOST_AUTO_TEST_CASE(sequence_sets_end_where_their_characters_end) {
    BOOST_TEST(Cursor("1:*,4 x").sequence_set().value() == "1:*,4");
    BOOST_TEST(!Cursor("x").sequence_set());
}

BOOST_AUTO_TEST_SUITE_END()
