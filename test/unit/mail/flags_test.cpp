#include "mail/flags.h"

#include <boost/test/unit_test.hpp>

#include "mail/limits.h"

using base::Errc;
using mail::FlagList;
using mail::Flags;

BOOST_AUTO_TEST_SUITE(flags)

BOOST_AUTO_TEST_CASE(stored_bits_are_fixed) {
    BOOST_TEST(mail::flag_bits(Flags::Seen) == 1);
    BOOST_TEST(mail::flag_bits(Flags::Answered) == 2);
    BOOST_TEST(mail::flag_bits(Flags::Flagged) == 4);
    BOOST_TEST(mail::flag_bits(Flags::Deleted) == 8);
    BOOST_TEST(mail::flag_bits(Flags::Draft) == 16);
    BOOST_TEST(mail::flag_bits(~Flags::Seen) == 30);
    BOOST_TEST((mail::flags_from_bits(31).value() == ~Flags::None));
    BOOST_TEST(!mail::flags_from_bits(32));
    BOOST_TEST(!mail::flags_from_bits(-1));
}

BOOST_AUTO_TEST_CASE(parses_lists_with_and_without_parentheses) {
    const FlagList want{Flags::Seen | Flags::Draft, {"$Forwarded", "NonJunk"}, false};
    BOOST_TEST((mail::parse_flag_list("(\\Seen $Forwarded \\DRAFT NonJunk)").value() == want));
    BOOST_TEST((mail::parse_flag_list("\\seen $Forwarded \\Draft NonJunk").value() == want));
    BOOST_TEST((mail::parse_flag_list("()").value() == FlagList{}));
    BOOST_TEST((mail::parse_flag_list("").value() == FlagList{}));
}

BOOST_AUTO_TEST_CASE(recent_is_reported_apart) {
    const FlagList list = mail::parse_flag_list("(\\Recent)").value();
    BOOST_TEST((list.flags == Flags::None));
    BOOST_TEST(list.recent);
}

BOOST_AUTO_TEST_CASE(keywords_are_unique_but_for_case) {
    const FlagList list = mail::parse_flag_list("(Junk JUNK junk \\Seen \\seen)").value();
    BOOST_TEST(list.keywords == std::vector<std::string>{"Junk"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(rejects_what_is_no_flag) {
    for (const char* text : {"(\\Seen",
                             "\\Seen)",
                             "(\\Seen  \\Draft)",
                             "( \\Seen)",
                             "(\\Seen )",
                             "\\Foo",
                             "\\",
                             "a(b",
                             "a\"b",
                             "a*",
                             "a%",
                             "a{",
                             "a]",
                             "a\\b",
                             "a\tb",
                             "\xc3\xa4",
                             "a\x7f"}) {
        BOOST_TEST(!mail::parse_flag_list(text), text);
    }
}

BOOST_AUTO_TEST_CASE(bounds_keywords) {
    BOOST_TEST(mail::is_keyword(std::string(mail::kKeywordMax, 'k')));
    BOOST_TEST(!mail::is_keyword(std::string(mail::kKeywordMax + 1, 'k')));
    BOOST_TEST(!mail::is_keyword(""));
    FlagList list;
    for (std::size_t i = 0; i < mail::kKeywordsMax; ++i) {
        BOOST_TEST(bool(mail::add_flag(list, "k" + std::to_string(i))));
    }
    BOOST_TEST((mail::add_flag(list, "more").error().code == Errc::TooLarge));
    BOOST_TEST(bool(mail::add_flag(list, "K1")));
}

BOOST_AUTO_TEST_CASE(format_reads_back) {
    for (const char* text :
         {"()",
          "(\\Seen)",
          "(\\Seen \\Answered \\Flagged \\Deleted \\Draft \\Recent $MDNSent a+b)"}) {
        BOOST_TEST(mail::format_flag_list(mail::parse_flag_list(text).value()) == text);
    }
}

BOOST_AUTO_TEST_SUITE_END()
