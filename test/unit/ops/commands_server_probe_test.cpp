// Verbs of how servers are probed; as commands_test.cpp.

#include <boost/test/unit_test.hpp>

#include "test/unit/ops/commands_fixture.h"

using ops_test::Fixture;

BOOST_AUTO_TEST_SUITE(commands)

BOOST_AUTO_TEST_CASE(servers_are_probed_as_they_are_told) {
    Fixture f;
    f.make_cluster();
    f.play(
        {{"server probe list", 0, "as usual"},
         {"server probe set mail", 1, "say what to set"},
         {"server probe set storage --rise 2", 1, "mail or access"},
         {"server probe set mail nobody --rise 2", 3, "no mail server nobody"},
         {"server probe set mail --interval 0.5", 1, "from 1 to 60"},
         {"server probe set mail --interval 5s", 1, "from 1 to 60"},
         {"server probe set mail --rise 1.5", 1, "whole number"},
         {"server probe set mail --fall nan", 1, "from 0 to 16"},
         {"server probe set mail --interval 2 --deadline 3", 1, "longer than the interval"},
         {"server probe set mail --interval 2 --jitter 0 --dwell 30", 0, "every mail server"},
         {"server probe set mail mail1 --check smtp --check agent:7777 --fall 2", 0, "mail1"},
         {"server probe set access access1 --check http:8080/load?x=1 --check pop3", 0},
         {"server probe list", 0, "smtp agent:7777"},
         {"server probe list", 0, "http:8080/load?x=1 pop3"},
         {"server probe set mail mail1 --check http", 1, "needs a port"},
         {"server probe set mail mail1 --check http:99999", 1, "1 to 65535"},
         {"server probe set mail mail1 --check smtp/x", 1, "only http has a path"},
         {"server probe set mail mail1 --check ping", 1, "no such kind"},
         {"server probe set mail mail1 --check smtp --check smtp", 1, "twice"},
         {"server probe set mail mail1 --check smtp --check imap:1 --check imap:2 --check imap:3 "
          "--check imap:4",
          1,
          "at most 4"},
         {"server probe list", 0, "smtp agent:7777"},
         {"server probe set mail mail1 --check default --fall default", 0},
         {"server probe reset mail mail1", 0, "usual"},
         {"server probe reset mail mail1", 3, "nothing is set"},
         {"server remove access access1", 0},
         {"server probe reset mail", 0},
         {"server probe list", 0, "as usual"}});
}

BOOST_AUTO_TEST_SUITE_END()
