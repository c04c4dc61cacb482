#include "base/load_report.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace base {
namespace {

constexpr std::string_view kProtocol = "roundtable-load";
constexpr std::string_view kVersion = "1";
constexpr std::size_t kNameMax = 255;
constexpr std::size_t kReasonMax = 64;

// The longest line we can write must be one that we would read.
constexpr std::size_t kDigitsMax = 20;
static_assert(sizeof("start= busy_us= arrivals= refused= accepted= fit=1 reason=\r\n") +
                  5 * kDigitsMax + kReasonMax <
              kLoadLineMax);
static_assert(sizeof("roundtable-load 1 name= start=\r\n") + kNameMax + kDigitsMax < kLoadLineMax);

bool is_word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool is_word(std::string_view text, std::size_t max) {
    return !text.empty() && text.size() <= max && std::ranges::all_of(text, is_word_char);
}

std::string to_word(std::string_view text, std::size_t max) {
    std::string word(text.substr(0, max));
    std::ranges::replace_if(
        word, [](char c) { return !is_word_char(c); }, '_');
    return word.empty() ? "-" : word;
}

Error invalid(std::string_view what) {
    return Error{Errc::Invalid, "load report: " + std::string(what)};
}

Result<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, failure] = std::from_chars(text.data(), end, value);
    if (text.empty() || failure != std::errc() || stop != end) {
        return invalid("not a number");
    }
    return value;
}

Status check_line(std::string_view line) {
    if (line.size() + 2 > kLoadLineMax) {
        return Error{Errc::TooLarge, "load report: line over the limit"};
    }
    // Control characters have no place in the protocol; refusing them here keeps them out of logs.
    if (!std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; })) {
        return invalid("not printable ASCII");
    }
    return Done{};
}

// Takes the next space-separated field off `rest`; empty when there is none left. Two spaces in a
// row make an empty field, which no caller accepts.
std::optional<std::string_view> next_field(std::string_view& rest) {
    if (rest.data() == nullptr) {
        return std::nullopt;
    }
    const std::size_t space = rest.find(' ');
    const std::string_view field = rest.substr(0, space);
    rest = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
    return field;
}

struct KeyValue {
    std::string_view key;
    std::string_view value;
};

Result<KeyValue> split_field(std::string_view field) {
    const std::size_t equals = field.find('=');
    if (equals == std::string_view::npos || equals == 0) {
        return invalid("field without key and value");
    }
    return KeyValue{field.substr(0, equals), field.substr(equals + 1)};
}

enum ReportKey : std::size_t { Start, BusyUs, Arrivals, Refused, Accepted, Fit, Reason, KeyCount };

constexpr std::array<std::string_view, KeyCount> kReportKeys = {
    "start", "busy_us", "arrivals", "refused", "accepted", "fit", "reason"};

Status set_report_field(LoadReport& report, std::size_t key, std::string_view value) {
    switch (key) {
        case Start:
            report.start_id = TRY(parse_number(value));
            return Done{};
        case BusyUs:
            report.busy_us = TRY(parse_number(value));
            return Done{};
        case Arrivals:
            report.arrivals = TRY(parse_number(value));
            return Done{};
        case Refused:
            report.refused = TRY(parse_number(value));
            return Done{};
        case Accepted:
            report.accepted = TRY(parse_number(value));
            return Done{};
        case Fit:
            if (value != "0" && value != "1") {
                return invalid("fit is neither 0 nor 1");
            }
            report.fit = value == "1";
            return Done{};
        default:
            if (!is_word(value, kReasonMax)) {
                return invalid("reason is not a word");
            }
            report.reason = value;
            return Done{};
    }
}

}  // namespace

std::string format_load_greeting(const LoadGreeting& greeting) {
    return std::string(kProtocol) + ' ' + std::string(kVersion) +
           " name=" + to_word(greeting.name, kNameMax) +
           " start=" + std::to_string(greeting.start_id) + "\r\n";
}

std::string format_load_report(const LoadReport& report) {
    return "start=" + std::to_string(report.start_id) +
           " busy_us=" + std::to_string(report.busy_us) +
           " arrivals=" + std::to_string(report.arrivals) +
           " refused=" + std::to_string(report.refused) +
           " accepted=" + std::to_string(report.accepted) + " fit=" + (report.fit ? "1" : "0") +
           " reason=" + to_word(report.reason, kReasonMax) + "\r\n";
}

Result<LoadGreeting> parse_load_greeting(std::string_view line) {
    TRY(check_line(line));
    std::string_view rest = line;
    if (next_field(rest) != kProtocol) {
        return invalid("greeting of another protocol");
    }
    if (next_field(rest) != kVersion) {
        return Error{Errc::Unsupported, "load report: another protocol version"};
    }
    LoadGreeting greeting;
    bool has_start = false;
    while (const auto field = next_field(rest)) {
        const KeyValue pair = TRY(split_field(*field));
        if (pair.key == "name") {
            if (!greeting.name.empty() || !is_word(pair.value, kNameMax)) {
                return invalid("bad or repeated name");
            }
            greeting.name = pair.value;
        } else if (pair.key == "start") {
            if (has_start) {
                return invalid("repeated start");
            }
            greeting.start_id = TRY(parse_number(pair.value));
            has_start = true;
        }
    }
    if (greeting.name.empty() || !has_start) {
        return invalid("greeting lacks name or start");
    }
    return greeting;
}

Result<LoadReport> parse_load_report(std::string_view line) {
    TRY(check_line(line));
    LoadReport report;
    std::array<bool, KeyCount> seen{};
    std::string_view rest = line;
    while (const auto field = next_field(rest)) {
        const KeyValue pair = TRY(split_field(*field));
        const auto found = std::ranges::find(kReportKeys, pair.key);
        if (found == kReportKeys.end()) {
            continue;
        }
        const auto key = static_cast<std::size_t>(found - kReportKeys.begin());
        if (seen.at(key)) {
            return invalid("repeated key");
        }
        seen.at(key) = true;
        TRY(set_report_field(report, key, pair.value));
    }
    if (!std::ranges::all_of(seen, [](bool is_there) { return is_there; })) {
        return invalid("a field is missing");
    }
    return report;
}

}  // namespace base
