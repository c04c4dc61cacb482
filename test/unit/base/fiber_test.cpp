#include "base/fiber.h"

#include <stdexcept>
#include <thread>

#include <boost/test/unit_test.hpp>

#include "test/support/loop_runner.h"

using base::Completion;
using base::Deadline;
using base::Done;
using base::Errc;
using base::Error;
using base::FiberEvent;
using base::Loop;
using base::Status;
using base::WaitQueue;
using namespace std::chrono_literals;
using test_support::run_in_fiber;

namespace {

Deadline soon() {
    return Deadline::after(20ms);
}

Deadline later() {
    return Deadline::after(30s);
}

void must_spawn(Loop& loop, const std::string& name, std::function<void()> body) {
    BOOST_REQUIRE(base::spawn(loop, name, std::move(body)));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fiber)

BOOST_AUTO_TEST_CASE(runs_on_its_loop_and_sleeps) {
    BOOST_TEST(!base::in_fiber());
    run_in_fiber([](Loop& loop) {
        BOOST_TEST(base::in_fiber());
        BOOST_TEST(Loop::current() == &loop);
        const base::Instant start = base::monotonic_now();
        BOOST_TEST(bool(base::sleep_until(Deadline::after(15ms))));
        BOOST_CHECK(base::monotonic_now() - start >= 15ms);
    });
    BOOST_TEST(!base::in_fiber());
}

BOOST_AUTO_TEST_CASE(interleaves_with_others) {
    run_in_fiber([](Loop& loop) {
        std::string order;
        for (const char name : {'a', 'b'}) {
            must_spawn(loop, "child", [&order, name] {
                for (int i = 0; i < 3; ++i) {
                    order += name;
                    BOOST_TEST(bool(base::fiber_yield()));
                }
            });
        }
        while (order.size() < 6) {
            BOOST_TEST(bool(base::fiber_yield()));
        }
        BOOST_TEST(order == "ababab");
    });
}

BOOST_AUTO_TEST_CASE(many_fibers_sleep_with_different_deadlines) {
    run_in_fiber([](Loop& loop) {
        constexpr int kCount = 500;
        int finished = 0;
        FiberEvent all_done;
        for (int i = 0; i < kCount; ++i) {
            must_spawn(loop, "sleeper", [&, i] {
                BOOST_TEST(bool(base::sleep_until(Deadline::after(i % 20 * 1ms))));
                BOOST_TEST(bool(base::sleep_until(Deadline::after((20 - i % 20) * 1ms))));
                if (++finished == kCount) {
                    all_done.notify();
                }
            });
        }
        BOOST_TEST(bool(all_done.wait(later())));
        BOOST_TEST(finished == kCount);
    });
}

// The exception state of the runtime must be the fiber's own: two fibers inside catch blocks.
BOOST_AUTO_TEST_CASE(waits_inside_a_catch_block) {
    run_in_fiber([](Loop& loop) {
        std::string seen;
        FiberEvent done;
        for (const char* text : {"one", "two"}) {
            must_spawn(loop, text, [&, text] {
                try {
                    throw std::runtime_error(text);
                } catch (const std::runtime_error& thrown) {
                    BOOST_TEST(bool(base::fiber_yield()));
                    try {
                        throw std::logic_error("inner");
                    } catch (const std::logic_error&) {
                        BOOST_TEST(bool(base::sleep_until(Deadline::after(2ms))));
                    }
                    try {
                        throw;
                    } catch (const std::runtime_error& again) {
                        seen += again.what();
                    }
                    BOOST_TEST(std::string(thrown.what()) == text);
                }
                if (seen.size() == 6) {
                    done.notify();
                }
            });
        }
        BOOST_TEST(bool(done.wait(later())));
        BOOST_TEST(std::uncaught_exceptions() == 0);
    });
}

BOOST_AUTO_TEST_CASE(an_event_has_memory_and_is_taken_once) {
    run_in_fiber([](Loop& loop) {
        FiberEvent event;
        event.notify();
        event.notify();
        BOOST_TEST(bool(event.wait(soon())));
        Status second = event.wait(soon());
        BOOST_REQUIRE(!second);
        BOOST_CHECK(second.error().code == Errc::Timeout);
        must_spawn(loop, "notifier", [&event] {
            BOOST_TEST(bool(base::sleep_until(Deadline::after(5ms))));
            event.notify();
        });
        BOOST_TEST(bool(event.wait(later())));
        BOOST_TEST(!event.is_set());
    });
}

BOOST_AUTO_TEST_CASE(a_wait_queue_wakes_the_longest_waiter_first) {
    run_in_fiber([](Loop& loop) {
        WaitQueue queue;
        std::string order;
        for (const char name : {'a', 'b', 'c'}) {
            must_spawn(loop, "waiter", [&, name] {
                BOOST_TEST(bool(queue.wait(later())));
                order += name;
            });
        }
        BOOST_TEST(bool(base::fiber_yield()));
        queue.notify_one();
        BOOST_TEST(bool(base::fiber_yield()));
        BOOST_TEST(order == "a");
        queue.notify_all();
        BOOST_TEST(queue.empty());
        BOOST_TEST(bool(base::fiber_yield()));
        BOOST_TEST(order == "abc");
    });
}

BOOST_AUTO_TEST_CASE(a_completion_comes_from_another_thread) {
    run_in_fiber([](Loop&) {
        for (int i = 0; i < 100; ++i) {
            Completion<int> completion;
            std::thread thread([completion, i] {
                completion.fulfil(i);
                completion.fulfil(-1);
            });
            auto result = completion.await(later());
            thread.join();
            BOOST_REQUIRE(result);
            BOOST_TEST(result.value() == i);
        }
    });
}

BOOST_AUTO_TEST_CASE(a_completion_carries_errors_and_move_only_values) {
    run_in_fiber([](Loop&) {
        Completion<std::unique_ptr<int>> value;
        value.fulfil(std::make_unique<int>(7));
        auto got = value.await(soon());
        BOOST_REQUIRE(got);
        BOOST_TEST(*got.value() == 7);
        Completion<Done> error;
        error.fulfil(Error{Errc::Corrupt, "bad"});
        auto failed = error.await(soon());
        BOOST_REQUIRE(!failed);
        BOOST_CHECK(failed.error().code == Errc::Corrupt);
    });
}

BOOST_AUTO_TEST_CASE(a_late_fulfil_is_dropped) {
    run_in_fiber([](Loop&) {
        auto token = std::make_shared<int>(1);
        std::thread thread;
        {
            Completion<std::shared_ptr<int>> completion;
            auto nothing = completion.await(Deadline::after(2ms));
            BOOST_REQUIRE(!nothing);
            BOOST_CHECK(nothing.error().code == Errc::Timeout);
            thread = std::thread([completion, token] { completion.fulfil(token); });
        }
        thread.join();
        BOOST_TEST(bool(base::sleep_until(Deadline::after(5ms))));
        BOOST_TEST(token.use_count() == 1);
    });
}

BOOST_AUTO_TEST_CASE(a_completion_works_between_plain_threads) {
    Completion<int> completion;
    std::thread thread([completion] { completion.fulfil(5); });
    auto result = completion.await(later());
    thread.join();
    BOOST_REQUIRE(result);
    BOOST_TEST(result.value() == 5);
    Completion<int> never;
    auto nothing = never.await(Deadline::after(5ms));
    BOOST_REQUIRE(!nothing);
    BOOST_CHECK(nothing.error().code == Errc::Timeout);
}

BOOST_AUTO_TEST_CASE(a_short_wait_after_a_long_one_times_out_in_time) {
    run_in_fiber([](Loop&) {
        FiberEvent event;
        event.notify();
        BOOST_TEST(bool(event.wait(later())));
        const base::Instant start = base::monotonic_now();
        must_spawn(*Loop::current(), "notifier", [&event] { event.notify(); });
        BOOST_TEST(bool(event.wait(later())));  // sets the timer 30 s ahead
        BOOST_TEST(!event.wait(Deadline::after(10ms)));
        BOOST_CHECK(base::monotonic_now() - start < 5s);
        BOOST_TEST(!event.wait(Deadline::after(-1s)));
    });
}

BOOST_AUTO_TEST_CASE(a_stopping_loop_cancels_every_wait_until_the_fiber_ends) {
    auto made = Loop::create("test");
    BOOST_REQUIRE(made);
    const std::unique_ptr<Loop> loop = std::move(made).take_value();
    int cancelled = 0;
    FiberEvent never;
    const auto expect_cancelled = [&cancelled](const Status& status) {
        BOOST_REQUIRE(!status);
        BOOST_CHECK(status.error().code == Errc::Cancelled);
        ++cancelled;
    };
    must_spawn(*loop, "sleeper", [&] { expect_cancelled(base::sleep_until(later())); });
    must_spawn(*loop, "waiter", [&] {
        expect_cancelled(never.wait(later()));
        BOOST_TEST(base::fiber_cancelled());
        expect_cancelled(base::fiber_yield());
        expect_cancelled(base::sleep_until(later()));
    });
    must_spawn(*loop, "stopper", [&] {
        BOOST_TEST(loop->fiber_count() == 3U);
        BOOST_TEST(bool(base::sleep_until(Deadline::after(5ms))));
        loop->stop();
    });
    loop->run();
    BOOST_TEST(cancelled == 4);
    BOOST_TEST(loop->fiber_count() == 0U);
    BOOST_TEST(!base::spawn(*loop, "late", [] {}));
}

BOOST_AUTO_TEST_CASE(one_fiber_can_be_cancelled) {
    run_in_fiber([](Loop& loop) {
        bool told = false;
        auto id = base::spawn(loop, "victim", [&told] {
            Status status = base::sleep_until(later());
            told = !status && status.error().code == Errc::Cancelled;
        });
        BOOST_REQUIRE(id);
        BOOST_TEST(bool(base::fiber_yield()));
        base::cancel_fiber(loop, id.value());
        BOOST_TEST(bool(base::fiber_yield()));
        BOOST_TEST(told);
        base::cancel_fiber(loop, id.value());  // has ended: ignored
        BOOST_TEST(!base::fiber_cancelled());
    });
}

BOOST_AUTO_TEST_CASE(fibers_are_listed_with_what_they_wait_for) {
    run_in_fiber([](Loop& loop) {
        FiberEvent event;
        must_spawn(loop, "imap 192.0.2.1:4711", [&event] {
            base::set_fiber_note("IDLE");
            BOOST_TEST(bool(event.wait(later())));
        });
        BOOST_TEST(bool(base::fiber_yield()));
        const auto fibers = loop.fibers();
        BOOST_REQUIRE(fibers.size() == 2U);
        BOOST_TEST(fibers[0].waiting == "running");
        BOOST_TEST(fibers[1].name == "imap 192.0.2.1:4711");
        BOOST_TEST(fibers[1].note == "IDLE");
        BOOST_TEST(fibers[1].waiting == "event");
        event.notify();
        BOOST_TEST(bool(base::fiber_yield()));
        BOOST_TEST(loop.fiber_count() == 1U);
    });
}

BOOST_AUTO_TEST_CASE(a_fiber_that_was_never_run_is_dropped_with_its_loop) {
    auto made = Loop::create("test");
    BOOST_REQUIRE(made);
    auto token = std::make_shared<int>(1);
    {
        const std::unique_ptr<Loop> loop = std::move(made).take_value();
        must_spawn(*loop, "never", [token] { BOOST_ERROR("ran"); });
    }
    BOOST_TEST(token.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(more_fibers_than_stacks_are_kept) {
    run_in_fiber([](Loop& loop) {
        constexpr int kCount = 2000;
        for (int round = 0; round < 2; ++round) {
            int finished = 0;
            FiberEvent done;
            for (int i = 0; i < kCount; ++i) {
                must_spawn(loop, "one", [&] {
                    volatile char deep[20'000];
                    deep[0] = 1;
                    deep[sizeof deep - 1] = deep[0];
                    BOOST_TEST(bool(base::fiber_yield()));
                    if (++finished == kCount) {
                        done.notify();
                    }
                });
            }
            BOOST_TEST(bool(done.wait(later())));
        }
    });
}

BOOST_AUTO_TEST_SUITE_END()
