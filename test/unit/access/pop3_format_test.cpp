#include "access/pop3_format.h"

#include <optional>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using accessd::Pop3MessageText;

namespace {

std::string sent(const std::string& message,
                 std::optional<std::uint32_t> lines = std::nullopt,
                 std::size_t piece = 4096) {
    Pop3MessageText text(message, lines);
    std::string out;
    std::string part;
    while (text.append_piece(part, piece)) {
        BOOST_TEST(!part.empty());
        BOOST_TEST(part.size() <= piece + 4);
        out += part;
        part.clear();
    }
    return out + part;
}

struct Row {
    std::string message;
    std::string sent;
};

const std::vector<Row> kRows = {
    {"", ".\r\n"},
    {"a", "a\r\n.\r\n"},
    {"a\r\n", "a\r\n.\r\n"},
    {"a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n.\r\n"},
    // every line that begins with a dot, whatever follows
    {".", "..\r\n.\r\n"},
    {".\r\n", "..\r\n.\r\n"},
    {"..\r\n", "...\r\n.\r\n"},
    {".a\r\n.b\r\n", "..a\r\n..b\r\n.\r\n"},
    {"a.b\r\nc.\r\n", "a.b\r\nc.\r\n.\r\n"},
    {"\r\n.\r\n", "\r\n..\r\n.\r\n"},
    // stored bare line feeds, which would end the response for a client that takes them as lines
    {"a\n.\nb\n", "a\r\n..\r\nb\r\n.\r\n"},
    {"a\n\n.\n", "a\r\n\r\n..\r\n.\r\n"},
    {"\n", "\r\n.\r\n"},
    // a bare CR is an octet
    {"a\rb\r\n", "a\rb\r\n.\r\n"},
    {"a\r", "a\r\r\n.\r\n"},
    {"\r", "\r\r\n.\r\n"},
    {"a\r\r\n", "a\r\r\n.\r\n"},
    {std::string("n\0n\r\n", 5), std::string("n\0n\r\n.\r\n", 8)},
};

const std::string kMail = "A: 1\r\nB: 2\r\n\r\none\r\n.two\r\n\r\nfour";

}  // namespace

BOOST_AUTO_TEST_SUITE(pop3_format)

BOOST_AUTO_TEST_CASE(message_becomes_a_multi_line_response) {
    for (const Row& row : kRows) {
        BOOST_TEST(sent(row.message) == row.sent);
    }
}

BOOST_AUTO_TEST_CASE(pieces_of_any_size_make_the_same_response) {
    for (std::size_t piece = 1; piece < 12; ++piece) {
        for (const Row& row : kRows) {
            BOOST_TEST(sent(row.message, std::nullopt, piece) == row.sent, "piece " << piece);
        }
        BOOST_TEST(sent(kMail, 2, piece) == sent(kMail, 2), "piece " << piece);
        BOOST_TEST(sent("A: 1\n\r\nb\n.c\n", 1, piece) == "A: 1\r\n\r\nb\r\n.\r\n");
    }
}

BOOST_AUTO_TEST_CASE(long_line_is_sent_in_pieces) {
    const std::string line(100'000, '.');
    BOOST_TEST(sent(line, std::nullopt, 1000) == "." + line + "\r\n.\r\n");
}

// RFC 1939 7, TOP: the header, the empty line, and so many lines of the body.
BOOST_AUTO_TEST_CASE(top_ends_after_so_many_lines_of_the_body) {
    const std::string header = "A: 1\r\nB: 2\r\n\r\n";
    BOOST_TEST(sent(kMail, 0) == header + ".\r\n");
    BOOST_TEST(sent(kMail, 1) == header + "one\r\n.\r\n");
    BOOST_TEST(sent(kMail, 2) == header + "one\r\n..two\r\n.\r\n");
    BOOST_TEST(sent(kMail, 3) == header + "one\r\n..two\r\n\r\n.\r\n");
    BOOST_TEST(sent(kMail, 4) == sent(kMail));
    BOOST_TEST(sent(kMail, 5) == sent(kMail));
    BOOST_TEST(sent(kMail, 999'999'999) == sent(kMail));
}

BOOST_AUTO_TEST_CASE(top_of_a_message_without_body_is_its_header) {
    BOOST_TEST(sent("A: 1\r\n", 5) == "A: 1\r\n.\r\n");
    BOOST_TEST(sent("A: 1\r\n\r\n", 5) == "A: 1\r\n\r\n.\r\n");
    BOOST_TEST(sent("", 5) == ".\r\n");
    BOOST_TEST(sent("\r\nb\r\nc\r\n", 1) == "\r\nb\r\n.\r\n");
}

// RFC 1939 7: 1 to 70 characters from 0x21 to 0x7E.
BOOST_AUTO_TEST_CASE(unique_ids_are_short_and_printable) {
    BOOST_TEST(accessd::pop3_unique_id(7, 12) == "7.12");
    const std::string longest = accessd::pop3_unique_id(UINT32_MAX, UINT32_MAX);
    BOOST_TEST(longest == "4294967295.4294967295");
    BOOST_TEST(longest.size() <= 70U);
}

BOOST_AUTO_TEST_CASE(errors_say_whether_to_come_again) {
    using base::Errc;
    for (const Errc code : {Errc::Timeout,
                            Errc::Unavailable,
                            Errc::UnknownOutcome,
                            Errc::Busy,
                            Errc::Io,
                            Errc::Closed,
                            Errc::Cancelled}) {
        const base::Error error{code, "host=10.0.0.1"};
        BOOST_TEST(accessd::pop3_error_text(error).starts_with("[SYS/TEMP] "));
    }
    for (const Errc code : {Errc::Corrupt, Errc::Refused, Errc::TooLarge, Errc::Unsupported}) {
        BOOST_TEST(accessd::pop3_error_text({code, "detail"}).starts_with("[SYS/PERM] "));
    }
    BOOST_TEST(accessd::pop3_error_text({Errc::NotFound, "x"}) == "No such message any more");
    BOOST_TEST(accessd::pop3_error_text({Errc::Invalid, "x"}) == "Malformed command");
}

BOOST_AUTO_TEST_SUITE_END()
