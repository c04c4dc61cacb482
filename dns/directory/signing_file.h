#pragma once

// The public part of signed domains' keys as a part of the directory's file (directory_file.h).
// Private keys are in none of these files. And the file of signatures: what a start need not sign
// again, and can serve while the database is away.
//
// Thread rule: any thread.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dns/directory/byte_format.h"
#include "dns/dnssec/key_store.h"
#include "dns/dnssec/signature_cache.h"

namespace dns {

void put_signing(ByteWriter& out, const std::vector<dnssec::StoredKeys>& signing);

/// What does not check out makes the reader fail.
[[nodiscard]] std::vector<dnssec::StoredKeys> take_signing(ByteReader& in);

/// Signatures with less than this left are in no file (DESIGN section 6).
inline constexpr std::int64_t kSignatureLeftMinS = std::int64_t{3} * 86400;

/// Signatures of zones by the zone's name: what a restart need not make anew.
using SignatureCaches = std::map<std::string, dnssec::SignatureCache, std::less<>>;

void put_signatures(ByteWriter& out, const SignatureCaches& caches, std::int64_t now_s);

/// Those that hold long enough.
[[nodiscard]] SignatureCaches take_signatures(ByteReader& in, std::int64_t now_s);

}  // namespace dns
