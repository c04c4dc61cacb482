#include "mail/part_tree.h"

#include <boost/test/unit_test.hpp>

#include "mail/limits.h"

using mail::PartNode;
using mail::PartTree;
using mail::PartType;
using Path = std::vector<std::uint32_t>;

namespace {

PartNode node(PartType type,
              std::uint32_t parent,
              std::uint32_t subtree_end,
              std::uint64_t header_offset,
              std::uint64_t body_size) {
    PartNode out;
    out.type = type;
    out.parent = parent;
    out.subtree_end = subtree_end;
    out.header_offset = header_offset;
    out.header_size = 10;
    out.body_size = body_size;
    return out;
}

/// multipart (text, message (multipart (text, text)), other), 200 octets.
std::vector<PartNode> example() {
    return {
        node(PartType::Multipart, 0, 7, 0, 190),
        node(PartType::Text, 0, 2, 20, 10),
        node(PartType::Message, 0, 6, 50, 80),
        node(PartType::Multipart, 2, 6, 60, 70),
        node(PartType::Text, 3, 5, 80, 5),
        node(PartType::Text, 3, 6, 100, 5),
        node(PartType::Other, 0, 7, 150, 20),
    };
}

}  // namespace

BOOST_AUTO_TEST_SUITE(part_tree)

BOOST_AUTO_TEST_CASE(parses_paths) {
    BOOST_TEST((mail::parse_part_path("") == Path{}));
    BOOST_TEST((mail::parse_part_path("1") == Path{1}));
    BOOST_TEST((mail::parse_part_path("1.20.3") == Path{1, 20, 3}));
    for (const char* text : {".", "1.", ".1", "0", "01", "1..2", "1.0", "a", "1.a", "-1", "1 "}) {
        BOOST_TEST(!mail::parse_part_path(text), text);
    }
    BOOST_TEST(bool(mail::parse_part_path("99999999999999999999")) == false);
    std::string deep = "1";
    for (std::size_t i = 1; i < mail::kPartDepthMax; ++i) {
        deep += ".1";
    }
    BOOST_TEST(bool(mail::parse_part_path(deep)));
    BOOST_TEST(!mail::parse_part_path(deep + ".1"));
}

BOOST_AUTO_TEST_CASE(numbers_parts_as_imap_does) {
    const PartTree tree(example());

    struct Case {
        const char* path;
        int want;
    };

    for (const Case& c : {Case{"", 0},
                          Case{"1", 1},
                          Case{"2", 2},
                          Case{"2.1", 4},
                          Case{"2.2", 5},
                          Case{"3", 6},
                          Case{"4", -1},
                          Case{"1.1", -1},
                          Case{"2.3", -1},
                          Case{"2.1.1", -1},
                          Case{"3.1", -1}}) {
        const auto found = tree.find(*mail::parse_part_path(c.path));
        BOOST_TEST((found ? static_cast<int>(*found) : -1) == c.want, c.path);
    }
}

BOOST_AUTO_TEST_CASE(a_message_that_is_no_multipart_is_its_own_part_1) {
    const PartTree single({node(PartType::Text, 0, 1, 0, 10)});
    BOOST_TEST(*single.find({1}) == 0U);
    BOOST_TEST(!single.find({2}));
    BOOST_TEST(!single.find({1, 1}));
    // The message is a message/rfc822 that holds a text: 1 is the message, 1.1 its text.
    const PartTree nested(
        {node(PartType::Message, 0, 2, 0, 30), node(PartType::Text, 0, 2, 10, 20)});
    BOOST_TEST(nested.is_consistent(40));
    BOOST_TEST(*nested.find({1}) == 0U);
    BOOST_TEST(*nested.find({1, 1}) == 1U);
    BOOST_TEST(!nested.find({1, 2}));
    BOOST_TEST(!nested.find({1, 1, 1}));
}

