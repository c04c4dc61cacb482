#include "base/random.h"

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(random_)

// Each of these fails by chance less than once in 2^60 runs.

BOOST_AUTO_TEST_CASE(every_byte_is_filled) {
    std::vector<std::byte> bytes(100'000);
    base::random_fill(bytes);
    std::array<int, 256> seen{};
    for (const std::byte byte : bytes) {
        ++seen[std::to_integer<std::size_t>(byte)];
    }
    for (const int count : seen) {
        BOOST_TEST(count > 200);  // 391 expected, deviation 20
        BOOST_TEST(count < 600);
    }
    // The end, too: a fill that stopped short would leave zeros there.
    BOOST_TEST(std::count(bytes.end() - 64, bytes.end(), std::byte{0}) < 32);
    base::random_fill({});
}

BOOST_AUTO_TEST_CASE(numbers_do_not_repeat) {
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 1000; ++i) {
        seen.insert(base::random_u64());
    }
    BOOST_TEST(seen.size() == 1000U);
}

BOOST_AUTO_TEST_CASE(numbers_below_a_bound_are_even) {
    BOOST_TEST(base::random_below(0) == 0U);
    BOOST_TEST(base::random_below(1) == 0U);
    std::array<int, 3> seen{};
    for (int i = 0; i < 30'000; ++i) {
        const std::uint64_t number = base::random_below(seen.size());
        BOOST_REQUIRE(number < seen.size());
        ++seen[number];
    }
    for (const int count : seen) {
        BOOST_TEST(count > 9'000);  // 10,000 expected, deviation 82
        BOOST_TEST(count < 11'000);
    }
    // A bound of three quarters of the range: of a plain remainder five eighths would lie in its
    // lower half.
    const std::uint64_t bound = (std::uint64_t{1} << 63U) + (std::uint64_t{1} << 62U);
    int low = 0;
    for (int i = 0; i < 10'000; ++i) {
        low += base::random_below(bound) < bound / 2 ? 1 : 0;
    }
    BOOST_TEST(low > 4'500);
    BOOST_TEST(low < 5'500);
}

BOOST_AUTO_TEST_SUITE_END()
