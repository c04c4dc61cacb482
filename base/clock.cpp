#include "base/clock.h"

#include <array>
#include <cstdio>
#include <ctime>

namespace base {

namespace {

constexpr Duration kSpanMax = std::chrono::hours(24 * 365 * 100);

}  // namespace

Instant monotonic_now() noexcept {
    return std::chrono::steady_clock::now();
}

std::int64_t wall_us() noexcept {
    timespec now{};
    (void)clock_gettime(CLOCK_REALTIME, &now);  // cannot fail for this clock
    return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

std::string format_utc(std::int64_t epoch_us) {
    constexpr std::int64_t kSecond = 1'000'000;
    std::int64_t seconds = epoch_us / kSecond;
    std::int64_t micros = epoch_us % kSecond;
    if (micros < 0) {
        micros += kSecond;
        --seconds;
    }
    const std::time_t moment = seconds;
    std::tm parts{};
    (void)gmtime_r(&moment, &parts);
    std::array<char, 80> text{};
    const int length = std::snprintf(text.data(),
                                     text.size(),
                                     "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                                     parts.tm_year + 1900,
                                     parts.tm_mon + 1,
                                     parts.tm_mday,
                                     parts.tm_hour,
                                     parts.tm_min,
                                     parts.tm_sec,
                                     static_cast<int>(micros / 1000));
    return {text.data(), static_cast<std::size_t>(length)};
}

Deadline Deadline::after(Duration span) noexcept {
    return Deadline(monotonic_now() + (span > kSpanMax ? kSpanMax : span));
}

Duration Deadline::remaining() const noexcept {
    const Instant now = monotonic_now();
    return at_ > now ? Duration(at_ - now) : Duration::zero();
}

bool Deadline::passed() const noexcept {
    return monotonic_now() >= at_;
}

}  // namespace base
