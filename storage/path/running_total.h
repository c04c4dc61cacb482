#pragma once

// RunningTotal: a counter of the metrics that follows a number which somebody else counts up.
//
// Thread rule: one thread at a time. The counter is the process's and outlives all.

#include <cstdint>

#include "base/metrics.h"

namespace storage {

/// See the top of this file.
class RunningTotal {
  public:
    explicit RunningTotal(base::Counter& counter) : counter_(&counter) {}

    /// A number below the last one is that of a successor, which began at 0.
    void follow(std::uint64_t total) noexcept {
        counter_->add(total < seen_ ? total : total - seen_);
        seen_ = total;
    }

  private:
    base::Counter* counter_;
    std::uint64_t seen_ = 0;
};

}  // namespace storage
