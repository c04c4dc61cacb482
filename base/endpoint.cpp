#include "base/endpoint.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/check.h"

namespace base {

namespace {

constexpr std::array<std::byte, 12> kMappedPrefix{std::byte{0},
                                                  std::byte{0},
                                                  std::byte{0},
                                                  std::byte{0},
                                                  std::byte{0},
                                                  std::byte{0},
                                                  std::byte{0},
                                                  std::byte{0},
                                                  std::byte{0},
                                                  std::byte{0},
                                                  std::byte{0xFF},
                                                  std::byte{0xFF}};

template <typename T>
Result<T> parse_number(std::string_view text, unsigned max, std::string_view what) {
    unsigned value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (text.empty() || error != std::errc() || stop != end || value > max) {
        return Error{Errc::Invalid, std::string(what) + " must be 0 to " + std::to_string(max)};
    }
    return static_cast<T>(value);
}

struct Parts {
    std::string_view address;
    std::string_view port;
    bool has_port = false;
};

// "a.b.c.d[:port]", "[v6][:port]" or a bare IPv6 address. The address itself is not looked at.
Result<Parts> split_port(std::string_view text) {
    if (text.starts_with('[')) {
        const std::size_t close = text.find(']');
        if (close == std::string_view::npos) {
            return Error{Errc::Invalid, "missing ']'"};
        }
        Parts parts{text.substr(1, close - 1), text.substr(close + 1), false};
        if (parts.address.find(':') == std::string_view::npos) {
            return Error{Errc::Invalid, "only IPv6 addresses go into brackets"};
        }
        if (parts.port.empty()) {
            return parts;
        }
        if (!parts.port.starts_with(':')) {
            return Error{Errc::Invalid, "expected ':' after ']'"};
        }
        parts.port.remove_prefix(1);
        parts.has_port = true;
        return parts;
    }
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos) {
        return Parts{text, {}, false};
    }
    return Parts{text.substr(0, colon), text.substr(colon + 1), true};
}

}  // namespace

IpAddress IpAddress::v4(std::array<std::byte, 4> bytes) noexcept {
    IpAddress address;
    std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
    return address;
}

IpAddress IpAddress::v6(const std::array<std::byte, 16>& bytes) noexcept {
    IpAddress address;
    if (std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin())) {
        std::copy(bytes.begin() + 12, bytes.end(), address.bytes_.begin());
        return address;
    }
    address.bytes_ = bytes;
    address.family_ = IpFamily::V6;
    return address;
}

IpAddress IpAddress::loopback_v4() noexcept {
    return v4({std::byte{127}, std::byte{0}, std::byte{0}, std::byte{1}});
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
    std::array<char, INET6_ADDRSTRLEN> copy{};
    if (text.size() >= copy.size() || text.find('\0') != std::string_view::npos) {
        return Error{Errc::Invalid, "not an IP address"};
    }
    std::copy(text.begin(), text.end(), copy.begin());
    std::array<std::byte, 4> four{};
    if (inet_pton(AF_INET, copy.data(), four.data()) == 1) {
        return v4(four);
    }
    std::array<std::byte, 16> sixteen{};
    if (inet_pton(AF_INET6, copy.data(), sixteen.data()) == 1) {
        return v6(sixteen);
    }
    return Error{Errc::Invalid, "not an IP address"};
}

std::span<const std::byte> IpAddress::bytes() const noexcept {
    return std::span(bytes_).first(family_ == IpFamily::V4 ? 4 : 16);
}

bool IpAddress::is_loopback() const noexcept {
    if (family_ == IpFamily::V4) {
        return bytes_[0] == std::byte{127};
    }
    return std::all_of(
               bytes_.begin(), bytes_.end() - 1, [](std::byte b) { return b == std::byte{0}; }) &&
           bytes_[15] == std::byte{1};
}

bool IpAddress::is_any() const noexcept {
    return std::all_of(bytes_.begin(), bytes_.end(), [](std::byte b) { return b == std::byte{0}; });
}

