#pragma once

// Param: what goes into a statement. Part of base/db.h, which callers include.
//
// Thread rule: values. Limits: kDbParamsMax parameters; text must be UTF-8 without NUL (the
// statement answers Errc::Invalid).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/uuid.h"

namespace base {

constexpr std::size_t kDbParamsMax = 1000;

using Bytes = std::vector<std::byte>;

/// One parameter of a statement ($1, $2...). Its SQL type is what the statement makes of it. The
/// array kinds are encoded as array literals; elements need no escaping by the caller.
class Param {
  public:
    using OptionalText = std::optional<std::string>;
    using Value = std::variant<std::nullptr_t,
                               bool,
                               std::int64_t,
                               double,
                               std::string,
                               Bytes,
                               std::vector<bool>,
                               std::vector<std::int64_t>,
                               std::vector<double>,
                               std::vector<std::string>,
                               std::vector<OptionalText>,
                               std::vector<Bytes>,
                               std::vector<Uuid>>;

    Param(std::nullptr_t) noexcept : value_(nullptr) {}  // NOLINT(google-explicit-constructor)

    Param(std::nullopt_t) noexcept : value_(nullptr) {}  // NOLINT(google-explicit-constructor)

    Param(const char* text) : value_(std::string(text)) {}  // NOLINT(google-explicit-constructor)

    Param(std::string_view text)
        : value_(std::string(text)) {}  // NOLINT(google-explicit-constructor)

    Param(std::string text) noexcept
        : value_(std::move(text)) {}  // NOLINT(google-explicit-constructor)

    Param(Bytes bytes) noexcept
        : value_(std::move(bytes)) {}  // NOLINT(google-explicit-constructor)

    Param(std::span<const std::byte> bytes)  // NOLINT(google-explicit-constructor)
        : value_(Bytes(bytes.begin(), bytes.end())) {}

    Param(const Uuid& id) : value_(id.to_text()) {}  // NOLINT(google-explicit-constructor)

    /// Any integer or bool, or double. An unsigned value beyond 2^63-1 becomes a text of digits.
    template <typename T>

    requires std::is_arithmetic_v<T> Param(T number) {  // NOLINT(google-explicit-constructor)
        if constexpr (std::is_same_v<T, bool>) {
            value_ = number;
        } else if constexpr (std::is_floating_point_v<T>) {
            value_ = static_cast<double>(number);
        } else if constexpr (std::is_unsigned_v<T> && sizeof(T) == sizeof(std::int64_t)) {
            if (number > static_cast<T>(INT64_MAX)) {
                value_ = std::to_string(number);
            } else {
                value_ = static_cast<std::int64_t>(number);
            }
        } else {
            value_ = static_cast<std::int64_t>(number);
        }
    }

    /// Null when empty.
    template <typename T>
    Param(const std::optional<T>& value)  // NOLINT(google-explicit-constructor)
        : value_(value ? Param(*value).value_ : Value(nullptr)) {}

    Param(std::vector<bool> v) : value_(std::move(v)) {}  // NOLINT(google-explicit-constructor)

    Param(std::vector<std::int64_t> v)
        : value_(std::move(v)) {}  // NOLINT(google-explicit-constructor)

    Param(std::vector<double> v) : value_(std::move(v)) {}  // NOLINT(google-explicit-constructor)

    Param(std::vector<std::string> v)
        : value_(std::move(v)) {}  // NOLINT(google-explicit-constructor)

    Param(std::vector<OptionalText> v)
        : value_(std::move(v)) {}  // NOLINT(google-explicit-constructor)

    Param(std::vector<Bytes> v) : value_(std::move(v)) {}  // NOLINT(google-explicit-constructor)

    Param(std::vector<Uuid> v) : value_(std::move(v)) {}  // NOLINT(google-explicit-constructor)

    [[nodiscard]] const Value& value() const noexcept { return value_; }

  private:
    Value value_;
};

using Params = std::vector<Param>;

/// {"a","b"} as the server reads it. For those who build SQL text themselves.
[[nodiscard]] std::string array_literal(std::span<const std::string> elements);

}  // namespace base
