#pragma once

// The Content-* fields of one part's header (RFC 2045 5.1, 6.1, 7, 8; RFC 2183; RFC 3282; RFC
// 2557), as structure.h keeps them. Used by the structure parser alone.
//
// Lax: a Content-Type that cannot be read is as if it were absent. Thread rule: pure functions.

#include <optional>
#include <string>
#include <string_view>

#include "mail/header.h"
#include "mail/structure.h"

namespace mail {

/// `digest_child`: a part of a multipart/digest, whose default type is message/rfc822 (RFC 2046
/// 5.1.5).
[[nodiscard]] PartInfo read_part_info(const Header& header, bool digest_child);

/// Of a Content-Transfer-Encoding value; absent is Identity.
[[nodiscard]] TransferEncoding transfer_encoding(const std::optional<std::string>& value) noexcept;

}  // namespace mail
