#include "mail/date.h"

#include <array>
#include <cstdio>

#include "mail/ascii.h"

namespace mail {

namespace {

constexpr std::array<std::string_view, 12> kMonths = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kWeekdays = {
    "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::int64_t kDaySeconds = 86'400;
constexpr std::size_t kDateTextMax = 512;

struct Civil {
    std::int64_t year = 1970;
    int month = 1;
    int day = 1;
};

struct ClockTime {
    int hour = 0;
    int minute = 0;
    int second = 0;
};

/// Days since 1970-01-01 as a date, by eras of 400 years that start on 1 March.
Civil civil_from_days(std::int64_t days) {
    constexpr std::int64_t kEraDays = 146'097;
    constexpr std::int64_t kEpochInEra = 719'468;  // 0000-03-01 to 1970-01-01
    const std::int64_t shifted = days + kEpochInEra;
    const std::int64_t era = (shifted >= 0 ? shifted : shifted - kEraDays + 1) / kEraDays;
    const std::int64_t day = shifted - era * kEraDays;
    const std::int64_t year = (day - day / 1'460 + day / 36'524 - day / 146'096) / 365;
    const std::int64_t day_of_year = day - (365 * year + year / 4 - year / 100);
    const std::int64_t march_month = (5 * day_of_year + 2) / 153;
    const std::int64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    return {year + era * 400 + (month <= 2 ? 1 : 0),
            static_cast<int>(month),
            static_cast<int>(day_of_year - (153 * march_month + 2) / 5 + 1)};
}

bool is_date(const Civil& date) {
    if (date.month < 1 || date.month > 12 || date.day < 1 || date.year < 1 || date.year > 9'999) {
        return false;
    }
    const Civil back = civil_from_days(days_from_civil(date.year, date.month, date.day));
    return back.day == date.day && back.month == date.month;
}

int month_from_name(std::string_view name) {
    for (std::size_t i = 0; i < kMonths.size(); ++i) {
        if (equal_ignoring_case(kMonths[i], name)) {
            return static_cast<int>(i) + 1;
        }
    }
    return 0;
}

ZonedTime make_time(const Civil& date, const ClockTime& clock, int zone_minutes) {
    const std::int64_t local = days_from_civil(date.year, date.month, date.day) * kDaySeconds +
                               clock.hour * 3'600 + clock.minute * 60 + clock.second;
    return {local - zone_minutes * 60, zone_minutes};
}

/// Reads tokens of a date from the front of a text. Nothing taken: the text is as before.
class DateReader {
  public:
    explicit DateReader(std::string_view text) : rest_(text) {}

    void skip_space() {
        int depth = 0;
        while (!rest_.empty() && (depth > 0 || is_folding_space(front()) || front() == '(')) {
            if (front() == '\\' && rest_.size() > 1) {
                rest_.remove_prefix(1);
            } else if (front() == '(') {
                ++depth;
            } else if (front() == ')') {
                --depth;
            }
            rest_.remove_prefix(1);
        }
    }

    bool take(char c) {
        if (rest_.empty() || front() != c) {
            return false;
        }
        rest_.remove_prefix(1);
        return true;
    }

    /// `digits` is set to how many were read; -1: not between min and max of them.
    int take_number(std::size_t min_digits, std::size_t max_digits, std::size_t* digits = nullptr) {
        std::size_t count = 0;
        int value = 0;
        while (count < rest_.size() && is_digit(rest_[count])) {
            if (count == max_digits) {
                return -1;
            }
            value = value * 10 + (rest_[count] - '0');
            ++count;
        }
        if (count < min_digits) {
            return -1;
        }
        rest_.remove_prefix(count);
        if (digits != nullptr) {
            *digits = count;
        }
        return value;
    }

    std::string_view take_letters() {
        std::size_t count = 0;
        while (count < rest_.size() && is_alpha(rest_[count])) {
            ++count;
        }
        const std::string_view letters = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return letters;
    }

    bool at_end() const { return rest_.empty(); }

  private:
    char front() const { return rest_.front(); }

    std::string_view rest_;
};

/// hour ":" minute [":" second], CFWS around (RFC 5322 3.3 and 4.3).
std::optional<ClockTime> take_clock(DateReader& in, bool seconds_required) {
    ClockTime clock;
    clock.hour = in.take_number(1, 2);
    in.skip_space();
    if (!in.take(':')) {
        return std::nullopt;
    }
    in.skip_space();
    clock.minute = in.take_number(1, 2);
    in.skip_space();
    if (in.take(':')) {
        in.skip_space();
        clock.second = in.take_number(1, 2);
    } else if (seconds_required) {
        return std::nullopt;
    }
    const bool valid = clock.hour >= 0 && clock.hour <= 23 && clock.minute >= 0 &&
                       clock.minute <= 59 && clock.second >= 0 && clock.second <= 60;
    return valid ? std::optional(clock) : std::nullopt;
}

/// "+0100". Empty if it is none.
std::optional<int> take_numeric_zone(DateReader& in) {
    const bool east = in.take('+');
    if (!east && !in.take('-')) {
        return std::nullopt;
    }
    const int digits = in.take_number(4, 4);
    if (digits < 0 || digits % 100 > 59) {
        return std::nullopt;
    }
    const int minutes = digits / 100 * 60 + digits % 100;
    return east ? minutes : -minutes;
}

/// obs-zone of RFC 5322 4.3. Military letters were used with the wrong sign and mean nothing.
int zone_from_name(std::string_view name) {
    struct Zone {
        std::string_view name;
        int hours;
    };

    constexpr std::array<Zone, 8> kZones = {{{"EDT", -4},
                                             {"EST", -5},
                                             {"CDT", -5},
                                             {"CST", -6},
                                             {"MDT", -6},
                                             {"MST", -7},
                                             {"PDT", -7},
                                             {"PST", -8}}};
    for (const Zone& zone : kZones) {
        if (equal_ignoring_case(zone.name, name)) {
            return zone.hours * 60;
        }
    }
    return 0;
}

/// Two and three digits: RFC 5322 4.3.
std::int64_t full_year(int year, std::size_t digits) {
    if (digits == 2) {
        return year + (year < 50 ? 2'000 : 1'900);
    }
    return digits == 3 ? year + 1'900 : year;
}

std::optional<Civil> take_header_date(DateReader& in) {
    in.skip_space();
    if (!in.take_letters().empty()) {  // day of the week: not checked, often wrong
        in.skip_space();
        (void)in.take(',');  // left out by some senders
        in.skip_space();
    }
    Civil date;
    date.day = in.take_number(1, 2);
    in.skip_space();
    date.month = month_from_name(in.take_letters().substr(0, 3));
    in.skip_space();
    std::size_t digits = 0;
    const int year = in.take_number(2, 4, &digits);
    if (year < 0) {
        return std::nullopt;
    }
    date.year = full_year(year, digits);
    in.skip_space();
    return is_date(date) ? std::optional(date) : std::nullopt;
}

std::optional<Civil> take_imap_date(DateReader& in,
                                    std::size_t min_day_digits,
                                    std::size_t max_day_digits) {
    Civil date;
    date.day = in.take_number(min_day_digits, max_day_digits);
    if (!in.take('-')) {
        return std::nullopt;
    }
    date.month = month_from_name(in.take_letters());
    if (!in.take('-')) {
        return std::nullopt;
    }
    date.year = in.take_number(4, 4);
    return is_date(date) ? std::optional(date) : std::nullopt;
}

template <typename... Args>
std::string print(const char* format, Args... args) {
    std::array<char, 64> buffer{};
    const int size = std::snprintf(buffer.data(), buffer.size(), format, args...);
    return {buffer.data(), static_cast<std::size_t>(size)};
}

struct Printable {
    Civil date;
    std::string_view month;
    std::string_view weekday;
    std::string clock_and_zone;
};

Printable make_printable(const ZonedTime& time) {
    const std::int64_t days = time.written_day();
    const std::int64_t local = time.unix_seconds + std::int64_t{time.zone_minutes} * 60;
    const auto second = static_cast<int>(local - days * kDaySeconds);
    const int zone = time.zone_minutes < 0 ? -time.zone_minutes : time.zone_minutes;
    Printable out;
    out.date = civil_from_days(days);
    out.month = kMonths[static_cast<std::size_t>(out.date.month - 1)];
    out.weekday = kWeekdays[static_cast<std::size_t>(((days + 4) % 7 + 7) % 7)];
    out.clock_and_zone = print("%02d:%02d:%02d %c%02d%02d",
                               second / 3'600,
                               second / 60 % 60,
                               second % 60,
                               time.zone_minutes < 0 ? '-' : '+',
                               zone / 60 % 100,
                               zone % 60);
    return out;
}

}  // namespace

std::int64_t ZonedTime::written_day() const noexcept {
    const std::int64_t local = unix_seconds + std::int64_t{zone_minutes} * 60;
    return (local >= 0 ? local : local - kDaySeconds + 1) / kDaySeconds;
}

std::int64_t days_from_civil(std::int64_t year, int month, int day) noexcept {
    const std::int64_t march_year = year - (month <= 2 ? 1 : 0);
    const std::int64_t era = (march_year >= 0 ? march_year : march_year - 399) / 400;
    const std::int64_t year_of_era = march_year - era * 400;
    const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719'468;
}

std::optional<ZonedTime> parse_header_date(std::string_view value) {
    DateReader in(value.substr(0, kDateTextMax));
    const auto date = take_header_date(in);
    if (!date) {
        return std::nullopt;
    }
    const auto clock = take_clock(in, false);
    if (!clock) {
        return std::nullopt;
    }
    in.skip_space();
    const auto numeric = take_numeric_zone(in);
    const int zone = numeric ? *numeric : zone_from_name(in.take_letters());
    return make_time(*date, *clock, zone);
}

std::string format_header_date(const ZonedTime& time) {
    const Printable parts = make_printable(time);
    return print("%.3s, %02d %.3s %04lld ",
                 parts.weekday.data(),
                 parts.date.day,
                 parts.month.data(),
                 static_cast<long long>(parts.date.year)) +
           parts.clock_and_zone;
}

std::string format_imap_date(const ZonedTime& time) {
    const Printable parts = make_printable(time);
    return print("%2d-%.3s-%04lld ",
                 parts.date.day,
                 parts.month.data(),
                 static_cast<long long>(parts.date.year)) +
           parts.clock_and_zone;
}

std::optional<ZonedTime> parse_imap_date_time(std::string_view text) {
    DateReader in(text);
    const bool padded = in.take(' ');
    const auto date = take_imap_date(in, padded ? 1 : 2, padded ? 1 : 2);
    if (!date || !in.take(' ')) {
        return std::nullopt;
    }
    const auto clock = take_clock(in, true);
    if (!clock || !in.take(' ')) {
        return std::nullopt;
    }
    const auto zone = take_numeric_zone(in);
    if (!zone || !in.at_end()) {
        return std::nullopt;
    }
    return make_time(*date, *clock, *zone);
}

std::optional<std::int64_t> parse_imap_date(std::string_view text) {
    DateReader in(text);
    const auto date = take_imap_date(in, 1, 2);
    if (!date || !in.at_end()) {
        return std::nullopt;
    }
    return days_from_civil(date->year, date->month, date->day);
}

}  // namespace mail
