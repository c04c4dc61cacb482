#include "mail/uid_set.h"

#include <random>

#include <boost/test/unit_test.hpp>

#include "mail/limits.h"

using base::Errc;
using mail::SequenceSet;
using mail::UidSet;

namespace {

std::string resolved(std::string_view text, std::uint32_t largest) {
    return SequenceSet::parse(text).value().resolve(largest).text();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(uid_set)

BOOST_AUTO_TEST_CASE(parses_and_normalises) {
    struct Case {
        const char* text;
        std::uint32_t largest;
        const char* want;
    };

    for (const Case& c : {Case{"1", 9, "1"},
                          Case{"3:1", 9, "1:3"},
                          Case{"1,2,3", 9, "1:3"},
                          Case{"5:7,1:3,4", 9, "1:7"},
                          Case{"1:5,3:4", 9, "1:5"},
                          Case{"9,1:3,7", 9, "1:3,7,9"},
                          Case{"4294967295", 9, "4294967295"},
                          Case{"4294967294,4294967295", 9, "4294967294:4294967295"},
                          Case{"1:4294967295", 9, "1:4294967295"},
                          Case{"*", 9, "9"},
                          Case{"*:4", 9, "4:9"},
                          Case{"559:*", 9, "9:559"},
                          Case{"*:*", 9, "9"},
                          Case{"*", 0, ""},
                          Case{"1:*", 0, ""},
                          Case{"1:*,7", 0, "7"}}) {
        BOOST_TEST(resolved(c.text, c.largest) == c.want, c.text);
    }
}

BOOST_AUTO_TEST_CASE(rejects_malformed_sets) {
    for (const char* text :
         {"",     "0",  "1:0",   "0:1",        "01",  ",1", "1,",  "1,,2",
          "1:",   ":1", "1:2:3", "4294967296", "-1",  "+1", " 1",  "1 ",
          "1, 2", "**", "1*",    "a",          "1:b", "$1", "1,$", "99999999999999999999",
          "1.2",  "$$"}) {
        BOOST_TEST(
            (!SequenceSet::parse(text) && SequenceSet::parse(text).error().code == Errc::Invalid),
            text);
    }
}

BOOST_AUTO_TEST_CASE(knows_the_saved_result) {
    const SequenceSet set = SequenceSet::parse("$").value();
    BOOST_TEST(set.is_saved_result());
    BOOST_TEST(set.text() == "$");
    BOOST_TEST(set.resolve(9).empty());
}

BOOST_AUTO_TEST_CASE(bounds_the_number_of_ranges) {
    std::string text = "1";
    for (std::size_t i = 1; i < mail::kSequenceRangesMax; ++i) {
        text += ",3";
    }
    BOOST_TEST(bool(SequenceSet::parse(text)));
    BOOST_TEST((SequenceSet::parse(text + ",3").error().code == Errc::TooLarge));
    const std::string long_text(mail::kSequenceTextMax + 1, '1');
    BOOST_TEST((SequenceSet::parse(long_text).error().code == Errc::TooLarge));
}

BOOST_AUTO_TEST_CASE(sets_of_numbers_alone_take_no_star) {
    BOOST_TEST(mail::parse_uid_set("1:3,9").value().text() == "1:3,9");
    BOOST_TEST(!mail::parse_uid_set("1:*"));
    BOOST_TEST(!mail::parse_uid_set("$"));
}

BOOST_AUTO_TEST_CASE(counts_numbers_not_ranges) {
    BOOST_TEST(UidSet().count() == 0U);
    BOOST_TEST(mail::parse_uid_set("1:4294967295").value().count() == 4'294'967'295U);
    BOOST_TEST(mail::parse_uid_set("1:3,9").value().count() == 4U);
}

BOOST_AUTO_TEST_CASE(adding_merges_what_touches) {
    UidSet set;
    for (const std::uint32_t uid : {5U, 7U, 6U, 1U, 4'294'967'295U, 4'294'967'294U}) {
        set.add(uid);
    }
    BOOST_TEST(set.text() == "1,5:7,4294967294:4294967295");
    set.add_range({2, 4'294'967'293});
    BOOST_TEST(set.text() == "1:4294967295");
}

BOOST_AUTO_TEST_CASE(agrees_with_a_plain_table_of_bits) {
    std::mt19937 random(42);
    constexpr std::uint32_t kTop = 40;
    const auto make = [&](std::vector<bool>& bits) {
        UidSet set;
        for (int i = 0; i < 8; ++i) {
            const std::uint32_t a = 1 + static_cast<std::uint32_t>(random() % kTop);
            const std::uint32_t b =
                std::min<std::uint32_t>(kTop, a + static_cast<std::uint32_t>(random() % 4));
            set.add_range({a, b});
            std::fill(bits.begin() + a, bits.begin() + b + 1, true);
        }
        return set;
    };
    for (int round = 0; round < 500; ++round) {
        std::vector<bool> a_bits(kTop + 2);
        std::vector<bool> b_bits(kTop + 2);
        const UidSet a = make(a_bits);
        const UidSet b = make(b_bits);
        const UidSet both = a.intersected_with(b);
        const UidSet rest = a.without(b);
        for (std::uint32_t uid = 1; uid <= kTop + 1; ++uid) {
            BOOST_REQUIRE(a.contains(uid) == a_bits[uid]);
            BOOST_REQUIRE(both.contains(uid) == (a_bits[uid] && b_bits[uid]));
            BOOST_REQUIRE(rest.contains(uid) == (a_bits[uid] && !b_bits[uid]));
        }
        BOOST_REQUIRE((mail::parse_uid_set(a.text()).value() == a));
    }
}

BOOST_AUTO_TEST_CASE(subtracting_reaches_the_last_number) {
    const UidSet all = mail::parse_uid_set("1:4294967295").value();
    BOOST_TEST(all.without(all).empty());
    const UidSet hole = mail::parse_uid_set("4294967295").value();
    BOOST_TEST(all.without(hole).text() == "1:4294967294");
}

BOOST_AUTO_TEST_CASE(text_is_as_written) {
    for (const char* text : {"9:*", "*", "*:4,7", "3:1,2"}) {
        BOOST_TEST(SequenceSet::parse(text).value().text() == text);
    }
    BOOST_TEST(SequenceSet::parse("9:*").value().has_star());
    BOOST_TEST(!SequenceSet::parse("9:8").value().has_star());
}

BOOST_AUTO_TEST_SUITE_END()
