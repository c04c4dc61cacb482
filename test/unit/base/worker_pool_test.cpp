#include "base/worker_pool.h"

#include <atomic>
#include <future>
#include <thread>

#include <boost/test/unit_test.hpp>

#include "test/support/loop_runner.h"

using base::Deadline;
using base::Errc;
using base::Error;
using base::FiberEvent;
using base::Loop;
using base::Result;
using base::WorkerPool;
using namespace std::chrono_literals;
using test_support::run_in_fiber;

namespace {

Deadline later() {
    return Deadline::after(30s);
}

// A worker that is kept busy until release().
struct Blocker {
    std::promise<void> started;
    std::promise<void> released;

    void block(WorkerPool& pool) {
        BOOST_REQUIRE(pool.submit([this] {
            started.set_value();
            released.get_future().wait();
        }));
        started.get_future().wait();
    }

    void release() { released.set_value(); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(worker_pool)

BOOST_AUTO_TEST_CASE(a_fiber_waits_while_a_worker_works) {
    run_in_fiber([](Loop& loop) {
        WorkerPool pool("test", 2, 10);
        bool others_ran = false;
        BOOST_REQUIRE(base::spawn(loop, "other", [&] { others_ran = true; }));
        auto answer = pool.run(
            [] {
                BOOST_TEST(Loop::current() == nullptr);
                return 42;
            },
            later());
        BOOST_REQUIRE(answer);
        BOOST_TEST(answer.value() == 42);
        BOOST_TEST(others_ran);
    });
}

BOOST_AUTO_TEST_CASE(run_takes_values_results_and_nothing) {
    WorkerPool pool("test", 1, 10);
    auto value = pool.run([] { return std::string("x"); }, later());
    BOOST_REQUIRE(value);
    BOOST_TEST(value.value() == "x");
    auto failed = pool.run([]() -> Result<int> { return Error{Errc::Corrupt, "bad"}; }, later());
    BOOST_REQUIRE(!failed);
    BOOST_CHECK(failed.error().code == Errc::Corrupt);
    BOOST_TEST(bool(pool.run([] {}, later())));
    // Move-only things may be captured.
    auto moved = pool.run([p = std::make_unique<int>(3)] { return *p; }, later());
    BOOST_REQUIRE(moved);
    BOOST_TEST(moved.value() == 3);
}

BOOST_AUTO_TEST_CASE(a_full_queue_answers_busy) {
    WorkerPool pool("test", 1, 2);
    Blocker blocker;
    blocker.block(pool);
    BOOST_TEST(pool.running() == 1U);
    std::atomic<int> ran{0};
    BOOST_TEST(bool(pool.submit([&] { ++ran; })));
    BOOST_TEST(bool(pool.submit([&] { ++ran; })));
    BOOST_TEST(pool.queued() == 2U);
    auto refused = pool.submit([&] { ++ran; });
    BOOST_REQUIRE(!refused);
    BOOST_CHECK(refused.error().code == Errc::Busy);
    blocker.release();
    const Deadline deadline = later();
    while (ran < 2 && !deadline.passed()) {
        std::this_thread::yield();
    }
    BOOST_TEST(ran == 2);
    BOOST_TEST(pool.queued() == 0U);
}

BOOST_AUTO_TEST_CASE(what_did_not_start_in_time_never_runs) {
    WorkerPool pool("test", 1, 10);
    Blocker blocker;
    blocker.block(pool);
    auto ran = std::make_shared<std::atomic<bool>>(false);
    auto late = pool.run([ran] { *ran = true; }, Deadline::after(5ms));
    BOOST_REQUIRE(!late);
    BOOST_CHECK(late.error().code == Errc::Timeout);
    blocker.release();
    BOOST_TEST(bool(pool.run([] {}, later())));
    BOOST_TEST(!*ran);
}

BOOST_AUTO_TEST_CASE(the_end_of_a_pool_tells_those_who_wait) {
    run_in_fiber([](Loop& loop) {
        auto pool = std::make_unique<WorkerPool>("test", 1, 10);
        Blocker blocker;
        blocker.block(*pool);
        FiberEvent done;
        Errc code = Errc::Invalid;
        WorkerPool& borrowed = *pool;
        BOOST_REQUIRE(base::spawn(loop, "waiter", [&] {
            auto dropped = borrowed.run([] { return 1; }, later());
            BOOST_REQUIRE(!dropped);
            code = dropped.error().code;
            done.notify();
        }));
        BOOST_TEST(bool(base::fiber_yield()));
        BOOST_TEST(borrowed.queued() == 1U);
        std::thread ender([&] { pool.reset(); });
        BOOST_TEST(bool(done.wait(later())));
        BOOST_CHECK(code == Errc::Cancelled);
        blocker.release();
        ender.join();
    });
}

BOOST_AUTO_TEST_SUITE_END()
