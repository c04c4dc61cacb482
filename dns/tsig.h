#pragma once

// TSIG (RFC 8945): messages signed with a shared key. Reads the TSIG of a packet and judges it, and
// signs messages: answers, the messages of a transfer, and requests of our own (NOTIFY).
//
// Pure: the time is the caller's. No allocation and no lock in verify_tsig() and TsigSigner, so
// that both may run on a UDP thread. Byte order: numbers in host order. Times: seconds since 1970,
// UTC.
//
// Decided here: a MAC must be as long as its algorithm's code. RFC 8945 5.2.2.1 lets a server ask
// for that; a shorter one that verifies gets BADTRUNC. HMAC-MD5, HMAC-SHA1 and GSS-TSIG are unknown
// algorithms (BADKEY). The name of a key and that of its algorithm are never compressed; a message
// that does it is malformed.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dns/hmac.h"
#include "dns/name.h"
#include "dns/wire.h"

namespace dns {

/// RFC 8945 10 recommends 300 s.
inline constexpr std::uint16_t kTsigFudge = 300;

/// Errors of the TSIG record, RFC 8945 3.
enum class TsigError : std::uint16_t {
    None = 0,
    BadSig = 16,
    BadKey = 17,
    BadTime = 18,
    BadTrunc = 22,
};

/// NOTAUTH: the header's RCODE with any of these errors (RFC 8945 5.2).
inline constexpr auto kRcodeNotAuth = static_cast<Rcode>(9);

/// "hmac-sha256" and so on, as in zone and key files. Invalid for anything else.
[[nodiscard]] base::Result<HmacAlgorithm> tsig_algorithm(std::string_view text);
[[nodiscard]] std::string_view tsig_algorithm_text(HmacAlgorithm algorithm) noexcept;

/// The algorithm's name in wire form, lower case (RFC 8945 6).
[[nodiscard]] std::span<const std::byte> tsig_algorithm_wire(HmacAlgorithm algorithm) noexcept;

/// A key with the name that both sides know it by.
struct TsigKey {
    Name name;
    HmacKey hmac;

    bool operator==(const TsigKey&) const = default;
};

/// Keys by name. Immutable once made; any thread. Names are unique: of two the first counts.
class TsigKeys {
  public:
    TsigKeys() = default;
    explicit TsigKeys(std::vector<TsigKey> keys);

    /// `name` in lower case wire form; null if it is none of ours. Borrowed.
    [[nodiscard]] const TsigKey* find(std::span<const std::byte> name) const noexcept;

    [[nodiscard]] bool empty() const noexcept { return keys_.empty(); }

    bool operator==(const TsigKeys&) const = default;

  private:
    std::vector<TsigKey> keys_;  // ascending names
};

/// What a packet's TSIG is worth, and what RFC 8945 5.2 answers to it.
enum class TsigVerdict : std::uint8_t {
    Absent,     ///< the packet carries no TSIG
    Good,       ///< signed by `key`, in time
    Malformed,  ///< FORMERR, and nothing of TSIG in the answer (RFC 8945 5.2)
    BadKey,     ///< NOTAUTH, with a TSIG that is not signed
    BadSig,     ///< the same
    BadTime,    ///< NOTAUTH, signed, with our time (RFC 8945 5.2.3)
    BadTrunc,   ///< NOTAUTH, signed
};

/// A TSIG record as it was read. `key` is set unless the verdict is Absent, Malformed or BadKey.
struct TsigRecord {
    const TsigKey* key = nullptr;  ///< borrowed from the keys
    std::size_t message_size = 0;  ///< octets of the packet before the record
    std::uint64_t time_signed = 0;
    std::uint16_t fudge = 0;
    std::uint16_t original_id = 0;
    std::uint16_t error = 0;
    Mac mac;
    WireName name;       // NOLINT(cppcoreguidelines-pro-type-member-init): see WireName
    WireName algorithm;  // NOLINT(cppcoreguidelines-pro-type-member-init): see WireName
};

/// Judges a request's TSIG. Bounded by the packet.
[[nodiscard]] TsigVerdict verify_tsig(const TsigKeys& keys,
                                      std::span<const std::byte> packet,
                                      std::uint64_t now_s,
                                      TsigRecord& record) noexcept;

/// Judges the TSIG of the answer to a request that `key` has signed with `request_mac`. Anything
/// but Good (an error that the server reports included) is no answer to be believed.
[[nodiscard]] TsigVerdict verify_tsig_answer(const TsigKey& key,
                                             std::span<const std::byte> request_mac,
                                             std::span<const std::byte> packet,
                                             std::uint64_t now_s) noexcept;

/// Copies the packet without its TSIG record into `out` (at least message_size octets): ARCOUNT one
/// less and the ID that was signed. Gives the copy.
[[nodiscard]] std::span<std::byte> strip_tsig(std::span<const std::byte> packet,
                                              const TsigRecord& record,
                                              std::span<std::byte> out) noexcept;

/// Octets of the TSIG record that a signer of this key appends, at most.
[[nodiscard]] std::size_t tsig_record_size(const TsigKey& key) noexcept;

namespace detail {
struct TsigFields;
}  // namespace detail

/// Signs messages with one key. For an answer it starts from the request; each further message of
/// the same answer (a transfer) is chained to the one before (RFC 8945 5.3.1), and each is signed.
class TsigSigner {
  public:
    /// Of requests: each is signed for itself.
    explicit TsigSigner(const TsigKey& key) noexcept : key_(&key) {}

    /// Of the answer to `request`, whose key is set.
    explicit TsigSigner(const TsigRecord& request) noexcept
        : key_(request.key), prior_(request.mac), has_prior_(true) {}

    /// Appends the TSIG record to the message in the first `size` octets of `buffer`, which has
    /// room for it (tsig_record_size), and counts it. Gives the new size.
    [[nodiscard]] std::size_t sign(std::span<std::byte> buffer,
                                   std::size_t size,
                                   std::uint64_t now_s) noexcept;

    /// The same for an answer that says BadTime or BadTrunc: the request's time, ours beside it.
    [[nodiscard]] std::size_t sign_error(std::span<std::byte> buffer,
                                         std::size_t size,
                                         TsigError error,
                                         const TsigRecord& request,
                                         std::uint64_t now_s) noexcept;

    /// The code of the last message.
    [[nodiscard]] const Mac& mac() const noexcept { return prior_; }

    [[nodiscard]] const TsigKey& key() const noexcept { return *key_; }

  private:
    [[nodiscard]] std::size_t append(std::span<std::byte> buffer,
                                     std::size_t size,
                                     const detail::TsigFields& fields) noexcept;

    const TsigKey* key_;
    Mac prior_;
    bool has_prior_ = false;
    bool first_ = true;
};

/// The answer to a request whose verdict is neither Absent nor Good, into `out` (at least
/// kUdpResponseMax octets): header and question of the packet, RCODE, TSIG as the verdict asks for.
/// Gives its size; 0 where there is nothing to answer (no whole header, or a response).
[[nodiscard]] std::size_t answer_tsig_error(std::span<const std::byte> packet,
                                            TsigVerdict verdict,
                                            const TsigRecord& record,
                                            std::uint64_t now_s,
                                            std::span<std::byte> out) noexcept;

}  // namespace dns
