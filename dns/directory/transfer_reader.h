#pragma once

// Reads the configuration of transfers from PostgreSQL, inside the transaction that reads the rest
// of the directory.
//
// Thread rule: that of the transaction; it blocks. Errors: those of base/db.h, and Invalid for rows
// that make no sense.

#include "base/db.h"
#include "dns/transfer/transfer_config.h"

namespace dns {

[[nodiscard]] base::Result<transfer::TransferConfig> read_transfer_config(base::Tx& tx);

}  // namespace dns
