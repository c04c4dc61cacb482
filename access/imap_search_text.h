#pragma once

// From the octets of a message to the text that SEARCH compares. Pure; any thread; takes time in
// proportion to the message.

#include <string_view>

#include "access/imap_search.h"

namespace accessd {

/// A Field key on a summary: Unknown if the summary does not keep that field, or cut it.
[[nodiscard]] Truth summary_holds(const SearchNode& node, const mail::Summary& summary);

}  // namespace accessd
