#include "access/imap_fetch_items.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "access/limits.h"

namespace {

using accessd::FetchAttribute;

/// Items in a readable form: attribute bits, then the labels, "!" behind those that set \Seen.
std::string show(std::string_view text) {
    accessd::Cursor cursor(text);
    const auto items = accessd::parse_fetch_items(cursor);
    if (!items || !cursor.at_end()) {
        return "error";
    }
    std::string out = std::to_string(items.value().attributes);
    for (const accessd::SectionItem& item : items.value().sections) {
        out += " " + item.label + (item.sets_seen ? "!" : "");
        if (item.partial) {
            out += "+" + std::to_string(item.partial->count);
        }
    }
    return out;
}

struct Row {
    std::string text;
    std::string expected;
};

const std::vector<Row> kRows = {
    {"FLAGS", "2"},
    {"flags", "2"},
    {"(UID FLAGS INTERNALDATE RFC822.SIZE)", "15"},
    {"FAST", "14"},
    {"ALL", "30"},
    {"full", "62"},
    {"(BODY BODYSTRUCTURE)", "96"},
    {"BODY[]", "0 BODY[]!"},
    {"body.peek[]", "0 BODY[]"},
    {"BODY[HEADER]", "0 BODY[HEADER]!"},
    {"BODY[TEXT]<0.100>", "0 BODY[TEXT]<0>!+100"},
    {"BODY.PEEK[]<7.1>", "0 BODY[]<7>+1"},
    {"BODY[1]", "0 BODY[1]!"},
    {"BODY[1.2.3]", "0 BODY[1.2.3]!"},
    {"BODY[1.MIME]", "0 BODY[1.MIME]!"},
    {"BODY[2.HEADER]", "0 BODY[2.HEADER]!"},
    {"BODY[2.text]", "0 BODY[2.TEXT]!"},
    {"BODY.PEEK[HEADER.FIELDS (From To)]", "0 BODY[HEADER.FIELDS (From To)]"},
    {"BODY.PEEK[HEADER.FIELDS (\"From\" {2}\r\nTo)]", "0 BODY[HEADER.FIELDS (From To)]"},
    {"BODY.PEEK[HEADER.FIELDS (\"a b\")]", "0 BODY[HEADER.FIELDS (\"a b\")]"},
    {"BODY[1.HEADER.FIELDS.NOT (X)]<3.4>", "0 BODY[1.HEADER.FIELDS.NOT (X)]<3>!+4"},
    {"RFC822", "0 RFC822!"},
    {"RFC822.HEADER", "0 RFC822.HEADER"},
    {"RFC822.TEXT", "0 RFC822.TEXT!"},
    {"(UID BODY.PEEK[HEADER] FLAGS BODY[1])", "3 BODY[HEADER] BODY[1]!"},
    // what is no item
    {"", "error"},
    {"()", "error"},
    {"(FLAGS", "error"},
    {"(FLAGS )", "error"},
    {"( FLAGS)", "error"},
    {"(ALL)", "error"},
    {"FLAGS UID", "error"},
    {"BODY.PEEK", "error"},
    {"BODY[", "error"},
    {"BODY[]<5>", "error"},
    {"BODY[]<5.0>", "error"},
    {"BODY[]<.5>", "error"},
    {"BODY[MIME]", "error"},
    {"BODY[0]", "error"},
    {"BODY[1.]", "error"},
    {"BODY[1.0]", "error"},
    {"BODY[.1]", "error"},
    {"BODY[1HEADER]", "error"},
    {"BODY[1.FOO]", "error"},
    {"BODY[HEADER.FIELDS]", "error"},
    {"BODY[HEADER.FIELDS ()]", "error"},
    {"BODY[HEADER.FIELDS (a]", "error"},
    {"BODY[4294967296]", "error"},
    {"MODSEQ", "error"},
    {"ENVELOPE[]", "error"},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(imap_fetch_items)

BOOST_AUTO_TEST_CASE(reads_items_of_the_grammar_and_no_others) {
    for (const Row& row : kRows) {
        BOOST_TEST(show(row.text) == row.expected, row.text << " gave " << show(row.text));
    }
}

BOOST_AUTO_TEST_CASE(counts_are_bounded) {
    std::string items = "(FLAGS";
    for (std::size_t i = 1; i < accessd::kFetchItemsMax; ++i) {
        items += " UID";
    }
    BOOST_TEST(show(items + ")") == "3");
    BOOST_TEST(show(items + " UID)") == "error");

    std::string part = "BODY[1";
    for (std::size_t i = 1; i < accessd::kSectionDepthMax; ++i) {
        part += ".1";
    }
    BOOST_TEST(show(part + "]") != "error");
    BOOST_TEST(show(part + ".1]") == "error");

    std::string fields = "BODY[HEADER.FIELDS (a";
    for (std::size_t i = 1; i < accessd::kHeaderFieldsMax; ++i) {
        fields += " a";
    }
    BOOST_TEST(show(fields + ")]") != "error");
    BOOST_TEST(show(fields + " a)]") == "error");
}

BOOST_AUTO_TEST_CASE(knows_what_data_it_needs) {
    const auto items = [](std::string_view text) {
        accessd::Cursor cursor(text);
        return accessd::parse_fetch_items(cursor).value();
    };
    BOOST_TEST(!items("(UID FLAGS)").needs_summary());
    BOOST_TEST(items("ENVELOPE").needs_summary());
    BOOST_TEST(!items("ENVELOPE").needs_message());
    BOOST_TEST(items("BODY.PEEK[1]").needs_message());
    BOOST_TEST(!items("BODY.PEEK[1]").sets_seen());
    BOOST_TEST(items("(BODY.PEEK[1] RFC822)").sets_seen());
}

BOOST_AUTO_TEST_SUITE_END()
