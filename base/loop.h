#pragma once

// Loop: one event loop (libevent), its thread, its timers and watches, and the fibers that live on
// it (base/fiber.h).
//
// Ownership: whoever creates a Loop owns it; Timers, FdWatches, Streams and Listeners made on it
// must be destroyed before it (fibers end before run() returns). Thread rule: "loop thread" is the
// thread that runs run(); before run() it is the creating thread. Only post(), stop(), poster() and
// utilisation() may be called from other threads. A callback never blocks. No exception leaves a
// callback: it would be std::terminate, on purpose. Errors: create() answers Errc::Io when the
// system has no descriptors left.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace base {

class Loop;

namespace detail {
struct LoopState;
struct PostQueue;
struct TimerState;
struct FdWatchState;
}  // namespace detail

/// A way to a loop that may outlive it: what other threads keep. Copyable. Any thread.
class Poster {
  public:
    /// Runs `task` on the loop's thread, after tasks posted before by the same thread. False if the
    /// loop is gone or past its end; the task is then dropped (destroyed on this thread).
    /// The queue itself has no bound: what posts is bounded by its owner (pools, listeners).
    bool post(std::function<void()> task) const;

    [[nodiscard]] bool leads_to(const Loop& loop) const noexcept;

  private:
    friend class Loop;

    explicit Poster(std::shared_ptr<detail::PostQueue> queue) noexcept : queue_(std::move(queue)) {}

    std::shared_ptr<detail::PostQueue> queue_;
};

/// What a person sees of a fiber.
struct FiberInfo {
    std::uint64_t id = 0;
    std::string name;     ///< given at spawn: "imap 192.0.2.1:4711"
    std::string note;     ///< set by set_fiber_note: "UID FETCH"
    std::string waiting;  ///< "read", "sleep", "completion", "event"... or "running"
    Duration since{};     ///< for how long in this state
};

/// One loop; see the top for owner and threads. create() answers Errc::Io (no descriptors left).
class Loop {
  public:
    /// `name` for logs and thread names (15 characters are seen by ps).
    [[nodiscard]] static Result<std::unique_ptr<Loop>> create(std::string name);

    /// Not while run() runs. Posted tasks that never ran are dropped.
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    Loop(Loop&&) = delete;
    Loop& operator=(Loop&&) = delete;

    /// Runs until stop(). Then every fiber's wait answers Errc::Cancelled; run() returns when the
    /// last fiber has ended. A fiber that goes on waiting after Cancelled (thousands of times) is a
    /// bug and ends the process with its name. run() may be called once.
    void run();

    /// Any thread, any number of times, also before run() (which then returns at once).
    void stop() noexcept;

    /// See Poster::post.
    bool post(std::function<void()> task);
    [[nodiscard]] Poster poster() const;

    /// The loop of this thread while run() is on its stack, else null.
    [[nodiscard]] static Loop* current() noexcept;

    [[nodiscard]] const std::string& name() const noexcept;

    [[nodiscard]] bool is_stopping() const noexcept;

    /// Share of the last seconds (about 4) that the loop was busy, 0.0 to 1.0. Any thread.
    [[nodiscard]] double utilisation() const noexcept;

    /// Loop thread only.
    [[nodiscard]] std::vector<FiberInfo> fibers() const;
    [[nodiscard]] std::size_t fiber_count() const noexcept;

    /// For base/ only.
    [[nodiscard]] detail::LoopState& state() noexcept { return *state_; }

  private:
    friend class Poster;

    explicit Loop(std::unique_ptr<detail::LoopState> state) noexcept;

    std::unique_ptr<detail::LoopState> state_;
};

/// A timer; destroying it (also inside its own callback) stops it. Loop thread only.
class Timer {
  public:
    Timer() noexcept;  ///< none
    ~Timer();
    Timer(Timer&& other) noexcept;
    Timer& operator=(Timer&& other) noexcept;
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    /// Once, `span` from now (not earlier).
    [[nodiscard]] static Timer after(Loop& loop, Duration span, std::function<void()> on_time);
    /// Again and again, first `period` from now; periods that a busy loop missed are skipped.
    [[nodiscard]] static Timer every(Loop& loop, Duration period, std::function<void()> on_time);

    explicit operator bool() const noexcept { return state_ != nullptr; }

    void cancel() noexcept;

  private:
    explicit Timer(std::shared_ptr<detail::TimerState> state) noexcept;

    std::shared_ptr<detail::TimerState> state_;
};

enum class Interest : std::uint8_t { Read, Write };

/// Calls back whenever a descriptor is ready (level-triggered). Borrows the descriptor: destroy the
/// watch (also inside its own callback is fine) before closing it. Loop thread only.
class FdWatch {
  public:
    FdWatch() noexcept;  ///< none
    ~FdWatch();
    FdWatch(FdWatch&& other) noexcept;
    FdWatch& operator=(FdWatch&& other) noexcept;
    FdWatch(const FdWatch&) = delete;
    FdWatch& operator=(const FdWatch&) = delete;

    /// Enabled at once. Read is also ready at end of file and on errors.
    [[nodiscard]] static FdWatch create(Loop& loop,
                                        int fd,
                                        Interest interest,
                                        std::function<void()> on_ready);

    explicit operator bool() const noexcept { return state_ != nullptr; }

    void enable() noexcept;
    void disable() noexcept;

  private:
    explicit FdWatch(std::shared_ptr<detail::FdWatchState> state) noexcept;

    std::shared_ptr<detail::FdWatchState> state_;
};

}  // namespace base
