#include "dns/image.h"

#include <string>

#include <boost/test/unit_test.hpp>

#include "base/hash.h"

namespace {

dns::Name name(std::string_view text) {
    return dns::Name::from_text(text).take_value();
}

std::string wire(std::string_view text) {
    const dns::Name made = name(text);
    return std::string(base::as_text(made.wire()));
}

std::string hex(const dns::ImageView& view) {
    return base::to_hex(view.octets());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_image)

BOOST_AUTO_TEST_CASE(compresses_against_the_zone_and_itself) {
    dns::ImageBuilder builder(name("z.test"));
    builder.record(2, 1, wire("ns.a.z.test"));
    builder.record(2, 1, wire("n2.a.z.test"));
    dns::Arena arena;
    const auto at = builder.finish(arena);
    BOOST_REQUIRE(at);
    const dns::ImageView made(arena.data(), at.value());
    // First: "ns" "a" and a pointer 12 back from the question's end (8 octets of z.test, and 4).
    // Second: "n2" and a pointer to "a" at offset 15.
    BOOST_TEST(hex(made) ==
               "c00c00020001000000010007"
               "026e73"
               "0161"
               "fff4"
               "c00c00020001000000010005"
               "026e32"
               "000f");
    BOOST_TEST(made.header().records == 2);
    BOOST_TEST(made.header().relocations == 2);
    BOOST_TEST(made.relocation(0) == 17);
    BOOST_TEST(made.relocation(1) == 34);
}

BOOST_AUTO_TEST_CASE(does_not_compress_what_is_not_of_rfc_1035) {
    dns::ImageBuilder builder(name("z.test"));
    builder.record(33, 1, std::string("\0\0\0\0\0\1", 6) + wire("a.z.test"));
    dns::Arena arena;
    const auto at = builder.finish(arena).take_value();
    BOOST_TEST(dns::ImageView(arena.data(), at).header().relocations == 0);
}

BOOST_AUTO_TEST_CASE(extras_point_at_the_targets) {
    dns::Arena arena;
    dns::ImageBuilder address{dns::Name()};
    address.record(1, 1, "abcd");
    const auto address_at = address.finish(arena).take_value();
    const dns::Arena copy = arena;
    dns::ImageBuilder builder{dns::Name()};
    builder.record(33, 1, std::string("\0\0\0\0\0\1", 6) + wire("a.test"));
    builder.extra(name("a.test"), dns::ImageView(copy.data(), address_at).octets(), 1);
    builder.end_required();
    const auto at = builder.finish(arena).take_value();
    const dns::ImageView view(arena.data(), at);
    BOOST_TEST(view.header().extras == 1);
    BOOST_TEST(view.header().extras_required == 1);
    BOOST_TEST(view.header().size == 12 + 6 + 8);
    BOOST_TEST(view.extra(0).end == view.header().total_size);
    BOOST_TEST(view.relocation(0) == view.header().size);
    BOOST_TEST(hex(view).substr(2U * view.header().size, 4) == "0012");
}

BOOST_AUTO_TEST_CASE(images_start_at_even_offsets) {
    dns::Arena arena;
    for (const char* data : {"a", "bc", "def"}) {
        dns::ImageBuilder builder{dns::Name()};
        builder.record(16, 1, data);
        BOOST_TEST(builder.finish(arena).value() % 2 == 0U);
    }
}

BOOST_AUTO_TEST_CASE(refuses_what_fits_no_message) {
    dns::ImageBuilder builder{dns::Name()};
    for (int i = 0; i < 3; ++i) {
        builder.record(65280, 1, std::string(30000, 'x'));
    }
    dns::Arena arena;
    BOOST_TEST(!builder.finish(arena));
}

BOOST_AUTO_TEST_SUITE_END()
