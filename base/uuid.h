#pragma once

// Uuid: a 128-bit id, RFC 9562. Message ids are version 7: they begin with the time, so that they
// sort by age and partition by range; the byte order of comparison is the order of the text form.
//
// Thread rule: values; the makers may be called from any thread.

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace base {

class Uuid {
  public:
    static constexpr std::size_t kBytes = 16;

    /// All zero: "no id".
    constexpr Uuid() noexcept = default;

    /// Network byte order, as in RFC 9562 4.
    explicit constexpr Uuid(const std::array<std::byte, kBytes>& bytes) noexcept : bytes_(bytes) {}

    /// 8-4-4-4-12 hexadecimal digits in either case, nothing before or after. Errc::Invalid.
    [[nodiscard]] static Result<Uuid> parse(std::string_view text);

    /// 122 random bits, RFC 9562 5.4.
    [[nodiscard]] static Uuid random();

    /// Wall time in ms (48 bit), 12 bit of sub-millisecond time, 62 random bits, RFC 9562 5.7 and
    /// 6.2 method 3. Strictly increasing within a process, also when the wall clock steps back.
    [[nodiscard]] static Uuid time_ordered();

    /// The smallest version 7 id of that moment: a bound for range queries by time.
    [[nodiscard]] static Uuid lower_bound_at(std::int64_t epoch_us) noexcept;

    /// Microseconds since the epoch of a version 7 id, to the millisecond; 0 for other versions.
    [[nodiscard]] std::int64_t time_us() const noexcept;

    [[nodiscard]] const std::array<std::byte, kBytes>& bytes() const noexcept { return bytes_; }

    [[nodiscard]] bool is_nil() const noexcept { return *this == Uuid(); }

    /// Lower case, 36 characters.
    [[nodiscard]] std::string to_text() const;

    friend constexpr auto operator<=>(const Uuid&, const Uuid&) noexcept = default;

  private:
    std::array<std::byte, kBytes> bytes_{};
};

}  // namespace base

/// Ids are random where it matters: for hash tables their octets are hash enough.
template <>
struct std::hash<base::Uuid> {
    std::size_t operator()(const base::Uuid& id) const noexcept;
};
