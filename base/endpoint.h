#pragma once

// Addresses of machines: IpAddress (IPv4 or IPv6, no zone), Endpoint (address and port), Network
// (CIDR block). Numbers only; a name is never resolved here.
//
// Thread rule: values.
// Byte order: addresses in network order, ports in host order.
// IPv4-mapped IPv6 (::ffff:a.b.c.d, RFC 4291 2.5.5.2) is turned into IPv4 when parsed or read from
// a socket, so that ACLs and the sender blocklist see one form.

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

struct sockaddr;
struct sockaddr_storage;

namespace base {

enum class IpFamily : std::uint8_t { V4, V6 };

class IpAddress {
  public:
    /// 0.0.0.0.
    constexpr IpAddress() noexcept = default;

    [[nodiscard]] static IpAddress v4(std::array<std::byte, 4> bytes) noexcept;
    /// Mapped addresses become IPv4.
    [[nodiscard]] static IpAddress v6(const std::array<std::byte, 16>& bytes) noexcept;
    [[nodiscard]] static IpAddress loopback_v4() noexcept;

    /// "192.0.2.1" or "2001:db8::1" (no brackets, no zone). Errc::Invalid.
    [[nodiscard]] static Result<IpAddress> parse(std::string_view text);

    [[nodiscard]] IpFamily family() const noexcept { return family_; }

    /// 4 or 16 bytes; valid as long as this object.
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept;

    [[nodiscard]] bool is_loopback() const noexcept;
    /// 0.0.0.0 or ::
    [[nodiscard]] bool is_any() const noexcept;

    /// Shortest form, RFC 5952.
    [[nodiscard]] std::string to_text() const;

    friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) noexcept = default;

  private:
    std::array<std::byte, 16> bytes_{};
    IpFamily family_ = IpFamily::V4;
};

/// An address with a port (host byte order; 0 is "any"). A value, immutable, ordered by address and
/// then by port.
class Endpoint {
  public:
    /// 0.0.0.0:0.
    constexpr Endpoint() noexcept = default;

    constexpr Endpoint(const IpAddress& address, std::uint16_t port) noexcept
        : address_(address), port_(port) {}

    /// "127.0.0.1:25" or "[::1]:25"; the port is required. Errc::Invalid.
    [[nodiscard]] static Result<Endpoint> parse(std::string_view text);

    /// As above, or without a port ("127.0.0.1", "::1", "[::1]"), which is then `default_port`.
    [[nodiscard]] static Result<Endpoint> parse(std::string_view text, std::uint16_t default_port);

    /// From the system's form. Families other than IPv4 and IPv6 give 0.0.0.0:0 (a unix socket).
    [[nodiscard]] static Endpoint from_sockaddr(const sockaddr& address) noexcept;
    /// Fills `out`, returns the length for bind() and connect().
    [[nodiscard]] unsigned to_sockaddr(sockaddr_storage& out) const noexcept;

    [[nodiscard]] const IpAddress& address() const noexcept { return address_; }

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

    [[nodiscard]] bool is_loopback() const noexcept { return address_.is_loopback(); }

    /// "127.0.0.1:25", "[::1]:25".
    [[nodiscard]] std::string to_text() const;

    friend constexpr auto operator<=>(const Endpoint&, const Endpoint&) noexcept = default;

  private:
    IpAddress address_;
    std::uint16_t port_ = 0;
};

/// An address block. Bits after the prefix are cleared when parsed, so equal blocks compare equal.
class Network {
  public:
    /// 0.0.0.0/0.
    constexpr Network() noexcept = default;

    /// `prefix` is cut to 32 or 128.
    Network(const IpAddress& address, std::uint8_t prefix) noexcept;

    /// "10.0.0.0/8", "2001:db8::/32"; a bare address is a block of one. Errc::Invalid.
    [[nodiscard]] static Result<Network> parse(std::string_view text);

    /// False for an address of the other family.
    [[nodiscard]] bool contains(const IpAddress& address) const noexcept;

    [[nodiscard]] const IpAddress& address() const noexcept { return address_; }

    [[nodiscard]] std::uint8_t prefix() const noexcept { return prefix_; }

    [[nodiscard]] std::string to_text() const;

    friend constexpr auto operator<=>(const Network&, const Network&) noexcept = default;

  private:
    IpAddress address_;
    std::uint8_t prefix_ = 0;
};

}  // namespace base
