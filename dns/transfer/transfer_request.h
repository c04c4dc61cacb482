#pragma once

// TransferRequest: an AXFR or IXFR query (RFC 5936 2.1, RFC 1995 3) as it was read from a packet
// without TSIG (strip_tsig() first).
//
// Pure, bounded, no allocation. Any thread. Borrowed: the question, from the packet.

#include <cstdint>
#include <span>

#include "dns/wire.h"

namespace dns::transfer {

/// See the top of this file.
struct TransferRequest {
    std::uint16_t id = 0;
    RrType type = RrType::Axfr;
    bool has_opt = false;
    std::uint32_t serial = 0;             ///< IXFR: what the client has
    std::span<const std::byte> question;  ///< name, type and class, as sent
    WireName name;  // NOLINT(cppcoreguidelines-pro-type-member-init): see WireName
};

/// What a packet is to transfers.
enum class RequestKind : std::uint8_t {
    Other,      ///< no query for a transfer: an ordinary one, or nothing that we know
    Malformed,  ///< FORMERR
    Transfer,
};

/// Reads a request; it is set only for Transfer.
[[nodiscard]] RequestKind read_transfer_request(std::span<const std::byte> packet,
                                                TransferRequest& request) noexcept;

}  // namespace dns::transfer
