#include "access/imap_search.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "access/limits.h"

namespace {

using accessd::SearchSubject;
using accessd::Truth;

const std::vector<std::string> kKeywords = {"$Forwarded", "Work"};

constexpr const char* kMessage =
    "From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\r\n"
    "To: Bob <bob@example.org>\r\n"
    "Subject: Quarterly\r\n report\r\n"
    "Date: Mon, 2 Nov 2026 23:30:00 -0800\r\n"
    "X-Note: one\r\n"
    "X-Note: two\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n"
    "\r\n"
    "preamble secret\r\n"
    "--b\r\n"
    "Content-Type: text/plain; charset=iso-8859-1\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n"
    "\r\n"
    "Gr=FC=DFe aus Bremen\r\n"
    "--b\r\n"
    "Content-Type: message/rfc822\r\n"
    "\r\n"
    "Subject: inner matter\r\n"
    "\r\n"
    "deep inside\r\n"
    "--b--\r\n";

SearchSubject subject() {
    SearchSubject made;
    made.sequence = 3;
    made.uid = 30;
    made.flags = mail::Flags::Seen | mail::Flags::Flagged;
    made.keywords = &kKeywords;
    made.internal_day = mail::days_from_civil(2026, 11, 5);
    made.size_bytes = 1000;
    return made;
}

enum class Loaded { Memory, Summary, Message };

std::string run(const std::string& text, Loaded loaded) {
    accessd::Cursor cursor(text);
    auto program = accessd::SearchProgram::parse(cursor);
    if (!program) {
        return program.error().code == base::Errc::Unsupported ? "charset" : "error";
    }
    program.value().resolve(10, 100);
    SearchSubject known = subject();
    const mail::Summary summary = mail::summarize(kMessage);
    const accessd::SearchableText searchable = accessd::make_searchable(kMessage);
    if (loaded != Loaded::Memory) {
        known.summary = &summary;
    }
    if (loaded == Loaded::Message) {
        known.text = &searchable;
    }
    switch (program.value().evaluate(known)) {
        case Truth::True:
            return "yes";
        case Truth::False:
            return "no";
        case Truth::Unknown:
            break;
    }
    return "unknown";
}

struct Row {
    std::string text;
    std::string expected;
};

const std::vector<Row> kMemoryRows = {
    {"ALL", "yes"},
    {"SEEN", "yes"},
    {"unseen", "no"},
    {"FLAGGED SEEN", "yes"},
    {"FLAGGED UNSEEN", "no"},
    {"ANSWERED", "no"},
    {"UNANSWERED", "yes"},
    {"DELETED", "no"},
    {"UNDELETED UNDRAFT", "yes"},
    {"DRAFT", "no"},
    {"UNFLAGGED", "no"},
    {"NEW", "no"},
    {"OLD", "yes"},
    {"RECENT", "no"},
    {"KEYWORD $forwarded", "yes"},
    {"KEYWORD Other", "no"},
    {"UNKEYWORD Other", "yes"},
    {"3", "yes"},
    {"1:2", "no"},
    {"*", "no"},
    {"2:*", "yes"},
    {"UID 30", "yes"},
    {"UID 3", "no"},
    {"UID 100:*,30", "yes"},
    {"BEFORE 5-Nov-2026", "no"},
    {"BEFORE 6-Nov-2026", "yes"},
    {"ON 5-Nov-2026", "yes"},
    {"ON \"05-Nov-2026\"", "yes"},
    {"SINCE 5-Nov-2026", "yes"},
    {"SINCE 6-Nov-2026", "no"},
    {"LARGER 999", "yes"},
    {"LARGER 1000", "no"},
    {"SMALLER 1001", "yes"},
    {"SMALLER 1000", "no"},
    // operators
    {"NOT SEEN", "no"},
    {"NOT NOT SEEN", "yes"},
    {"OR UNSEEN FLAGGED", "yes"},
    {"OR UNSEEN ANSWERED", "no"},
    {"OR OR UNSEEN ANSWERED SEEN", "yes"},
    {"OR UNSEEN NOT ANSWERED", "yes"},
    {"NOT OR UNSEEN ANSWERED", "yes"},
    {"(SEEN)", "yes"},
    {"(SEEN FLAGGED) 3", "yes"},
    {"((SEEN) (UNSEEN))", "no"},
    {"NOT (SEEN ANSWERED)", "yes"},
    {"OR (UNSEEN 3) (SEEN 3)", "yes"},
    {"OR (UNSEEN 3) NOT (SEEN 3)", "no"},
    {"NEW SEEN", "no"},
    {"OR NEW SEEN", "yes"},
    // nothing is known of the header yet, but a key beside it may decide
    {"SUBJECT x", "unknown"},
    {"UNSEEN SUBJECT x", "no"},
    {"OR SEEN SUBJECT x", "yes"},
    {"NOT TEXT x", "unknown"},
    {"BODY x UNSEEN", "no"},
    {"SENTON 2-Nov-2026", "unknown"},
    // charsets
    {"CHARSET UTF-8 SEEN", "yes"},
    {"CHARSET us-ascii SEEN", "yes"},
    {"CHARSET \"utf-8\" SEEN", "yes"},
    {"CHARSET KOI8-R SEEN", "charset"},
};

const std::vector<Row> kSummaryRows = {
    {"SUBJECT report", "yes"},
    {"SUBJECT \"quarterly report\"", "yes"},
    {"SUBJECT none", "no"},
    {"SUBJECT \"\"", "yes"},
    {"FROM \"J\xC3\x9CRGEN\"", "yes"},
    {"FROM example.org", "yes"},
    {"TO {3}\r\nBOB", "yes"},
    {"CC bob", "no"},
    {"BCC bob", "no"},
    {"HEADER Subject quarterly", "yes"},
    {"HEADER X-Note one", "unknown"},
    {"SENTON 2-Nov-2026", "yes"},
    {"SENTBEFORE 2-Nov-2026", "no"},
    {"SENTBEFORE 3-Nov-2026", "yes"},
    {"SENTSINCE 2-Nov-2026", "yes"},
    {"SENTSINCE 3-Nov-2026", "no"},
    {"BODY bremen", "unknown"},
};

const std::vector<Row> kMessageRows = {
    {"HEADER X-Note two", "yes"},
    {"HEADER x-note \"\"", "yes"},
    {"HEADER X-Other \"\"", "no"},
    {"NOT HEADER X-Note three", "yes"},
    {"BODY bremen", "yes"},
    {"BODY \"GR\xC3\x9C\xC3\x9F"
     "E\"",
     "yes"},
    {"BODY report", "no"},
    {"TEXT report", "yes"},
    {"TEXT bremen", "yes"},
    {"BODY \"inner matter\"", "yes"},
    {"BODY inside", "yes"},
    {"BODY nowhere", "no"},
    {"FROM \"J\xC3\x9CRGEN\"", "yes"},
};

const std::vector<std::string> kBad = {
    "",
    " SEEN",
    "SEEN ",
    "SEEN  SEEN",
    "FOO",
    "NOT",
    "NOT ",
    "OR SEEN",
    "OR SEEN ",
    "()",
    "(SEEN",
    "SEEN)",
    "(SEEN) )",
    "( SEEN)",
    "(SEEN )",
    "KEYWORD",
    "KEYWORD \\Seen",
    "SUBJECT",
    "HEADER x",
    "BEFORE 32-Jan-2026",
    "BEFORE yesterday",
    "LARGER x",
    "LARGER -1",
    "UID",
    "UID x",
    "0",
    "1:",
    "UID 0",
    "CHARSET UTF-8",
    "CHARSET",
    "SEEN CHARSET UTF-8",
    "SUBJECT \"x",
    "ALLSEEN",
};

}  // namespace

