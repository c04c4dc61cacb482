#include "access/imap_arguments.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using accessd::Cursor;

namespace {

template <typename Parse>
void refuses(Parse parse, const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
        Cursor cursor(text);
        BOOST_TEST(!parse(cursor), text);
    }
}

std::string plan(std::string_view text) {
    const auto planned = accessd::plan_literal(text);
    if (!planned) {
        return "error";
    }
    if (planned.value().use == accessd::LiteralUse::Argument) {
        return "argument";
    }
    const accessd::AppendHead& head = planned.value().append;
    return head.mailbox + " " + mail::format_flag_list(head.flags) + " " +
           (head.date ? mail::format_imap_date(*head.date) : "-");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(imap_arguments)

BOOST_AUTO_TEST_CASE(head_is_tag_and_name) {
    Cursor cursor("a1 UID fetch 1 FLAGS");
    const auto head = accessd::parse_head(cursor);
    BOOST_TEST_REQUIRE(bool(head));
    BOOST_TEST(head.value().tag == "a1");
    BOOST_TEST(head.value().name == "UID");
    BOOST_TEST(cursor.rest() == " fetch 1 FLAGS");
    refuses(accessd::parse_head, {"", "a", "a ", " a b", "* NOOP", "a+ NOOP", "a  NOOP"});
}

BOOST_AUTO_TEST_CASE(login_takes_two_strings) {
    Cursor cursor(" \"al ice\" {3}\r\na b");
    const auto login = accessd::parse_login(cursor);
    BOOST_TEST_REQUIRE(bool(login));
    BOOST_TEST(login.value().user == "al ice");
    BOOST_TEST(login.value().password == "a b");
    refuses(accessd::parse_login, {"", " a", " a ", " a b c", "a b"});
}

BOOST_AUTO_TEST_CASE(authenticate_takes_an_initial_response) {
    Cursor plain(" PLAIN");
    BOOST_TEST(!accessd::parse_authenticate(plain).value().initial_response.has_value());
    Cursor empty(" plain =");
    BOOST_TEST(accessd::parse_authenticate(empty).value().initial_response.value() == "");
    Cursor full(" PLAIN AGEAYg==");
    BOOST_TEST(accessd::parse_authenticate(full).value().initial_response.value() == "AGEAYg==");
    refuses(accessd::parse_authenticate, {"", " ", " (PLAIN)"});
}

BOOST_AUTO_TEST_CASE(base64_is_strict) {
    BOOST_TEST(accessd::decode_base64("").value() == "");
    BOOST_TEST(accessd::decode_base64("AGEAYg==").value() == std::string("\0a\0b", 4));
    BOOST_TEST(accessd::decode_base64("YWJj").value() == "abc");
    BOOST_TEST(accessd::decode_base64("YWI=").value() == "ab");
    BOOST_TEST(accessd::decode_base64("//79").value() == "\xFF\xFE\xFD");
    for (const char* bad : {"Y",
                            "YW",
                            "YWI",
                            "YW==YWJj",
                            "YWI=====",
                            "====",
                            "Y===",
                            "YWJ!",
                            "YWK=",
                            "YX==",
                            " YWJj",
                            "YWJj\n"}) {
        BOOST_TEST(!accessd::decode_base64(bad), bad);
    }
}

BOOST_AUTO_TEST_CASE(sasl_plain_has_three_parts) {
    const auto parsed = accessd::parse_plain_response(std::string("z\0alice\0secret", 14));
    BOOST_TEST_REQUIRE(bool(parsed));
    BOOST_TEST(parsed.value().authorization == "z");
    BOOST_TEST(parsed.value().user == "alice");
    BOOST_TEST(parsed.value().password == "secret");
    const std::vector<std::string> bad = {"",
                                          "alice",
                                          std::string("\0alice", 6),
                                          std::string("\0\0secret", 8),
                                          std::string("\0alice\0", 7),
                                          std::string("\0alice\0sec\0ret", 14)};
    for (const std::string& text : bad) {
        BOOST_TEST(!accessd::parse_plain_response(text));
    }
}

BOOST_AUTO_TEST_CASE(mailbox_that_cannot_exist_is_refused_not_malformed) {
    Cursor good(" \"Entw&APw-rfe\"");
    BOOST_TEST(accessd::parse_mailbox_argument(good).value() == "Entwürfe");
    Cursor bad_name(" \"&A-\"");
    BOOST_TEST((accessd::parse_mailbox_argument(bad_name).error().code == base::Errc::Refused));
    Cursor bad_grammar(" a b");
    BOOST_TEST((accessd::parse_mailbox_argument(bad_grammar).error().code == base::Errc::Invalid));
}

BOOST_AUTO_TEST_CASE(list_joins_reference_and_pattern) {
    Cursor both(" \"Arch/\" %");
    BOOST_TEST(accessd::parse_list(both).value().pattern == "Arch/%");
    Cursor root(" \"\" \"\"");
    BOOST_TEST(accessd::parse_list(root).value().is_root);
    Cursor shifted(" \"\" &AOk-*");
    BOOST_TEST(accessd::parse_list(shifted).value().pattern == "é*");
    refuses(accessd::parse_list,
            {"", " \"\"", " \"\" ", " \"\" (a b)", " \"\" a b", " \"\" &AOk*"});
}

BOOST_AUTO_TEST_CASE(status_items_are_known) {
    Cursor cursor(" inbox (MESSAGES uidnext UNSEEN)");
    const auto status = accessd::parse_status(cursor);
    BOOST_TEST_REQUIRE(bool(status));
    BOOST_TEST(status.value().mailbox == "INBOX");
    BOOST_TEST(status.value().has(accessd::StatusItem::UidNext));
    BOOST_TEST(!status.value().has(accessd::StatusItem::UidValidity));
    refuses(accessd::parse_status,
            {" inbox", " inbox ()", " inbox MESSAGES", " inbox (FOO)", " inbox (MESSAGES) x"});
}

BOOST_AUTO_TEST_CASE(store_reads_mode_and_flags) {
    Cursor add(" 1:3 +FLAGS.SILENT (\\Deleted $X)");
    const auto store = accessd::parse_store(add);
    BOOST_TEST_REQUIRE(bool(store));
    BOOST_TEST((store.value().change == storage::FlagChange::Add));
    BOOST_TEST(store.value().silent);
    BOOST_TEST(mail::format_flag_list(store.value().flags) == "(\\Deleted $X)");
    Cursor bare(" 1 FLAGS \\Seen \\Draft");
    BOOST_TEST(mail::format_flag_list(accessd::parse_store(bare).value().flags) ==
               "(\\Seen \\Draft)");
    Cursor none(" 1 -FLAGS ()");
    BOOST_TEST((accessd::parse_store(none).value().change == storage::FlagChange::Remove));
    refuses(accessd::parse_store,
            {" 1 FLAGS",
             " 1 FLAG (\\Seen)",
             " 1 *FLAGS (\\Seen)",
             " x FLAGS ()",
             " 1 FLAGS (\\Recent)",
             " 1 FLAGS (\\Bogus)",
             " 1 FLAGS (\\Seen",
             " 1 FLAGS (\\Seen) x",
             " 1 +FLAGS.LOUD ()"});
}

BOOST_AUTO_TEST_CASE(fetch_copy_rename_and_sets) {
    Cursor fetch(" 1,5:* (UID FLAGS)");
    BOOST_TEST(accessd::parse_fetch(fetch).value().set.text() == "1,5:*");
    refuses(accessd::parse_fetch, {" 1", " 1 ", " FLAGS", " 1 FLAGS x", " 1  FLAGS"});
    Cursor copy(" 2 inbox");
    BOOST_TEST(accessd::parse_copy(copy).value().mailbox == "INBOX");
    refuses(accessd::parse_copy, {" 2", " inbox 2", " 2 a b"});
    Cursor rename(" a b/c");
    BOOST_TEST(accessd::parse_rename(rename).value().second == "b/c");
    refuses(accessd::parse_rename, {" a", " a b c"});
    Cursor set(" 4:7");
    BOOST_TEST(accessd::parse_set_argument(set).value().text() == "4:7");
    refuses(accessd::parse_set_argument, {"", " ", " 4 5"});
}

BOOST_AUTO_TEST_CASE(id_is_bounded) {
    Cursor pairs(" (\"name\" \"mutt\" \"version\" NIL \"x\" \"y\")");
    const auto id = accessd::parse_id(pairs);
    BOOST_TEST_REQUIRE(bool(id));
    BOOST_TEST(id.value().name == "mutt");
    Cursor nil(" NIL");
    BOOST_TEST(bool(accessd::parse_id(nil)));
    std::string flood = " (\"a\" \"b\"";
    for (int i = 0; i < 30; ++i) {
        flood += " \"a\" \"b\"";
    }
    refuses(accessd::parse_id, {"", " (\"a\")", " (\"a\" b)", " (\"a\" \"b\"", flood + ")"});
}

BOOST_AUTO_TEST_CASE(literal_of_append_is_the_message) {
    const std::vector<std::pair<std::string, std::string>> rows = {
        {"a LOGIN {5}\r\n", "argument"},
        {"a APPEND {5}\r\n", "argument"},
        {"a APPEND {5}\r\ninbox {9}\r\n", "INBOX () -"},
        {"a append inbox {9}\r\n", "INBOX () -"},
        {"a APPEND a/b (\\Seen $X) {9+}\r\n", "a/b (\\Seen $X) -"},
        {"a APPEND x () \" 1-Nov-2026 09:05:00 +0100\" {9}\r\n", "x ()  1-Nov-2026 09:05:00 +0100"},
        {"a APPEND x \"01-Nov-2026 09:05:00 +0100\" {9}\r\n", "x ()  1-Nov-2026 09:05:00 +0100"},
        {"a APPEND x \"yesterday\" {9}\r\n", "error"},
        {"a APPEND x (\\Recent) {9}\r\n", "error"},
        {"a APPEND x(\\Seen) {9}\r\n", "error"},
        {"a APPEND x y {9}\r\n", "error"},
        {"a APPEND \"&A-\" {9}\r\n", "error"},
        {"a APPEND{9}\r\n", "argument"},
        {"APPEND {9}\r\n", "argument"},
    };
    for (const auto& [text, expected] : rows) {
        BOOST_TEST(plan(text) == expected, text << " gave " << plan(text));
    }
}

BOOST_AUTO_TEST_SUITE_END()
