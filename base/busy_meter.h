#pragma once

// BusyMeter: which share of the last seconds a loop was busy. Time comes in as numbers, so it is
// tested without a clock.
//
// Thread rule: one writer (the loop thread), readers on any thread.
// Units: nanoseconds of any monotonic clock, above zero.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace base {

class BusyMeter {
  public:
    static constexpr std::uint64_t kSlotNs = 500'000'000;
    static constexpr std::size_t kSlots = 16;    ///< memory: 8 s
    static constexpr std::uint64_t kWindow = 8;  ///< whole slots that count: 4 s

    /// Busy from here; calls while busy are ignored.
    void begin(std::uint64_t now_ns) noexcept {
        if (since_.load(std::memory_order_relaxed) == 0) {
            since_.store(now_ns, std::memory_order_relaxed);
        }
    }

    [[nodiscard]] bool is_busy() const noexcept {
        return since_.load(std::memory_order_relaxed) != 0;
    }

    void end(std::uint64_t now_ns) noexcept;

    /// 0.0 to 1.0 over the window that ends now. A stretch that still lasts counts: a loop that
    /// hangs in a callback reads 1.
    [[nodiscard]] double share(std::uint64_t now_ns) const noexcept;

  private:
    // Slot number in the upper 40 bits, busy microseconds in the lower 24.
    std::array<std::atomic<std::uint64_t>, kSlots> slots_{};
    std::atomic<std::uint64_t> since_{0};
};

}  // namespace base
