#pragma once

// Dates of header fields (RFC 5322 3.3, obsolete forms of 4.3) and of IMAP (RFC 9051 9, date-time).
// Times are seconds since 1970 UTC; a zone is minutes east of UTC. Thread rule: values.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mail {

/// An instant and the zone in which it was written.
struct ZonedTime {
    std::int64_t unix_seconds = 0;
    int zone_minutes = 0;

    /// Days since 1970-01-01 of the date as it was written: what SENTON, SENTBEFORE and SENTSINCE
    /// compare (RFC 9051 6.4.4, time and zone disregarded).
    [[nodiscard]] std::int64_t written_day() const noexcept;

    friend bool operator==(const ZonedTime&, const ZonedTime&) = default;
};

/// A Date field's value, folded or not, comments allowed, two- and three-digit years, alphabetic
/// zones (an unknown one is UTC), no seconds, no zone (UTC). Empty if it is no date.
[[nodiscard]] std::optional<ZonedTime> parse_header_date(std::string_view value);

/// "Mon, 23 Nov 2026 09:05:00 +0100", RFC 5322 3.3.
[[nodiscard]] std::string format_header_date(const ZonedTime& time);

/// "23-Nov-2026 09:05:00 +0100" with the day padded by a space (RFC 9051 9, date-day-fixed),
/// without quotes.
[[nodiscard]] std::string format_imap_date(const ZonedTime& time);

/// Reads what format_imap_date writes, as APPEND sends it. Empty if it is no date-time.
[[nodiscard]] std::optional<ZonedTime> parse_imap_date_time(std::string_view text);

/// "1-Nov-2026" or "01-Nov-2026" of SEARCH, as days since 1970-01-01. Empty if it is no date.
[[nodiscard]] std::optional<std::int64_t> parse_imap_date(std::string_view text);

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar; month and day from 1.
[[nodiscard]] std::int64_t days_from_civil(std::int64_t year, int month, int day) noexcept;

}  // namespace mail
