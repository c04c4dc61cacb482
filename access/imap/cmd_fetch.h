#pragma once

// What FETCH sends, for others than FETCH. Thread rule: the fiber of the session.

#include <cstdint>
#include <span>

#include "access/imap/session.h"
#include "access/imap_fetch_items.h"

namespace accessd {

/// Sends FETCH responses of these messages of the selected mailbox. None of `items` may set \Seen.
/// A message that cannot be read is passed over and counted. Errors: Cancelled.
[[nodiscard]] base::Status fetch_unasked(ImapSession& session,
                                         const FetchItems& items,
                                         std::span<const std::uint32_t> indexes);

}  // namespace accessd
