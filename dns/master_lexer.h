#pragma once

// MasterLexer: the entries of a master file (RFC 1035 5.1): lines, joined by parentheses, without
// comments, cut at blanks. Quotes and escapes stay in the words as they were written.
//
// Thread rule: one thread. The text must outlive it. Limits: kRecordTextMax for one entry's words.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace dns {

/// One entry. Never without words.
struct MasterEntry {
    std::size_t line = 1;       ///< that it begins on
    bool starts_blank = false;  ///< its owner is the last one
    std::vector<std::string> words;
};

/// See the top of this file.
class MasterLexer {
  public:
    explicit MasterLexer(std::string_view text) noexcept : text_(text) {}

    /// The next entry; none at the end. After an error there is no next one. Errc::Invalid (open
    /// quote, open or nested parenthesis, control character, escape before the line's end),
    /// TooLarge. The detail names the line.
    [[nodiscard]] base::Result<std::optional<MasterEntry>> next();

  private:
    [[nodiscard]] base::Error error(std::string_view what,
                                    base::Errc code = base::Errc::Invalid) const;
    [[nodiscard]] base::Result<std::string> read_word();
    void skip_comment() noexcept;

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t line_ = 1;
};

}  // namespace dns
