#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "access/limits.h"
#include "test/unit/access/session_rig.h"

using access_test::has;
using access_test::SessionRig;

namespace {

// "\0ann@example.org\0secret"
const std::string kPlain = "AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=";

}  // namespace

BOOST_AUTO_TEST_SUITE(imap_cmd_authenticate)

BOOST_AUTO_TEST_CASE(takes_the_response_with_the_command_or_after_it) {
    SessionRig rig;
    for (const std::size_t piece : {1UL, 4096UL}) {
        BOOST_TEST(has(rig.talk("a AUTHENTICATE PLAIN " + kPlain + "\r\n", piece), "\r\na OK ["));
        BOOST_TEST(has(rig.talk("a authenticate plain\r\n" + kPlain + "\r\nb NAMESPACE\r\n", piece),
                       "\r\nb OK NAMESPACE"));
    }
}

BOOST_AUTO_TEST_CASE(broken_response_is_answered_and_stays_in_step) {
    SessionRig rig;
    const std::vector<std::pair<std::string, std::string>> rows = {
        {"a AUTHENTICATE\r\n", "a BAD"},
        {"a AUTHENTICATE \r\n", "a BAD"},
        {"a AUTHENTICATE PLAIN =\r\n", "a BAD"},
        {"a AUTHENTICATE PLAIN " + kPlain + " x\r\n", "a BAD"},
        {"a AUTHENTICATE PLAIN\r\n\r\n", "a BAD"},
        {"a AUTHENTICATE PLAIN\r\n*\r\n", "a BAD AUTHENTICATE cancelled"},
        {"a AUTHENTICATE PLAIN\r\n" + kPlain.substr(1) + "\r\n", "a BAD"},
        {"a AUTHENTICATE PLAIN\r\nYW5u\r\n", "a BAD"},  // no NUL in it
        {"a AUTHENTICATE PLAIN\r\n" + kPlain + "\n", "a BAD"},
        // In a response "{3}" is no literal.
        {"a AUTHENTICATE PLAIN\r\n{3}\r\n", "a BAD"},
        {"a AUTHENTICATE PLAIN\r\n" + std::string(accessd::kCommandBytesBeforeLogin, 'A') + "\r\n",
         "a BAD"},
        {"a AUTHENTICATE CRAM-MD5\r\n", "a NO [CANNOT] No such mechanism"},
    };
    for (const auto& [input, expected] : rows) {
        for (const std::size_t piece : {1UL, 4096UL}) {
            const std::string out = rig.talk(input + "z NOOP\r\n", piece);
            const bool asked = has(out, "\r\n+ \r\n");
            BOOST_TEST(has(out, "\r\n" + expected), input << " gave " << out);
            BOOST_TEST(out.ends_with("\r\nz OK Completed\r\n"), input << " gave " << out);
            BOOST_TEST(asked == has(input, "PLAIN\r\n"), input << " gave " << out);
        }
    }
}

BOOST_AUTO_TEST_CASE(client_that_goes_in_the_middle_is_not_signed_in) {
    SessionRig rig;
    BOOST_TEST(!has(rig.talk("a AUTHENTICATE PLAIN\r\n"), "a "));
    BOOST_TEST(!has(rig.talk("a AUTHENTICATE PLAIN\r\n" + kPlain), "a OK"));
    BOOST_TEST(rig.verifier.questions == 0);
}

BOOST_AUTO_TEST_CASE(no_challenge_where_no_password_may_cross) {
    SessionRig rig;
    rig.peer = base::IpAddress::parse("2001:db8::1").value();
    const std::string out =
        rig.talk("a AUTHENTICATE PLAIN\r\nb AUTHENTICATE PLAIN " + kPlain + "\r\n");
    BOOST_TEST(has(out, "a NO [PRIVACYREQUIRED]"));
    BOOST_TEST(has(out, "b NO [PRIVACYREQUIRED]"));
    BOOST_TEST(!has(out, "\r\n+ "));
    BOOST_TEST(rig.verifier.questions == 0);
}

BOOST_AUTO_TEST_SUITE_END()
