#include "access/mailbox_name.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace {

struct Row {
    std::string wire;
    std::string utf8;
};

// The first three are the examples of RFC 3501 5.1.3 and RFC 2152 4.
const std::vector<Row> kRows = {
    {"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"},
    {"&Jjo-!", "☺!"},
    {"A&ImIDkQ-.", "A≢Α."},
    {"&-", "&"},
    {"a&-b&-", "a&b&"},
    {"Entw&APw-rfe", "Entwürfe"},
    {"&AOQA9gD8-", "äöü"},
    {"&2D3eAA-", "😀"},
    {"&AOk-&-&AOk-", "é&é"},
    {"INBOX/x", "INBOX/x"},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(mailbox_name)

BOOST_AUTO_TEST_CASE(converts_both_ways) {
    for (const Row& row : kRows) {
        const auto decoded = accessd::decode_mutf7(row.wire);
        BOOST_TEST_REQUIRE(bool(decoded), row.wire);
        BOOST_TEST(decoded.value() == row.utf8);
        BOOST_TEST(accessd::encode_mutf7(row.utf8) == row.wire);
    }
}

BOOST_AUTO_TEST_CASE(refuses_what_has_another_form) {
    const std::vector<std::string> bad = {
        "&",           // shift without end
        "&AOk",        //
        "&A-",         // too short for a character
        "&AAA-",       // U+0000
        "&AGE-",       // shifted ASCII "a"
        "&ACY-",       // shifted "&"
        "&AOl-",       // stray bits
        "&AOkA-",      // a sextet too many
        "&AOk=-",      // padding
        "&AO/-",       // "/" is "," here
        "&AOk-&AOk-",  // needless shift
        "&2D0-",       // high surrogate alone
        "&3gA-",       // low surrogate alone
        "&2D0AYQ-",    // high surrogate before something else
        "&AIU-",       // C1 control
        "Entw\xC3\xBCrfe",
        std::string("a\0b", 3),
        "a\tb",
        "a\x7f",
    };
    for (const std::string& wire : bad) {
        BOOST_TEST(!accessd::decode_mutf7(wire), wire);
    }
}

BOOST_AUTO_TEST_CASE(replaces_invalid_utf8_when_it_encodes) {
    BOOST_TEST(accessd::encode_mutf7("a\xFFz") == "a&,,0-z");
    BOOST_TEST(accessd::encode_mutf7("\xC0\xAF") == "&,,3,,Q-");
    BOOST_TEST(accessd::encode_mutf7("\xE2\x98") == "&,,3,,Q-");
}

BOOST_AUTO_TEST_CASE(inbox_is_one_name_in_any_case) {
    BOOST_TEST(accessd::canonical_mailbox_name("inbox") == "INBOX");
    BOOST_TEST(accessd::canonical_mailbox_name("InBox/Work") == "INBOX/Work");
    BOOST_TEST(accessd::canonical_mailbox_name("inboxes") == "inboxes");
    BOOST_TEST(accessd::canonical_mailbox_name("Work/inbox") == "Work/inbox");
    BOOST_TEST(accessd::canonical_mailbox_name("inbo") == "inbo");
}

BOOST_AUTO_TEST_CASE(reads_names_as_clients_send_them) {
    BOOST_TEST(accessd::mailbox_name_from_wire("inbox").value() == "INBOX");
    BOOST_TEST(accessd::mailbox_name_from_wire("a/b/").value() == "a/b");
    BOOST_TEST(!accessd::mailbox_name_from_wire(""));
    BOOST_TEST(!accessd::mailbox_name_from_wire(std::string(2000, 'x')));
}

BOOST_AUTO_TEST_CASE(new_names_are_checked) {
    for (const char* good : {"a", "a/b", "INBOX/x", "a b", "ä.ö"}) {
        BOOST_TEST(bool(accessd::check_new_mailbox_name(good)), good);
    }
    for (const std::string& bad : {std::string(),
                                   std::string("/a"),
                                   std::string("a/"),
                                   std::string("a//b"),
                                   std::string("a*"),
                                   std::string("a%b"),
                                   std::string("a\tb"),
                                   std::string(513, 'a')}) {
        BOOST_TEST(!accessd::check_new_mailbox_name(bad), bad);
    }
}

BOOST_AUTO_TEST_CASE(replies_quote_the_wire_form) {
    std::string out;
    accessd::append_mailbox_name(out, "Entwürfe \"x\"");
    BOOST_TEST(out == "\"Entw&APw-rfe \\\"x\\\"\"");
}

BOOST_AUTO_TEST_SUITE_END()
