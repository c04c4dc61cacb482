#pragma once

// MessageId: our own name of a stored message, 128 bits, in the layout of a version 7 UUID (RFC
// 9562 5.7): 48 bits of Unix time in milliseconds, version 7, 12 random bits, variant 2, 62 random
// bits. It is not the Message-ID header field.
//
// Ids sort by time, first octet first, in C++ as in PostgreSQL's uuid type, so that tables can be
// partitioned by range of id. The clock and the random bits come from the caller: this room has
// neither.
//
// Thread rule: an immutable value.

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/uuid.h"

namespace mail {

static_assert(base::Uuid::kBytes == 16);

/// The 74 random bits of an id. Bits above the stated width are ignored.
struct MessageIdRandom {
    std::uint16_t high = 0;  ///< 12 bits
    std::uint64_t low = 0;   ///< 62 bits
};

/// See the top of this file. The default value is the nil id, which names no message.
class MessageId {
  public:
    static constexpr std::size_t kSize = 16;
    static constexpr std::size_t kTextSize = 36;

    constexpr MessageId() noexcept = default;

    /// `unix_ms`: milliseconds since 1970, the low 48 bits count (enough until the year 10889).
    [[nodiscard]] static MessageId make(std::uint64_t unix_ms, MessageIdRandom random) noexcept;

    /// The smallest id of that millisecond: the border of a partition or of a range of time.
    [[nodiscard]] static MessageId first_of(std::uint64_t unix_ms) noexcept;

    /// Big-endian octets, as in a frame, a uuid column or a bytea. Any 16 octets are taken.
    [[nodiscard]] static MessageId from_bytes(std::span<const std::byte, kSize> bytes) noexcept;

    /// "0190b6c1-7f3a-7c2e-9d51-0123456789ab", either case. Anything else: Invalid.
    [[nodiscard]] static base::Result<MessageId> parse(std::string_view text);

    /// Any uuid is taken: base::Uuid::time_ordered() makes the ids of a running agent.
    [[nodiscard]] static MessageId from_uuid(const base::Uuid& uuid) noexcept;

    /// Lower case, with hyphens, 36 characters.
    [[nodiscard]] std::string text() const;

    [[nodiscard]] const std::array<std::byte, kSize>& bytes() const noexcept {
        return uuid_.bytes();
    }

    [[nodiscard]] const base::Uuid& uuid() const noexcept { return uuid_; }

    [[nodiscard]] std::uint64_t unix_ms() const noexcept;

    [[nodiscard]] bool is_nil() const noexcept { return uuid_.is_nil(); }

    friend auto operator<=>(const MessageId&, const MessageId&) noexcept = default;

  private:
    base::Uuid uuid_;
};

}  // namespace mail

/// Ids can be keys of unordered containers.
template <>
struct std::hash<mail::MessageId> {
    std::size_t operator()(const mail::MessageId& id) const noexcept;
};
