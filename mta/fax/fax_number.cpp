#include "mta/fax/fax_number.h"

#include <algorithm>

#include "mail/ascii.h"

namespace mta {

namespace {

constexpr std::string_view kBetweenDigits = " .-/()";
constexpr std::size_t kPatternMax = 100;

}  // namespace

std::string normal_fax_number(std::string_view text) {
    std::string_view rest = mail::trim(text);
    if (rest.size() >= 4 && mail::equal_ignoring_case(rest.substr(0, 4), "tel:")) {
        rest.remove_prefix(4);
    }
    std::string number;
    for (const char c : rest) {
        if (mail::is_digit(c) || (c == '+' && number.empty())) {
            number.push_back(c);
        } else if (kBetweenDigits.find(c) == std::string_view::npos) {
            return {};
        }
        if (number.size() > kFaxNumberMax) {
            return {};
        }
    }
    return number == "+" ? std::string() : number;
}

std::string fax_match_form(std::string_view text) {
    std::string number = normal_fax_number(text);
    return number.empty() ? mail::to_lower(mail::trim(text)) : number;
}

base::Result<std::string> fax_pattern(std::string_view text) {
    std::string_view rest = mail::trim(text);
    const bool open = rest.ends_with('*');
    if (open) {
        rest.remove_suffix(1);
    }
    std::string form = fax_match_form(rest);
    const bool clean = std::none_of(
        form.begin(), form.end(), [](char c) { return c == '*' || mail::is_control(c); });
    if (!clean || form.size() > kPatternMax || (form.empty() && !open)) {
        return base::Error{base::Errc::Invalid,
                           "'" + std::string(text) +
                               "' is no pattern: it is a number such as +4930901820, the beginning "
                               "of one such as +4930*, or * for any"};
    }
    return form + (open ? "*" : "");
}

std::string fax_number_of_local_part(std::string_view local_part) {
    if (local_part.size() >= 4 && mail::equal_ignoring_case(local_part.substr(0, 4), "fax=")) {
        local_part.remove_prefix(4);
    }
    // Qualifiers of RFC 3191 ("/T33S=...") are not for a plain number.
    return local_part.find('/') == std::string_view::npos ? normal_fax_number(local_part)
                                                          : std::string();
}

}  // namespace mta
