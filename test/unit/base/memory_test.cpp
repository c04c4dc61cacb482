#include "base/memory.h"

#include <cstddef>
#include <fstream>
#include <memory>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <unistd.h>

namespace {

// Pages of this process that are in memory, in octets.
std::size_t resident() {
    std::ifstream file("/proc/self/statm");
    std::size_t all = 0;
    std::size_t here = 0;
    file >> all >> here;
    return here * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(memory)

BOOST_AUTO_TEST_CASE(what_was_freed_between_what_stays_is_given_back) {
    constexpr std::size_t kBlocks = 4'000;
    constexpr std::size_t kBlock = 16'384;
    std::vector<std::unique_ptr<char[]>> freed;
    std::vector<std::unique_ptr<char[]>> kept;
    for (std::size_t i = 0; i < kBlocks; ++i) {
        freed.push_back(std::make_unique<char[]>(kBlock));  // all zero: its pages are there
        kept.push_back(std::make_unique<char[]>(16));
    }
    const std::size_t before = resident();
    freed.clear();
    base::give_back_memory();
    const std::size_t after = resident();
    BOOST_TEST(after + kBlocks * kBlock / 2 < before);
}

BOOST_AUTO_TEST_CASE(large_blocks_are_given_back_when_they_are_freed) {
    base::keep_large_blocks_apart();
    constexpr std::size_t kSize = 128 << 20;  // more than other tests have left free at one place
    for (int i = 0; i < 3; ++i) {
        // In vectors: what nobody looks at need not be allocated.
        std::vector<std::unique_ptr<char[]>> blocks;
        blocks.push_back(std::make_unique<char[]>(kSize));
        blocks.push_back(std::make_unique<char[]>(1'024));  // lies behind it in a heap
        const std::size_t before = resident();
        blocks.front().reset();
        BOOST_TEST(resident() + kSize / 2 < before);
    }
}

BOOST_AUTO_TEST_SUITE_END()
