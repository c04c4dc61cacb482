#pragma once

// The files from which a name server starts when PostgreSQL is away: the directory and the trims of
// the steering (the addresses: account_format.h). Versioned, checksummed, replaced whole
// (base::write_file_atomic).
//
//   snapshot/directory   what is configured, with the last good records of a domain whose present
//                        ones are refused
//   snapshot/trims       what steering has learnt of the servers
//   snapshot/health      which servers were up, and when that was so
//   snapshot/signatures  signatures of zones; no private key is in any file
//
// Frame of each: magic "RTDNSNP1", kind (u8), CRC32C of the body (u32), size of the body (u64), the
// body. Numbers little-endian; texts and lists with a u32 length before them. A body is the fields
// of its struct in the order of directory.h; a format that changes takes another magic. A file that
// does not check out is Corrupt and not used.
//
// Thread rule: encode and decode are pure; save and load block.

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "dns/directory/directory.h"
#include "dns/directory/signing_file.h"
#include "dns/steering/engine.h"

namespace dns {

/// Domains have `serials` (of their places) instead of their own, as far as there are.
[[nodiscard]] std::string encode_directory(const Directory& directory,
                                           std::span<const std::uint32_t> serials = {});
[[nodiscard]] base::Result<Directory> decode_directory(std::string_view bytes);

/// The trims of both pools.
struct SavedTrims {
    std::vector<steering::SavedTrim> mail;
    std::vector<steering::SavedTrim> access;

    bool operator==(const SavedTrims&) const = default;
};

[[nodiscard]] std::string encode_trims(const SavedTrims& trims);
[[nodiscard]] base::Result<SavedTrims> decode_trims(std::string_view bytes);

/// The health of both pools' servers as it was at `saved_us` (microseconds since 1970).
struct SavedPoolHealth {
    std::int64_t saved_us = 0;
    std::vector<steering::SavedHealth> mail;
    std::vector<steering::SavedHealth> access;

    bool operator==(const SavedPoolHealth&) const = default;
};

[[nodiscard]] std::string encode_health(const SavedPoolHealth& health);
[[nodiscard]] base::Result<SavedPoolHealth> decode_health(std::string_view bytes);

/// `now_s`: since 1970; signatures that end soon are left out.
[[nodiscard]] std::string encode_signatures(const SignatureCaches& caches, std::int64_t now_s);
[[nodiscard]] base::Result<SignatureCaches> decode_signatures(std::string_view bytes,
                                                              std::int64_t now_s);

}  // namespace dns
