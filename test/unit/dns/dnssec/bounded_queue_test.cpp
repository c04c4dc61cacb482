#include "dns/dnssec/bounded_queue.h"

#include <array>
#include <chrono>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace dns::dnssec;  // NOLINT(google-build-using-namespace): what is tested

namespace {

constexpr std::size_t kSlots = 64;

struct Item {
    std::uint32_t thread = 0;
    std::uint64_t number = 0;
    std::array<char, 32> more{};
};

using Queue = BoundedQueue<Item, kSlots>;

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_dnssec_bounded_queue)

BOOST_AUTO_TEST_CASE(what_was_pushed_comes_out_in_order_and_no_more) {
    const auto queue = Queue::create().take_value();
    BOOST_TEST(!queue->pop().has_value());
    for (std::uint64_t round = 0; round < 3; ++round) {
        for (std::uint64_t i = 0; i < kSlots; ++i) {
            BOOST_REQUIRE(queue->push({1, i}));
        }
        BOOST_TEST(!queue->push({1, 0}), "it is full");
        for (std::uint64_t i = 0; i < kSlots; ++i) {
            BOOST_REQUIRE(queue->pop().value().number == i);
        }
        BOOST_TEST(!queue->pop().has_value());
    }
}

BOOST_AUTO_TEST_CASE(threads_push_at_the_same_time) {
    constexpr std::uint64_t kThreads = 3;
    constexpr std::uint64_t kEach = 20000;
    const auto queue = Queue::create().take_value();
    std::vector<std::jthread> threads;
    for (std::uint64_t thread = 0; thread < kThreads; ++thread) {
        threads.emplace_back([&queue, thread] {
            for (std::uint64_t i = 0; i < kEach;) {
                if (queue->push({static_cast<std::uint32_t>(thread), i})) {
                    ++i;
                } else {
                    std::this_thread::yield();
                }
            }
        });
    }
    std::vector<std::uint64_t> next(kThreads, 0);
    for (std::uint64_t got = 0; got < kThreads * kEach;) {
        const auto item = queue->pop();
        if (!item) {
            queue->wait();
            continue;
        }
        BOOST_REQUIRE(item->number == next[item->thread]);
        ++next[item->thread];
        ++got;
    }
    BOOST_TEST(!queue->pop().has_value());
}

BOOST_AUTO_TEST_CASE(who_waits_is_woken) {
    const auto queue = Queue::create().take_value();
    queue->wake();
    queue->wait();  // returns at once
    BOOST_REQUIRE(queue->push({0, 1}));
    queue->wait();
    BOOST_TEST(queue->pop().value().number == 1U);
}

// Its sleep has an end of half a second, which this would meet each time.
BOOST_AUTO_TEST_CASE(a_push_wakes_who_sleeps) {
    constexpr std::uint64_t kRounds = 40;
    const auto there = Queue::create().take_value();
    const auto back = Queue::create().take_value();
    const auto next_of = [](Queue& queue) {
        for (;;) {
            if (const auto item = queue.pop()) {
                return item->number;
            }
            queue.wait();
        }
    };
    const auto start = std::chrono::steady_clock::now();
    std::jthread other([&] {
        for (std::uint64_t i = 0; i < kRounds; ++i) {
            (void)back->push({0, next_of(*there) + 1});
        }
    });
    for (std::uint64_t i = 0; i < kRounds; ++i) {
        BOOST_REQUIRE(there->push({0, i}));
        BOOST_REQUIRE(next_of(*back) == i + 1);
    }
    BOOST_TEST((std::chrono::steady_clock::now() - start < std::chrono::seconds(10)));
}

BOOST_AUTO_TEST_CASE(a_slot_may_be_filled_in_part) {
    const auto queue = Queue::create().take_value();
    for (std::uint64_t i = 0; i < 2 * kSlots; ++i) {
        BOOST_REQUIRE(queue->push_by([i](Item& slot) { slot.number = i; }));
        BOOST_TEST(queue->pop().value().number == i);
    }
    for (std::uint64_t i = 0; i < kSlots; ++i) {
        BOOST_REQUIRE(queue->push({0, 1}));
    }
    BOOST_TEST(!queue->push_by([](Item&) { BOOST_ERROR("there is no slot"); }));
}

BOOST_AUTO_TEST_SUITE_END()
