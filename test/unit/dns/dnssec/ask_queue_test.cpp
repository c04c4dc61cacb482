#include "dns/dnssec/ask_queue.h"

#include <atomic>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace dns::dnssec;  // NOLINT(google-build-using-namespace): what is tested

BOOST_AUTO_TEST_SUITE(dns_dnssec_ask_queue)

BOOST_AUTO_TEST_CASE(what_was_pushed_comes_out_in_order_and_no_more) {
    const auto queue = AskQueue::create().take_value();
    BOOST_TEST(!queue->pop().has_value());
    for (std::uint64_t round = 0; round < 3; ++round) {
        for (std::uint64_t i = 0; i < kAsksMax; ++i) {
            BOOST_REQUIRE(queue->push({nullptr, 1, 2, i}));
        }
        BOOST_TEST(!queue->push({nullptr, 1, 2, 0}), "it is full");
        for (std::uint64_t i = 0; i < kAsksMax; ++i) {
            BOOST_REQUIRE(queue->pop().value().content == i);
        }
        BOOST_TEST(!queue->pop().has_value());
    }
}

BOOST_AUTO_TEST_CASE(threads_push_at_the_same_time) {
    constexpr std::uint64_t kThreads = 3;
    constexpr std::uint64_t kEach = 20000;
    const auto queue = AskQueue::create().take_value();
    std::vector<std::jthread> threads;
    for (std::uint64_t thread = 0; thread < kThreads; ++thread) {
        threads.emplace_back([&queue, thread] {
            for (std::uint64_t i = 0; i < kEach;) {
                if (queue->push({nullptr, static_cast<std::uint32_t>(thread), 0, i})) {
                    ++i;
                } else {
                    std::this_thread::yield();
                }
            }
        });
    }
    std::vector<std::uint64_t> next(kThreads, 0);
    for (std::uint64_t got = 0; got < kThreads * kEach;) {
        const auto ask = queue->pop();
        if (!ask) {
            queue->wait();
            continue;
        }
        BOOST_REQUIRE(ask->content == next[ask->index]);
        ++next[ask->index];
        ++got;
    }
    BOOST_TEST(!queue->pop().has_value());
}

BOOST_AUTO_TEST_CASE(who_waits_is_woken) {
    const auto queue = AskQueue::create().take_value();
    queue->wake();
    queue->wait();  // returns at once
    BOOST_REQUIRE(queue->push({nullptr, 0, 0, 1}));
    queue->wait();
    BOOST_TEST(queue->pop().value().content == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
