#pragma once

// TargetRule: which addresses a notification may be sent to. An account names its own targets, and
// we stand inside the operator's network: without a rule an account could have us speak to its
// machines (server-side request forgery). What counts is the address of the socket that is about to
// be connected, not the name in the URL, so that a name whose address changes between a check and
// the connection gains nothing.
//
// Thread rule: a value, immutable.

#include <cstdint>
#include <vector>

#include "base/endpoint.h"

namespace mta {

/// Whether octets go over TLS.
enum class Wire : std::uint8_t { Tls, Plain };

/// True for addresses of the public Internet: not loopback, private, link-local, shared, multicast,
/// documentation, benchmarking or reserved ones, nor IPv6 forms that embed an IPv4 address (IANA
/// special-purpose registries, RFC 6890).
[[nodiscard]] bool is_public(const base::IpAddress& address) noexcept;

/// See the top of this file.
class TargetRule {
  public:
    /// Public addresses over TLS, and addresses in `allowed` over anything.
    explicit TargetRule(std::vector<base::Network> allowed) noexcept;

    /// Any address: of a host that the operator configured.
    [[nodiscard]] static TargetRule trusted() noexcept;

    [[nodiscard]] bool permits(const base::IpAddress& address, Wire wire) const noexcept;

  private:
    TargetRule() noexcept = default;

    bool trusted_ = false;
    std::vector<base::Network> allowed_;
};

}  // namespace mta
