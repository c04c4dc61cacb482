#include "mta/data_reader.h"

#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace {

using mta::DataFault;

struct Outcome {
    DataFault fault = DataFault::None;
    std::string message;
    std::string rest;  ///< octets after the end of data
    bool ended = false;
};

Outcome read_in_pieces(std::string_view wire, std::size_t piece, std::size_t size_max = 1'000'000) {
    mta::ByteBudget budget(10'000'000);
    mta::DataReader reader("", size_max, mta::ByteShare(budget));
    Outcome outcome;
    while (!wire.empty()) {
        std::string_view part = wire.substr(0, piece);
        wire.remove_prefix(part.size());
        if (reader.feed(part)) {
            outcome.ended = true;
            outcome.rest = std::string(part) + std::string(wire);
            break;
        }
        BOOST_TEST(part.empty());
    }
    outcome.fault = reader.fault();
    if (outcome.ended && outcome.fault == DataFault::None) {
        outcome.message = reader.take_message();
    }
    return outcome;
}

Outcome read_split_at(std::string_view wire, std::size_t split) {
    mta::ByteBudget budget(10'000'000);
    mta::DataReader reader("", 1'000'000, mta::ByteShare(budget));
    Outcome outcome;
    for (std::string_view part : {wire.substr(0, split), wire.substr(split)}) {
        if (outcome.ended) {
            outcome.rest += part;
            continue;
        }
        outcome.ended = reader.feed(part);
        outcome.rest += part;
    }
    outcome.fault = reader.fault();
    if (outcome.ended && outcome.fault == DataFault::None) {
        outcome.message = reader.take_message();
    }
    return outcome;
}

struct Case {
    std::string_view wire;
    DataFault fault;
    std::string_view message;
};

using namespace std::string_view_literals;

