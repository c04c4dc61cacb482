#pragma once

// The data of records as updates bring it: checked field by field, names made whole. Only data that
// has passed here is shown to ldns, which is not safe with octets of strangers.
//
// Types that ldns does not know are taken as they are (RFC 3597); those that it knows and that are
// not in the table here are not taken at all.
//
// Pure; any thread. Bounded by the data. Sources: RFC 1035 3.3, RFC 3597 4 (which names may be
// compressed), and the RFC of each type, in the table.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace dns::update {

enum class DataVerdict : std::uint8_t {
    Good,
    Malformed,  ///< FORMERR
    NotTaken,   ///< a type that updates do not write
};

/// Reads `size` octets of data at `at` of a message, in a record of `type`, into `data`:
/// uncompressed, names in the case that was sent.
[[nodiscard]] DataVerdict read_record_data(std::span<const std::byte> message,
                                           std::size_t at,
                                           std::size_t size,
                                           std::uint16_t type,
                                           std::string& data);

/// The data with its names in lower case: equal records have equal octets (RFC 2136 1.1.1). Data
/// that no record of this type can have is given back as it is.
[[nodiscard]] std::string comparable_data(std::uint16_t type, std::string_view data);

}  // namespace dns::update
