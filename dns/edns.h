#pragma once

// EDNS options (RFC 6891 6.1.2): those of a query, found where they stand, and those of a reply,
// written behind its OPT.
//
// Pure, bounded by the OPT's length, no allocation; any thread. What nobody here knows is ignored
// and not echoed, padding (RFC 7830) included.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "dns/limits.h"

namespace dns {

enum class EdnsCode : std::uint16_t {
    Nsid = 3,            ///< RFC 5001
    Cookie = 10,         ///< RFC 7873
    Keepalive = 11,      ///< RFC 7828
    ExtendedError = 15,  ///< RFC 8914
};

/// The INFO-CODE of RFC 8914 4 that goes with a refusal.
enum class ExtendedError : std::uint16_t {
    SignatureExpired = 7,
    NotReady = 14,
    Prohibited = 18,
    NotAuthoritative = 20,
    NotSupported = 21,
    None = 0xffff,  ///< no option is sent
};

/// What a query's options ask for.
struct EdnsOptions {
    bool nsid = false;
    bool keepalive = false;         ///< to be ignored over UDP (RFC 7828 3.3.1)
    std::uint16_t cookie_at = 0;    ///< where the cookie is, in octets from `origin`
    std::uint16_t cookie_size = 0;  ///< 0: none; else 8, or 16 to 40
};

/// Reads the options that fill `options`, which stand `origin` octets into the packet. Of several
/// cookies the first counts (RFC 7873 5.2). Data of the other options is not looked at. False if
/// they do not fill it exactly, or the cookie's size is none that a cookie may have (RFC 7873
/// 5.2.2): then the query is malformed.
[[nodiscard]] bool read_edns_options(std::span<const std::byte> options,
                                     std::uint16_t origin,
                                     EdnsOptions& found) noexcept;

/// Writes options one behind the other into a room of fixed size. Not more than fits.
class EdnsWriter {
  public:
    explicit EdnsWriter(std::span<std::byte> room) noexcept : room_(room) {}

    /// False, and nothing written, if it does not fit.
    bool add(EdnsCode code, std::span<const std::byte> data) noexcept;
    bool add(EdnsCode code, std::uint16_t value) noexcept;

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

  private:
    std::span<std::byte> room_;
    std::size_t size_ = 0;
};

}  // namespace dns
