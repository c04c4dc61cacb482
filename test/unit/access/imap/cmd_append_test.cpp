#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "test/unit/access/session_rig.h"

using access_test::has;
using access_test::SessionRig;

BOOST_AUTO_TEST_SUITE(imap_cmd_append)

BOOST_AUTO_TEST_CASE(append_stores_the_octets) {
    SessionRig rig;
    const std::string message = "Subject: x\r\n\r\nline {5}\r\n.\r\n";
    const std::string size = std::to_string(message.size());
    for (const std::size_t piece : {1UL, 7UL, 4096UL}) {
        const std::string out =
            rig.signed_in("a APPEND INBOX (\\Seen $X) \"05-Nov-2026 10:00:00 +0100\" {" + size +
                              "}\r\n" + message + "\r\nb NOOP\r\n",
                          piece);
        BOOST_TEST(has(out, "+ Ready for the message\r\na OK [APPENDUID "), out);
        BOOST_TEST(has(out, "APPEND completed\r\nb OK"));
        BOOST_TEST(rig.store.last_append->message == message);
        BOOST_TEST(rig.store.last_append->internal_date_s.value() == 1'793'869'200);
        BOOST_TEST(mail::format_flag_list(rig.store.last_append->flags) == "(\\Seen $X)");
    }
    // A mailbox name that is a literal too, and both without waiting.
    BOOST_TEST(has(rig.signed_in("a APPEND {5+}\r\ninbox {3+}\r\nabc\r\n"), "a OK [APPENDUID"));
    BOOST_TEST(rig.store.last_append->message == "abc");
    rig.store.append_uid_unknown = true;
    BOOST_TEST(rig.signed_in("a APPEND INBOX {3+}\r\nabc\r\n") == "a OK APPEND completed\r\n");
}

BOOST_AUTO_TEST_CASE(append_is_refused_before_the_message_is_sent) {
    SessionRig rig;
    const std::vector<std::pair<std::string, std::string>> rows = {
        {"a APPEND nowhere {10}\r\n", "a NO [TRYCREATE] No such mailbox\r\n"},
        {"a APPEND nowhere {3+}\r\nabc\r\n", "a NO [TRYCREATE] No such mailbox\r\n"},
        {"a APPEND INBOX {10001}\r\n", "a NO [TOOBIG] Message too big\r\n"},
        {"a APPEND INBOX {4097+}\r\n" + std::string(4097, 'x') + "\r\n",
         "a BAD [TOOBIG] Literals of this size must be synchronizing\r\n"},
        {"a APPEND INBOX (\\Recent) {10}\r\n", "a BAD Invalid arguments for APPEND\r\n"},
        {"a APPEND INBOX \"yesterday\" {10}\r\n", "a BAD Invalid arguments for APPEND\r\n"},
        {"a APPEND INBOX\r\n", "a BAD Invalid arguments for APPEND\r\n"},
        {"a APPEND INBOX \"abc\"\r\n", "a BAD Invalid arguments for APPEND\r\n"},
        {"a APPEND INBOX {3+}\r\nabc x\r\n", "a BAD Invalid arguments for APPEND\r\n"},
        {"a APPEND INBOX {3+}\r\nabc {3+}\r\nabc\r\n", "a BAD One message at a time\r\n"},
        {std::string("a APPEND INBOX {3+}\r\na\0b\r\n", 26), "a NO [CANNOT] NUL in a message\r\n"},
    };
    for (const auto& [input, expected] : rows) {
        BOOST_TEST(rig.signed_in(input + "z NOOP\r\n") == expected + "z OK Completed\r\n",
                   input << " gave " << rig.signed_in(input + "z NOOP\r\n"));
    }
    BOOST_TEST(!rig.store.last_append.has_value());
}

BOOST_AUTO_TEST_CASE(append_errors_have_their_codes) {
    SessionRig rig;
    const std::vector<std::pair<base::Errc, std::string>> rows = {
        {base::Errc::NotFound, "a NO [TRYCREATE]"},
        {base::Errc::Refused, "a NO [OVERQUOTA]"},
        {base::Errc::TooLarge, "a NO [TOOBIG]"},
        {base::Errc::Unavailable, "a NO [UNAVAILABLE]"},
        {base::Errc::Busy, "a NO [UNAVAILABLE]"},
    };
    for (const auto& [code, expected] : rows) {
        rig.store.fail_once["append"] = code;
        BOOST_TEST(has(rig.signed_in("a APPEND INBOX {3+}\r\nabc\r\n"), expected));
    }
}

BOOST_AUTO_TEST_CASE(append_to_the_selected_mailbox_is_seen_at_once) {
    SessionRig rig;
    const std::string out = rig.selected("a APPEND INBOX {3+}\r\nabc\r\n");
    BOOST_TEST(has(out, "* 1 EXISTS\r\n* 1 RECENT\r\na OK [APPENDUID"));
}

BOOST_AUTO_TEST_CASE(messages_in_flight_are_bounded) {
    SessionRig rig;
    auto most = rig.budget.take((std::size_t{1} << 20U) - 100);
    BOOST_TEST(bool(most));
    BOOST_TEST(has(rig.signed_in("a APPEND INBOX {101}\r\n"), "a NO [UNAVAILABLE]"));
    BOOST_TEST(
        has(rig.signed_in("a APPEND INBOX {100}\r\n" + std::string(100, 'x') + "\r\n"), "a OK"));
    // And it was given back.
    BOOST_TEST(
        has(rig.signed_in("a APPEND INBOX {100}\r\n" + std::string(100, 'x') + "\r\n"), "a OK"));
}

BOOST_AUTO_TEST_SUITE_END()
