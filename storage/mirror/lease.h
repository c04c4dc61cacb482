#pragma once

// Lease: notices that this process stood still. Whoever holds one beats it often; if two beats are
// further apart than the lease, it is broken until it is taken anew. Time comes from the caller, by
// the monotonic clock. Thread rule: one thread at a time.

#include <utility>

#include "base/clock.h"

namespace storage {

/// See the top of this file.
class Lease {
  public:
    Lease(base::Duration span, base::Instant now) noexcept : span_(span), last_(now) {}

    /// True if the lease held since the last beat and was not broken before.
    bool beat(base::Instant now) noexcept {
        if (now - std::exchange(last_, now) > span_) {
            broken_ = true;
        }
        return !broken_;
    }

    /// As of the last beat.
    [[nodiscard]] bool is_held() const noexcept { return !broken_; }

    /// Nothing of before the pause is left: the lease holds again.
    void renew() noexcept { broken_ = false; }

  private:
    base::Duration span_;
    base::Instant last_;
    bool broken_ = false;
};

}  // namespace storage
