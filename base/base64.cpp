#include "base/base64.h"

#include <cstdint>

namespace base {

namespace {

constexpr std::string_view kMail =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kLine = 76;

std::string encode(std::string_view octets, std::string_view alphabet) {
    std::string out;
    out.reserve((octets.size() + 2) / 3 * 4);
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char c : octets) {
        bits = (bits << 8U) | static_cast<unsigned char>(c);
        count += 8;
        while (count >= 6) {
            count -= 6;
            out += alphabet[(bits >> count) & 63U];
        }
    }
    if (count > 0) {
        out += alphabet[(bits << (6 - count)) & 63U];
    }
    return out;
}

}  // namespace

std::string base64(std::string_view octets) {
    std::string text = encode(octets, kMail);
    text.append((4 - text.size() % 4) % 4, '=');
    return text;
}

std::string base64_lines(std::string_view octets) {
    const std::string text = base64(octets);
    std::string out;
    out.reserve(text.size() + text.size() / kLine * 2 + 2);
    for (std::size_t at = 0; at < text.size(); at += kLine) {
        out.append(text, at, kLine).append("\r\n");
    }
    return out;
}

std::string base64url(std::string_view octets) {
    return encode(octets, kUrl);
}

Result<std::string> decode_base64url(std::string_view text) {
    const Error invalid{Errc::Invalid, "not base64url"};
    while (text.size() % 4 != 1 && text.ends_with('=')) {
        text.remove_suffix(1);
    }
    std::string out;
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char c : text) {
        const std::size_t value = kUrl.find(c);
        if (value == std::string_view::npos) {
            return invalid;
        }
        bits = (bits << 6U) | static_cast<std::uint32_t>(value);
        count += 6;
        if (count >= 8) {
            count -= 8;
            out += static_cast<char>((bits >> count) & 255U);
        }
    }
    if (count >= 6 || (bits & ((1U << count) - 1)) != 0) {
        return invalid;
    }
    return out;
}

}  // namespace base
