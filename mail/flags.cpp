#include "mail/flags.h"

#include <algorithm>
#include <array>
#include <utility>

#include "mail/ascii.h"
#include "mail/limits.h"

namespace mail {

using base::Errc;
using base::Error;

namespace {

constexpr std::array<std::pair<Flags, std::string_view>, 5> kNames = {{
    {Flags::Seen, "\\Seen"},
    {Flags::Answered, "\\Answered"},
    {Flags::Flagged, "\\Flagged"},
    {Flags::Deleted, "\\Deleted"},
    {Flags::Draft, "\\Draft"},
}};

constexpr std::string_view kRecent = "\\Recent";

// ATOM-CHAR of RFC 9051 9: any CHAR but atom-specials (with resp-specials).
bool is_atom_char(char c) {
    return !is_8bit(c) && !is_control(c) &&
           std::string_view("(){ %*\"\\]").find(c) == std::string_view::npos;
}

base::Status add_keyword(FlagList& list, std::string_view keyword) {
    const bool known = std::ranges::any_of(
        list.keywords, [&](const std::string& k) { return equal_ignoring_case(k, keyword); });
    if (known) {
        return base::Done{};
    }
    if (list.keywords.size() >= kKeywordsMax) {
        return Error{Errc::TooLarge, "too many keywords"};
    }
    list.keywords.emplace_back(keyword);
    return base::Done{};
}

}  // namespace

base::Result<Flags> flags_from_bits(std::int64_t bits) {
    if (bits < 0 || bits > kFlagsAll) {
        return Error{Errc::Invalid, "unknown flag bits " + std::to_string(bits)};
    }
    return static_cast<Flags>(bits);
}

bool is_keyword(std::string_view text) noexcept {
    return !text.empty() && text.size() <= kKeywordMax && std::ranges::all_of(text, is_atom_char);
}

base::Status add_flag(FlagList& list, std::string_view flag) {
    if (!flag.starts_with('\\')) {
        if (!is_keyword(flag)) {
            return Error{Errc::Invalid, "not a flag"};
        }
        return add_keyword(list, flag);
    }
    for (const auto& [bit, name] : kNames) {
        if (equal_ignoring_case(flag, name)) {
            list.flags = list.flags | bit;
            return base::Done{};
        }
    }
    if (equal_ignoring_case(flag, kRecent)) {
        list.recent = true;
        return base::Done{};
    }
    return Error{Errc::Invalid, "unknown system flag"};
}

base::Result<FlagList> parse_flag_list(std::string_view text) {
    if (text.starts_with('(')) {
        if (text.size() < 2 || !text.ends_with(')')) {
            return Error{Errc::Invalid, "flag list is not closed"};
        }
        text = text.substr(1, text.size() - 2);
    }
    FlagList list;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        TRY(add_flag(list, text.substr(0, end)));
        if (end + 1 == text.size()) {
            return Error{Errc::Invalid, "space at the end of a flag list"};
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return list;
}

std::string format_flag_list(const FlagList& list) {
    std::string out = "(";
    const auto append = [&out](std::string_view name) {
        if (out.size() > 1) {
            out.push_back(' ');
        }
        out.append(name);
    };
    for (const auto& [bit, name] : kNames) {
        if (has(list.flags, bit)) {
            append(name);
        }
    }
    if (list.recent) {
        append(kRecent);
    }
    std::ranges::for_each(list.keywords, append);
    out.push_back(')');
    return out;
}

}  // namespace mail
