#pragma once

// Retention: ends what is past it, in small transactions: expunged and quarantined messages, the
// delivery rows of messages that no file holds any more; and counts the dead octets of segments,
// from which the compactor sees what is due. It touches no file.
//
// Thread rule: loop thread, from a fiber.

#include <chrono>
#include <cstdint>

#include "base/clock.h"
#include "base/db.h"
#include "base/result.h"
#include "storage/catalog/compaction.h"

namespace storage {

/// See the top of this file.
class Retention {
  public:
    /// The pool outlives it.
    explicit Retention(base::DbPool& pool) noexcept : pool_(pool) {}

    /// All that is due, or kRoundsMax batches of each. Returns what was purged. Errors: those of
    /// the database; Cancelled.
    [[nodiscard]] base::Result<Purged> run_once();

    static constexpr std::size_t kRoundsMax = 200;

  private:
    [[nodiscard]] base::Result<Purged> purge();
    [[nodiscard]] base::Status empty_quarantine();
    [[nodiscard]] base::Status survey();
    [[nodiscard]] base::Status forget();
    [[nodiscard]] base::Status show_numbers();

    base::DbPool& pool_;
};

}  // namespace storage
