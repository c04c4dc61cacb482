#include "storage/segment/siphash.h"

#include <vector>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(storage_siphash)

BOOST_AUTO_TEST_CASE(agrees_with_the_published_vectors) {
    // Key 00..0f, input 00..n-1: vectors.h of the reference implementation.
    const std::vector<std::pair<std::size_t, std::uint64_t>> vectors{
        {0, 0x726fdb47dd0e0e31U},
        {1, 0x74f839c593dc67fdU},
        {7, 0xab0200f58b01d137U},
        {8, 0x93f5f5799a932462U},
        {15, 0xa129ca6149be45e5U},
    };
    std::array<std::byte, 16> key{};
    for (std::size_t i = 0; i < key.size(); ++i) {
        key[i] = static_cast<std::byte>(i);
    }
    for (const auto& [size, expected] : vectors) {
        std::vector<std::byte> input(size);
        for (std::size_t i = 0; i < size; ++i) {
            input[i] = static_cast<std::byte>(i);
        }
        BOOST_TEST(storage::siphash_2_4(key, input) == expected);
    }
}

BOOST_AUTO_TEST_SUITE_END()
