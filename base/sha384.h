#pragma once

// SHA-384 in one go: for what others have digested by it (DS records, RFC 6605 2). A header of its
// own beside base/hash.h, whose implementation it shares, because next to nobody needs it.
//
// Thread rule: any thread. Errors: none.

#include <array>
#include <cstddef>
#include <span>

namespace base {

using Digest384 = std::array<std::byte, 48>;

[[nodiscard]] Digest384 sha384(std::span<const std::byte> bytes);

}  // namespace base