BOOST_AUTO_TEST_CASE(gives_the_range_of_a_section) {
    using mail::ByteRange;
    using mail::PartSpecifier;
    const PartTree tree(example());
    const auto range = [&tree](const char* path, PartSpecifier what) {
        return mail::part_range(tree, path, what);
    };
    BOOST_TEST((range("", PartSpecifier::Body) == ByteRange{0, 200}));
    BOOST_TEST((range("", PartSpecifier::Header) == ByteRange{0, 10}));
    BOOST_TEST((range("", PartSpecifier::Text) == ByteRange{10, 190}));
    BOOST_TEST(!range("", PartSpecifier::Mime));
    BOOST_TEST((range("1", PartSpecifier::Body) == ByteRange{30, 10}));
    BOOST_TEST((range("1", PartSpecifier::Mime) == ByteRange{20, 10}));
    BOOST_TEST(!range("1", PartSpecifier::Header));
    BOOST_TEST(!range("1", PartSpecifier::Text));
    BOOST_TEST((range("2", PartSpecifier::Body) == ByteRange{60, 80}));
    BOOST_TEST((range("2", PartSpecifier::Mime) == ByteRange{50, 10}));
    BOOST_TEST((range("2", PartSpecifier::Header) == ByteRange{60, 10}));
    BOOST_TEST((range("2", PartSpecifier::Text) == ByteRange{70, 70}));
    BOOST_TEST((range("2.2", PartSpecifier::Body) == ByteRange{110, 5}));
    BOOST_TEST(!range("9", PartSpecifier::Body));
    BOOST_TEST(!range("x", PartSpecifier::Body));
}

BOOST_AUTO_TEST_CASE(knows_a_consistent_tree) {
    BOOST_TEST(PartTree(example()).is_consistent(200));
    BOOST_TEST(PartTree().is_consistent(0));
    BOOST_TEST(!PartTree(example()).is_consistent(199));
    BOOST_TEST(!PartTree(example()).is_consistent(201));
    BOOST_TEST(!PartTree(std::vector<PartNode>{}).is_consistent(0));
}

BOOST_AUTO_TEST_CASE(knows_an_inconsistent_tree) {
    const auto broken = [](std::size_t index, auto change) {
        std::vector<PartNode> nodes = example();
        change(nodes[index]);
        return !PartTree(nodes).is_consistent(200);
    };
    BOOST_TEST(broken(0, [](PartNode& n) { n.parent = 1; }));
    BOOST_TEST(broken(0, [](PartNode& n) { n.subtree_end = 6; }));
    BOOST_TEST(broken(0, [](PartNode& n) { n.header_size = ~0ULL; }));
    BOOST_TEST(broken(0, [](PartNode& n) { n.type = PartType::Text; }));
    BOOST_TEST(broken(1, [](PartNode& n) { n.header_offset = 5; }));
    BOOST_TEST(broken(1, [](PartNode& n) { n.body_size = 30; }));
    BOOST_TEST(broken(1, [](PartNode& n) { n.body_size = ~0ULL; }));
    BOOST_TEST(broken(1, [](PartNode& n) { n.subtree_end = 1; }));
    BOOST_TEST(broken(1, [](PartNode& n) { n.subtree_end = 3; }));
    BOOST_TEST(broken(2, [](PartNode& n) { n.subtree_end = 8; }));
    BOOST_TEST(broken(2, [](PartNode& n) { n.type = PartType::Text; }));
    BOOST_TEST(broken(3, [](PartNode& n) { n.header_offset = 61; }));
    BOOST_TEST(broken(3, [](PartNode& n) { n.body_size = 69; }));
    BOOST_TEST(broken(4, [](PartNode& n) { n.parent = 2; }));
    BOOST_TEST(broken(4, [](PartNode& n) { n.type = PartType::Message; }));
    BOOST_TEST(broken(5, [](PartNode& n) { n.body_size = 31; }));
    BOOST_TEST(broken(6, [](PartNode& n) { n.parent = 2; }));
    BOOST_TEST(broken(6, [](PartNode& n) { n.header_offset = 139; }));
    BOOST_TEST(broken(6, [](PartNode& n) { n.body_size = 41; }));
}

BOOST_AUTO_TEST_SUITE_END()
