#pragma once

// ByteRate: holds a background work to so many octets a second. What was used is booked after the
// fact, because nobody knows the size of a file before it was read; the next one waits until that
// is paid for. So the bound holds over any time that is long against one file.
//
// Thread rule: loop thread only; wait() from a fiber.

#include <cstdint>

#include "base/clock.h"
#include "base/result.h"

namespace storage {

/// See the top of this file.
class ByteRate {
  public:
    /// Octets a second; at least 1.
    explicit ByteRate(std::uint64_t per_second) noexcept;

    void set_per_second(std::uint64_t per_second) noexcept;

    [[nodiscard]] std::uint64_t per_second() const noexcept { return per_second_; }

    /// Books octets that were read.
    void use(std::uint64_t bytes) noexcept;

    /// How long until what was used is paid for.
    [[nodiscard]] base::Duration due() const noexcept;

    /// Waits that long. Errors: Cancelled.
    [[nodiscard]] base::Status wait() const;

  private:
    std::uint64_t per_second_;
    base::Instant paid_at_;
};

}  // namespace storage
