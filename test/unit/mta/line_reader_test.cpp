#include "mta/line_reader.h"

#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace {

using mta::LineFault;
using namespace std::string_view_literals;

struct Seen {
    std::string text;
    LineFault fault = LineFault::None;

    friend bool operator==(const Seen&, const Seen&) = default;
};

std::vector<Seen> read_all(std::string_view wire, std::size_t piece) {
    mta::LineReader reader;
    std::vector<Seen> seen;
    while (!wire.empty()) {
        // A copy of each piece: a returned view into an older piece would be caught by sanitizers.
        const std::string copy(wire.substr(0, piece));
        wire.remove_prefix(copy.size());
        std::string_view part = copy;
        while (const auto line = reader.next(part)) {
            seen.push_back({std::string(line->text), line->fault});
        }
        BOOST_TEST(part.empty());
    }
    return seen;
}

struct Case {
    std::string wire;
    std::vector<Seen> lines;
};

const std::vector<Case> kCases = {
    {"QUIT\r\n", {{"QUIT"}}},
    {"\r\n", {{""}}},
    {"a\r\nb\r\n", {{"a"}, {"b"}}},
    {"no end", {}},
    {"no end\r", {}},
    {"a\nb\r\nc\r\n", {{"", LineFault::BareLf}, {"c"}}},
    {"\nb\r\nc\r\n", {{"", LineFault::BareLf}, {"c"}}},
    {"a\n\nb\n\r\nc\r\n", {{"", LineFault::BareLf}, {"c"}}},
    {"a\rb\r\nc\r\n", {{"", LineFault::BareCr}, {"c"}}},
    {"a\r\r\nc\r\n", {{"", LineFault::BareCr}, {"c"}}},
    {"a\r\rb\r\nc\r\n", {{"", LineFault::BareCr}, {"c"}}},
    {std::string("a\0b\r\nc\r\n"sv), {{"", LineFault::Character}, {"c"}}},
    {"a\xc3\xa9\r\nc\r\n", {{"", LineFault::Character}, {"c"}}},
    {std::string(998, 'x') + "\r\nc\r\n", {{std::string(998, 'x')}, {"c"}}},
    {std::string(999, 'x') + "\r\nc\r\n", {{"", LineFault::TooLong}, {"c"}}},
    {std::string(998, 'x') + "\xc3\r\nc\r\n", {{"", LineFault::Character}, {"c"}}},
    {std::string(999, 'x') + "\xc3\r\nc\r\n", {{"", LineFault::TooLong}, {"c"}}},
    {std::string(999, 'x') + "\nc\r\n", {{"", LineFault::TooLong}}},
    {std::string(100'000, 'x') + "\r\nc\r\n", {{"", LineFault::TooLong}, {"c"}}},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(line_reader)

BOOST_AUTO_TEST_CASE(lines_end_in_crlf_alone_however_they_are_split) {
    for (const Case& c : kCases) {
        for (const std::size_t piece : {1U, 2U, 3U, 5U, 7U, 997U, 999U, 1'000'000U}) {
            BOOST_TEST_CONTEXT("wire " << c.wire.substr(0, 40) << " piece " << piece) {
                BOOST_TEST((read_all(c.wire, piece) == c.lines));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_fault_is_reported_before_the_line_has_ended) {
    mta::LineReader reader;
    std::string_view input = "EHLO person\n";
    const auto line = reader.next(input);
    BOOST_REQUIRE(line.has_value());
    BOOST_TEST((line->fault == LineFault::BareLf));
    BOOST_TEST(reader.in_line());
}

BOOST_AUTO_TEST_CASE(a_faulty_line_without_end_is_a_flood) {
    mta::LineReader reader;
    const std::string wire(mta::LineReader::kSkippedMax + 2'000, 'x');
    std::string_view input = wire;
    const auto first = reader.next(input);
    BOOST_REQUIRE(first.has_value());
    BOOST_TEST((first->fault == LineFault::TooLong));
    const std::string more(mta::LineReader::kSkippedMax, 'x');
    input = more;
    const auto second = reader.next(input);
    BOOST_REQUIRE(second.has_value());
    BOOST_TEST((second->fault == LineFault::Flood));
}

BOOST_AUTO_TEST_SUITE_END()
