#pragma once

// The canonical form of RRsets: what signatures and digests are made over (RFC 4034 6). TTLs in
// seconds; record data in wire form without compression, as in dns::RecordSet.
//
// Pure. Any thread. Not for the answer path: every call allocates.
// Errors: Invalid if record data ends inside one of its names. Data that a Zone holds never does.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dns/name.h"

namespace dns::dnssec {

/// The data with its names in lower case where RFC 4034 6.2 (3) lists the type; of types that came
/// later names are kept as they are (RFC 3597 7). RFC 6840 5.1: not the next name of NSEC.
[[nodiscard]] base::Result<std::string> canonical_data(std::uint16_t type, std::string_view data);

/// All data of an RRset in canonical form and order, each once (RFC 4034 6.3).
[[nodiscard]] base::Result<std::vector<std::string>> canonical_set(
    std::uint16_t type, const std::vector<std::string>& data);

/// Octets of an RRset as they are signed (RFC 4034 3.1.8.1): each record with its owner, and
/// `ttl`, which is the original one. `data` from canonical_set().
[[nodiscard]] std::string canonical_records(const Name& owner,
                                            std::uint16_t type,
                                            std::uint32_t ttl,
                                            const std::vector<std::string>& data);

/// The owner that the signature of a record with this owner is made over, if an answer's record
/// was made from a wildcard (RFC 4035 5.3.2): "*" below the last `labels` labels. The name itself
/// if it has no more labels than that.
[[nodiscard]] Name signed_owner(const Name& owner, std::uint8_t labels);

/// The Labels field (RFC 4034 3.1.3): without the root and without a leading "*".
[[nodiscard]] std::uint8_t signed_labels(const Name& owner) noexcept;

void put_u16(std::string& out, std::uint16_t value);
void put_u32(std::string& out, std::uint32_t value);
void put_name(std::string& out, const Name& name);

}  // namespace dns::dnssec
