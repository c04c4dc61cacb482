#pragma once

// Reads how servers are probed from PostgreSQL, inside the transaction that reads the rest of the
// directory.
//
// Thread rule: that of the transaction; it blocks. Errors: those of base/db.h, and Invalid for rows
// that make no sense.

#include <vector>

#include "base/db.h"
#include "dns/directory/probe_config.h"

namespace dns {

/// The pools' own before those of servers, each in the order of ids.
[[nodiscard]] base::Result<std::vector<ProbeConfig>> read_probes(base::Tx& tx);

}  // namespace dns
