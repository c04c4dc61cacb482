#include "access/imap/commands.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using accessd::AfterCommand;
using accessd::CommandRule;
using accessd::find_command;
using accessd::ImapState;

BOOST_AUTO_TEST_SUITE(imap_commands)

// IMAP4rev1 (RFC 3501 6), and the commands of the extensions that are offered.
BOOST_AUTO_TEST_CASE(knows_every_command_of_the_protocol) {
    for (const char* name :
         {"CAPABILITY", "NOOP",   "LOGOUT",    "AUTHENTICATE", "LOGIN",     "SELECT",
          "EXAMINE",    "CREATE", "DELETE",    "RENAME",       "SUBSCRIBE", "UNSUBSCRIBE",
          "LIST",       "LSUB",   "STATUS",    "APPEND",       "CHECK",     "CLOSE",
          "EXPUNGE",    "SEARCH", "FETCH",     "STORE",        "COPY",      "IDLE",
          "MOVE",       "ID",     "NAMESPACE", "UNSELECT",     "NOTIFY"}) {
        const CommandRule* rule = find_command(name);
        BOOST_TEST_REQUIRE(rule != nullptr, name);
        BOOST_TEST(rule->name == name);
        BOOST_TEST((rule->run != nullptr), name);
    }
    for (const char* name : {"", "UID", "STARTTLS", "ENABLE", "FETC", "FETCHX", "SORT"}) {
        BOOST_TEST((find_command(name) == nullptr), name);
    }
    BOOST_TEST((find_command("fEtCh") == find_command("FETCH")));
}

BOOST_AUTO_TEST_CASE(only_these_have_a_uid_form) {
    for (const char* name : {"FETCH", "STORE", "COPY", "MOVE", "SEARCH", "EXPUNGE"}) {
        BOOST_TEST(find_command(name)->has_uid_form, name);
    }
    for (const char* name : {"NOOP", "SELECT", "APPEND", "IDLE"}) {
        BOOST_TEST(!find_command(name)->has_uid_form, name);
    }
}

// RFC 3501 7.4.1: a sequence number must not change its meaning during these.
BOOST_AUTO_TEST_CASE(expunges_are_held_where_numbers_must_not_move) {
    for (const char* name : {"FETCH", "STORE", "SEARCH"}) {
        BOOST_TEST((find_command(name)->after == AfterCommand::HoldExpunges), name);
    }
}

BOOST_AUTO_TEST_CASE(states_are_those_of_the_protocol) {
    const auto states = [](const char* name) {
        const CommandRule* rule = find_command(name);
        std::string out;
        out += rule->allowed_in(ImapState::NotAuthenticated) ? 'n' : '-';
        out += rule->allowed_in(ImapState::Authenticated) ? 'a' : '-';
        out += rule->allowed_in(ImapState::Selected) ? 's' : '-';
        return out;
    };
    BOOST_TEST(states("CAPABILITY") == "nas");
    BOOST_TEST(states("LOGOUT") == "nas");
    BOOST_TEST(states("LOGIN") == "n--");
    BOOST_TEST(states("AUTHENTICATE") == "n--");
    BOOST_TEST(states("SELECT") == "-as");
    BOOST_TEST(states("APPEND") == "-as");
    BOOST_TEST(states("IDLE") == "-as");
    BOOST_TEST(states("FETCH") == "--s");
    BOOST_TEST(states("CLOSE") == "--s");
}

BOOST_AUTO_TEST_SUITE_END()
