#include "dns/name.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "dns/limits.h"

namespace dns {
namespace {

__extension__ using Wide = unsigned __int128;

std::uint64_t fold(std::uint64_t left, std::uint64_t right) noexcept {
    const Wide product = static_cast<Wide>(left) * right;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

char lower_char(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

// One octet of a label in presentation form, from `at` on; moves `at` past it.
base::Result<char> take_octet(std::string_view text, std::size_t& at) {
    const char c = text[at++];
    if (c != '\\') {
        return lower_char(c);
    }
    if (at == text.size()) {
        return base::Error{base::Errc::Invalid, "name ends in a backslash"};
    }
    if (!is_digit(text[at])) {
        return lower_char(text[at++]);
    }
    if (text.size() - at < 3 || !is_digit(text[at + 1]) || !is_digit(text[at + 2])) {
        return base::Error{base::Errc::Invalid, "escape in a name is not three digits"};
    }
    const int value = (text[at] - '0') * 100 + (text[at + 1] - '0') * 10 + (text[at + 2] - '0');
    at += 3;
    if (value > 255) {
        return base::Error{base::Errc::Invalid, "escape in a name is above 255"};
    }
    return lower_char(static_cast<char>(value));
}

// Labels of `text` in wire form without the root; `absolute` tells whether it ended in a dot.
base::Result<std::string> labels_of(std::string_view text, bool& absolute) {
    std::string wire;
    std::string label;
    absolute = false;
    std::size_t at = 0;
    while (at < text.size()) {
        const bool dot = text[at] == '.';
        if (dot) {
            ++at;
            absolute = at == text.size();
        } else {
            label.push_back(TRY(take_octet(text, at)));
        }
        if (label.size() > kLabelMax) {
            return base::Error{base::Errc::TooLarge, "label longer than 63 octets"};
        }
        if (dot || at == text.size()) {
            if (label.empty()) {
                return base::Error{base::Errc::Invalid, "empty label in a name"};
            }
            wire.push_back(static_cast<char>(label.size()));
            wire += label;
            label.clear();
        }
        if (wire.size() >= kNameMax) {
            return base::Error{base::Errc::TooLarge, "name longer than 255 octets"};
        }
    }
    return wire;
}

struct LabelOffsets {
    std::array<std::uint8_t, kLabelsMax + 1> at;
    std::size_t count = 0;
};

void find_labels(std::string_view wire, LabelOffsets& labels) noexcept {
    std::size_t at = 0;
    while (wire[at] != '\0') {
        labels.at[labels.count++] = static_cast<std::uint8_t>(at);
        at += static_cast<unsigned char>(wire[at]) + 1U;
    }
}

std::string_view label_at(std::string_view wire, std::size_t at) noexcept {
    return wire.substr(at + 1, static_cast<unsigned char>(wire[at]));
}

}  // namespace

base::Result<Name> Name::from_text(std::string_view text) {
    return from_text(text, Name());
}

base::Result<Name> Name::from_text(std::string_view text, const Name& origin) {
    if (text == "@") {
        return origin;
    }
    if (text == ".") {
        return Name();
    }
    if (text.empty()) {
        return base::Error{base::Errc::Invalid, "empty name"};
    }
    bool absolute = false;
    std::string wire = TRY(labels_of(text, absolute));
    if (absolute) {
        wire.push_back('\0');
    } else {
        wire += origin.wire_;
    }
    if (wire.size() > kNameMax) {
        return base::Error{base::Errc::TooLarge, "name longer than 255 octets"};
    }
    return Name(std::move(wire));
}

base::Result<Name> Name::from_wire(std::span<const std::byte> bytes) {
    if (bytes.empty() || bytes.size() > kNameMax) {
        return base::Error{base::Errc::TooLarge, "name is not 1 to 255 octets"};
    }
    std::string wire;
    wire.reserve(bytes.size());
    for (const std::byte octet : bytes) {
        wire.push_back(static_cast<char>(lower_octet(octet)));
    }
    std::size_t at = 0;
    while (at < wire.size() && wire[at] != '\0') {
        const auto length = static_cast<unsigned char>(wire[at]);
        if (length > kLabelMax) {
            return base::Error{base::Errc::Invalid, "not a plain label"};
        }
        at += length + 1U;
    }
    if (at + 1 != wire.size()) {
        return base::Error{base::Errc::Invalid, "name does not fill its bytes"};
    }
    return Name(std::move(wire));
}

base::Result<Name> Name::below(std::string_view label) const {
    if (label.empty()) {
        return base::Error{base::Errc::Invalid, "empty label in a name"};
    }
    if (label.size() > kLabelMax || label.size() + 1 + wire_.size() > kNameMax) {
        return base::Error{base::Errc::TooLarge, "name longer than 255 octets"};
    }
    std::string wire(1, static_cast<char>(label.size()));
    std::transform(label.begin(), label.end(), std::back_inserter(wire), lower_char);
    wire += wire_;
    return Name(std::move(wire));
}

bool Name::is_wildcard() const noexcept {
    return first_label() == "*";
}

std::size_t Name::label_count() const noexcept {
    LabelOffsets labels;
    find_labels(wire_, labels);
    return labels.count;
}

std::string_view Name::first_label() const noexcept {
    return label_at(wire_, 0);
}

Name Name::parent() const {
    return is_root() ? *this : Name(wire_.substr(first_label().size() + 1));
}

bool Name::is_within(const Name& ancestor) const noexcept {
    if (wire_.size() < ancestor.wire_.size()) {
        return false;
    }
    const std::size_t start = wire_.size() - ancestor.wire_.size();
    std::size_t at = 0;
    while (at < start) {
        at += static_cast<unsigned char>(wire_[at]) + 1U;
    }
    return at == start && std::string_view(wire_).substr(start) == ancestor.wire_;
}

std::string Name::to_text() const {
    if (is_root()) {
        return ".";
    }
    std::string text;
    std::size_t at = 0;
    while (wire_[at] != '\0') {
        for (const char c : label_at(wire_, at)) {
            const auto octet = static_cast<unsigned char>(c);
            if (c == '.' || c == '\\' || c == '"' || c == ';' || c == '(' || c == ')' || c == '@' ||
                c == '$') {
                text.push_back('\\');
                text.push_back(c);
            } else if (octet <= 0x20 || octet >= 0x7f) {
                text.push_back('\\');
                text.push_back(static_cast<char>('0' + octet / 100));
                text.push_back(static_cast<char>('0' + octet / 10 % 10));
                text.push_back(static_cast<char>('0' + octet % 10));
            } else {
                text.push_back(c);
            }
        }
        text.push_back('.');
        at += static_cast<unsigned char>(wire_[at]) + 1U;
    }
    return text;
}

std::strong_ordering Name::operator<=>(const Name& other) const noexcept {
    if (wire_ == other.wire_) {
        return std::strong_ordering::equal;  // as most that are looked for are found to be
    }
    LabelOffsets mine;
    LabelOffsets theirs;
    find_labels(wire_, mine);
    find_labels(other.wire_, theirs);
    const std::size_t common = std::min(mine.count, theirs.count);
    for (std::size_t i = 1; i <= common; ++i) {
        const int order = label_at(wire_, mine.at[mine.count - i])
                              .compare(label_at(other.wire_, theirs.at[theirs.count - i]));
        if (order != 0) {
            return order <=> 0;
        }
    }
    return mine.count <=> theirs.count;
}

std::uint64_t name_hash(std::span<const std::byte> wire, std::uint64_t seed) noexcept {
    constexpr std::uint64_t kFirst = 0x9e6c63d0676a9a99U;
    constexpr std::uint64_t kSecond = 0xd1b54a32d192ed03U;
    std::uint64_t hash = seed ^ kFirst;
    std::size_t at = 0;
    const std::size_t size = wire.size();
    for (; size - at >= 8; at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, wire.data() + at, 8);
        hash = fold(hash ^ word, kSecond);
    }
    std::uint64_t tail = 0;
    if (size >= 8) {
        std::memcpy(&tail, wire.data() + size - 8, 8);  // some of it for the second time
    } else {
        for (; at < size; ++at) {
            tail = (tail << 8) | std::to_integer<std::uint64_t>(wire.data()[at]);
        }
    }
    return fold(hash ^ tail, kFirst ^ size);
}

}  // namespace dns
