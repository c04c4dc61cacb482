#include "mail/field_text.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/base64.h"

namespace mail {

namespace {

constexpr std::size_t kLineMax = 76;
constexpr std::size_t kEncodedOctetsMax = 42;  // 56 characters of base64; 12 around them

bool continues_character(char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) == 0x80;
}

// Encoded words, separated so that the field can be folded; no character is split (RFC 2047 5).
std::string encoded_words(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        std::size_t size = std::min(kEncodedOctetsMax, text.size());
        while (size < text.size() && size > 1 && continues_character(text[size])) {
            --size;
        }
        out += out.empty() ? "" : "\r\n ";
        out += "=?UTF-8?B?" + base::base64(text.substr(0, size)) + "?=";
        text.remove_prefix(size);
    }
    return out;
}

// Text that a reader would take for an encoded word must be one.
bool is_plain(std::string_view text) {
    return is_printable_ascii(text) && text.find("=?") == std::string_view::npos;
}

// Breaks at spaces. A word that is longer than a line stays whole: it has at most kValueMax octets.
std::string folded(std::string_view name, std::string_view value) {
    std::string out = std::string(name) + ":";
    std::size_t column = out.size();
    while (!value.empty()) {
        const std::size_t space = std::min(value.find(' ', 1), value.size());
        std::string_view word = value.substr(0, space);
        if (word.front() == ' ') {
            word.remove_prefix(1);
        }
        value.remove_prefix(space);
        if (column + 1 + word.size() > kLineMax && column > name.size() + 1 && !word.empty()) {
            out += "\r\n";
            column = 0;
        }
        out += ' ';
        out += word;
        column += 1 + word.size();
    }
    return out + "\r\n";
}

// A run of spaces at the beginning of a folded line would be a line of white space only.
std::string single_spaced(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c != ' ' || (!out.empty() && out.back() != ' ')) {
            out.push_back(c);
        }
    }
    while (out.ends_with(' ')) {
        out.pop_back();
    }
    return out;
}

}  // namespace

bool is_printable_ascii(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

std::string text_field(std::string_view name, std::string_view value) {
    const std::string text = single_spaced(value);
    if (!is_plain(text)) {
        return std::string(name) + ": " + encoded_words(text) + "\r\n";
    }
    return folded(name, text);
}

std::string address_field(std::string_view name,
                          std::string_view display,
                          std::string_view address) {
    const std::string text = single_spaced(display);
    if (text.empty()) {
        return std::string(name) + ": <" + std::string(address) + ">\r\n";
    }
    std::string phrase;
    if (is_plain(text)) {
        phrase = "\"";
        for (const char c : text) {
            if (c == '"' || c == '\\') {
                phrase.push_back('\\');
            }
            phrase.push_back(c);
        }
        phrase += "\"";
    } else {
        phrase = encoded_words(text);
    }
    return std::string(name) + ": " + phrase + "\r\n <" + std::string(address) + ">\r\n";
}

}  // namespace mail
