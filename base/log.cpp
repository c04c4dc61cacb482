#include "base/log.h"

#include <array>
#include <atomic>
#include <charconv>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/clock.h"

namespace base::log {

namespace {

std::atomic<Level> current_level{Level::Info};

// The library's sink writes each line whole, under its own mutex; the pattern is ours.
spdlog::logger& logger() {
    static const std::shared_ptr<spdlog::logger> instance = [] {
        auto made = std::make_shared<spdlog::logger>(
            "roundtable", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made->set_pattern("%v");
        made->set_level(spdlog::level::trace);
        made->flush_on(spdlog::level::trace);
        // A full or closed pipe must not end the daemon, nor print about itself.
        made->set_error_handler([](const std::string&) {});
        return made;
    }();
    return *instance;
}

constexpr std::array<std::string_view, 4> kLevelNames{"debug", "info", "warning", "error"};

bool is_plain(std::string_view text) noexcept {
    if (text.empty()) {
        return false;
    }
    for (const char c : text) {
        if (c <= ' ' || c >= 0x7F || c == '"' || c == '=' || c == '\\') {
            return false;
        }
    }
    return true;
}

void append_quoted(std::string& line, std::string_view text) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    line += '"';
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            line += '\\';
            line += c;
        } else if (byte < 0x20 || byte >= 0x7F) {
            line += "\\x";
            line += kDigits[byte >> 4U];
            line += kDigits[byte & 0xFU];
        } else {
            line += c;
        }
    }
    line += '"';
}

void append_text(std::string& line, std::string_view text) {
    const bool cut = text.size() > kLogValueMax;
    text = text.substr(0, kLogValueMax);
    if (is_plain(text)) {
        line += text;
    } else {
        append_quoted(line, text);
    }
    if (cut) {
        line += "...";
    }
}

template <typename Number>
void append_number(std::string& line, Number value) {
    std::array<char, 64> text{};
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
    line.append(text.data(), error == std::errc() ? end : text.data());
}

void append_value(std::string& line, const Field& field) {
    if (field.error != nullptr) {
        std::string text(errc_name(field.error->code));
        append_text(line, text.append(": ").append(field.error->detail));
        return;
    }
    std::visit(
        [&line](const auto& value) {
            using T = std::decay_t<decltype(value)>;
            if constexpr (std::is_same_v<T, std::string_view>) {
                append_text(line, value);
            } else if constexpr (std::is_same_v<T, bool>) {
                line += value ? "true" : "false";
            } else {
                append_number(line, value);
            }
        },
        field.value);
}

}  // namespace

Field::Field(std::string_view field_key, const base::Error& error_value)
    : key(field_key), error(&error_value) {
}

void set_level(Level level) noexcept {
    current_level.store(level, std::memory_order_relaxed);
}

bool is_enabled(Level level) noexcept {
    return level >= current_level.load(std::memory_order_relaxed);
}

Result<Level> parse_level(std::string_view text) {
    for (std::size_t i = 0; i < kLevelNames.size(); ++i) {
        if (text == kLevelNames.at(i)) {
            return static_cast<Level>(i);
        }
    }
    return Error{Errc::Invalid, "log level must be debug, info, warning or error"};
}

std::string format(Level level, std::string_view folder, std::string_view event, Fields fields) {
    std::string line;
    line.reserve(160);
    line.append(kLevelNames.at(static_cast<std::size_t>(level))).append(" ");
    line.append(folder).append(" ").append(event);
    for (const Field& field : fields) {
        line.append(" ").append(field.key).append("=");
        append_value(line, field);
    }
    return line;
}

void write(Level level, std::string_view folder, std::string_view event, Fields fields) {
    if (!is_enabled(level)) {
        return;
    }
    const std::string line = format_utc(wall_us()) + " " + format(level, folder, event, fields);
    logger().log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace base::log
