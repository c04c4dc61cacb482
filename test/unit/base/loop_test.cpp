#include "base/loop.h"

#include <atomic>
#include <thread>

#include <boost/test/unit_test.hpp>
#include <unistd.h>

#include "base/fd.h"

using base::Deadline;
using base::Duration;
using base::FdWatch;
using base::Interest;
using base::Loop;
using base::Timer;
using namespace std::chrono_literals;

namespace {

std::unique_ptr<Loop> make_loop() {
    auto made = Loop::create("test");
    BOOST_REQUIRE(made);
    return std::move(made).take_value();
}

struct Pipe {
    base::Fd read;
    base::Fd write;

    Pipe() {
        int ends[2] = {-1, -1};
        BOOST_REQUIRE(::pipe(ends) == 0);
        read = base::Fd(ends[0]);
        write = base::Fd(ends[1]);
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(loop)

BOOST_AUTO_TEST_CASE(runs_posted_tasks_in_order_from_any_thread) {
    const auto loop = make_loop();
    constexpr int kCount = 1000;
    int next = 0;
    int posted = 0;
    std::thread poster([&] {
        for (int i = 0; i < kCount; ++i) {
            posted += loop->post([&, i] {
                BOOST_REQUIRE(next == i);
                BOOST_REQUIRE(Loop::current() == loop.get());
                if (++next == kCount) {
                    loop->stop();
                }
            });
        }
    });
    loop->run();
    poster.join();
    BOOST_TEST(posted == kCount);
    BOOST_TEST(next == kCount);
    BOOST_TEST(Loop::current() == nullptr);
}

BOOST_AUTO_TEST_CASE(a_stop_before_run_ends_it_at_once) {
    const auto loop = make_loop();
    loop->stop();
    loop->run();
    BOOST_TEST(loop->is_stopping());
}

BOOST_AUTO_TEST_CASE(a_poster_outlives_its_loop) {
    auto loop = make_loop();
    const base::Poster poster = loop->poster();
    auto token = std::make_shared<int>(1);
    BOOST_TEST(poster.post([token] {}));
    loop->stop();
    loop->run();
    BOOST_TEST(!poster.post([token] {}));
    loop.reset();
    BOOST_TEST(!poster.post([token] {}));
    BOOST_TEST(token.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(timers_fire_in_order_and_not_early) {
    const auto loop = make_loop();
    const base::Instant start = base::monotonic_now();
    std::string order;
    const Timer late = Timer::after(*loop, 30ms, [&] {
        BOOST_CHECK(base::monotonic_now() - start >= 30ms);
        order += 'c';
        loop->stop();
    });
    const Timer early = Timer::after(*loop, 5ms, [&] {
        BOOST_CHECK(base::monotonic_now() - start >= 5ms);
        order += 'b';
    });
    const Timer now = Timer::after(*loop, Duration::zero(), [&] { order += 'a'; });
    loop->run();
    BOOST_TEST(order == "abc");
}

BOOST_AUTO_TEST_CASE(a_periodic_timer_may_end_itself) {
    const auto loop = make_loop();
    int count = 0;
    Timer timer;
    timer = Timer::every(*loop, 2ms, [&] {
        if (++count == 3) {
            timer.cancel();
            BOOST_TEST(!timer);
        }
    });
    const Timer end = Timer::after(*loop, 40ms, [&] { loop->stop(); });
    loop->run();
    BOOST_TEST(count == 3);
}

BOOST_AUTO_TEST_CASE(missed_periods_are_skipped) {
    const auto loop = make_loop();
    int count = 0;
    const Timer timer = Timer::every(*loop, 10ms, [&] {
        ++count;
        const Deadline busy = Deadline::after(35ms);
        while (!busy.passed()) {
        }
        if (count == 3) {
            loop->stop();
        }
    });
    const base::Instant start = base::monotonic_now();
    loop->run();
    BOOST_CHECK(base::monotonic_now() - start >= 105ms);
}

BOOST_AUTO_TEST_CASE(a_destroyed_timer_never_fires) {
    const auto loop = make_loop();
    Timer doomed = Timer::after(*loop, 5ms, [] { BOOST_ERROR("fired"); });
    const Timer killer = Timer::after(*loop, 1ms, [&] { doomed = Timer(); });
    const Timer end = Timer::after(*loop, 30ms, [&] { loop->stop(); });
    loop->run();
}

BOOST_AUTO_TEST_CASE(a_watch_fires_while_ready_and_enabled) {
    const auto loop = make_loop();
    const Pipe pipe;
    int reads = 0;
    FdWatch watch;
    watch = FdWatch::create(*loop, pipe.read.get(), Interest::Read, [&] {
        if (++reads == 3) {
            watch.disable();  // the byte is still there: it would fire for ever
        }
    });
    BOOST_REQUIRE(::write(pipe.write.get(), "x", 1) == 1);
    int after = 0;
    const Timer again = Timer::after(*loop, 20ms, [&] {
        after = reads;
        watch = FdWatch::create(*loop, pipe.read.get(), Interest::Read, [&] {
            watch = FdWatch();  // inside its own callback
            loop->stop();
        });
    });
    loop->run();
    BOOST_TEST(after == 3);
}

BOOST_AUTO_TEST_CASE(end_of_file_is_readable_and_a_pipe_is_writable) {
    const auto loop = make_loop();
    Pipe pipe;
    std::string seen;
    FdWatch writable;
    FdWatch readable;
    writable = FdWatch::create(*loop, pipe.write.get(), Interest::Write, [&] {
        seen += 'w';
        writable = FdWatch();
        pipe.write.reset();
    });
    readable = FdWatch::create(*loop, pipe.read.get(), Interest::Read, [&] {
        seen += 'r';
        loop->stop();
    });
    loop->run();
    BOOST_TEST(seen == "wr");
}

BOOST_AUTO_TEST_CASE(utilisation_tells_busy_from_idle) {
    const auto loop = make_loop();
    BOOST_TEST(loop->utilisation() < 0.01);
    const Timer busy = Timer::every(*loop, 1ms, [&] {
        const Deadline until = Deadline::after(20ms);
        while (!until.passed()) {
        }
    });
    double seen = 0;
    const Timer end = Timer::after(*loop, 400ms, [&] {
        seen = loop->utilisation();
        loop->stop();
    });
    loop->run();
    BOOST_TEST(seen > 0.05);  // 400 ms of a window of 4 s
}

BOOST_AUTO_TEST_SUITE_END()
