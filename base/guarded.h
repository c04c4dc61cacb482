#pragma once

// Guarded<T>: a value and the mutex without which nobody can reach it. Whoever declares one says in
// a comment why the value is shared at all. Never wait (fiber or thread) inside with().

#include <mutex>
#include <utility>

namespace base {

template <typename T>
class Guarded {
  public:
    template <typename... Args>
    explicit Guarded(Args&&... args) : value_(std::forward<Args>(args)...) {}

    Guarded(const Guarded&) = delete;
    Guarded& operator=(const Guarded&) = delete;

    /// Runs `use(value)` under the lock and returns what it returns. No reference to the value may
    /// leave.
    template <typename Use>
    auto with(Use&& use) {
        const std::lock_guard lock(mutex_);
        return std::forward<Use>(use)(value_);
    }

    template <typename Use>
    auto with(Use&& use) const {
        const std::lock_guard lock(mutex_);
        return std::forward<Use>(use)(static_cast<const T&>(value_));
    }

  private:
    mutable std::mutex mutex_;
    T value_;
};

}  // namespace base
