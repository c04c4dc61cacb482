#pragma once

// Counter: a count that one thread raises and others read.

#include <atomic>
#include <cstdint>

namespace dns {

/// No lock prefix: there is one writer.
class Counter {
  public:
    void add(std::uint64_t count = 1) noexcept {
        value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    }

    [[nodiscard]] std::uint64_t value() const noexcept {
        return value_.load(std::memory_order_relaxed);
    }

  private:
    std::atomic<std::uint64_t> value_{0};
};

}  // namespace dns
