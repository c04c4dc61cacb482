#include "dns/master_lexer.h"

#include <string>

#include <boost/test/unit_test.hpp>

#include "dns/limits.h"

namespace {

// All entries as "LINE[_]:word|word", joined by blanks; or the error.
std::string entries_of(std::string_view text) {
    dns::MasterLexer lexer(text);
    std::string all;
    for (;;) {
        const auto entry = lexer.next();
        if (!entry) {
            return entry.error().detail;
        }
        if (!entry.value()) {
            return all;
        }
        all += (all.empty() ? "" : " ") + std::to_string(entry.value()->line) +
               (entry.value()->starts_blank ? "_:" : ":");
        bool first = true;
        for (const std::string& word : entry.value()->words) {
            all += (first ? "" : "|") + word;
            first = false;
        }
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_master_lexer)

BOOST_AUTO_TEST_CASE(cuts_entries) {
    const struct {
        const char* text;
        const char* entries;
    } cases[] = {
        {"", ""},
        {"\n\n; only a comment\n  \n", ""},
        {"a A 1", "1:a|A|1"},
        {"a A 1\r\nb A 2\r\n", "1:a|A|1 2:b|A|2"},
        {"a A 1\n\tA 2 ; more\n", "1:a|A|1 2_:A|2"},
        {"@ SOA a b ( 1 ; serial\n 2\n3 ) 4\nx", "1:@|SOA|a|b|1|2|3|4 4:x"},
        {"\n\n (\na\n)\n", "3_:a"},
        {"t TXT \"a b;(c\" d\\;e \"\\\"\"", "1:t|TXT|\"a b;(c\"|d\\;e|\"\\\"\""},
        {"s SVCB 1 . alpn=\"h2,h3\" x", "1:s|SVCB|1|.|alpn=\"h2,h3\"|x"},
        {"a b)", "line 1: no parenthesis is open"},
        {"a\n(b (c", "line 2: a parenthesis within another"},
        {"a\n(b\n", "line 3: a parenthesis is open at the end of the file"},
        {"a \"b\nc\"", "line 1: a quote is open at the end of the line"},
        {"a \"b", "line 1: a quote is open at the end of the file"},
        {"a b\\\nc", "line 1: an escape stands before the end of the line"},
        {"a b\x01", "line 1: control character"},
    };

    for (const auto& c : cases) {
        BOOST_TEST_CONTEXT(c.text) {
            BOOST_TEST(entries_of(c.text) == c.entries);
        }
    }
}

BOOST_AUTO_TEST_CASE(bounds_an_entry) {
    const std::string word(dns::kRecordTextMax / 2, 'x');
    BOOST_TEST(!entries_of("a " + word + "\n").starts_with("line"));
    BOOST_TEST(entries_of("a (" + word + "\n" + word + ")").starts_with("line 2: entry longer"));
    BOOST_TEST(entries_of(word + word + "x").starts_with("line 1: entry longer"));
}

BOOST_AUTO_TEST_SUITE_END()
