#pragma once

// As much SIP (RFC 3261) as telling a telephone or a telephone system of waiting messages takes: an
// unsolicited NOTIFY (RFC 6665, RFC 3842 3.4) outside of any dialog over UDP, and the status of
// what is answered. No sockets and no clock: sip_client.h has these.
//
// Thread rule: values; functions of their arguments.
// Limits: kSipDatagramMax octets of a response, kSipLinesMax lines of its header.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/endpoint.h"
#include "base/result.h"

namespace mta {

inline constexpr std::uint16_t kSipPort = 5060;
inline constexpr std::size_t kSipDatagramMax = 65'535;
inline constexpr std::size_t kSipLinesMax = 200;

/// sip:USER@ADDRESS[:PORT]. The address is numeric: who configures a telephone system knows it, and
/// a name would have to be looked up by RFC 3263.
struct SipTarget {
    std::string user;
    base::Endpoint endpoint;

    /// "sip:1234@192.0.2.1", with the port if it is not 5060.
    [[nodiscard]] std::string uri() const;
};

/// Errc::Invalid says what is wrong.
[[nodiscard]] base::Result<SipTarget> parse_sip_target(std::string_view text);

/// What makes one NOTIFY different from every other. Tokens (RFC 3261 25.1) of random text.
struct SipIdentity {
    std::string branch;  ///< begins with z9hG4bK (RFC 3261 8.1.1.7)
    std::string from_tag;
    std::string call_id;
};

/// Fresh, from the kernel's randomness.
[[nodiscard]] SipIdentity make_sip_identity();

/// The request, ready to be sent from `local`. `body` is application/simple-message-summary.
[[nodiscard]] std::string make_notify(const SipTarget& target,
                                      const base::Endpoint& local,
                                      const SipIdentity& identity,
                                      std::string_view body);

/// The status code (100 to 699) of a response to that very request: same branch in the topmost Via,
/// same Call-ID, method NOTIFY in CSeq (RFC 3261 17.1.3). None: it is anything else.
[[nodiscard]] std::optional<int> notify_status(std::string_view datagram,
                                               const SipIdentity& identity);

}  // namespace mta
