#include "access/list_pattern.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace {

struct Row {
    std::string pattern;
    std::string name;
    bool matches;
};

const std::vector<Row> kRows = {
    {"*", "INBOX", true},
    {"*", "a/b/c", true},
    {"%", "a", true},
    {"%", "a/b", false},
    {"a/%", "a/b", true},
    {"a/%", "a/b/c", false},
    {"a/*", "a/b/c", true},
    {"a/*", "a", false},
    {"a*", "a", true},
    {"%/%", "a/b", true},
    {"%/%", "a", false},
    {"%/%", "a/b/c", false},
    {"*b", "a/b", true},
    {"*%b", "a/c/b", true},
    {"%*b", "a/c/b", true},
    {"%%", "a/b", false},
    {"%%", "ab", true},
    {"a%c", "abc", true},
    {"a%c", "a/c", false},
    {"a*c%e", "a/b/cde", true},
    {"a*c%e", "a/b/cd/e", false},
    {"abc", "abc", true},
    {"abc", "abcd", false},
    {"abc", "ab", false},
    {"ABC", "abc", false},
    {"", "a", false},
    {"inbox", "INBOX", true},
    {"InB%", "INBOX", true},
    {"inbox/*", "INBOX/a", true},
    {"inbox*", "INBOXES", false},
    {"in*", "INside", false},
    {"a/inbox", "a/INBOX", false},
    {"%ä%", "xäy", true},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(list_pattern)

BOOST_AUTO_TEST_CASE(matches_wildcards) {
    for (const Row& row : kRows) {
        const auto pattern = accessd::ListPattern::create(row.pattern);
        BOOST_TEST_REQUIRE(bool(pattern));
        BOOST_TEST(pattern.value().matches(row.name) == row.matches,
                   row.pattern << " against " << row.name);
    }
}

BOOST_AUTO_TEST_CASE(long_patterns_cross_words) {
    std::string pattern;
    std::string name;
    for (int i = 0; i < 100; ++i) {
        pattern += "a%bc*";
        name += "axbc/";
    }
    BOOST_TEST(accessd::ListPattern::create(pattern).value().matches(name));
    BOOST_TEST(!accessd::ListPattern::create(pattern + "z").value().matches(name));
}

BOOST_AUTO_TEST_CASE(refuses_patterns_that_do_not_fit) {
    BOOST_TEST(!accessd::ListPattern::create(std::string(512, 'a')));
    const auto longest = accessd::ListPattern::create(std::string(511, 'a'));
    BOOST_TEST_REQUIRE(bool(longest));
    BOOST_TEST(longest.value().matches(std::string(511, 'a')));
    BOOST_TEST(!longest.value().matches(std::string(510, 'a')));
}

BOOST_AUTO_TEST_CASE(hostile_pattern_costs_no_backtracking) {
    // A backtracking matcher needs about 2^100 steps here; this one 1000 x 8.
    std::string pattern;
    for (int i = 0; i < 200; ++i) {
        pattern += "*a";
    }
    const auto hostile = accessd::ListPattern::create(pattern + "b");
    BOOST_TEST_REQUIRE(bool(hostile));
    BOOST_TEST(!hostile.value().matches(std::string(1000, 'a')));
}

BOOST_AUTO_TEST_SUITE_END()
