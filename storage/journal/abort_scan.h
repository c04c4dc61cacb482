#pragma once

// Which messages a segment says were refused: what a rebuild must know of all segments before it
// delivers any message, because an abort frame may lie in a later segment than its message.
//
// Thread rule: loop thread, from a fiber.

#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "mail/message_id.h"
#include "storage/journal/journal_reader.h"
#include "storage/mirror/recovery.h"
#include "storage/path/storage_server_set.h"

namespace storage {

/// The seal of a copy, by what its last octets say; its frames are not read. Errors: Corrupt (it
/// does not end in one), those of StorageServerClient::read and stat.
[[nodiscard]] base::Result<Seal> read_seal(StorageServerSet& servers,
                                           const SegmentId& segment,
                                           const SegmentCopy& copy,
                                           base::Deadline deadline);

/// By the seal of one copy, or by all frames of all copies if none has one. What no copy has good
/// is passed over. Errors: Unavailable (no copy could be read now), Cancelled.
[[nodiscard]] base::Result<std::vector<mail::MessageId>> find_aborted(StorageServerSet& servers,
                                                                      const SegmentPlaces& segment,
                                                                      base::Deadline deadline);

}  // namespace storage
