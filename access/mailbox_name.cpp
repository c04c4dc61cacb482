#include "access/mailbox_name.h"

#include <cstdint>

#include "access/imap_chars.h"
#include "access/limits.h"
#include "mail/imap_format.h"

namespace accessd {
namespace {

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";
constexpr std::uint32_t kReplacement = 0xFFFD;

base::Error bad(const char* why) {
    return {base::Errc::Invalid, why};
}

constexpr bool is_printable(std::uint32_t c) noexcept {
    return c >= 0x20 && c <= 0x7E;
}

constexpr bool is_high_surrogate(std::uint32_t c) noexcept {
    return c >= 0xD800 && c <= 0xDBFF;
}

constexpr bool is_low_surrogate(std::uint32_t c) noexcept {
    return c >= 0xDC00 && c <= 0xDFFF;
}

void append_utf8(std::string& out, std::uint32_t c) {
    if (c < 0x80) {
        out.push_back(static_cast<char>(c));
    } else if (c < 0x800) {
        out.push_back(static_cast<char>(0xC0 | (c >> 6)));
        out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
    } else if (c < 0x10000) {
        out.push_back(static_cast<char>(0xE0 | (c >> 12)));
        out.push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3F)));
        out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
    } else {
        out.push_back(static_cast<char>(0xF0 | (c >> 18)));
        out.push_back(static_cast<char>(0x80 | ((c >> 12) & 0x3F)));
        out.push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3F)));
        out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
    }
}

/// Takes one character from the front of `text`, which is not empty. Shortest form only.
std::uint32_t take_utf8(std::string_view& text) {
    const auto lead = static_cast<unsigned char>(text.front());
    text.remove_prefix(1);
    if (lead < 0x80) {
        return lead;
    }
    const std::size_t more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    if (lead < 0xC2 || lead > 0xF4 || text.size() < more) {
        return kReplacement;
    }
    std::uint32_t c = lead & (0x3FU >> more);
    for (std::size_t i = 0; i < more; ++i) {
        const auto next = static_cast<unsigned char>(text[i]);
        if ((next & 0xC0U) != 0x80U) {
            return kReplacement;
        }
        c = (c << 6) | (next & 0x3FU);
    }
    const std::uint32_t least = more == 3 ? 0x10000 : more == 2 ? 0x800 : 0x80;
    if (c < least || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) {
        return kReplacement;
    }
    text.remove_prefix(more);
    return c;
}

/// The UTF-16 units of the base64 between "&" and "-".
base::Result<std::u16string> decode_units(std::string_view base64) {
    std::u16string units;
    std::uint32_t bits = 0;
    unsigned have = 0;
    for (const char c : base64) {
        const std::size_t value = kBase64.find(c);
        if (value == std::string_view::npos) {
            return bad("mUTF-7: not base64");
        }
        bits = (bits << 6) | static_cast<std::uint32_t>(value);
        have += 6;
        if (have >= 16) {
            have -= 16;
            units.push_back(static_cast<char16_t>((bits >> have) & 0xFFFF));
            bits &= (1U << have) - 1;
        }
    }
    if (have >= 6 || bits != 0 || units.empty()) {
        return bad("mUTF-7: stray bits");
    }
    return units;
}

base::Status decode_shifted(std::string_view base64, std::string& out) {
    const std::u16string units = TRY(decode_units(base64));
    for (std::size_t i = 0; i < units.size(); ++i) {
        std::uint32_t c = units[i];
        if (is_low_surrogate(c) || (is_high_surrogate(c) && i + 1 == units.size())) {
            return bad("mUTF-7: lone surrogate");
        }
        if (is_high_surrogate(c)) {
            const std::uint32_t low = units[++i];
            if (!is_low_surrogate(low)) {
                return bad("mUTF-7: lone surrogate");
            }
            c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        }
        if (is_printable(c)) {
            return bad("mUTF-7: shifted ASCII");
        }
        if (c < 0x20 || (c >= 0x7F && c < 0xA0)) {
            return bad("mailbox name: control character");
        }
        append_utf8(out, c);
    }
    return base::Done{};
}

