#include <string>

#include <boost/test/unit_test.hpp>

#include "test/support/loop_runner.h"
#include "test/unit/access/session_rig.h"

using access_test::has;
using access_test::SessionRig;

namespace {

const std::string kCapabilities =
    "IMAP4rev1 LITERAL- SASL-IR ID IDLE NAMESPACE UIDPLUS MOVE UNSELECT CHILDREN SPECIAL-USE "
    "NOTIFY APPENDLIMIT=10000";
const std::string kGreeting =
    "* OK [CAPABILITY " + kCapabilities + " AUTH=PLAIN] access1 ready\r\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(imap_cmd_login)

BOOST_AUTO_TEST_CASE(signs_in_by_login_and_plain) {
    SessionRig rig;
    const std::string done = "a OK [CAPABILITY " + kCapabilities + "] Signed in\r\n";
    BOOST_TEST(rig.talk("a LOGIN ann@example.org secret\r\n") == kGreeting + done);
    BOOST_TEST(rig.talk("a LOGIN {15}\r\nann@example.org {6+}\r\nsecret\r\n") ==
               kGreeting + "+ Ready for literal data\r\n" + done);
    BOOST_TEST(rig.talk("a LOGIN \"Ann@Example.ORG\" \"secret\"\r\n") == kGreeting + done);
    // "\0ann@example.org\0secret"
    const std::string plain = "AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=";
    BOOST_TEST(rig.talk("a AUTHENTICATE PLAIN " + plain + "\r\n") == kGreeting + done);
    BOOST_TEST(rig.talk("a AUTHENTICATE plain\r\n" + plain + "\r\n") ==
               kGreeting + "+ \r\n" + done);
    BOOST_TEST(has(rig.talk("a AUTHENTICATE PLAIN\r\n*\r\n"), "a BAD AUTHENTICATE cancelled"));
    BOOST_TEST(has(rig.talk("a AUTHENTICATE PLAIN\r\n!!!\r\n"), "a BAD"));
    BOOST_TEST(has(rig.talk("a AUTHENTICATE GSSAPI\r\n"), "a NO [CANNOT]"));
    // "bob@example.org\0ann@example.org\0secret": ann acts for nobody else
    BOOST_TEST(has(rig.talk("a AUTHENTICATE PLAIN "
                            "Ym9iQGV4YW1wbGUub3JnAGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=\r\n"),
                   "a NO [AUTHORIZATIONFAILED]"));
}

BOOST_AUTO_TEST_CASE(does_not_say_what_was_wrong) {
    SessionRig rig;
    const std::string refused = "a NO [AUTHENTICATIONFAILED] Name or password wrong\r\n";
    BOOST_TEST(rig.talk("a LOGIN ann@example.org wrong\r\n") == kGreeting + refused);
    BOOST_TEST(rig.talk("a LOGIN eve@example.org secret\r\n") == kGreeting + refused);
    rig.store.disable_account("ann@example.org");
    BOOST_TEST(rig.talk("a LOGIN ann@example.org secret\r\n") == kGreeting + refused);
}

BOOST_AUTO_TEST_CASE(closes_after_many_failed_sign_ins) {
    SessionRig rig;
    std::string input;
    for (int i = 0; i < 6; ++i) {
        input += "a LOGIN ann@example.org wrong\r\n";
    }
    std::string out;
    test_support::run_in_fiber([&](base::Loop&) { out = rig.talk(input); });
    BOOST_TEST(has(out, "* BYE Too many failed sign-ins\r\na NO [AUTHENTICATIONFAILED]"));
    std::size_t refusals = 0;
    for (std::size_t at = out.find("a NO"); at != std::string::npos;
         at = out.find("a NO", at + 1)) {
        ++refusals;
    }
    BOOST_TEST(refusals == 5U);
}

BOOST_AUTO_TEST_CASE(no_password_in_clear_over_the_network) {
    SessionRig rig;
    rig.peer = base::IpAddress::parse("192.0.2.1").value();
    const std::string out = rig.talk("a LOGIN ann@example.org secret\r\nb AUTHENTICATE PLAIN\r\n");
    BOOST_TEST(has(out, " LOGINDISABLED] "));
    BOOST_TEST(!has(out, "AUTH=PLAIN"));
    BOOST_TEST(has(out, "a NO [PRIVACYREQUIRED]"));
    BOOST_TEST(has(out, "b NO [PRIVACYREQUIRED]"));
    rig.settings.insecure_auth = accessd::InsecureAuth::Allowed;
    BOOST_TEST(has(rig.talk("a LOGIN ann@example.org secret\r\n"), "a OK"));
    rig.settings.insecure_auth = accessd::InsecureAuth::LoopbackOnly;
    rig.secure = true;
    BOOST_TEST(has(rig.talk("a LOGIN ann@example.org secret\r\n"), "a OK"));
}

BOOST_AUTO_TEST_SUITE_END()
