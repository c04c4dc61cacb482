#pragma once

// The inside of fibers: shared by the files of base/ that switch or wake them. Loop thread only.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/fiber.h"
#include "base/loop.h"
#include "base/result.h"

namespace base::detail {

struct LoopState;

// Memory for one stack: a guard page below, so that an overflow is a crash and not a corruption.
struct FiberStack {
    std::byte* mapping = nullptr;  // lowest address, the guard page
    std::size_t mapping_bytes = 0;
    std::size_t guard_bytes = 0;

    [[nodiscard]] std::byte* bottom() const noexcept { return mapping + guard_bytes; }

    [[nodiscard]] std::size_t bytes() const noexcept { return mapping_bytes - guard_bytes; }

    [[nodiscard]] std::byte* top() const noexcept { return mapping + mapping_bytes; }
};

// Keeps a number of unused stacks: mapping one costs more than a session's first command.
class StackPool {
  public:
    static constexpr std::size_t kKeptMax = 256;

    StackPool() = default;
    ~StackPool();
    StackPool(const StackPool&) = delete;
    StackPool& operator=(const StackPool&) = delete;

    // An empty one when the kernel has no more mappings.
    [[nodiscard]] FiberStack take() noexcept;
    void give_back(FiberStack stack) noexcept;

  private:
    std::vector<FiberStack> kept_;
};

enum class Wake : std::uint8_t { Woken, Timeout, Cancelled };

// The exception state of the C++ runtime belongs to the thread; each fiber needs its own, or a wait
// inside a catch block ends in std::terminate. Layout: Itanium C++ ABI, __cxa_eh_globals.
struct ExceptionState {
    void* caught = nullptr;
    unsigned uncaught = 0;
};

// One fiber: its stack, what it runs, where it waits and since when. Owned by its loop's state from
// spawn until it returns; loop thread only. Everybody else names it by its id.
class Fiber {
  public:
    enum class State : std::uint8_t { Ready, Running, Waiting };

    Fiber(LoopState& owner, FiberStack memory, std::string label, std::function<void()> run);
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    LoopState& loop;
    FiberStack stack;
    std::string name;
    std::string note;
    std::function<void()> body;
    std::uint64_t id = 0;

    void* context = nullptr;       // where to go on, while not running
    void* main_context = nullptr;  // the loop's context, while running
    ExceptionState exceptions;
    bool started = false;
    bool ended = false;

    State state = State::Ready;
    Wake wake = Wake::Woken;
    const char* waiting = "start";
    Instant since;
    bool cancelled = false;
    unsigned refused_waits = 0;  // waits asked for since cancelled

    // One timer for all waits, set late: it stays where it is when a wait ends early, and is set
    // anew when it fires. A session that waits 5 minutes for each command never touches the heap
    // of timers between.
    event timer{};
    bool timer_armed = false;
    Instant timer_at;
    Instant wait_until;

    Fiber* next_ready = nullptr;

    // Sanitizers.
    void* fake_stack = nullptr;
    void* tsan_fiber = nullptr;
};

[[nodiscard]] Fiber* current_fiber() noexcept;

// Suspends the running fiber until unpark(), the deadline or a cancellation. Wake-ups may be
// spurious. `what` is a literal for fiber lists.
[[nodiscard]] Wake park(Deadline deadline, const char* what) noexcept;

// Does nothing for a fiber that is not waiting.
void unpark(Fiber& fiber, Wake wake = Wake::Woken) noexcept;

// Wake as the callers report it; Woken is Ok.
[[nodiscard]] Status to_status(Wake wake);

}  // namespace base::detail
