#pragma once

// Cursor: reads the tokens of one complete IMAP command from left to right.
//
// It works on the text that CommandReader collected, in which a literal stands as "{3}\r\nabc", and
// never goes back. Views that it returns live as long as that text; strings are decoded copies.
//
// Thread rule: a value, no sharing. Limits: the text is bounded by CommandReader. Errors:
// Errc::Invalid with the place for the log; the position is then undefined and the command is
// answered BAD. Source: RFC 9051 9 (formal syntax), RFC 3501 9.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace accessd {

class Cursor {
  public:
    explicit Cursor(std::string_view text) : text_(text) {}

    [[nodiscard]] bool at_end() const { return at_ == text_.size(); }

    /// The next character, NUL at the end (CommandReader lets no NUL into a line).
    [[nodiscard]] char peek() const { return at_end() ? '\0' : text_[at_]; }

    /// Takes `c` if it is next.
    [[nodiscard]] bool skip(char c);
    /// Takes `word` if it is next, ASCII case ignored.
    [[nodiscard]] bool skip_word(std::string_view word);
    [[nodiscard]] base::Status expect(char c);

    [[nodiscard]] base::Status space() { return expect(' '); }

    /// Fails unless the whole command was read.
    [[nodiscard]] base::Status end() const;

    [[nodiscard]] base::Result<std::string_view> tag();
    [[nodiscard]] base::Result<std::string_view> atom();
    /// Letters, digits, "." and "-": names of commands and items, which end at "[", "<", "(" or
    /// space.
    [[nodiscard]] base::Result<std::string_view> item_name();
    /// string = quoted / literal.
    [[nodiscard]] base::Result<std::string> string();
    [[nodiscard]] base::Result<std::string> astring();
    /// mailbox pattern of LIST: 1*list-char / string.
    [[nodiscard]] base::Result<std::string> list_mailbox();
    /// 32 bit, no sign. RFC 9051 9, number.
    [[nodiscard]] base::Result<std::uint32_t> number();
    [[nodiscard]] base::Result<std::uint32_t> nz_number();
    /// 63 bit. RFC 9051 9, number64.
    [[nodiscard]] base::Result<std::uint64_t> number64();
    /// The characters of a sequence set, not yet understood: 1*(DIGIT / "*" / ":" / ",").
    [[nodiscard]] base::Result<std::string_view> sequence_set();
    /// flag = "\" atom / atom, as sent.
    [[nodiscard]] base::Result<std::string_view> flag();

    [[nodiscard]] std::string_view rest() const { return text_.substr(at_); }

    [[nodiscard]] base::Error error(std::string_view expected) const;

  private:
    template <typename Predicate>
    std::string_view take_while(Predicate accepts);
    base::Result<std::string> quoted();
    base::Result<std::string> literal();

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace accessd
