#include "dns/explain/server_reason.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>

namespace dns::explain {
namespace {

using steering::ForcedState;
using steering::TableBasis;

// A trim that moved a weight by less is not worth a word.
constexpr double kTrimWords = 0.02;

std::string two_digits(std::int64_t value) {
    return (value < 10 ? "0" : "") + std::to_string(value);
}

// "drain by alice: disks".
std::string by_whom(const steering::Override& entry) {
    std::string text;
    if (!entry.author.empty()) {
        text += " by " + entry.author;
    }
    if (!entry.reason.empty()) {
        text += ": " + entry.reason;
    }
    if (entry.expires_us) {
        text += ", until " + time_text(*entry.expires_us);
    }
    return text;
}

bool is_quiet(const ServerFacts& facts) {
    return facts.quiet_us && facts.now.unix_us >= *facts.quiet_us;
}

std::string drained_words(const ServerFacts& facts) {
    std::string text = "drained";
    if (facts.state != nullptr) {
        text += by_whom(*facts.state);
    }
    if (is_quiet(facts)) {
        return text + "; quiet: no cache names it any more";
    }
    if (facts.quiet_us) {
        const double left_s = static_cast<double>(*facts.quiet_us - facts.now.unix_us) * 1e-6;
        text += "; caches may name it for another " + span_text(left_s);
    }
    return text;
}

std::string down_words(const ServerFacts& facts) {
    std::string text = "down";
    if (facts.since_s) {
        text += " for " + span_text(*facts.since_s);
    }
    if (!facts.status.reason.empty()) {
        text += ": " + facts.status.reason;
    }
    if (facts.table.basis == TableBasis::Panic) {
        text += "; too few servers are up for that to be believed";
    }
    return text;
}

std::string trim_words(const ServerFacts& facts) {
    if (facts.status.ill) {
        return "takes no mail though it should: its low load is not believed, it loses weight";
    }
    const double factor = std::exp(facts.server.trim);
    if (std::abs(factor - 1) < kTrimWords) {
        return {};
    }
    return (factor < 1 ? "busier than the others: weight x " : "idler than the others: weight x ") +
           fixed_text(factor, 2);
}

void add(std::string& text, const std::string& more) {
    if (!more.empty()) {
        text += (text.empty() ? "" : "; ") + more;
    }
}

}  // namespace

std::string span_text(double seconds) {
    const auto whole = static_cast<std::int64_t>(std::max(0.0, std::floor(seconds)));
    const std::int64_t minutes = whole / 60;
    const std::int64_t hours = minutes / 60;
    if (whole < 120) {
        return std::to_string(whole) + " s";
    }
    if (hours == 0) {
        return std::to_string(minutes) + " min";
    }
    if (hours < 48) {
        return std::to_string(hours) + " h " + std::to_string(minutes % 60) + " min";
    }
    return std::to_string(hours / 24) + " d " + std::to_string(hours % 24) + " h";
}

std::string time_text(std::int64_t unix_us) {
    const std::chrono::sys_time<std::chrono::microseconds> at{std::chrono::microseconds(unix_us)};
    const auto day = std::chrono::floor<std::chrono::days>(at);
    const std::chrono::year_month_day date(day);
    const auto second = std::chrono::floor<std::chrono::seconds>(at - day).count();
    return std::to_string(static_cast<int>(date.year())) + "-" +
           two_digits(static_cast<unsigned>(date.month())) + "-" +
           two_digits(static_cast<unsigned>(date.day())) + " " + two_digits(second / 3600) + ":" +
           two_digits(second / 60 % 60) + ":" + two_digits(second % 60) + " UTC";
}

std::string fixed_text(double value, int digits) {
    std::array<char, 64> text{};
    const auto written = std::to_chars(
        text.data(), text.data() + text.size(), value, std::chars_format::fixed, digits);
    return written.ec == std::errc() ? std::string(text.data(), written.ptr) : "?";
}

std::string server_state(const ServerFacts& facts) {
    switch (facts.server.forced) {
        case ForcedState::Drained:
            return is_quiet(facts) ? "quiet" : "drained";
        case ForcedState::Down:
            return "forced down";
        case ForcedState::Up:
            return "forced up";
        case ForcedState::None:
            break;
    }
    return facts.status.up ? "up" : "down";
}

std::string server_reason(const ServerFacts& facts) {
    std::string text;
    const std::string whom = facts.state != nullptr ? by_whom(*facts.state) : "";
    switch (facts.server.forced) {
        case ForcedState::Drained:
            add(text, drained_words(facts));
            break;
        case ForcedState::Down:
            add(text, "forced down" + whom);
            break;
        case ForcedState::Up:
            add(text, "forced up" + whom);
            add(text, facts.status.up ? "" : "probes say " + down_words(facts));
            break;
        case ForcedState::None:
            add(text, facts.status.up ? "" : down_words(facts));
            break;
    }
    const bool is_out = facts.server.forced == ForcedState::Drained ||
                        facts.server.forced == ForcedState::Down || !facts.server.up;
    if (is_out && facts.server.first_share > 0 && facts.table.basis != TableBasis::Panic) {
        add(text,
            facts.table.basis == TableBasis::AllConfigured
                ? "answered all the same: operators took every server out"
                : "answered all the same: there is none better");
    }
    if (facts.server.pin) {
        add(text,
            "pinned to " + std::to_string(*facts.server.pin) +
                (facts.pin != nullptr ? by_whom(*facts.pin) : ""));
    }
    if (facts.status.ramp < 1 && !is_out) {
        add(text, "slow start at " + fixed_text(100 * facts.status.ramp, 0) + " % of its weight");
    }
    if (!is_out && facts.table.policy == steering::Policy::Load) {
        add(text, trim_words(facts));
    }
    if (facts.server.tier != 0) {
        add(text, "of backup site " + std::to_string(facts.server.tier));
    }
    return text.empty() ? "in service" : text;
}

}  // namespace dns::explain
