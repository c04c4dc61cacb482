#include <array>
#include <charconv>
#include <cmath>

#include "base/db_detail.h"
#include "base/hash.h"

namespace base::detail {

namespace {

std::string real_text(double value) {
    if (std::isnan(value)) {
        return "NaN";
    }
    if (std::isinf(value)) {
        return value > 0 ? "Infinity" : "-Infinity";
    }
    std::array<char, 64> text{};
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() ? std::string(text.data(), end) : "NaN";
}

std::string bytea_text(const Bytes& bytes) {
    return "\\x" + to_hex(bytes);
}

// Always quoted: so NULL, empty, commas, braces and blanks need no thought.
void append_element(std::string& out, std::string_view element) {
    out += '"';
    for (const char c : element) {
        if (c == '"' || c == '\\') {
            out += '\\';
        }
        out += c;
    }
    out += '"';
}

template <typename Elements, typename Append>
std::string array_text(const Elements& elements, Append append) {
    std::string out = "{";
    for (const auto& element : elements) {
        if (out.size() > 1) {
            out += ',';
        }
        append(out, element);
    }
    out += '}';
    return out;
}

struct Encode {
    std::string operator()(std::nullptr_t) const { return {}; }

    std::string operator()(bool value) const { return value ? "t" : "f"; }

    std::string operator()(std::int64_t value) const { return std::to_string(value); }

    std::string operator()(double value) const { return real_text(value); }

    std::string operator()(const std::string& value) const { return value; }

    std::string operator()(const Bytes& value) const { return bytea_text(value); }

    std::string operator()(const std::vector<bool>& values) const {
        return array_text(values, [](std::string& out, bool value) { out += value ? "t" : "f"; });
    }

    std::string operator()(const std::vector<std::int64_t>& values) const {
        return array_text(
            values, [](std::string& out, std::int64_t value) { out += std::to_string(value); });
    }

    std::string operator()(const std::vector<double>& values) const {
        return array_text(values, [](std::string& out, double value) { out += real_text(value); });
    }

    std::string operator()(const std::vector<std::string>& values) const {
        return array_literal(values);
    }

    std::string operator()(const std::vector<Param::OptionalText>& values) const {
        return array_text(values, [](std::string& out, const Param::OptionalText& value) {
            if (value) {
                append_element(out, *value);
            } else {
                out += "NULL";
            }
        });
    }

    std::string operator()(const std::vector<Bytes>& values) const {
        return array_text(values, [](std::string& out, const Bytes& value) {
            append_element(out, bytea_text(value));
        });
    }

    std::string operator()(const std::vector<Uuid>& values) const {
        return array_text(values,
                          [](std::string& out, const Uuid& value) { out += value.to_text(); });
    }
};

// One element from `at` on, which is behind it afterwards.
Result<Param::OptionalText> parse_element(std::string_view text, std::size_t& at) {
    std::string element;
    if (at < text.size() && text[at] == '"') {
        for (++at; at < text.size() && text[at] != '"'; ++at) {
            if (text[at] == '\\' && ++at == text.size()) {
                break;
            }
            element += text[at];
        }
        if (at >= text.size()) {
            return Error{Errc::Corrupt, "array element without closing quote"};
        }
        ++at;
        return Param::OptionalText(std::move(element));
    }
    for (; at < text.size() && text[at] != ',' && text[at] != '}'; ++at) {
        if (text[at] == '{' || text[at] == '"') {
            return Error{Errc::Corrupt, "not a one-dimensional array"};
        }
        element += text[at];
    }
    if (element == "NULL") {
        return Param::OptionalText();
    }
    return Param::OptionalText(std::move(element));
}

}  // namespace

Result<EncodedParams> EncodedParams::create(const Params& params) {
    if (params.size() > kDbParamsMax) {
        return Error{Errc::Invalid, "more than " + std::to_string(kDbParamsMax) + " parameters"};
    }
    EncodedParams encoded;
    encoded.texts_.reserve(params.size());
    encoded.pointers_.reserve(params.size());
    for (const Param& param : params) {
        encoded.texts_.push_back(std::visit(Encode{}, param.value()));
        // libpq takes C strings: the rest behind a NUL would be lost without a word.
        if (encoded.texts_.back().find('\0') != std::string::npos) {
            return Error{Errc::Invalid,
                         "parameter " + std::to_string(encoded.texts_.size()) + " holds a NUL"};
        }
        const bool is_null = std::holds_alternative<std::nullptr_t>(param.value());
        encoded.pointers_.push_back(is_null ? nullptr : encoded.texts_.back().c_str());
    }
    return encoded;
}

Result<std::vector<Param::OptionalText>> parse_array(std::string_view text) {
    std::vector<Param::OptionalText> elements;
    // "[0:2]={...}" is written when the lower bound is not 1.
    if (text.starts_with('[')) {
        const std::size_t equals = text.find('=');
        text.remove_prefix(equals == std::string_view::npos ? text.size() : equals + 1);
    }
    if (text.size() < 2 || text.front() != '{' || text.back() != '}') {
        return Error{Errc::Corrupt, "not an array"};
    }
    if (text == "{}") {
        return elements;
    }
    std::size_t at = 0;
    do {
        ++at;
        elements.push_back(TRY(parse_element(text, at)));
    } while (at < text.size() && text[at] == ',');
    if (at + 1 != text.size()) {
        return Error{Errc::Corrupt, "not a one-dimensional array"};
    }
    return elements;
}

}  // namespace base::detail

namespace base {

std::string array_literal(std::span<const std::string> elements) {
    return detail::array_text(elements, [](std::string& out, const std::string& element) {
        detail::append_element(out, element);
    });
}

}  // namespace base
