#pragma once

// DNS cookies: proof that a source address is not forged, without a state for each client. The
// server's part is laid out as RFC 9018 4 says, so that name servers of different makers behind one
// address agree:
//
//   version 1 (1 octet) | reserved (3) | time (4, seconds, RFC 1982) | hash (8)
//   hash = SipHash-2-4(secret, client cookie | version | reserved | time | client address)
//
// A cookie is good for an hour, and five minutes into the future for clocks that differ; one older
// than half an hour, or of a secret that is being given up, is replaced by a new one (RFC
// 9018 4.3).
//
// CookieKeys holds the secrets. Without configured ones they are made from the cluster's steering
// key, one for each day of the cookies' own time: all name servers of a cluster agree, and the
// secret rolls over by itself (RFC 7873 7.1 wants it changed). With configured ones the first makes
// cookies and all are accepted: to roll, add the new one last everywhere, then put it first
// everywhere, then take the old one away (RFC 9018 5).
//
// Pure; no clock, no allocation after construction. A CookieKeys belongs to one thread. Times are
// seconds since 1970, modulo 2^32. Errors: none but of parse_cookie_secrets().

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dns/limits.h"
#include "dns/siphash.h"

namespace dns {

/// Client's and server's part, as it goes into an option.
using FullCookie = std::array<std::byte, kFullCookieSize>;

/// What a query's cookie says of its source.
enum class CookieVerdict : std::uint8_t {
    None,        ///< no cookie
    ClientOnly,  ///< the client does not know ours yet
    Bad,         ///< not ours, too old, or from another address
    Valid,       ///< the source is real
};
inline constexpr std::size_t kCookieVerdicts = 4;

/// "none", "client-only", ...: the label of its counter.
[[nodiscard]] std::string_view cookie_verdict_name(CookieVerdict verdict) noexcept;

/// See the top of this file.
class CookieKeys {
  public:
    /// `configured` empty: made from the steering key. At most kCookieSecretsMax count.
    explicit CookieKeys(std::span<const SipKey> configured = {}) noexcept;

    /// Before each batch of queries: makes what is missing. Cheap if neither key nor day changed.
    void refresh(const SipKey& steering_key, std::uint32_t now_s) noexcept;

    /// The secret for a new cookie of that time.
    [[nodiscard]] const SipKey& maker(std::uint32_t time_s) const noexcept;

    /// Those that may have made a cookie of that time; not more than kCookieSecretsMax.
    [[nodiscard]] std::span<const SipKey> candidates(std::uint32_t time_s) const noexcept;

  private:
    [[nodiscard]] std::size_t day_index(std::uint32_t time_s) const noexcept;

    // Configured: the first `count_`. Else those of yesterday, today and tomorrow.
    std::array<SipKey, kCookieSecretsMax> keys_{};
    std::size_t count_ = 0;
    std::optional<std::uint32_t> today_;  // days since 1970
    SipKey steering_key_;
};

/// Judges a cookie of a query (8, or 16 to 40 octets) from `address` (4 or 16 octets) and gives
/// what goes back in `reply`: the same one while it is young, else a new one.
[[nodiscard]] CookieVerdict check_cookie(std::span<const std::byte> cookie,
                                         std::span<const std::byte> address,
                                         std::uint32_t now_s,
                                         const CookieKeys& keys,
                                         FullCookie& reply) noexcept;

/// The secrets of a file: one in a line, 32 hexadecimal digits; empty lines and those that start
/// with '#' do not count. Invalid: anything else, none at all, or more than kCookieSecretsMax. The
/// detail names the line and never its content.
[[nodiscard]] base::Result<std::vector<SipKey>> parse_cookie_secrets(std::string_view text);

}  // namespace dns
