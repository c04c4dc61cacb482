#include "mail/rfc2231.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "mail/ascii.h"
#include "mail/limits.h"

namespace mail {

namespace {

/// "base*number" or "base*number*".
struct Piece {
    std::string_view base;
    std::size_t number = 0;
    bool encoded = false;
};

std::optional<Piece> parse_piece(std::string_view name) {
    Piece piece;
    if (name.ends_with('*')) {
        piece.encoded = true;
        name.remove_suffix(1);
    }
    const std::size_t star = name.rfind('*');
    if (star == std::string_view::npos || star == 0) {
        return std::nullopt;
    }
    piece.base = name.substr(0, star);
    const std::string_view digits = name.substr(star + 1);
    // A section number has no leading zeros, and no series has more pieces than there are
    // parameters.
    const bool valid = !digits.empty() && digits.size() <= 3 &&
                       std::ranges::all_of(digits, is_digit) &&
                       (digits.size() == 1 || digits.front() != '0');
    if (!valid) {
        return std::nullopt;
    }
    for (const char c : digits) {
        piece.number = piece.number * 10 + static_cast<std::size_t>(c - '0');
    }
    return piece;
}

/// The pieces of one series, by number; empty if there is a gap or a piece twice.
struct Series {
    std::vector<const std::string*> values;
    std::vector<bool> encoded;
};

Series collect(const std::vector<Parameter>& parameters, std::string_view base) {
    Series series;
    std::size_t count = 0;
    for (const Parameter& parameter : parameters) {
        const auto piece = parse_piece(parameter.name);
        if (!piece || !equal_ignoring_case(piece->base, base)) {
            continue;
        }
        if (piece->number >= series.values.size()) {
            series.values.resize(piece->number + 1, nullptr);
            series.encoded.resize(piece->number + 1, false);
        }
        if (series.values[piece->number] != nullptr) {
            return {};
        }
        series.values[piece->number] = &parameter.value;
        series.encoded[piece->number] = piece->encoded;
        ++count;
    }
    return count == series.values.size() ? series : Series{};
}

Parameter join(std::string_view base, const Series& series) {
    const bool encoded = std::ranges::find(series.encoded, true) != series.encoded.end();
    Parameter out;
    out.name = std::string(base) + (encoded ? "*" : "");
    for (std::size_t i = 0; i < series.values.size(); ++i) {
        for (const char c : *series.values[i]) {
            if (c == '%' && encoded && !series.encoded[i]) {
                out.value.append("%25");
            } else {
                out.value.push_back(c);
            }
        }
    }
    return out;
}

}  // namespace

std::vector<Parameter> join_continuations(const std::vector<Parameter>& parameters) {
    std::vector<Parameter> out;
    std::vector<std::string_view> joined;
    for (const Parameter& parameter : parameters) {
        const auto piece = parse_piece(parameter.name);
        if (!piece) {
            out.push_back(parameter);
            continue;
        }
        const bool done = std::ranges::any_of(
            joined, [&](std::string_view base) { return equal_ignoring_case(base, piece->base); });
        if (done) {
            continue;
        }
        const Series series = collect(parameters, piece->base);
        if (series.values.empty()) {
            out.push_back(parameter);
            continue;
        }
        out.push_back(join(piece->base, series));
        joined.push_back(piece->base);
    }
    return out;
}

}  // namespace mail
