#pragma once

// SignatureCache: signatures of one zone by what they were made over, so that what did not change
// need not be signed again: after an edit, and after a start (the cache is kept in a file).
//
// Thread rule: a value; one thread at a time. Moments are seconds since 1970.

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "dns/dnssec/key_records.h"
#include "dns/dnssec/rrsig.h"

namespace dns::dnssec {

/// The data of an RRSIG record, and when it holds.
struct KeptSignature {
    std::string data;
    Validity validity;

    bool operator==(const KeptSignature&) const = default;
};

/// See the top of this file.
class SignatureCache {
  public:
    /// Names a key and records: the first 16 octets of SHA-256 over both.
    using Mark = std::array<std::byte, 16>;
    using Signatures = std::map<Mark, KeptSignature>;

    /// `records`: canonical_records() of an RRset.
    [[nodiscard]] static Mark mark_of(const PublicKey& key, std::string_view records);

    /// Null if there is none.
    [[nodiscard]] const KeptSignature* find(const Mark& mark) const;

    void keep(const Mark& mark, KeptSignature signature);

    /// Of the SOA that was signed.
    [[nodiscard]] std::uint32_t serial() const noexcept { return serial_; }

    void set_serial(std::uint32_t serial) noexcept { serial_ = serial; }

    [[nodiscard]] const Signatures& signatures() const noexcept { return signatures_; }

    bool operator==(const SignatureCache&) const = default;

  private:
    Signatures signatures_;
    std::uint32_t serial_ = 0;
};

}  // namespace dns::dnssec
