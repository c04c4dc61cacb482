#pragma once

// Strong 128-bit ids of storage: segments, storage servers, mail servers. All have the octets and
// the text of a UUID (RFC 9562); those we make ourselves are version 7, so that they sort by time.
// They are types of their own, so that a segment is never looked up under a server's id.
//
// Thread rule: immutable values. Byte order: as a UUID, first octet first.

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/uuid.h"

namespace storage {

/// See the top of this file. The default value is the nil id, which names nothing.
template <typename Tag>
class StrongUuid {
  public:
    constexpr StrongUuid() noexcept = default;

    explicit constexpr StrongUuid(const base::Uuid& value) noexcept : value_(value) {}

    /// "0190b6c1-7f3a-7c2e-9d51-0123456789ab", either case. Anything else: Invalid.
    [[nodiscard]] static base::Result<StrongUuid> parse(std::string_view text) {
        base::Result<base::Uuid> value = base::Uuid::parse(text);
        if (!value) {
            return std::move(value).take_error();
        }
        return StrongUuid(value.value());
    }

    [[nodiscard]] const base::Uuid& uuid() const noexcept { return value_; }

    [[nodiscard]] const std::array<std::byte, base::Uuid::kBytes>& bytes() const noexcept {
        return value_.bytes();
    }

    /// Lower case, with hyphens, 36 characters.
    [[nodiscard]] std::string text() const { return value_.to_text(); }

    [[nodiscard]] bool is_nil() const noexcept { return value_.is_nil(); }

    friend auto operator<=>(const StrongUuid&, const StrongUuid&) noexcept = default;

  private:
    base::Uuid value_;
};

/// One segment, in all its copies and generations.
using SegmentId = StrongUuid<struct SegmentIdTag>;
/// A storage server (row of directory.storage_server), as its identity file says it.
using StorageServerId = StrongUuid<struct StorageServerIdTag>;
/// A mail server (row of directory.mail_server).
using MailServerId = StrongUuid<struct MailServerIdTag>;

/// Where a frame is: enough to read it, given the segment's header. `offset` and `length` are
/// octets of the file; `length` counts the whole frame.
struct FrameLocation {
    SegmentId segment;
    std::uint64_t offset = 0;
    std::uint32_t length = 0;

    friend bool operator==(const FrameLocation&, const FrameLocation&) = default;
};

}  // namespace storage

/// So that ids are keys of unordered containers.
template <typename Tag>
struct std::hash<storage::StrongUuid<Tag>> {
    std::size_t operator()(const storage::StrongUuid<Tag>& id) const noexcept {
        return std::hash<base::Uuid>()(id.uuid());
    }
};
