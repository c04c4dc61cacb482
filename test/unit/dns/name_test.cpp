#include "dns/name.h"

#include <algorithm>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using dns::Name;

namespace {

Name name(std::string_view text) {
    return Name::from_text(text).take_value();
}

std::span<const std::byte> bytes(std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_name)

BOOST_AUTO_TEST_CASE(reads_and_writes_presentation_form) {
    const struct {
        const char* text;
        const char* expected;
    } cases[] = {
        {"example.com", "example.com."},
        {"EXAMPLE.com.", "example.com."},
        {".", "."},
        {"a\\.b.example", "a\\.b.example."},
        {"a\\046b.example", "a\\.b.example."},
        {"\\000x.example", "\\000x.example."},
        {"*.example", "*.example."},
        {"\\A.example", "a.example."},
    };

    for (const auto& c : cases) {
        BOOST_TEST(name(c.text).to_text() == c.expected);
    }
}

BOOST_AUTO_TEST_CASE(refuses_names_that_are_no_names) {
    const std::string label64(64, 'a');
    const std::string label63(63, 'a');
    const std::string too_long =
        label63 + "." + label63 + "." + label63 + "." + std::string(62, 'b');
    for (const std::string& text : {std::string(),
                                    std::string(".."),
                                    std::string("a..b"),
                                    std::string(".a"),
                                    std::string("a\\"),
                                    std::string("a\\25"),
                                    std::string("a\\256"),
                                    label64,
                                    too_long}) {
        BOOST_TEST(!Name::from_text(text), text);
    }
}

BOOST_AUTO_TEST_CASE(allows_255_octets) {
    const std::string label63(63, 'a');
    const Name longest = name(label63 + "." + label63 + "." + label63 + "." + std::string(61, 'b'));
    BOOST_TEST(longest.size() == 255U);
    BOOST_TEST(!longest.below("c"));
}

BOOST_AUTO_TEST_CASE(counts_127_labels) {
    std::string text;
    for (int i = 0; i < 127; ++i) {
        text += "a.";
    }
    BOOST_TEST(name(text).label_count() == 127U);
}

BOOST_AUTO_TEST_CASE(resolves_relative_names_at_the_origin) {
    const Name origin = name("example.com");
    BOOST_TEST((Name::from_text("@", origin).value() == origin));
    BOOST_TEST((Name::from_text("www", origin).value() == name("www.example.com")));
    BOOST_TEST((Name::from_text("www.", origin).value() == name("www")));
}

BOOST_AUTO_TEST_CASE(reads_wire_form_that_fills_its_bytes_only) {
    BOOST_TEST((Name::from_wire(bytes(std::string_view("\3WwW\0", 5))).value() == name("www")));
    for (const std::string_view wire : {std::string_view("\3www"),
                                        std::string_view("\3www\0x", 6),
                                        std::string_view("\3ww"),
                                        std::string_view("\xc0\x0c", 2),
                                        std::string_view(""),
                                        std::string_view("\x40", 1)}) {
        BOOST_TEST(!Name::from_wire(bytes(wire)));
    }
}

BOOST_AUTO_TEST_CASE(knows_what_is_within_what) {
    BOOST_TEST(name("a.example.com").is_within(name("example.com")));
    BOOST_TEST(name("example.com").is_within(name("example.com")));
    BOOST_TEST(name("example.com").is_within(Name()));
    BOOST_TEST(!name("aexample.com").is_within(name("example.com")));
    BOOST_TEST(!name("com").is_within(name("example.com")));
    // The bytes of "\3com\0" also end a longer label; the boundary must be a label's.
    BOOST_TEST(!name("a\\003com").is_within(name("com")));
}

BOOST_AUTO_TEST_CASE(orders_canonically) {
    // RFC 4034 6.1, its own example.
    const std::vector<Name> expected = {name("example"),
                                        name("a.example"),
                                        name("yljkjljk.a.example"),
                                        name("z.a.example"),
                                        name("zabc.a.example"),
                                        name("z.example"),
                                        name("\\001.z.example"),
                                        name("*.z.example"),
                                        name("\\200.z.example")};
    std::vector<Name> sorted(expected.rbegin(), expected.rend());
    std::sort(sorted.begin(), sorted.end());
    BOOST_TEST((sorted == expected));
}

BOOST_AUTO_TEST_CASE(takes_labels_off_and_on) {
    const Name www = name("www.example");
    BOOST_TEST((www.parent() == name("example")));
    BOOST_TEST((www.parent().below("WWW").value() == www));
    BOOST_TEST(Name().parent().is_root());
    BOOST_TEST(www.first_label() == "www");
    BOOST_TEST(name("*.example").is_wildcard());
    BOOST_TEST(!name("a.*.example").is_wildcard());
}

BOOST_AUTO_TEST_CASE(hashes_by_content_and_seed) {
    const Name one = name("one.example");
    BOOST_TEST(dns::name_hash(one.wire(), 1) == dns::name_hash(name("ONE.example").wire(), 1));
    BOOST_TEST(dns::name_hash(one.wire(), 1) != dns::name_hash(one.wire(), 2));
    BOOST_TEST(dns::name_hash(one.wire(), 1) != dns::name_hash(name("onf.example").wire(), 1));
}

BOOST_AUTO_TEST_SUITE_END()
