#pragma once

// Fibers: straight-line code on a Loop. A fiber runs on its loop's thread and never leaves it;
// while it waits, others run. Sessions (SMTP, LMTP, IMAP, POP3, outgoing) are fibers.
//
// Rules for code in a fiber: hold no mutex and no database transaction over a wait; keep no
// thread_local address and no errno over one; no big arrays on the stack (128 KiB, guard page
// below); no exception leaves the fiber function (std::terminate). Each wait has a deadline and
// answers Errc::Timeout when it passes, Errc::Cancelled when the loop stops or the fiber was
// cancelled; from then on each wait that would block answers Cancelled at once, so a fiber that is
// told so cleans up and returns. Owner: the loop owns its fibers; stacks are pooled per thread.
// Thread rule: loop thread only, except Completion::fulfil.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/clock.h"
#include "base/loop.h"
#include "base/result.h"

namespace base {

namespace detail {
class Fiber;
}  // namespace detail

enum class FiberId : std::uint64_t {};

constexpr std::size_t kFiberStackBytes = std::size_t{128} * 1024;

/// Starts `body` as a fiber of `loop`, on the next turn of the loop (never inside this call). From
/// another thread: loop.post a lambda that spawns. `name` is shown in fiber lists.
/// Errc::Busy when no stack can be mapped (vm.max_map_count), Errc::Cancelled on a stopping loop.
Result<FiberId> spawn(Loop& loop, std::string name, std::function<void()> body);

/// The fiber's present or next wait answers Errc::Cancelled. Unknown ids (it has ended) are
/// ignored.
void cancel_fiber(Loop& loop, FiberId id);

[[nodiscard]] bool in_fiber() noexcept;

/// True once the fiber that asks was cancelled or its loop is stopping. False outside a fiber.
[[nodiscard]] bool fiber_cancelled() noexcept;

/// What the fiber is doing, for people; the text is copied. No effect outside a fiber.
void set_fiber_note(std::string_view note);

/// Lets the others run; for long computations. Errc::Cancelled.
Status fiber_yield();

/// Ok when the deadline has passed. Errc::Cancelled.
Status sleep_until(Deadline deadline);

/// Fibers of one loop waiting for something, like a condition variable: no memory, wake-ups may be
/// spurious, so wait in a loop on the condition. Must outlive its waiters. Loop thread only.
class WaitQueue {
  public:
    WaitQueue() noexcept = default;
    ~WaitQueue();
    WaitQueue(const WaitQueue&) = delete;
    WaitQueue& operator=(const WaitQueue&) = delete;

    /// Errc::Timeout, Errc::Cancelled.
    Status wait(Deadline deadline);
    /// Wakes the fiber that waits longest.
    void notify_one();
    void notify_all();

    [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }

    /// For base/ only: waits that combine a queue with something else.
    struct Waiter {
        detail::Fiber* fiber = nullptr;
        Waiter* previous = nullptr;
        Waiter* next = nullptr;
        WaitQueue* queue = nullptr;
    };

    void add(Waiter& waiter) noexcept;
    static void remove(Waiter& waiter) noexcept;

  private:
    Waiter* first_ = nullptr;
    Waiter* last_ = nullptr;
};

/// A flag with memory: notify() sets it, a wait that sees it set clears it and returns. For one
/// consumer ("something changed, look again"). Loop thread only; from other threads post a lambda.
class FiberEvent {
  public:
    void notify();
    /// Errc::Timeout, Errc::Cancelled.
    Status wait(Deadline deadline);

    /// Takes the flag without waiting: true if it was set.
    bool take() noexcept { return std::exchange(set_, false); }

    [[nodiscard]] bool is_set() const noexcept { return set_; }

    /// For base/ only.
    [[nodiscard]] WaitQueue& waiters() noexcept { return waiters_; }

  private:
    bool set_ = false;
    WaitQueue waiters_;
};

namespace detail {

// What does not depend on T. Two modes, chosen at creation: on a loop's thread the waiter is a
// fiber of that loop, elsewhere it is the thread itself.
class CompletionCore : public std::enable_shared_from_this<CompletionCore> {
  public:
    CompletionCore();

    // True for the first caller: it may write the value and must call publish().
    bool claim() noexcept { return !claimed_.exchange(true, std::memory_order_acq_rel); }

    void publish();
    // Ok when published.
    Status wait(Deadline deadline);

  private:
    void on_loop_published();
    Status wait_on_thread(Deadline deadline);

    std::atomic<bool> claimed_{false};
    std::optional<Poster> poster_;  // none: thread mode
    bool ready_ = false;            // loop thread, or under mutex_ in thread mode
    WaitQueue waiters_;
    std::mutex mutex_;
    std::condition_variable condition_;
};

// The value beside the waiting: set once, by whoever claimed the core, before the core is ready.
template <typename T>
struct CompletionState : CompletionCore {
    std::optional<Result<T>> value;
};

}  // namespace detail

/// A one-shot result: set once from any thread, awaited once by the fiber that made it (outside
/// loops, by a plain thread). Copies are handles to the same result: give one to whoever fulfils
/// it. Never give that one a reference to the fiber's stack: the fiber may have gone on.
template <typename T>
class Completion {
  public:
    Completion() : state_(std::make_shared<detail::CompletionState<T>>()) {}

    /// Any thread. The first call counts; later ones, and one after the waiter gave up, are
    /// dropped.
    void fulfil(Result<T> result) const {
        if (state_->claim()) {
            state_->value.emplace(std::move(result));
            state_->publish();
        }
    }

    /// The result as fulfilled, or Errc::Timeout, Errc::Cancelled. Once.
    [[nodiscard]] Result<T> await(Deadline deadline) {
        Status waited = state_->wait(deadline);
        if (!waited) {
            return std::move(waited).take_error();
        }
        return std::move(*state_->value);
    }

  private:
    std::shared_ptr<detail::CompletionState<T>> state_;
};

}  // namespace base