BOOST_AUTO_TEST_SUITE(imap_search)

BOOST_AUTO_TEST_CASE(decides_from_memory_what_it_can) {
    for (const Row& row : kMemoryRows) {
        BOOST_TEST(run(row.text, Loaded::Memory) == row.expected, row.text);
    }
}

BOOST_AUTO_TEST_CASE(decides_from_the_summary_what_it_can) {
    for (const Row& row : kSummaryRows) {
        BOOST_TEST(run(row.text, Loaded::Summary) == row.expected, row.text);
    }
}

BOOST_AUTO_TEST_CASE(decides_everything_from_the_message) {
    for (const Row& row : kMessageRows) {
        BOOST_TEST(run(row.text, Loaded::Message) == row.expected, row.text);
    }
}

BOOST_AUTO_TEST_CASE(refuses_what_is_no_key) {
    for (const std::string& text : kBad) {
        BOOST_TEST(run(text, Loaded::Memory) == "error", text);
    }
}

BOOST_AUTO_TEST_CASE(nesting_is_bounded) {
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '(') + "SEEN" + std::string(depth, ')');
    };
    BOOST_TEST(run(nested(accessd::kNestingMax - 1), Loaded::Memory) == "yes");
    BOOST_TEST(run(nested(accessd::kNestingMax), Loaded::Memory) == "error");
    BOOST_TEST(run(std::string(60000, '('), Loaded::Memory) == "error");

    std::string nots;
    for (int i = 0; i < 10000; ++i) {
        nots += "NOT ";
    }
    BOOST_TEST(run(nots + "SEEN", Loaded::Memory) == "error");
}

BOOST_AUTO_TEST_CASE(deepest_program_fits_its_stack) {
    // Each level keeps one operand waiting: OR SEEN OR SEEN ... and (SEEN (SEEN (...
    std::string ors;
    std::string lists;
    for (std::size_t i = 1; i < accessd::kNestingMax; ++i) {
        ors += "OR UNSEEN ";
        lists += "SEEN (";
    }
    BOOST_TEST(run(ors + "NEW", Loaded::Memory) == "no");
    BOOST_TEST(run(lists + "SEEN NEW" + std::string(accessd::kNestingMax - 1, ')'),
                   Loaded::Memory) == "no");
}

BOOST_AUTO_TEST_CASE(keys_are_bounded) {
    std::string text = "SEEN";
    for (std::size_t i = 1; i < accessd::kSearchKeysMax; ++i) {
        text += " SEEN";
    }
    BOOST_TEST(run(text, Loaded::Memory) == "yes");
    BOOST_TEST(run(text + text, Loaded::Memory) == "error");
}

BOOST_AUTO_TEST_CASE(star_means_nothing_in_an_empty_mailbox) {
    accessd::Cursor cursor("*");
    auto program = accessd::SearchProgram::parse(cursor);
    BOOST_TEST_REQUIRE(bool(program));
    program.value().resolve(0, 0);
    BOOST_TEST((program.value().evaluate(subject()) == Truth::False));
}

BOOST_AUTO_TEST_SUITE_END()
