#include "base/uuid.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "base/clock.h"
#include "base/random.h"

namespace base {

namespace {

int hex_value(char digit) noexcept {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    const char lower = static_cast<char>(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

constexpr bool is_hyphen_place(std::size_t place) noexcept {
    return place == 8 || place == 13 || place == 18 || place == 23;
}

void set_version(std::array<std::byte, 16>& bytes, unsigned version) noexcept {
    bytes[6] = (bytes[6] & std::byte{0x0F}) | static_cast<std::byte>(version << 4U);
    bytes[8] = (bytes[8] & std::byte{0x3F}) | std::byte{0x80};
}

// 60 bits: milliseconds in the upper 48, the fraction of the millisecond in 4096ths below.
std::uint64_t time_ticks(std::int64_t epoch_us) noexcept {
    const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(epoch_us, 0));
    return ((us / 1000) << 12U) | ((us % 1000) * 4096 / 1000);
}

void put_ticks(std::array<std::byte, 16>& bytes, std::uint64_t ticks) noexcept {
    const std::uint64_t milliseconds = ticks >> 12U;
    for (unsigned i = 0; i < 6; ++i) {
        bytes[i] = static_cast<std::byte>((milliseconds >> (40U - 8U * i)) & 0xFFU);
    }
    bytes[6] = static_cast<std::byte>((ticks >> 8U) & 0x0FU);
    bytes[7] = static_cast<std::byte>(ticks & 0xFFU);
}

}  // namespace

Result<Uuid> Uuid::parse(std::string_view text) {
    if (text.size() != 36) {
        return Error{Errc::Invalid, "an id has 36 characters"};
    }
    std::array<std::byte, kBytes> bytes{};
    std::size_t at = 0;
    for (std::size_t place = 0; place < text.size();) {
        if (is_hyphen_place(place)) {
            if (text[place] != '-') {
                return Error{Errc::Invalid, "an id has hyphens after 8, 12, 16 and 20 digits"};
            }
            ++place;
            continue;
        }
        const int high = hex_value(text[place]);
        const int low = hex_value(text[place + 1]);
        if (high < 0 || low < 0) {
            return Error{Errc::Invalid, "an id has hexadecimal digits only"};
        }
        bytes[at++] = static_cast<std::byte>(high * 16 + low);
        place += 2;
    }
    return Uuid(bytes);
}

Uuid Uuid::random() {
    std::array<std::byte, kBytes> bytes{};
    random_fill(bytes);
    set_version(bytes, 4);
    return Uuid(bytes);
}

Uuid Uuid::time_ordered() {
    // Two ids of one tick would order by chance; a clock that steps back would order wrongly. So
    // the last tick given out is remembered, and each id takes a later one.
    static std::atomic<std::uint64_t> last_ticks{0};
    const std::uint64_t now = time_ticks(wall_us());
    std::uint64_t seen = last_ticks.load(std::memory_order_relaxed);
    std::uint64_t ticks = 0;
    do {
        ticks = std::max(now, seen + 1);
    } while (!last_ticks.compare_exchange_weak(seen, ticks, std::memory_order_relaxed));
    std::array<std::byte, kBytes> bytes{};
    random_fill(std::span(bytes).subspan(8));
    put_ticks(bytes, ticks);
    set_version(bytes, 7);
    return Uuid(bytes);
}

Uuid Uuid::lower_bound_at(std::int64_t epoch_us) noexcept {
    std::array<std::byte, kBytes> bytes{};
    put_ticks(bytes, time_ticks(epoch_us));
    set_version(bytes, 7);
    return Uuid(bytes);
}

std::int64_t Uuid::time_us() const noexcept {
    if ((bytes_[6] >> 4U) != std::byte{7}) {
        return 0;
    }
    std::int64_t milliseconds = 0;
    for (std::size_t i = 0; i < 6; ++i) {
        milliseconds = milliseconds * 256 + std::to_integer<std::int64_t>(bytes_[i]);
    }
    return milliseconds * 1000;
}

std::string Uuid::to_text() const {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    text.reserve(36);
    for (const std::byte byte : bytes_) {
        if (is_hyphen_place(text.size())) {
            text.push_back('-');
        }
        const auto value = std::to_integer<unsigned>(byte);
        text.push_back(kDigits[value >> 4U]);
        text.push_back(kDigits[value & 0xFU]);
    }
    return text;
}

}  // namespace base

std::size_t std::hash<base::Uuid>::operator()(const base::Uuid& id) const noexcept {
    // The last eight bytes are random in versions 4 and 7; fold the rest in for foreign ids.
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    std::memcpy(&high, id.bytes().data(), sizeof high);
    std::memcpy(&low, id.bytes().data() + 8, sizeof low);
    return static_cast<std::size_t>(low ^ (high * 0x9E3779B97F4A7C15ULL));
}
