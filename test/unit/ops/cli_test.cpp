#include "ops/cli.h"

#include <cstdio>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "test/unit/ops/captured_output.h"

using ops_test::run;
using ops_test::Run;

BOOST_AUTO_TEST_SUITE(cli)

BOOST_AUTO_TEST_CASE(wrong_command_lines_end_with_2_and_say_why) {
    const std::vector<std::vector<std::string>> cases = {
        {},
        {"mx"},
        {"mx", "dance"},
        {"dance"},
        {"mx", "drain"},  // the server is missing
        {"account", "--no-such", "x"},
        {"--dir"},
    };
    for (const std::vector<std::string>& words : cases) {
        const Run result = run(words);
        BOOST_TEST_CONTEXT((words.empty() ? "nothing" : words.back())) {
            BOOST_TEST(result.code == 2);
            BOOST_TEST(!result.error.empty());
        }
    }
}

BOOST_AUTO_TEST_CASE(help_and_version_end_with_0_and_go_to_standard_output) {
    const Run help = run({"--help"});
    BOOST_TEST(help.code == 0);
    BOOST_TEST(help.out.find("account") != std::string::npos);
    const Run of_a_verb = run({"mx", "drain", "--help"});
    BOOST_TEST(of_a_verb.code == 0);
    BOOST_TEST(of_a_verb.out.find("--reason") != std::string::npos);
    const Run version = run({"--version"});
    BOOST_TEST(version.code == 0);
    BOOST_TEST(version.out.starts_with("roundtable "));
}

BOOST_AUTO_TEST_CASE(a_database_that_is_away_ends_with_5) {
    const Run result = run({"--dir", "/nonexistent", "domain", "list"});
    BOOST_TEST(result.code == 5);
    BOOST_TEST(result.error.find("roundtable --dir /nonexistent up") != std::string::npos);
    BOOST_TEST(result.out.empty());
}

BOOST_AUTO_TEST_CASE(options_may_stand_behind_the_verb) {
    BOOST_TEST(run({"domain", "list", "--dir", "/nonexistent"}).code == 5);
}

BOOST_AUTO_TEST_SUITE_END()
