#include "mail/header.h"

#include <algorithm>
#include <cstring>

#include "mail/ascii.h"
#include "mail/limits.h"

namespace mail {

namespace {

/// Octets up to and including the next LF, or all.
std::size_t line_size(std::string_view text) {
    const void* const end = std::memchr(text.data(), '\n', text.size());
    return end == nullptr
               ? text.size()
               : static_cast<std::size_t>(static_cast<const char*>(end) - text.data()) + 1;
}

std::string_view without_line_end(std::string_view line) {
    if (line.ends_with('\n')) {
        line.remove_suffix(1);
        if (line.ends_with('\r')) {
            line.remove_suffix(1);
        }
    }
    return line;
}

bool is_empty_line(std::string_view line) {
    return line == "\r\n" || line == "\n";
}

bool is_continuation(std::string_view line) {
    return line.starts_with(' ') || line.starts_with('\t');
}

HeaderField make_field(std::string_view whole) {
    HeaderField field;
    field.whole = whole;
    field.value = without_line_end(whole);
    if (is_continuation(whole)) {
        return field;
    }
    const std::string_view first_line = whole.substr(0, line_size(whole));
    const std::size_t colon = first_line.find(':');
    if (colon == std::string_view::npos) {
        return field;
    }
    const std::string_view name = trim(first_line.substr(0, colon));
    if (name.empty() || std::ranges::any_of(name, is_control)) {
        return field;
    }
    field.name = name;
    field.value.remove_prefix(colon + 1);
    return field;
}

}  // namespace

const HeaderField* Header::find(std::string_view name) const noexcept {
    const auto it = std::ranges::find_if(
        fields, [name](const HeaderField& field) { return equal_ignoring_case(field.name, name); });
    return it == fields.end() ? nullptr : &*it;
}

const HeaderField* Header::find_last(std::string_view name) const noexcept {
    const auto it = std::find_if(fields.rbegin(), fields.rend(), [name](const HeaderField& field) {
        return equal_ignoring_case(field.name, name);
    });
    return it == fields.rend() ? nullptr : &*it;
}

std::string_view Header::value(std::string_view name) const noexcept {
    const HeaderField* const field = find(name);
    return field == nullptr ? std::string_view() : field->value;
}

Header scan_header(std::string_view text) {
    Header header;
    std::size_t field_start = 0;
    const auto end_field = [&](std::size_t end) {
        if (end == field_start) {
            return;
        }
        if (header.fields.size() >= kHeaderFieldsMax || end > kHeaderScanMax) {
            header.truncated = true;
        } else {
            header.fields.push_back(make_field(text.substr(field_start, end - field_start)));
        }
        field_start = end;
    };
    std::size_t position = 0;
    while (position < text.size() && !header.has_empty_line) {
        const std::string_view line = text.substr(position, line_size(text.substr(position)));
        if (!is_continuation(line)) {
            end_field(position);
        }
        position += line.size();
        ++header.lines;
        if (is_empty_line(line)) {
            header.has_empty_line = true;
            field_start = position;
        }
    }
    end_field(position);
    header.size = position;
    return header;
}

std::string unfold(std::string_view value) {
    value = trim(value).substr(0, kFieldValueMax);
    std::string out;
    out.reserve(value.size());
    for (std::size_t i = 0; i < value.size(); ++i) {
        const char c = value[i];
        const bool line_end =
            c == '\n' || (c == '\r' && i + 1 < value.size() && value[i + 1] == '\n');
        if (!line_end) {
            out.push_back(c);
        }
    }
    return out;
}

}  // namespace mail
