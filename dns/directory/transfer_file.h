#pragma once

// The configuration of transfers as a part of the directory's file (directory_file.h). It holds the
// secrets of keys, as the file holds the steering key: the file is its owner's alone (0600).
//
// Thread rule: any thread.

#include "dns/directory/byte_format.h"
#include "dns/transfer/transfer_config.h"

namespace dns {

void put_transfer_config(ByteWriter& out, const transfer::TransferConfig& config);

/// What does not check out makes the reader fail.
[[nodiscard]] transfer::TransferConfig take_transfer_config(ByteReader& in);

}  // namespace dns
