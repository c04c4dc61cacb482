#pragma once

// The denial of a name that does not exist in a zone with compact denial (RFC 9824 3.1), written
// into an answer: the NSEC record at that name that says "there is nothing here but this record",
// and the RRSIG records over it from signatures that are at hand.
//
// The octets that are signed (dnssec/denial.h: compact_no_name()) and those that are written here
// are the same; a test compares them.
//
// Thread rule: any thread; no allocation. Errors: none but that it does not fit.

#include <cstddef>
#include <cstdint>
#include <span>

#include "dns/dnssec/denial_cache.h"
#include "dns/limits.h"
#include "dns/message.h"
#include "dns/wire.h"

namespace dns {

/// What the records are about. Borrowed.
struct CompactDenial {
    const WireName& name;
    std::uint16_t owner;              ///< where the name stands in the message
    std::span<const std::byte> apex;  ///< of the zone, in wire form
    std::uint32_t ttl;
    const dnssec::DenialSignatures& signatures;
};

/// Writes the name that follows at once (dnssec::next_name()); gives its size. The name is below
/// the apex, which has `apex_labels` labels.
std::size_t write_next_name(const WireName& name,
                            std::size_t apex_labels,
                            std::span<std::byte, kNameMax> out) noexcept;

/// False if it does not fit; records may then be half written.
[[nodiscard]] bool write_compact_denial(const CompactDenial& denial,
                                        Section section,
                                        Message& message) noexcept;

}  // namespace dns
