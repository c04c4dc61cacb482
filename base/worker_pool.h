#pragma once

// WorkerPool: threads for work that blocks (files, crypt, foreign libraries), with a bounded queue.
//
// Owner: the daemon; destroy it before the things its jobs use. The destructor drops queued jobs
// (their waiters get Errc::Cancelled) and waits for the running ones.
// Thread rule: any thread may submit. Jobs must not throw, and must not submit to their own pool
// and wait for it. Errors: Errc::Busy when the queue is full: overload is answered, never absorbed.

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "base/fiber.h"
#include "base/result.h"

namespace base {

namespace detail {

// The value type of what a job returns: of T and of Result<T> it is T, of void it is Done.
template <typename R>
struct AsResult {
    using Value = R;
};

// A Result stays as it is.
template <typename T>
struct AsResult<Result<T>> {
    using Value = T;
};

// Nothing becomes Done, so that a waiter has something to get.
template <>
struct AsResult<void> {
    using Value = Done;
};

template <typename R>
using ResultValue = typename AsResult<R>::Value;

// Calls f and makes a Result of what it returns: T, Result<T> or nothing.
template <typename F, typename... Args>
auto call_as_result(F& f, Args&&... args)
    -> Result<ResultValue<std::invoke_result_t<F&, Args...>>> {
    if constexpr (std::is_void_v<std::invoke_result_t<F&, Args...>>) {
        f(std::forward<Args>(args)...);
        return Done{};
    } else {
        return f(std::forward<Args>(args)...);
    }
}

}  // namespace detail

/// The pool; see the top for owner, threads and errors.
class WorkerPool {
  public:
    /// `threads` at least 1; `queue_max` jobs may wait beside the running ones.
    WorkerPool(std::string name, std::size_t threads, std::size_t queue_max);
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    /// Errc::Busy. `on_dropped` (may be empty) is called instead of `job` if the pool ends first.
    Status submit(std::function<void()> job, std::function<void()> on_dropped = {});

    /// Runs f() on a worker and waits for what it returns (T, Result<T> or void). From a fiber, or
    /// from a plain thread that is no loop. f owns what it uses: after Errc::Timeout it may still
    /// be running; if it had not started, it never will.
    template <typename F>
    auto run(F f, Deadline deadline) -> Result<detail::ResultValue<std::invoke_result_t<F&>>> {
        using Value = detail::ResultValue<std::invoke_result_t<F&>>;
        Completion<Value> completion;
        auto job = std::make_shared<F>(std::move(f));
        Status queued = submit(
            [completion, job, deadline] {
                if (deadline.passed()) {
                    completion.fulfil(Error{Errc::Timeout, "not started in time"});
                } else {
                    completion.fulfil(detail::call_as_result(*job));
                }
            },
            [completion] {
                completion.fulfil(Error{Errc::Cancelled, "pool ended"});
            });
        if (!queued) {
            return std::move(queued).take_error();
        }
        return completion.await(deadline);
    }

    [[nodiscard]] std::size_t queued() const;
    [[nodiscard]] std::size_t threads() const noexcept;
    /// Jobs running now.
    [[nodiscard]] std::size_t running() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace base