std::string IpAddress::to_text() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const int family = family_ == IpFamily::V4 ? AF_INET : AF_INET6;
    CHECK(inet_ntop(family, bytes_.data(), text.data(), text.size()) != nullptr);
    return text.data();
}

Result<Endpoint> Endpoint::parse(std::string_view text) {
    const Parts parts = TRY(split_port(text));
    if (!parts.has_port) {
        return Error{Errc::Invalid, "an address and a port is needed, as 192.0.2.1:25 or [::1]:25"};
    }
    const IpAddress address = TRY(IpAddress::parse(parts.address));
    const auto port = TRY(parse_number<std::uint16_t>(parts.port, 65535, "a port"));
    return Endpoint(address, port);
}

Result<Endpoint> Endpoint::parse(std::string_view text, std::uint16_t default_port) {
    const Parts parts = TRY(split_port(text));
    const IpAddress address = TRY(IpAddress::parse(parts.address));
    if (!parts.has_port) {
        return Endpoint(address, default_port);
    }
    const auto port = TRY(parse_number<std::uint16_t>(parts.port, 65535, "a port"));
    return Endpoint(address, port);
}

Endpoint Endpoint::from_sockaddr(const sockaddr& address) noexcept {
    if (address.sa_family == AF_INET) {
        sockaddr_in in{};
        std::memcpy(&in, &address, sizeof in);
        std::array<std::byte, 4> bytes{};
        std::memcpy(bytes.data(), &in.sin_addr, bytes.size());
        return {IpAddress::v4(bytes), ntohs(in.sin_port)};
    }
    if (address.sa_family == AF_INET6) {
        sockaddr_in6 in{};
        std::memcpy(&in, &address, sizeof in);
        std::array<std::byte, 16> bytes{};
        std::memcpy(bytes.data(), &in.sin6_addr, bytes.size());
        return {IpAddress::v6(bytes), ntohs(in.sin6_port)};
    }
    return {};
}

unsigned Endpoint::to_sockaddr(sockaddr_storage& out) const noexcept {
    out = {};
    const std::span<const std::byte> bytes = address_.bytes();
    if (address_.family() == IpFamily::V4) {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        in.sin_port = htons(port_);
        std::memcpy(&in.sin_addr, bytes.data(), bytes.size());
        std::memcpy(&out, &in, sizeof in);
        return sizeof in;
    }
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(port_);
    std::memcpy(&in.sin6_addr, bytes.data(), bytes.size());
    std::memcpy(&out, &in, sizeof in);
    return sizeof in;
}

std::string Endpoint::to_text() const {
    const std::string port = ":" + std::to_string(port_);
    return address_.family() == IpFamily::V4 ? address_.to_text() + port
                                             : "[" + address_.to_text() + "]" + port;
}

Network::Network(const IpAddress& address, std::uint8_t prefix) noexcept {
    const std::span<const std::byte> bytes = address.bytes();
    prefix_ = static_cast<std::uint8_t>(std::min<std::size_t>(prefix, bytes.size() * 8));
    std::array<std::byte, 16> kept{};
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const std::size_t bits = std::min<std::size_t>(8, prefix_ > i * 8 ? prefix_ - i * 8 : 0);
        kept[i] = bytes[i] & static_cast<std::byte>(0xFF00U >> bits);
    }
    if (address.family() == IpFamily::V4) {
        address_ = IpAddress::v4({kept[0], kept[1], kept[2], kept[3]});
    } else {
        address_ = IpAddress::v6(kept);
    }
}

Result<Network> Network::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const IpAddress address = TRY(IpAddress::parse(text.substr(0, slash)));
    const auto width = static_cast<unsigned>(address.bytes().size() * 8);
    if (slash == std::string_view::npos) {
        return Network(address, static_cast<std::uint8_t>(width));
    }
    const auto prefix = TRY(parse_number<std::uint8_t>(text.substr(slash + 1), width, "a prefix"));
    return Network(address, prefix);
}

bool Network::contains(const IpAddress& address) const noexcept {
    return address.family() == address_.family() && Network(address, prefix_).address_ == address_;
}

std::string Network::to_text() const {
    return address_.to_text() + "/" + std::to_string(prefix_);
}

}  // namespace base
