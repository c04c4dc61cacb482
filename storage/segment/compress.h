#pragma once

// zstd for messages in frames: the one door to libzstd.
// Thread rule: any thread. Limits: never more than the stated octets come out.

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "storage/segment/frame.h"

namespace storage {

/// Compressed at level 1, or nothing if that gains less than an eighth or fails.
[[nodiscard]] std::optional<std::string> compress(std::string_view octets);

/// Exactly `octets` octets come out, or Corrupt.
[[nodiscard]] base::Result<std::string> decompress(std::string_view compressed, std::size_t octets);

/// Compresses the message of a frame ahead, where that may take its time: a large one keeps a loop
/// busy when the encoder does it. One that does not gain is left as it is.
void compress_ahead(FrameInput& frame);

/// The octet-exact message of a frame, decompressed if need be. Errors: Corrupt.
[[nodiscard]] base::Result<std::string> message_octets(const FrameView& frame);

}  // namespace storage
