#include "access/imap_cursor.h"

#include <fmt/core.h>

#include "access/imap_chars.h"

namespace accessd {
namespace {

constexpr bool is_item_char(char c) noexcept {
    return (to_upper(c) >= 'A' && to_upper(c) <= 'Z') || is_digit(c) || c == '.' || c == '-';
}

constexpr bool is_set_char(char c) noexcept {
    return is_digit(c) || c == '*' || c == ':' || c == ',';
}

}  // namespace

template <typename Predicate>
std::string_view Cursor::take_while(Predicate accepts) {
    const std::size_t begin = at_;
    while (at_ < text_.size() && accepts(text_[at_])) {
        ++at_;
    }
    return text_.substr(begin, at_ - begin);
}

base::Error Cursor::error(std::string_view expected) const {
    return {base::Errc::Invalid, fmt::format("expected {} at octet {}", expected, at_)};
}

bool Cursor::skip(char c) {
    if (at_end() || text_[at_] != c) {
        return false;
    }
    ++at_;
    return true;
}

bool Cursor::skip_word(std::string_view word) {
    if (!equals_ignoring_case(text_.substr(at_, word.size()), word)) {
        return false;
    }
    at_ += word.size();
    return true;
}

base::Status Cursor::expect(char c) {
    if (!skip(c)) {
        return error(std::string_view(&c, 1));
    }
    return base::Done{};
}

base::Status Cursor::end() const {
    if (!at_end()) {
        return error("the end of the command");
    }
    return base::Done{};
}

base::Result<std::string_view> Cursor::tag() {
    const std::string_view taken = take_while(is_tag_char);
    if (taken.empty()) {
        return error("a tag");
    }
    return taken;
}

base::Result<std::string_view> Cursor::atom() {
    const std::string_view taken = take_while(is_atom_char);
    if (taken.empty()) {
        return error("an atom");
    }
    return taken;
}

base::Result<std::string_view> Cursor::item_name() {
    const std::string_view taken = take_while(is_item_char);
    if (taken.empty()) {
        return error("a name");
    }
    return taken;
}

base::Result<std::string> Cursor::string() {
    if (peek() == '"') {
        return quoted();
    }
    if (peek() == '{') {
        return literal();
    }
    return error("a string");
}

base::Result<std::string> Cursor::astring() {
    if (peek() == '"' || peek() == '{') {
        return string();
    }
    const std::string_view taken = take_while(is_astring_char);
    if (taken.empty()) {
        return error("an astring");
    }
    return std::string(taken);
}

base::Result<std::string> Cursor::list_mailbox() {
    if (peek() == '"' || peek() == '{') {
        return string();
    }
    const std::string_view taken = take_while(is_list_char);
    if (taken.empty()) {
        return error("a mailbox pattern");
    }
    return std::string(taken);
}

base::Result<std::string> Cursor::quoted() {
    ++at_;
    std::string out;
    while (at_ < text_.size()) {
        char c = text_[at_++];
        if (c == '"') {
            return out;
        }
        if (c == '\\') {
            c = peek();
            if (c != '"' && c != '\\') {
                return error("\\\\ or \\\"");
            }
            ++at_;
        } else if (c == '\r' || c == '\n') {
            return error("a closing quote");
        }
        out.push_back(c);
    }
    return error("a closing quote");
}

base::Result<std::string> Cursor::literal() {
    ++at_;
    const std::uint64_t size = TRY(number64());
    (void)skip('+');  // LITERAL-: CommandReader has judged it
    if (!skip('}') || !skip('\r') || !skip('\n') || size > text_.size() - at_) {
        return error("a literal");
    }
    std::string out(text_.substr(at_, static_cast<std::size_t>(size)));
    at_ += static_cast<std::size_t>(size);
    return out;
}

base::Result<std::uint64_t> Cursor::number64() {
    const std::string_view digits = take_while(is_digit);
    if (digits.empty() || digits.size() > 18) {  // 10^18 - 1 < 2^63
        return error("a number");
    }
    std::uint64_t value = 0;
    for (const char c : digits) {
        value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return value;
}

base::Result<std::uint32_t> Cursor::number() {
    const std::uint64_t value = TRY(number64());
    if (value > UINT32_MAX) {
        return error("a number below 2^32");
    }
    return static_cast<std::uint32_t>(value);
}

base::Result<std::uint32_t> Cursor::nz_number() {
    const std::uint32_t value = TRY(number());
    if (value == 0) {
        return error("a number above 0");
    }
    return value;
}

base::Result<std::string_view> Cursor::sequence_set() {
    const std::string_view taken = take_while(is_set_char);
    if (taken.empty()) {
        return error("a sequence set");
    }
    return taken;
}

base::Result<std::string_view> Cursor::flag() {
    const std::size_t begin = at_;
    (void)skip('\\');
    const std::string_view name = TRY(atom());
    (void)name;
    return text_.substr(begin, at_ - begin);
}

}  // namespace accessd
