#include "access/pop3_grammar.h"

#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

using accessd::parse_pop3_command;
using accessd::Pop3Command;
using accessd::Pop3Verb;

namespace {

/// What was understood, as one line.
std::string read(std::string_view line) {
    const auto parsed = parse_pop3_command(line);
    if (!parsed) {
        BOOST_TEST((parsed.error().code == base::Errc::Invalid));
        return "-" + parsed.error().detail;
    }
    const Pop3Command& command = parsed.value();
    std::string out(accessd::pop3_verb_name(command.verb));
    if (!command.text.empty()) {
        out.append(" '").append(command.text).append("'");
    }
    if (command.initial_response) {
        out.append(" <").append(*command.initial_response).append(">");
    }
    if (command.message) {
        out.append(" ").append(std::to_string(*command.message));
    }
    if (command.verb == Pop3Verb::Top) {
        out.append(" ").append(std::to_string(command.lines));
    }
    return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pop3_grammar)

BOOST_AUTO_TEST_CASE(reads_each_command) {
    const std::vector<std::pair<std::string, std::string>> rows = {
        {"CAPA", "CAPA"},
        {"USER ann@example.org", "USER 'ann@example.org'"},
        {"PASS secret", "PASS 'secret'"},
        {"AUTH PLAIN", "AUTH 'PLAIN'"},
        {"AUTH PLAIN AGEAYg==", "AUTH 'PLAIN' <AGEAYg==>"},
        {"AUTH PLAIN =", "AUTH 'PLAIN' <>"},
        {"AUTH PLAIN ", "AUTH 'PLAIN' <>"},
        {"STAT", "STAT"},
        {"LIST", "LIST"},
        {"LIST 7", "LIST 7"},
        {"RETR 1", "RETR 1"},
        {"DELE 999999999", "DELE 999999999"},
        {"NOOP", "NOOP"},
        {"RSET", "RSET"},
        {"TOP 1 0", "TOP 1 0"},
        {"TOP 3 10", "TOP 3 10"},
        {"UIDL", "UIDL"},
        {"UIDL 2", "UIDL 2"},
        {"QUIT", "QUIT"},
    };
    for (const auto& [line, expected] : rows) {
        BOOST_TEST(read(line) == expected, line << " gave " << read(line));
    }
}

BOOST_AUTO_TEST_CASE(keywords_have_no_case) {
    BOOST_TEST(read("quit") == "QUIT");
    BOOST_TEST(read("ReTr 2") == "RETR 2");
    BOOST_TEST(read("auth plain") == "AUTH 'plain'");
}

// RFC 1939 7: a password may hold blanks, anywhere.
BOOST_AUTO_TEST_CASE(password_is_all_that_follows_one_space) {
    BOOST_TEST(read("PASS  a b ") == "PASS ' a b '");
    BOOST_TEST(read("USER a b") == "USER 'a b'");
}

BOOST_AUTO_TEST_CASE(passes_over_a_space_at_the_end_of_commands_without_argument) {
    for (const char* line : {"CAPA ", "STAT ", "LIST ", "NOOP ", "RSET ", "UIDL ", "QUIT "}) {
        BOOST_TEST(read(line) == std::string_view(line).substr(0, 4));
    }
}

BOOST_AUTO_TEST_CASE(rejects_what_is_no_command) {
    for (const char* line :
         {"", " ", " STAT", "STA", "STATS", "STAT\t", "APOP a b", "GET / HTTP/1.1", "\xff"}) {
        BOOST_TEST(read(line) == "-Unknown command", line);
    }
}

BOOST_AUTO_TEST_CASE(rejects_missing_and_extra_arguments) {
    for (const char* line : {"USER", "USER ", "PASS", "AUTH", "RETR", "RETR ", "DELE", "TOP"}) {
        BOOST_TEST(read(line) == "-Argument missing", line);
    }
    for (const char* line : {"STAT 1",
                             "CAPA x",
                             "NOOP x",
                             "RSET 1",
                             "QUIT now",
                             "STAT  ",
                             "LIST 1 2",
                             "RETR 1 ",
                             "DELE 1 2",
                             "UIDL 1 1",
                             "TOP 1 2 3"}) {
        BOOST_TEST(read(line) == "-Too many arguments", line);
    }
    for (const char* line : {"TOP 1", "TOP 12"}) {
        BOOST_TEST(read(line) == "-Number of lines expected", line);
    }
}

BOOST_AUTO_TEST_CASE(rejects_what_is_no_number) {
    for (const char* line : {"RETR 0",
                             "RETR -1",
                             "RETR +1",
                             "RETR 1x",
                             "RETR x",
                             "RETR  1",
                             "LIST 1,2",
                             "DELE *",
                             "UIDL 1.1",
                             "TOP 0 1",
                             "RETR 1000000000",
                             "RETR 4294967297",
                             "RETR 18446744073709551617"}) {
        BOOST_TEST(read(line) == "-Not a message number", line);
    }
    for (const char* line : {"TOP 1 ", "TOP 1 -1", "TOP 1 x", "TOP 1  2", "TOP 1 9999999999"}) {
        BOOST_TEST(read(line) == "-Not a number of lines", line);
    }
}

BOOST_AUTO_TEST_CASE(line_length_is_bounded) {
    const std::string most = "PASS " + std::string(accessd::kPop3LineMax - 7, 'x');
    BOOST_TEST(read(most).substr(0, 4) == "PASS");
    BOOST_TEST(read(most + "x") == "-Line too long");
}

// What a client sent never comes back in the answer: it could be a password.
BOOST_AUTO_TEST_CASE(errors_hold_no_octet_of_the_client) {
    for (const char* line : {"PASWORD #~#", "RETR #~#", "TOP 1 #~#", "QUIT #~#", "LIST 1 #~#"}) {
        BOOST_TEST(read(line).front() == '-');
        BOOST_TEST(read(line).find("#~#") == std::string::npos, line);
    }
}

BOOST_AUTO_TEST_SUITE_END()
