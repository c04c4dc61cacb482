#pragma once

// The log: one event, one line, on stderr (the supervisor or systemd keeps it).
//
//   2026-11-22T12:00:00.123Z info mta connected session=4f2a peer=192.0.2.1:4711 tls="TLS 1.3"
//
// time, level, folder, event, then key=value. Values are quoted when they hold anything but plain
// printable ASCII without space, quote and '='; control bytes are escaped as \xNN, so that a peer
// can never forge a line. Session id first. Never message content, never secrets.
//
// Thread rule: any thread; lines never mix. Written by the calling thread (a line to a pipe or
// file); values longer than kLogValueMax bytes are cut. Errors: none; what cannot be written is
// lost.

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "base/result.h"

namespace base::log {

constexpr std::size_t kLogValueMax = 1024;

enum class Level : std::uint8_t { Debug, Info, Warning, Error };

/// key=value; borrows its texts for the time of the call.
struct Field {
    using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

    template <typename T>

    requires std::is_arithmetic_v<T> Field(std::string_view field_key, T number) : key(field_key) {
        if constexpr (std::is_same_v<T, bool>) {
            value = number;
        } else if constexpr (std::is_floating_point_v<T>) {
            value = static_cast<double>(number);
        } else if constexpr (std::is_unsigned_v<T>) {
            value = static_cast<std::uint64_t>(number);
        } else {
            value = static_cast<std::int64_t>(number);
        }
    }

    template <typename T>

    requires std::convertible_to<const T&, std::string_view> Field(std::string_view field_key,
                                                                   const T& text)
        : key(field_key), value(static_cast<std::string_view>(text)) {}

    /// "timeout: detail".
    Field(std::string_view field_key, const base::Error& error_value);

    std::string_view key;
    Value value;
    const base::Error* error = nullptr;
};

using Fields = std::initializer_list<Field>;

void set_level(Level level) noexcept;
[[nodiscard]] bool is_enabled(Level level) noexcept;
/// "debug", "info", "warning", "error". Errc::Invalid.
[[nodiscard]] Result<Level> parse_level(std::string_view text);

void write(Level level, std::string_view folder, std::string_view event, Fields fields);

inline void debug(std::string_view folder, std::string_view event, Fields fields = {}) {
    if (is_enabled(Level::Debug)) {
        write(Level::Debug, folder, event, fields);
    }
}

inline void info(std::string_view folder, std::string_view event, Fields fields = {}) {
    if (is_enabled(Level::Info)) {
        write(Level::Info, folder, event, fields);
    }
}

inline void warning(std::string_view folder, std::string_view event, Fields fields = {}) {
    if (is_enabled(Level::Warning)) {
        write(Level::Warning, folder, event, fields);
    }
}

inline void error(std::string_view folder, std::string_view event, Fields fields = {}) {
    write(Level::Error, folder, event, fields);
}

/// The line without time and newline, as write() makes it. For tests.
[[nodiscard]] std::string format(Level level,
                                 std::string_view folder,
                                 std::string_view event,
                                 Fields fields);

}  // namespace base::log