// Every one of these ends at its last five octets and nowhere before.
const std::vector<Case> kCases = {
    {".\r\n"sv, DataFault::None, ""sv},
    {"\r\n.\r\n"sv, DataFault::None, "\r\n"sv},
    {"a\r\n.\r\n"sv, DataFault::None, "a\r\n"sv},
    {"a\r\nb\r\n.\r\n"sv, DataFault::None, "a\r\nb\r\n"sv},
    {"..\r\n.\r\n"sv, DataFault::None, ".\r\n"sv},
    {"...\r\n.\r\n"sv, DataFault::None, "..\r\n"sv},
    {".a\r\n.\r\n"sv, DataFault::None, "a\r\n"sv},
    {"a.\r\n.\r\n"sv, DataFault::None, "a.\r\n"sv},
    {"a\r\n..b\r\n.\r\n"sv, DataFault::None, "a\r\n.b\r\n"sv},
    {"\xff\x80\x01\x7f\t \r\n.\r\n"sv, DataFault::None, "\xff\x80\x01\x7f\t \r\n"sv},
    // The smuggling variants: what other servers have taken for the end of data.
    {"a\n.\nb\r\n.\r\n"sv, DataFault::BareLf, ""sv},
    {"a\n.\r\nb\r\n.\r\n"sv, DataFault::BareLf, ""sv},
    {"a\r\n.\nb\r\n.\r\n"sv, DataFault::BareLf, ""sv},
    {"a\r.\rb\r\n.\r\n"sv, DataFault::BareCr, ""sv},
    {"a\r.\r\nb\r\n.\r\n"sv, DataFault::BareCr, ""sv},
    {"a\r\n.\rb\r\n.\r\n"sv, DataFault::BareCr, ""sv},
    {"a\r\n.\r\rb\r\n.\r\n"sv, DataFault::BareCr, ""sv},
    {"a\r\n.\r\r\nb\r\n.\r\n"sv, DataFault::BareCr, ""sv},
    {"a\r\r\n.\r\n"sv, DataFault::BareCr, ""sv},
    {"a\n\r\n.\r\n"sv, DataFault::BareLf, ""sv},
    {"a\n\r.\r\nb\r\n.\r\n"sv, DataFault::BareLf, ""sv},
    {"a\r\n\0.\r\nb\r\n.\r\n"sv, DataFault::Nul, ""sv},
    {"a\r\n.\0\r\nb\r\n.\r\n"sv, DataFault::Nul, ""sv},
    {"a\r\0\n.\r\nb\r\n.\r\n"sv, DataFault::BareCr, ""sv},
    {"a\r\n.\r\0\nb\r\n.\r\n"sv, DataFault::BareCr, ""sv},
    {"a\0b\r\n.\r\n"sv, DataFault::Nul, ""sv},
    {".\n.\n.\r\r\nMAIL FROM:<x@y>\r\n.\r\n"sv, DataFault::BareLf, ""sv},
    {"\n.\n\r\n.\r\n"sv, DataFault::BareLf, ""sv},
    {"\r.\r\r\n.\r\n"sv, DataFault::BareCr, ""sv},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(data_reader)

BOOST_AUTO_TEST_CASE(only_crlf_dot_crlf_ends_the_data) {
    for (const Case& c : kCases) {
        const std::string wire = std::string(c.wire) + "QUIT\r\n";
        const Outcome outcome = read_in_pieces(wire, wire.size());
        BOOST_TEST_CONTEXT("wire " << c.wire) {
            BOOST_TEST(outcome.ended);
            BOOST_TEST((outcome.fault == c.fault));
            BOOST_TEST(outcome.message == c.message);
            BOOST_TEST(outcome.rest == "QUIT\r\n");
        }
    }
}

BOOST_AUTO_TEST_CASE(splits_at_every_octet_change_nothing) {
    for (const Case& c : kCases) {
        const std::string wire = std::string(c.wire) + "QUIT\r\n";
        for (std::size_t split = 0; split <= wire.size(); ++split) {
            const Outcome outcome = read_split_at(wire, split);
            BOOST_TEST_CONTEXT("wire " << c.wire << " split " << split) {
                BOOST_TEST(outcome.ended);
                BOOST_TEST((outcome.fault == c.fault));
                BOOST_TEST(outcome.message == c.message);
                BOOST_TEST(outcome.rest == "QUIT\r\n");
            }
        }
        const Outcome octet_by_octet = read_in_pieces(wire, 1);
        BOOST_TEST((octet_by_octet.fault == c.fault));
        BOOST_TEST(octet_by_octet.message == c.message);
        BOOST_TEST(octet_by_octet.rest == "QUIT\r\n");
    }
}

BOOST_AUTO_TEST_CASE(data_without_its_end_has_not_ended) {
    for (std::string_view wire : {"a\r\n."sv,
                                  "a\r\n.\r"sv,
                                  "a.\r\n"sv,
                                  "a\r\n..\r\n"sv,
                                  "a\n.\n"sv,
                                  "a\r.\r"sv,
                                  "a\r\n.\n"sv,
                                  "a\r\n.\r\r\n"sv,
                                  ". \r\n"sv}) {
        BOOST_TEST_CONTEXT("wire " << wire) {
            BOOST_TEST(!read_in_pieces(wire, wire.size()).ended);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_line_of_any_length_is_kept) {
    const std::string line(100'000, 'x');
    const Outcome outcome = read_in_pieces(line + "\r\n.\r\n", 4096);
    BOOST_TEST(outcome.ended);
    BOOST_TEST(outcome.message == line + "\r\n");
}

BOOST_AUTO_TEST_CASE(size_counts_after_unstuffing_and_the_rest_is_still_read) {
    BOOST_TEST((read_in_pieces("..34\r\n.\r\n", 1, 5).fault == DataFault::None));
    BOOST_TEST((read_in_pieces("..345\r\n.\r\n", 1, 5).fault == DataFault::TooLarge));
    const Outcome outcome = read_in_pieces("123456789\r\n\r\n.\r\nrest", 3, 5);
    BOOST_TEST(outcome.ended);
    BOOST_TEST(outcome.rest == "rest");
}

BOOST_AUTO_TEST_CASE(the_first_fault_counts) {
    BOOST_TEST((read_in_pieces("a\nb\rc\0\r\n.\r\n"sv, 100).fault == DataFault::BareLf));
    BOOST_TEST((read_in_pieces("123456\r\n\n\r\n.\r\n", 100, 3).fault == DataFault::TooLarge));
}

// Else a sender of nothing but NULs would never meet the limit on what is skipped.
BOOST_AUTO_TEST_CASE(every_octet_that_is_skipped_counts) {
    for (const char octet : {'\0', '\n', '\r', 'x'}) {
        mta::ByteBudget budget(1'000'000);
        mta::DataReader reader("", 500'000, mta::ByteShare(budget));
        const std::string text = "\n" + std::string(1000, octet);
        std::string_view input = text;
        BOOST_TEST(!reader.feed(input));
        // A CR at the end is not judged yet.
        BOOST_TEST(reader.size_bytes() >= 1000U);
        BOOST_TEST(reader.size_bytes() <= 1001U);
    }
}

BOOST_AUTO_TEST_CASE(a_refused_message_gives_its_memory_back_at_once) {
    mta::ByteBudget budget(1'000'000);
    mta::DataReader reader("", 500'000, mta::ByteShare(budget));
    const std::string text(200'000, 'x');
    std::string_view input = text;
    BOOST_TEST(!reader.feed(input));
    BOOST_TEST(budget.used_bytes() >= text.size());
    input = "\n";
    BOOST_TEST(!reader.feed(input));
    BOOST_TEST(budget.used_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(a_spent_budget_is_its_own_fault) {
    mta::ByteBudget budget(mta::ByteShare::kStep);
    mta::DataReader reader("", 1'000'000, mta::ByteShare(budget));
    const std::string text = std::string(mta::ByteShare::kStep + 1, 'x') + "\r\n.\r\n";
    std::string_view input = text;
    BOOST_TEST(reader.feed(input));
    BOOST_TEST((reader.fault() == DataFault::NoMemory));
    BOOST_TEST(budget.used_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(the_share_lives_with_the_message) {
    mta::ByteBudget budget(1'000'000);
    {
        mta::DataReader reader("", 1'000, mta::ByteShare(budget));
        std::string_view input = "a\r\n.\r\n";
        BOOST_TEST(reader.feed(input));
        const mta::ByteShare share = reader.take_share();
        BOOST_TEST(budget.used_bytes() == mta::ByteShare::kStep);
    }
    BOOST_TEST(budget.used_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(the_prefix_stands_in_front_and_is_not_counted) {
    mta::ByteBudget budget(1'000'000);
    mta::DataReader reader("Received: us\r\n", 5, mta::ByteShare(budget));
    std::string_view input = "abc\r\n.\r\n";
    BOOST_TEST(reader.feed(input));
    BOOST_TEST((reader.fault() == DataFault::None));
    BOOST_TEST(reader.size_bytes() == 5U);
    BOOST_TEST(reader.take_message() == "Received: us\r\nabc\r\n");
}

BOOST_AUTO_TEST_CASE(a_hundred_received_fields_are_a_loop) {
    const auto hops = [](std::size_t count) {
        std::string wire;
        for (std::size_t i = 0; i < count; ++i) {
            wire += i % 2 == 0 ? "Received: from a\r\n\tby b\r\n" : "rEceived : x\r\n";
        }
        return wire + "Subject: x\r\n\r\nReceived: in the body\r\n.\r\n";
    };
    BOOST_TEST((read_in_pieces(hops(99), 100).fault == DataFault::None));
    BOOST_TEST((read_in_pieces(hops(100), 100).fault == DataFault::TooManyHops));
}

BOOST_AUTO_TEST_CASE(received_fields_are_counted_in_the_header_alone) {
    BOOST_TEST(mta::count_received("") == 0U);
    BOOST_TEST(mta::count_received("Received: a\r\nReceived-SPF: b\r\n x\r\nRECEIVED:\r\n") == 2U);
    BOOST_TEST(mta::count_received("\r\nReceived: a\r\n") == 0U);
    BOOST_TEST(mta::count_received("X: a\r\n Received: folded\r\n") == 0U);
    BOOST_TEST(mta::count_received("Received") == 0U);
    BOOST_TEST(mta::count_received("Receive\r\n") == 0U);
    BOOST_TEST(mta::count_received("Received: no end") == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
