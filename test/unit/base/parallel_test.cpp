#include "base/parallel.h"

#include <atomic>
#include <numeric>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(parallel)

BOOST_AUTO_TEST_CASE(each_thing_is_done_once) {
    for (const std::size_t threads : {0U, 1U, 3U, 16U}) {
        for (const std::size_t count : {0U, 1U, 2U, 1000U}) {
            std::vector<std::atomic<int>> done(count);
            base::parallel_for("test", threads, count, [&done](std::size_t i) { ++done[i]; });
            const int sum =
                std::accumulate(done.begin(), done.end(), 0, [](int so_far, const auto& one) {
                    return so_far + one.load();
                });
            BOOST_TEST(sum == static_cast<int>(count));
        }
    }
}

BOOST_AUTO_TEST_CASE(others_help) {
    std::atomic<int> inside{0};
    // Ends only if two are in it at once.
    base::parallel_for("test", 2, 2, [&inside](std::size_t) {
        ++inside;
        while (inside.load() < 2) {
            std::this_thread::yield();
        }
    });
    BOOST_TEST(inside.load() == 2);
}

BOOST_AUTO_TEST_SUITE_END()
