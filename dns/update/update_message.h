#pragma once

// UPDATE messages (RFC 2136 2): read, and checked as far as the message alone tells. The packet has
// been signed by a key of ours and is without its TSIG record.
//
// Only the class of the zone, ANY and NONE are taken as classes of records, each where RFC 2136
// gives it a meaning; the zone's own class is IN. All else is FORMERR here, before anything looks
// at zone data (what BIND had to learn: CVE-2026-5946). Records of the additional section are of no
// use and skipped, but for OPT.
//
// Pure; any thread; bounded by the packet.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dns/name.h"
#include "dns/tsig.h"
#include "dns/wire.h"

namespace dns::update {

// RFC 2136 2.2; kRcodeNotAuth is in dns/tsig.h.
inline constexpr auto kRcodeYxRrset = static_cast<Rcode>(7);
inline constexpr auto kRcodeNxRrset = static_cast<Rcode>(8);
inline constexpr auto kRcodeNotZone = static_cast<Rcode>(10);

/// A record of the prerequisite or the update section.
struct UpdateRecord {
    Name owner;
    std::uint16_t type = 0;
    RrClass rr_class = RrClass::In;
    std::uint32_t ttl = 0;  ///< RFC 2181 8: one with the highest bit is 0
    std::string data;       ///< uncompressed; only of classes IN and NONE
    bool taken = true;      ///< false: of a type that updates do not write (record_layout.h)
};

/// A whole message.
struct UpdateRequest {
    Name zone;
    std::vector<UpdateRecord> prerequisites;
    std::vector<UpdateRecord> updates;
};

/// What came of reading. `request` is whole if `rcode` is NoError.
struct UpdateReading {
    Rcode rcode = Rcode::NoError;
    std::string_view reason;  ///< of another rcode, for the log
    UpdateRequest request;
};

/// `packet`: at least a header, of an UPDATE.
[[nodiscard]] UpdateReading read_update(std::span<const std::byte> packet);

/// The answer to an update: header, and the zone section as it was sent if that and `reserved`
/// octets for the signature fit 512 octets, which every client takes. Not signed yet. `packet`: at
/// least a header; `out`: at least kUdpPlainMax octets. Gives the size.
[[nodiscard]] std::size_t write_update_answer(std::span<const std::byte> packet,
                                              Rcode rcode,
                                              std::size_t reserved,
                                              std::span<std::byte> out) noexcept;

}  // namespace dns::update
