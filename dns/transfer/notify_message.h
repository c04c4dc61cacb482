#pragma once

// The packets of NOTIFY (RFC 1996): what we send when a zone has changed, and what comes back.
//
// Pure, bounded. Any thread.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dns/transfer/published_zone.h"
#include "dns/tsig.h"

namespace dns::transfer {

/// Opcode NOTIFY in the second word of the header.
inline constexpr std::uint16_t kFlagNotify = 4U << 11U;

struct NotifyMessage {
    std::vector<std::byte> packet;
    Mac mac;  ///< of its TSIG, if it has one: what the answer must be signed over
};

/// NOTIFY for a zone with its SOA as a hint (RFC 1996 3.7), signed with `key` unless that is null.
[[nodiscard]] NotifyMessage notify_message(const PublishedZone& zone,
                                           std::uint16_t id,
                                           const TsigKey* key,
                                           std::uint64_t now_s);

/// An answer to a NOTIFY; its signature is not judged here (verify_tsig_answer).
struct NotifyAnswer {
    std::uint16_t id = 0;
    std::uint16_t rcode = 0;
    Name zone;
};

/// None: it is no answer to a NOTIFY.
[[nodiscard]] std::optional<NotifyAnswer> read_notify_answer(std::span<const std::byte> packet);

}  // namespace dns::transfer
