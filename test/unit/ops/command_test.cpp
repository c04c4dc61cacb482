#include "ops/command.h"

#include <set>

#include <boost/test/unit_test.hpp>

#include "ops/cli.h"

BOOST_AUTO_TEST_CASE(finds_values_of_a_connection_string) {
    BOOST_TEST(ops::conninfo_value("host=/run/x dbname=rt user=me", "dbname") == "rt");
    BOOST_TEST(ops::conninfo_value("host=/run/x", "user").empty());
    BOOST_TEST(ops::conninfo_value("nonsense", "user").empty());
}

BOOST_AUTO_TEST_CASE(the_last_user_of_a_connection_string_wins) {
    BOOST_TEST(ops::conninfo_as("host=x user=a", "b") == "host=x user=a user=b");
    BOOST_TEST(ops::conninfo_as("postgres://h/d", "b") == "postgres://h/d?user=b");
    BOOST_TEST(ops::conninfo_as("postgresql://h/d?x=1", "b") == "postgresql://h/d?x=1&user=b");
}

BOOST_AUTO_TEST_CASE(numbers_out_of_range_name_their_option) {
    ops::Arguments arguments;
    arguments.values["--limit"] = {"12x"};
    arguments.values["--port"] = {"70000"};
    arguments.values["value"] = {"0.5"};
    BOOST_TEST(!arguments.integer("--limit", 1, 100, 1));
    const auto port = arguments.integer("--port", 1, 65535, 25);
    BOOST_REQUIRE(!port);
    BOOST_TEST(port.error().detail.find("--port") != std::string::npos);
    BOOST_TEST(arguments.integer("--absent", 1, 9, 7).value() == 7);
    BOOST_TEST(arguments.real("value", 0).value() == 0.5);
}

BOOST_AUTO_TEST_CASE(exit_codes_tell_scripts_what_to_do) {
    BOOST_TEST(ops::exit_code({base::Errc::Invalid, ""}) == 1);
    BOOST_TEST(ops::exit_code({base::Errc::NotFound, ""}) == 3);
    BOOST_TEST(ops::exit_code({base::Errc::Exists, ""}) == 4);
    BOOST_TEST(ops::exit_code({base::Errc::Unavailable, ""}) == 5);
}

BOOST_AUTO_TEST_CASE(each_command_is_there_once_with_help) {
    std::set<std::string> seen;
    for (const ops::Command& command : ops::all_commands()) {
        const std::string words = std::string(command.noun) + " " + command.verb;
        BOOST_TEST(seen.insert(words).second, words);
        BOOST_TEST(*command.help != '\0', words);
    }
}

BOOST_AUTO_TEST_CASE(completion_knows_every_noun_and_refuses_other_shells) {
    const auto bash = ops::completion_script("bash", ops::all_commands());
    BOOST_REQUIRE(bash);
    for (const char* noun : {"mx", "domain", "account", "block", "mirror", "server", "message"}) {
        BOOST_TEST(bash.value().find(noun) != std::string::npos, noun);
    }
    BOOST_CHECK(ops::completion_script("fish", ops::all_commands()));
    BOOST_TEST(!ops::completion_script("tcsh", ops::all_commands()));
}
