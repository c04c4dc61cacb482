#pragma once

// Fd: unique ownership of a file descriptor. Closes it when destroyed; -1 is "none".
//
// Thread rule: a value; one thread at a time. The error of close() is ignored on purpose: whoever
// cares about durability calls fsync first (base/file.h), and the number is gone in either case.

#include <utility>

namespace base {

class Fd {
  public:
    Fd() noexcept = default;

    explicit Fd(int number) noexcept : number_(number) {}

    ~Fd() { reset(); }

    Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}

    Fd& operator=(Fd&& other) noexcept {
        if (this != &other) {
            reset();
            number_ = std::exchange(other.number_, -1);
        }
        return *this;
    }

    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;

    [[nodiscard]] int get() const noexcept { return number_; }

    explicit operator bool() const noexcept { return number_ >= 0; }

    /// Gives the number away, into a call that takes over ownership.
    [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }

    void reset() noexcept;

  private:
    int number_ = -1;
};

}  // namespace base
