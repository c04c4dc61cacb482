#include "access/imap_command_reader.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "access/limits.h"

namespace {

using accessd::CommandReader;
using Event = CommandReader::Event;

/// What a session would see of an input, as text: "C:<command>", "L:<size><sync>", "R:<tag>", "O".
/// Literals up to `accept_max` are accepted, larger ones discarded.
std::string transcript(std::string_view input,
                       std::size_t piece,
                       std::size_t bytes_max = 256,
                       std::uint64_t accept_max = 64) {
    CommandReader reader(bytes_max);
    std::string out;
    std::string pending;
    std::size_t given = 0;
    while (true) {
        const CommandReader::Step step = reader.feed(pending);
        pending.erase(0, step.consumed);
        switch (step.event) {
            case Event::NeedInput:
                if (given == input.size()) {
                    return out;
                }
                pending += input.substr(given, piece);
                given = std::min(input.size(), given + piece);
                break;
            case Event::Literal:
                out += "L:" + std::to_string(reader.literal().size_bytes) +
                       (reader.literal().synchronising ? "s|" : "n|");
                if (reader.literal().size_bytes > accept_max) {
                    reader.discard_rest();
                } else {
                    (void)reader.accept_literal();
                }
                break;
            case Event::Command:
                out += "C:" + std::string(reader.text()) + "|";
                reader.next_command();
                break;
            case Event::Rejected:
                out += "R:" + std::string(reader.tag()) + "|";
                reader.next_command();
                break;
            case Event::Overflow:
                return out + "O|";
        }
    }
}

struct Row {
    std::string input;
    std::string expected;
};

const std::vector<Row> kRows = {
    {"a NOOP\r\n", "C:a NOOP|"},
    {"a NOOP\r\nb NOOP\r\n", "C:a NOOP|C:b NOOP|"},
    {"", ""},
    {"a NOO", ""},
    {"\r\n", "C:|"},
    // literals, both kinds, empty, in the middle, twice
    {"a LOGIN {3}\r\nbob {2}\r\nxy\r\n", "L:3s|L:2s|C:a LOGIN {3}\r\nbob {2}\r\nxy|"},
    {"a LOGIN {3+}\r\nbob x\r\n", "L:3n|C:a LOGIN {3+}\r\nbob x|"},
    {"a X {0}\r\n\r\n", "L:0s|C:a X {0}\r\n|"},
    {"a X {0+}\r\n {0+}\r\n\r\n", "L:0n|L:0n|C:a X {0+}\r\n {0+}\r\n|"},
    {"a X {4}\r\n\r\n\r\n\r\n", "L:4s|C:a X {4}\r\n\r\n\r\n|"},
    {"a X {4}\r\n{9}\n\r\n", "L:4s|C:a X {4}\r\n{9}\n|"},
    // what only looks like one
    {"a X {}\r\n", "C:a X {}|"},
    {"a X {a}\r\n", "C:a X {a}|"},
    {"a X 3}\r\n", "C:a X 3}|"},
    {"a X {3} \r\n", "C:a X {3} |"},
    {"a X {+}\r\n", "C:a X {+}|"},
    // refused literals: a waiting client does not send it, an eager one already has
    {"a X {65}\r\nb NOOP\r\n", "L:65s|R:a|C:b NOOP|"},
    {"a X {70+}\r\n" + std::string(70, '\n') + " tail\r\nb NOOP\r\n", "L:70n|R:a|C:b NOOP|"},
    {"a X {70+}\r\n" + std::string(70, 'x') + " {5+}\r\na\r\nbc\r\nb NOOP\r\n",
     "L:70n|R:a|C:b NOOP|"},
    {"a X {70+}\r\n" + std::string(70, 'x') + " {5}\r\nb NOOP\r\n", "L:70n|R:a|C:b NOOP|"},
    // lines
    {"a NOOP\nb NOOP\r\n", "R:a|C:b NOOP|"},
    {"a X {3+}\nabc\r\nb NOOP\r\n", "R:a|C:b NOOP|"},
    {"a\rb\r\n", "C:a\rb|"},
    {std::string("a N\0P\r\nb NOOP\r\n", 16), "R:a|C:b NOOP|"},
    {"a " + std::string(300, 'x') + "\r\nb NOOP\r\n", "R:a|C:b NOOP|"},
    {std::string(300, 'x') + "\r\nb NOOP\r\n", "R:|C:b NOOP|"},
    {"a " + std::string(300, 'x') + "{12+}\r\na DELETE x\r\n\r\nb NOOP\r\n", "R:a|C:b NOOP|"},
    {"a " + std::string(300, 'x') + "{12}\r\nb NOOP\r\n", "R:a|C:b NOOP|"},
    // each literal fits, all of them do not
    {"a X {60+}\r\n" + std::string(60, 'x') + " {60+}\r\n" + std::string(60, 'x') + " {60+}\r\n" +
         std::string(60, 'x') + " {60+}\r\n" + std::string(60, 'x') + "\r\nb NOOP\r\n",
     "L:60n|L:60n|L:60n|L:60n|R:a|C:b NOOP|"},
    // sizes without meaning
    {"a X {99999999999999999999}\r\nb NOOP\r\n", "R:a|C:b NOOP|"},
    {"a X {99999999999999999999+}\r\nb NOOP\r\n", "O|"},
    {"a X {18446744073709551615+}\r\n", "O|"},
    {"a X {999999999999999999+}\r\n", "L:999999999999999999n|O|"},
    {"+ {70}\r\nb NOOP\r\n", "L:70s|R:|C:b NOOP|"},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(imap_command_reader)

BOOST_AUTO_TEST_CASE(cuts_commands_however_the_input_is_split) {
    for (const Row& row : kRows) {
        for (const std::size_t piece : {1UL, 2UL, 3UL, 7UL, 64UL, 4096UL}) {
            BOOST_TEST_CONTEXT("input " << row.input << " in pieces of " << piece) {
                BOOST_TEST(transcript(row.input, piece) == row.expected);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(keeps_no_more_than_its_bound) {
    CommandReader reader(100);
    std::string input = "tag ";
    for (int i = 0; i < 10000; ++i) {
        (void)reader.feed(input);
        input = "xxxxxxxxxxxxxxxx";
        BOOST_TEST(reader.text().size() <= 100);
    }
    BOOST_TEST(reader.tag() == "tag");
}

BOOST_AUTO_TEST_CASE(gives_up_on_a_line_without_end) {
    CommandReader reader(100);
    const std::string input(1000, 'x');
    Event event = Event::NeedInput;
    std::size_t fed = 0;
    while (event == Event::NeedInput && fed < 2 * accessd::kDiscardBytesMax) {
        event = reader.feed(input).event;
        fed += input.size();
    }
    BOOST_TEST((event == Event::Overflow));
    BOOST_TEST(fed <= accessd::kDiscardBytesMax + 2000);
}

BOOST_AUTO_TEST_CASE(takes_no_literal_in_a_continuation_line) {
    CommandReader reader(100);
    reader.next_command(CommandReader::Mode::Line);
    BOOST_TEST((reader.feed("AGEAYg=={3}\r\n").event == Event::Command));
    BOOST_TEST(reader.text() == "AGEAYg=={3}");
}

BOOST_AUTO_TEST_CASE(goes_on_behind_a_literal_that_the_session_took) {
    CommandReader reader(64);
    const CommandReader::Step step = reader.feed("a APPEND x {1000}\r\n");
    BOOST_TEST((step.event == Event::Literal));
    reader.take_literal();
    BOOST_TEST((reader.feed("\r\n").event == Event::Command));
    BOOST_TEST(reader.text() == "a APPEND x {1000}\r\n");
}

BOOST_AUTO_TEST_CASE(tells_why_it_refused) {
    CommandReader reader(64);
    (void)reader.feed("a b\n");
    BOOST_TEST((reader.reject_reason() == accessd::Reject::BareLineFeed));
    reader.next_command();
    (void)reader.feed(std::string(65, 'x'));
    BOOST_TEST((reader.reject_reason() == accessd::Reject::TooLong));
    reader.next_command();
    (void)reader.feed("a X {65+}\r\n");
    BOOST_TEST(!reader.accept_literal());
    BOOST_TEST((reader.reject_reason() == accessd::Reject::LiteralTooBig));
}

BOOST_AUTO_TEST_CASE(is_idle_only_between_commands) {
    CommandReader reader(64);
    BOOST_TEST(reader.is_idle());
    (void)reader.feed("a");
    BOOST_TEST(!reader.is_idle());
    (void)reader.feed(" NOOP\r\n");
    BOOST_TEST(!reader.is_idle());
    reader.next_command();
    BOOST_TEST(reader.is_idle());
}

BOOST_AUTO_TEST_CASE(tag_must_be_a_tag) {
    const std::vector<std::pair<std::string, std::string>> rows = {
        {"a1 X\n", "a1"},
        {"a]b X\n", "a]b"},
        {"a+ X\n", ""},
        {"* X\n", ""},
        {"(a) X\n", ""},
        {" X\n", ""},
        {"\x80 X\n", ""},
        {"a\r\n", "a"},
        {std::string(129, 'a') + " X\n", ""},
        {std::string(128, 'a') + " X\n", std::string(128, 'a')},
    };
    for (const auto& [input, tag] : rows) {
        CommandReader reader(256);
        (void)reader.feed(input);
        BOOST_TEST(reader.tag() == tag);
    }
}

BOOST_AUTO_TEST_SUITE_END()
