#pragma once

// Message flags (RFC 9051 2.3.2): the five system flags as a bit set, keywords as strings. \Recent
// is no flag of a message but of a session, and is reported apart. The bits are stored in frames
// and in the catalog and never change meaning.
//
// Thread rule: values. Limits: kKeywordMax octets, kKeywordsMax per message.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mail {

enum class Flags : std::uint8_t {
    None = 0,
    Seen = 1,
    Answered = 2,
    Flagged = 4,
    Deleted = 8,
    Draft = 16,
};
inline constexpr std::uint8_t kFlagsAll = 31;

[[nodiscard]] constexpr std::uint8_t flag_bits(Flags flags) noexcept {
    return static_cast<std::uint8_t>(flags);
}

[[nodiscard]] constexpr Flags operator|(Flags a, Flags b) noexcept {
    return static_cast<Flags>(flag_bits(a) | flag_bits(b));
}

[[nodiscard]] constexpr Flags operator&(Flags a, Flags b) noexcept {
    return static_cast<Flags>(flag_bits(a) & flag_bits(b));
}

/// The complement among the five flags.
[[nodiscard]] constexpr Flags operator~(Flags flags) noexcept {
    return static_cast<Flags>(~flag_bits(flags) & kFlagsAll);
}

[[nodiscard]] constexpr bool has(Flags flags, Flags wanted) noexcept {
    return (flags & wanted) == wanted;
}

/// Stored bits; a bit that is no flag is Invalid.
[[nodiscard]] base::Result<Flags> flags_from_bits(std::int64_t bits);

/// What a flag list names. Keywords keep the case of their first mention and are unique but for
/// case.
struct FlagList {
    Flags flags = Flags::None;
    std::vector<std::string> keywords;
    bool recent = false;  ///< \Recent was named; clients may not set it, callers decide

    friend bool operator==(const FlagList&, const FlagList&) = default;
};

/// An atom (RFC 9051 9, flag-keyword) of at most kKeywordMax octets.
[[nodiscard]] bool is_keyword(std::string_view text) noexcept;

/// One flag, "\Seen" (any case) or "$Forwarded", is added to the list. Invalid: no flag, or a
/// backslash name that is unknown. TooLarge: too many keywords.
[[nodiscard]] base::Status add_flag(FlagList& list, std::string_view flag);

/// "(\Seen $Forwarded)" or the same without the parentheses. Errors as add_flag.
[[nodiscard]] base::Result<FlagList> parse_flag_list(std::string_view text);

/// "(\Seen $Forwarded)": system flags in the order of their bits, then \Recent, then keywords.
[[nodiscard]] std::string format_flag_list(const FlagList& list);

}  // namespace mail
