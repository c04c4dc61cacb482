#include "mail/attributes.h"

#include <algorithm>
#include <cstdint>

#include "mail/limits.h"

namespace mail {

using base::Errc;
using base::Error;

namespace {

bool is_tail(std::string_view text, std::size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80;
}

// How many octets the character at the front of `text` has; 0: it is not clean. The ranges of the
// second octet are those of RFC 3629 4: no overlong form, no surrogate, nothing over U+10FFFF.
std::size_t clean_length(std::string_view text) noexcept {
    const auto first = static_cast<unsigned char>(text[0]);
    if (first < 0x80) {
        return first >= 0x20 && first != 0x7f ? 1 : 0;
    }
    const unsigned second = text.size() > 1 ? static_cast<unsigned char>(text[1]) : 0;
    if (first >= 0xc2 && first <= 0xdf) {
        const bool is_control = first == 0xc2 && second < 0xa0;
        return is_tail(text, 1) && !is_control ? 2 : 0;
    }
    if ((first & 0xf0U) == 0xe0) {
        const bool wrong = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f);
        return is_tail(text, 1) && is_tail(text, 2) && !wrong ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        const bool wrong = (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
        const bool whole = is_tail(text, 1) && is_tail(text, 2) && is_tail(text, 3);
        return whole && !wrong ? 4 : 0;
    }
    return 0;
}

auto place_of(auto& entries, std::string_view name) {
    return std::lower_bound(
        entries.begin(), entries.end(), name, [](const Attribute& entry, std::string_view wanted) {
            return entry.name.compare(wanted) < 0;  // clang 14 does not know < of these two
        });
}

}  // namespace

bool is_attribute_name(std::string_view name) noexcept {
    return !name.empty() && name.size() <= kAttributeNameMax &&
           std::all_of(
               name.begin(), name.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
}

bool is_clean_text(std::string_view text) noexcept {
    while (!text.empty()) {
        const std::size_t length = clean_length(text);
        if (length == 0) {
            return false;
        }
        text.remove_prefix(length);
    }
    return true;
}

std::string clean_text(std::string_view octets) {
    std::string text;
    while (!octets.empty() && text.size() < kAttributeValueMax) {
        const std::size_t length = clean_length(octets);
        if (text.size() + length > kAttributeValueMax) {
            break;
        }
        text += length == 0 ? std::string_view(" ") : octets.substr(0, length);
        octets.remove_prefix(std::max<std::size_t>(length, 1));
    }
    text.erase(0, text.find_first_not_of(' '));
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

base::Status Attributes::set(std::string_view name, std::string_view value) {
    if (!is_attribute_name(name)) {
        return Error{Errc::Invalid, "no name of an attribute: it is 1 to 32 of a-z and -"};
    }
    if (value.size() > kAttributeValueMax) {
        return Error{Errc::TooLarge, "the value of an attribute is longer than 1000 octets"};
    }
    if (!is_clean_text(value)) {
        return Error{Errc::Invalid, "the value of an attribute is no UTF-8 text of one line"};
    }
    const auto place = place_of(entries_, name);
    if (place != entries_.end() && place->name == name) {
        place->value = value;
        return base::Done{};
    }
    if (entries_.size() >= kAttributesMax) {
        return Error{Errc::TooLarge, "more than 32 attributes"};
    }
    entries_.insert(place, {std::string(name), std::string(value)});
    return base::Done{};
}

void Attributes::erase(std::string_view name) {
    const auto place = place_of(entries_, name);
    if (place != entries_.end() && place->name == name) {
        entries_.erase(place);
    }
}

const std::string* Attributes::find(std::string_view name) const noexcept {
    const auto place = place_of(entries_, name);
    return place != entries_.end() && place->name == name ? &place->value : nullptr;
}

}  // namespace mail
