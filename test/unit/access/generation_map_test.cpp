#include "access/generation_map.h"

#include <string>

#include <boost/test/unit_test.hpp>

using Map = accessd::GenerationMap<std::string, int>;
using std::chrono::seconds;

BOOST_AUTO_TEST_SUITE(generation_map)

BOOST_AUTO_TEST_CASE(forgets_between_one_and_two_spans) {
    const base::Instant start = base::monotonic_now();
    Map map(seconds(10), 100, start);
    map.renew("a", start + seconds(1)) = 1;
    BOOST_TEST(*map.find("a", start + seconds(9)) == 1);
    BOOST_TEST(*map.find("a", start + seconds(12)) == 1);
    BOOST_TEST((map.find("a", start + seconds(23)) == nullptr));
}

BOOST_AUTO_TEST_CASE(renewing_keeps_the_value) {
    const base::Instant start = base::monotonic_now();
    Map map(seconds(10), 100, start);
    map.renew("a", start) = 1;
    map.renew("a", start + seconds(11)) += 1;
    BOOST_TEST(*map.find("a", start + seconds(22)) == 2);
    BOOST_TEST(map.size() == 1U);
}

BOOST_AUTO_TEST_CASE(forgets_all_after_a_long_silence) {
    const base::Instant start = base::monotonic_now();
    Map map(seconds(10), 100, start);
    map.renew("a", start) = 1;
    BOOST_TEST((map.find("a", start + seconds(1000)) == nullptr));
    BOOST_TEST(map.size() == 0U);
}

BOOST_AUTO_TEST_CASE(is_bounded) {
    const base::Instant start = base::monotonic_now();
    Map map(seconds(10), 100, start);
    for (int i = 0; i < 10'000; ++i) {
        map.renew(std::to_string(i), start) = i;
        BOOST_TEST(map.size() <= 200U);
    }
    BOOST_TEST(*map.find("9999", start) == 9999);
    map.erase("9999");
    BOOST_TEST((map.find("9999", start) == nullptr));
}

BOOST_AUTO_TEST_SUITE_END()
