#pragma once

// Columns and parameters that several statements of the catalog have. Thread rule: functions of
// their arguments.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/db.h"
#include "base/result.h"
#include "storage/catalog/catalog.h"

namespace storage {

/// "active" and so on; anything else is Lost.
[[nodiscard]] ReplicaState replica_state_of(std::string_view text) noexcept;

/// Four columns of arrays: store ids, generations, states, durable lengths; null: none. Corrupt.
[[nodiscard]] base::Result<std::vector<ReplicaPlace>> replica_places(const base::Row& row,
                                                                     int first);

/// As catalog.note_segments() takes it.
[[nodiscard]] std::string describe(std::span<const SegmentNote> segments);

}  // namespace storage
