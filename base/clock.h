#pragma once

// Time. Waits and leases run on the monotonic clock, which knows neither leap seconds nor
// operators; wall time is for what people and other machines read. No other file asks the system
// for the time.
//
// Thread rule: any thread.

#include <chrono>
#include <cstdint>
#include <string>

namespace base {

using Instant = std::chrono::steady_clock::time_point;
using Duration = std::chrono::nanoseconds;

[[nodiscard]] Instant monotonic_now() noexcept;

/// Microseconds since 1970-01-01 00:00:00 UTC.
[[nodiscard]] std::int64_t wall_us() noexcept;

/// "2026-11-22T12:00:00.123Z", RFC 3339, from microseconds since the epoch.
[[nodiscard]] std::string format_utc(std::int64_t epoch_us);

/// A moment on the monotonic clock by which something must have happened. Passed on by value down
/// a chain of waits, so that the whole chain, not each link, has the bound.
class Deadline {
  public:
    explicit constexpr Deadline(Instant at) noexcept : at_(at) {}

    /// Now plus `span`; a negative span has passed already. Spans beyond 100 years are cut there.
    [[nodiscard]] static Deadline after(Duration span) noexcept;

    [[nodiscard]] constexpr Instant at() const noexcept { return at_; }

    /// What is left; never negative.
    [[nodiscard]] Duration remaining() const noexcept;

    [[nodiscard]] bool passed() const noexcept;

    /// The earlier of both.
    [[nodiscard]] constexpr Deadline sooner(Deadline other) const noexcept {
        return at_ < other.at_ ? *this : other;
    }

  private:
    Instant at_;
};

}  // namespace base
