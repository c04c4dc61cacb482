#include "test/support/loop_runner.h"

#include <stdexcept>

#include "base/fiber.h"

namespace test_support {

void run_in_fiber(const std::function<void(base::Loop&)>& body) {
    auto made = base::Loop::create("test");
    if (!made) {
        throw std::runtime_error(made.error().detail);
    }
    const std::unique_ptr<base::Loop> loop = std::move(made).take_value();
    bool finished = false;
    auto spawned = base::spawn(*loop, "test body", [&] {
        body(*loop);
        finished = !base::fiber_cancelled();
        loop->stop();
    });
    if (!spawned) {
        throw std::runtime_error(spawned.error().detail);
    }
    const base::Timer watchdog =
        base::Timer::after(*loop, std::chrono::seconds(60), [&] { loop->stop(); });
    loop->run();
    if (!finished) {
        throw std::runtime_error("the fiber of the test did not end in time");
    }
}

}  // namespace test_support