/// Writes the characters collected between two runs of ASCII.
void flush_shifted(std::string& out, std::u16string& units) {
    if (units.empty()) {
        return;
    }
    out.push_back('&');
    std::uint32_t bits = 0;
    unsigned have = 0;
    for (const char16_t unit : units) {
        bits = (bits << 16) | unit;
        have += 16;
        while (have >= 6) {
            have -= 6;
            out.push_back(kBase64[(bits >> have) & 0x3F]);
        }
        bits &= (1U << have) - 1;
    }
    if (have > 0) {
        out.push_back(kBase64[(bits << (6 - have)) & 0x3F]);
    }
    out.push_back('-');
    units.clear();
}

}  // namespace

base::Result<std::string> decode_mutf7(std::string_view wire) {
    std::string out;
    bool after_shift = false;
    while (!wire.empty()) {
        const char c = wire.front();
        if (!is_printable(static_cast<unsigned char>(c))) {
            return bad("mailbox name: control or 8-bit octet");
        }
        if (c != '&') {
            out.push_back(c);
            wire.remove_prefix(1);
            after_shift = false;
            continue;
        }
        const std::size_t end = wire.find('-');
        if (end == std::string_view::npos) {
            return bad("mUTF-7: shift without end");
        }
        if (end == 1) {
            out.push_back('&');
            after_shift = false;
        } else {
            if (after_shift) {
                return bad("mUTF-7: needless shift");
            }
            TRY(decode_shifted(wire.substr(1, end - 1), out));
            after_shift = true;
        }
        wire.remove_prefix(end + 1);
    }
    return out;
}

std::string encode_mutf7(std::string_view utf8) {
    std::string out;
    std::u16string units;
    while (!utf8.empty()) {
        const std::uint32_t c = take_utf8(utf8);
        if (is_printable(c)) {
            flush_shifted(out, units);
            out.push_back(static_cast<char>(c));
            if (c == '&') {
                out.push_back('-');
            }
        } else if (c >= 0x10000) {
            units.push_back(static_cast<char16_t>(0xD800 + ((c - 0x10000) >> 10)));
            units.push_back(static_cast<char16_t>(0xDC00 + ((c - 0x10000) & 0x3FF)));
        } else {
            units.push_back(static_cast<char16_t>(c));
        }
    }
    flush_shifted(out, units);
    return out;
}

std::string canonical_mailbox_name(std::string name) {
    constexpr std::string_view kInbox = "INBOX";
    const bool whole_level =
        name.size() == kInbox.size() ||
        (name.size() > kInbox.size() && name[kInbox.size()] == kHierarchySeparator);
    if (whole_level &&
        equals_ignoring_case(std::string_view(name).substr(0, kInbox.size()), kInbox)) {
        name.replace(0, kInbox.size(), kInbox);
    }
    return name;
}

base::Result<std::string> mailbox_name_from_wire(std::string_view wire) {
    if (wire.size() > 2 * kMailboxNameBytesMax) {
        return bad("mailbox name: too long");
    }
    std::string name = TRY(decode_mutf7(wire));
    if (name.size() > 1 && name.back() == kHierarchySeparator) {
        name.pop_back();
    }
    if (name.empty()) {
        return bad("mailbox name: empty");
    }
    return canonical_mailbox_name(std::move(name));
}

base::Status check_new_mailbox_name(std::string_view name) {
    if (name.empty() || name.size() > kMailboxNameBytesMax) {
        return bad("mailbox name: length");
    }
    if (name.find_first_of("%*") != std::string_view::npos) {
        return bad("mailbox name: wildcard");
    }
    if (name.front() == kHierarchySeparator || name.back() == kHierarchySeparator ||
        name.find("//") != std::string_view::npos) {
        return bad("mailbox name: empty level");
    }
    for (const char c : name) {
        if (is_control(c)) {
            return bad("mailbox name: control character");
        }
    }
    return base::Done{};
}

void append_mailbox_name(std::string& out, std::string_view utf8) {
    mail::append_imap_string(out, encode_mutf7(utf8));
}

}  // namespace accessd
