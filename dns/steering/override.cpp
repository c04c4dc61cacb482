#include "dns/steering/override.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <tuple>

namespace dns::steering {
namespace {

constexpr std::array<std::string_view, 7> kKindNames = {
    "pin", "weight", "drain", "down", "up", "trim_off", "freeze"};

/// Overrides of one facet contradict each other; those of different facets add up.
enum class Facet : std::uint8_t { State, Preference, Weight, Trim };
constexpr std::size_t kFacets = 4;

Facet facet_of(OverrideKind kind) {
    switch (kind) {
        case OverrideKind::Pin:
            return Facet::Preference;
        case OverrideKind::Weight:
            return Facet::Weight;
        case OverrideKind::Drain:
        case OverrideKind::Down:
        case OverrideKind::Up:
            return Facet::State;
        case OverrideKind::TrimOff:
        case OverrideKind::Freeze:
            break;
    }
    return Facet::Trim;
}

/// A server is narrower than those of a pattern, and these than any; within that a zone than a pool
/// than everything.
int narrowness(const OverrideScope& scope) {
    const int where = scope.zone ? 2 : (scope.pool ? 1 : 0);
    const int whom = !scope.server ? 0 : (scope.by_pattern ? 1 : 2);
    return 3 * whom + where;
}

bool covers(const OverrideScope& scope,
            std::string_view pool,
            std::optional<std::string_view> zone,
            ServerId server) {
    return (!scope.pool || *scope.pool == pool) && (!scope.server || *scope.server == server) &&
           (!scope.zone || (zone && *scope.zone == *zone));
}

auto rank(const Override& entry) {
    return std::tuple(narrowness(entry.scope), entry.created_us, entry.id);
}

void apply(const Override& entry, EffectiveOverride& effective) {
    switch (entry.kind) {
        case OverrideKind::Pin:
            effective.pin = static_cast<std::uint16_t>(entry.value);
            return;
        case OverrideKind::Weight:
            effective.weight = entry.value;
            return;
        case OverrideKind::Drain:
            effective.forced = ForcedState::Drained;
            return;
        case OverrideKind::Down:
            effective.forced = ForcedState::Down;
            return;
        case OverrideKind::Up:
            effective.forced = ForcedState::Up;
            return;
        case OverrideKind::TrimOff:
            effective.trim_off = true;
            return;
        case OverrideKind::Freeze:
            effective.frozen = true;
            return;
    }
}

std::string shortest(double value) {
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    return {text.data(), end};
}

}  // namespace

std::string_view override_kind_name(OverrideKind kind) noexcept {
    return kKindNames[static_cast<std::size_t>(kind)];
}

std::optional<OverrideKind> parse_override_kind(std::string_view name) noexcept {
    const auto found = std::ranges::find(kKindNames, name);
    if (found == kKindNames.end()) {
        return std::nullopt;
    }
    return static_cast<OverrideKind>(found - kKindNames.begin());
}

base::Status check_override(const Override& entry) {
    const double value = entry.value;
    bool good = true;
    if (entry.kind == OverrideKind::Pin) {
        good = value >= 0 && value <= 0xffff && std::trunc(value) == value;
    } else if (entry.kind == OverrideKind::Weight) {
        good = value >= kWeightMin && value <= kWeightMax;
    }
    if (!good) {
        return base::Error{base::Errc::Invalid,
                           "override " + std::to_string(entry.id) + ": bad value for " +
                               std::string(override_kind_name(entry.kind))};
    }
    return base::Done{};
}

bool has_expired(const Override& entry, std::int64_t now_us) noexcept {
    return entry.expires_us && now_us >= *entry.expires_us;
}

std::vector<const Override*> holding_overrides(const std::vector<Override>& overrides,
                                               std::string_view pool,
                                               std::optional<std::string_view> zone,
                                               ServerId server,
                                               std::int64_t now_us) {
    std::array<const Override*, kFacets> winners{};
    for (const Override& entry : overrides) {
        if (has_expired(entry, now_us) || !covers(entry.scope, pool, zone, server) ||
            !check_override(entry)) {
            continue;
        }
        const Override*& winner = winners.at(static_cast<std::size_t>(facet_of(entry.kind)));
        if (winner == nullptr || rank(entry) > rank(*winner)) {
            winner = &entry;
        }
    }
    std::vector<const Override*> holding;
    std::ranges::copy_if(winners, std::back_inserter(holding), [](const Override* winner) {
        return winner != nullptr;
    });
    return holding;
}

EffectiveOverride resolve_overrides(const std::vector<Override>& overrides,
                                    std::string_view pool,
                                    std::optional<std::string_view> zone,
                                    ServerId server,
                                    std::int64_t now_us) {
    EffectiveOverride effective;
    for (const Override* entry : holding_overrides(overrides, pool, zone, server, now_us)) {
        apply(*entry, effective);
    }
    return effective;
}

// Goes back to the last * alone: that is enough, and bounds the time by the product of the sizes.
bool matches_pattern(std::string_view pattern, std::string_view name) noexcept {
    std::size_t p = 0;
    std::size_t n = 0;
    std::size_t star = std::string_view::npos;
    std::size_t star_n = 0;
    while (n < name.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            star_n = n;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
            ++p;
            ++n;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            n = ++star_n;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

std::string describe_override(const Override& entry, std::string_view server_name) {
    std::string text(override_kind_name(entry.kind));
    if (!server_name.empty()) {
        text.append(" ").append(server_name);
    }
    if (entry.kind == OverrideKind::Pin || entry.kind == OverrideKind::Weight) {
        text.append(" ").append(shortest(entry.value));
    }
    if (entry.scope.zone) {
        text.append(" in ").append(*entry.scope.zone);
    }
    if (!entry.author.empty()) {
        text.append(" by ").append(entry.author);
    }
    if (!entry.reason.empty()) {
        text.append(": ").append(entry.reason);
    }
    return text;
}

}  // namespace dns::steering
