#include "dns/steering/source_hash.h"

#include <string_view>

#include <boost/test/unit_test.hpp>

namespace {

using namespace dns::steering;

constexpr dns::SipKey kKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};

template <typename... T>
constexpr std::array<std::byte, sizeof...(T)> bytes(T... values) {
    return {std::byte(values)...};
}

std::span<const std::byte> zone_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

bool same(const dns::SipWords& a, const dns::SipWords& b) {
    return a.x == b.x && a.y == b.y;
}

BOOST_AUTO_TEST_SUITE(source_hash)

BOOST_AUTO_TEST_CASE(sources_of_one_network_are_one) {
    BOOST_TEST((ipv4_source(bytes(192, 0, 2, 1)) == ipv4_source(bytes(192, 0, 2, 254))));
    BOOST_TEST((ipv4_source(bytes(192, 0, 2, 1)) != ipv4_source(bytes(192, 0, 3, 1))));
    auto a = bytes(0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
    auto b = bytes(0x20, 1, 0xd, 0xb8, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9);
    BOOST_TEST((ipv6_source(a) == ipv6_source(b)));
    b[5] = std::byte{2};
    BOOST_TEST((ipv6_source(a) != ipv6_source(b)));
}

BOOST_AUTO_TEST_CASE(mapped_address_is_ipv4) {
    const auto mapped = bytes(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7);
    BOOST_TEST((ipv6_source(mapped) == ipv4_source(bytes(192, 0, 2, 1))));
}

BOOST_AUTO_TEST_CASE(key_prefix_and_zone_all_count) {
    const SourcePrefix source = ipv4_source(bytes(192, 0, 2, 1));
    const auto words = hash_source(kKey, source, zone_of("\7example\3org"));
    BOOST_TEST(same(words, hash_source(kKey, source, zone_of("\7example\3org"))));
    BOOST_TEST(!same(words, hash_source(kKey, source, zone_of("\7example\3net"))));
    BOOST_TEST(!same(words, hash_source({1, 2}, source, zone_of("\7example\3org"))));
    const SourcePrefix other = ipv4_source(bytes(192, 0, 3, 1));
    BOOST_TEST(!same(words, hash_source(kKey, other, zone_of("\7example\3org"))));
}

BOOST_AUTO_TEST_CASE(input_layout_is_size_prefix_zone) {
    // Name servers of different releases must pick the same row: the layout is a contract.
    const auto input = bytes(3, 192, 0, 2, 1, 'a', 0);
    const auto expected = dns::siphash_2_4_128(kKey, input);
    const auto zone = bytes(1, 'a', 0);
    BOOST_TEST(same(expected, hash_source(kKey, ipv4_source(bytes(192, 0, 2, 9)), zone)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
