#include "dns/edns.h"

#include <cstring>

#include "dns/wire.h"

namespace dns {
namespace {

constexpr std::size_t kServerCookieMin = 8;
constexpr std::size_t kServerCookieMax = 32;

// RFC 7873 4: the client's part alone, or with a server's part of 8 to 32 octets.
bool is_cookie_size(std::size_t size) noexcept {
    return size == kClientCookieSize || (size >= kClientCookieSize + kServerCookieMin &&
                                         size <= kClientCookieSize + kServerCookieMax);
}

}  // namespace

bool read_edns_options(std::span<const std::byte> options,
                       std::uint16_t origin,
                       EdnsOptions& found) noexcept {
    found = EdnsOptions{};
    std::size_t at = 0;
    while (at < options.size()) {
        if (options.size() - at < kOptionHeaderSize) {
            return false;
        }
        const auto code = static_cast<EdnsCode>(load_u16(options.data() + at));
        const std::size_t size = load_u16(options.data() + at + 2);
        at += kOptionHeaderSize;
        if (size > options.size() - at) {
            return false;
        }
        if (code == EdnsCode::Cookie && found.cookie_size == 0) {
            if (!is_cookie_size(size)) {
                return false;
            }
            found.cookie_at = static_cast<std::uint16_t>(origin + at);
            found.cookie_size = static_cast<std::uint16_t>(size);
        } else if (code == EdnsCode::Nsid) {
            found.nsid = true;
        } else if (code == EdnsCode::Keepalive) {
            found.keepalive = true;
        }
        at += size;
    }
    return true;
}

bool EdnsWriter::add(EdnsCode code, std::span<const std::byte> data) noexcept {
    if (room_.size() - size_ < kOptionHeaderSize ||
        data.size() > room_.size() - size_ - kOptionHeaderSize) {
        return false;
    }
    std::byte* const at = room_.data() + size_;
    store_u16(at, static_cast<std::uint16_t>(code));
    store_u16(at + 2, static_cast<std::uint16_t>(data.size()));
    if (!data.empty()) {
        std::memcpy(at + kOptionHeaderSize, data.data(), data.size());
    }
    size_ += kOptionHeaderSize + data.size();
    return true;
}

bool EdnsWriter::add(EdnsCode code, std::uint16_t value) noexcept {
    std::byte data[2];
    store_u16(data, value);
    return add(code, std::span<const std::byte>(data));
}

}  // namespace dns
