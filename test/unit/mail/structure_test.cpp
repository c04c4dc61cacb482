#include "mail/structure.h"

#include <boost/test/unit_test.hpp>

#include "mail/limits.h"

using mail::PartNode;
using mail::PartSpecifier;
using mail::PartType;
using mail::Structure;

namespace {

/// The octets of a section; "none" if there is none.
std::string section(const std::string& message,
                    const char* path,
                    PartSpecifier specifier = PartSpecifier::Body) {
    const Structure structure = mail::parse_structure(message);
    BOOST_REQUIRE(structure.tree.is_consistent(message.size()));
    BOOST_REQUIRE(structure.infos.size() == structure.tree.nodes().size());
    const auto range = mail::part_range(structure.tree, path, specifier);
    return range ? message.substr(range->offset, range->size) : std::string("none");
}

const std::string kMixed =
    "From: a@b\r\n"
    "Content-Type: multipart/mixed; boundary=\"out\"\r\n"
    "\r\n"
    "preamble\r\n"
    "--out\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "\r\n"
    "one\r\n"
    "\r\n"
    "--out\r\n"
    "Content-Type: message/rfc822\r\n"
    "\r\n"
    "Subject: within\r\n"
    "Content-Type: multipart/alternative; boundary=in\r\n"
    "\r\n"
    "--in\r\n"
    "\r\n"
    "two\r\n"
    "--in\r\n"
    "Content-Type: text/html\r\n"
    "\r\n"
    "<p>\r\n"
    "--in--\r\n"
    "epilogue\r\n"
    "--out\r\n"
    "Content-Type: image/png\r\n"
    "Content-Transfer-Encoding: base64\r\n"
    "\r\n"
    "AAAA\r\n"
    "--out--\r\n"
    "the end\r\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(structure)

BOOST_AUTO_TEST_CASE(finds_every_section) {
    BOOST_TEST(section(kMixed, "") == kMixed);
    BOOST_TEST(section(kMixed, "", PartSpecifier::Header) == kMixed.substr(0, 60));
    BOOST_TEST(section(kMixed, "", PartSpecifier::Text) == kMixed.substr(60));
    BOOST_TEST(section(kMixed, "1") == "one\r\n");
    BOOST_TEST(section(kMixed, "1", PartSpecifier::Mime) ==
               "Content-Type: text/plain; charset=utf-8\r\n\r\n");
    BOOST_TEST(section(kMixed, "2.1") == "two");
    BOOST_TEST(section(kMixed, "2.1", PartSpecifier::Mime) == "\r\n");
    BOOST_TEST(section(kMixed, "2.2") == "<p>");
    BOOST_TEST(section(kMixed, "2", PartSpecifier::Header) ==
               "Subject: within\r\nContent-Type: multipart/alternative; boundary=in\r\n\r\n");
    BOOST_TEST(
        section(kMixed, "2", PartSpecifier::Text) ==
        "--in\r\n\r\ntwo\r\n--in\r\nContent-Type: text/html\r\n\r\n<p>\r\n--in--\r\nepilogue");
    BOOST_TEST(section(kMixed, "3") == "AAAA");
    BOOST_TEST(section(kMixed, "4") == "none");
}

BOOST_AUTO_TEST_CASE(counts_lines_that_end) {
    const auto lines = [](const std::string& message, std::size_t index) {
        const Structure structure = mail::parse_structure(message);
        return structure.tree.nodes().at(index).body_lines;
    };
    BOOST_TEST(lines("A: 1\r\n\r\none\r\ntwo\r\n", 0) == 2U);
    BOOST_TEST(lines("A: 1\r\n\r\none\r\ntwo", 0) == 1U);
    BOOST_TEST(lines("A: 1\n\none\ntwo\n", 0) == 2U);
    BOOST_TEST(lines("A: 1\r\n\r\n", 0) == 0U);
    BOOST_TEST(lines("A: 1\r\n", 0) == 0U);
    BOOST_TEST(lines(kMixed, 1) == 1U);
    BOOST_TEST(lines(kMixed, 2) == 11U);
    BOOST_TEST(lines(kMixed, 3) == 8U);
    BOOST_TEST(lines(kMixed, 4) == 0U);
}

BOOST_AUTO_TEST_CASE(every_message_has_a_structure) {
    for (const std::string message : {"", "\r\n", "\n", "x", "A: 1", "\r\n\r\n", "\0\0"}) {
        const Structure structure = mail::parse_structure(message);
        BOOST_TEST(structure.tree.is_consistent(message.size()), message);
        BOOST_TEST(structure.infos[0].type == "text");
        BOOST_TEST(structure.infos[0].subtype == "plain");
    }
}

BOOST_AUTO_TEST_CASE(a_line_that_begins_with_a_boundary_delimits) {
    // RFC 2046 5.1.1: implementations compare the beginning of the line.
    const std::string head = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
    BOOST_TEST(section(head + "--b \t\r\n\r\nx\r\n--b--\r\n", "1") == "x");
    BOOST_TEST(section(head + "--bcd\r\n\r\nx\r\n--b--\r\n", "1") == "x");
    BOOST_TEST(section(head + "-- b\r\n\r\nx\r\n", "1") == "none");
    BOOST_TEST(section(head + " --b\r\n\r\nx\r\n", "1") == "none");
    BOOST_TEST(section(head + "x--b\r\n\r\nx\r\n", "1") == "none");
}

BOOST_AUTO_TEST_CASE(the_longest_boundary_wins_where_several_match) {
    const std::string message =
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: multipart/mixed; boundary=bb\r\n\r\n"
        "--bb\r\n\r\none\r\n--bb\r\n\r\ntwo\r\n--bb--\r\n"
        "--b\r\n\r\nthree\r\n--b--\r\n";
    BOOST_TEST(section(message, "1.1") == "one");
    BOOST_TEST(section(message, "1.2") == "two");
    BOOST_TEST(section(message, "2") == "three");
    BOOST_TEST(section(message, "3") == "none");
}

BOOST_AUTO_TEST_CASE(the_innermost_of_equal_boundaries_wins) {
    const std::string message =
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        "--b\r\n\r\none\r\n--b--\r\n--b\r\n\r\ntwo\r\n--b--\r\n";
    BOOST_TEST(section(message, "1.1") == "one");
    BOOST_TEST(section(message, "2") == "two");
}

BOOST_AUTO_TEST_CASE(a_part_ends_with_the_multipart_around_it) {
    const std::string head =
        "Content-Type: multipart/mixed; boundary=out\r\n\r\n"
        "--out\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n\r\n";
    BOOST_TEST(section(head + "one\r\n--out\r\n\r\ntwo\r\n", "1.1") == "one");
    BOOST_TEST(section(head + "one\r\n--out\r\n\r\ntwo\r\n", "2") == "two\r\n");
    BOOST_TEST(section(head + "one\r\n--out--\r\n--in\r\n\r\nno\r\n", "1.1") == "one");
    BOOST_TEST(section(head + "one\r\n--out--\r\n--in\r\n\r\nno\r\n", "1.2") == "none");
    BOOST_TEST(section(head + "one\r\n", "1.1") == "one\r\n");
}

BOOST_AUTO_TEST_CASE(the_line_end_before_a_delimiter_belongs_to_it) {
    const std::string head = "Content-Type: multipart/mixed; boundary=b\n\n--b\n";
    BOOST_TEST(section(head + "\nx\n--b--\n", "1") == "x");
    BOOST_TEST(section(head + "\nx\n\n--b--\n", "1") == "x\n");
    BOOST_TEST(section(head + "\n--b--\n", "1") == "");
    BOOST_TEST(section(head + "\n\n--b--\n", "1") == "");
    // Also that after the end of a multipart within (RFC 2046 5.1.1 gives it to the outer one).
    const std::string nested =
        "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n"
        "Content-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\nx\r\n--i--\r\n--o--\r\n";
    BOOST_TEST(section(nested, "1") == "--i\r\n\r\nx\r\n--i--");
}

BOOST_AUTO_TEST_CASE(a_delimiter_ends_a_header) {
    const std::string message =
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: image/png\r\n--b\r\n\r\ntwo\r\n--b--\r\n";
    const Structure structure = mail::parse_structure(message);
    BOOST_TEST(structure.tree.is_consistent(message.size()));
    BOOST_TEST(structure.infos.at(1).subtype == "png");
    BOOST_TEST(section(message, "1") == "");
    BOOST_TEST(section(message, "2") == "two");
}

BOOST_AUTO_TEST_CASE(parts_of_a_digest_are_messages) {
    const std::string message =
        "Content-Type: multipart/digest; boundary=b\r\n\r\n"
        "--b\r\n\r\nSubject: x\r\n\r\nbody\r\n--b\r\nContent-Type: "
        "text/plain\r\n\r\ntext\r\n--b--\r\n";
    const Structure structure = mail::parse_structure(message);
    BOOST_TEST((structure.tree.nodes().at(1).type == PartType::Message));
    BOOST_TEST((structure.tree.nodes().at(2).type == PartType::Text));
    BOOST_TEST((structure.tree.nodes().at(3).type == PartType::Text));
    BOOST_TEST(section(message, "1", PartSpecifier::Header) == "Subject: x\r\n\r\n");
    BOOST_TEST(section(message, "1.1") == "body");
}

BOOST_AUTO_TEST_CASE(a_multipart_without_boundary_has_no_parts) {
    for (const char* type : {"multipart/mixed", "multipart/mixed; boundary=\"\""}) {
        const std::string message =
            "Content-Type: " + std::string(type) + "\r\n\r\n--\r\n\r\nx\r\n";
        const Structure structure = mail::parse_structure(message);
        BOOST_TEST(structure.tree.nodes().size() == 1U);
        BOOST_TEST((structure.tree.root().type == PartType::Multipart));
    }
}

BOOST_AUTO_TEST_CASE(depth_is_bounded) {
    std::string message;
    for (std::size_t i = 0; i < mail::kPartDepthMax + 20; ++i) {
        message += "Content-Type: message/rfc822\r\n\r\n";
    }
    const Structure structure = mail::parse_structure(message);
    BOOST_TEST(structure.truncated);
    BOOST_TEST(structure.tree.nodes().size() == mail::kPartDepthMax + 1);
    BOOST_TEST(structure.tree.is_consistent(message.size()));
    BOOST_TEST((structure.tree.nodes().back().type == PartType::Other));
    BOOST_TEST(structure.infos.back().subtype == "octet-stream");
}

BOOST_AUTO_TEST_CASE(number_of_parts_is_bounded) {
    std::string message = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
    for (std::size_t i = 0; i < mail::kPartsMax + 50; ++i) {
        message += "--b\r\n\r\n";
    }
    const Structure structure = mail::parse_structure(message);
    BOOST_TEST(structure.truncated);
    BOOST_TEST(structure.tree.nodes().size() == mail::kPartsMax);
    BOOST_TEST(structure.tree.is_consistent(message.size()));
}

BOOST_AUTO_TEST_CASE(every_cut_of_a_message_has_a_consistent_structure) {
    for (std::size_t size = 0; size <= kMixed.size(); ++size) {
        const std::string cut = kMixed.substr(0, size);
        BOOST_REQUIRE(mail::parse_structure(cut).tree.is_consistent(size));
    }
}

BOOST_AUTO_TEST_CASE(many_nested_boundaries_cost_no_more_than_their_number) {
    // Each line is compared with at most kPartDepthMax boundaries.
    std::string message;
    for (std::size_t i = 0; i < mail::kPartDepthMax; ++i) {
        const std::string boundary(i + 1, 'b');
        message += "Content-Type: multipart/mixed; boundary=" + boundary + "\r\n\r\n--" + boundary +
                   "\r\n";
    }
    for (std::size_t i = 0; i < 2'000; ++i) {
        message += "--" + std::string(200, 'b') + "\r\n";
    }
    const Structure structure = mail::parse_structure(message);
    BOOST_TEST(structure.tree.is_consistent(message.size()));
}

BOOST_AUTO_TEST_SUITE_END()
