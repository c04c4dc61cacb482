#pragma once

// The inside of Loop: shared by loop.cpp and fiber.cpp only, because it shows libevent.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/types.h>

#include "base/busy_meter.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/handle.h"
#include "base/loop.h"

namespace base::detail {

class Fiber;
class StackPool;

// Tasks from other threads. Shared: Posters outlive the loop; the mutex guards tasks and both
// flags.
struct PostQueue {
    std::mutex mutex;
    std::vector<std::function<void()>> tasks;
    bool signalled = false;  // the loop has a wake-up under way
    bool closed = false;
    Fd wake;  // eventfd

    void ring() const noexcept;
};

// What can be run: fibers in the order in which they became ready.
struct ReadyList {
    Fiber* first = nullptr;
    Fiber* last = nullptr;
    std::size_t count = 0;
};

// A loop's insides: what loop.cpp, fiber.cpp and the waits share. Owned by its Loop; loop thread
// only, apart from the members that say otherwise.
struct LoopState {
    explicit LoopState(std::string loop_name);
    ~LoopState();
    LoopState(const LoopState&) = delete;
    LoopState& operator=(const LoopState&) = delete;

    // Each entry from libevent, and from run(), holds a Turn: it measures, and runs ready fibers at
    // its end.
    class Turn {
      public:
        explicit Turn(LoopState& loop) noexcept;
        ~Turn();
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;

      private:
        LoopState& loop_;
    };

    void make_ready(Fiber& fiber) noexcept;
    void run_ready() noexcept;
    void arm_ready_timer() noexcept;
    void run_posted() noexcept;
    void run_once() noexcept;
    void end_fibers() noexcept;
    void drop_unstarted() noexcept;
    void close_queue() noexcept;

    std::string name;
    Loop* owner = nullptr;
    Handle<event_base, event_base_free> events;
    std::shared_ptr<PostQueue> queue;
    event wake_event{};
    event ready_event{};  // zero timer: fibers left over for the next turn
    bool ready_armed = false;
    bool in_turn = false;
    std::atomic<bool> stop_requested{false};
    std::atomic<bool> stopping{false};
    bool has_run = false;
    BusyMeter busy;

    ReadyList ready;
    std::unordered_map<std::uint64_t, std::unique_ptr<Fiber>> fibers;
    std::uint64_t next_fiber_id = 1;
    std::unique_ptr<StackPool> stacks;
};

[[nodiscard]] timeval to_timeval(Duration span) noexcept;

// fiber.cpp
void resume_fiber(LoopState& loop, Fiber& fiber) noexcept;
void cancel_all_fibers(LoopState& loop) noexcept;
[[nodiscard]] Fiber* take_first(ReadyList& list) noexcept;
void append(ReadyList& list, Fiber& fiber) noexcept;
[[nodiscard]] FiberInfo describe(const Fiber& fiber);

}  // namespace base::detail
