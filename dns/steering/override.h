#pragma once

// Operators' overrides of the steering, and which of them holds for a server.
//
// An override has a kind, a scope, an author, a reason and perhaps an expiry. Kinds that do not
// contradict each other add up (a pin and a weight, for one); of those that do (the same facet:
// state, preference, weight, trim) the narrowest scope wins, then the newest, then the higher id.
// Drain, Down and Up are one facet, Pin one, Weight one, TrimOff and Freeze one.
//
// Scopes, widest first: everywhere; a pool; a zone; servers by a pattern of their names, wherever
// they serve, in a pool, in a zone; a server wherever it serves; a server in a pool; a server in a
// zone. A zone's own overrides shape the table of that zone only.
//
// Thread rule: values; pure functions. Times: microseconds since 1970 (UTC), as operators set them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dns/steering/table.h"

namespace dns::steering {

enum class OverrideKind : std::uint8_t {
    Pin,      ///< this host has preference `value` in every variant, and no trim
    Weight,   ///< `value` replaces the configured weight
    Drain,    ///< weight 0 at once; the server goes on accepting what still comes
    Down,     ///< forced down, stronger than panic
    Up,       ///< probes are ignored
    TrimOff,  ///< configured weight without trim
    Freeze,   ///< trims stand still, health still works
};

/// Drain, Down and Up: what an operator says of a server's state.
[[nodiscard]] constexpr bool is_state(OverrideKind kind) noexcept {
    return kind == OverrideKind::Drain || kind == OverrideKind::Down || kind == OverrideKind::Up;
}

[[nodiscard]] std::string_view override_kind_name(OverrideKind kind) noexcept;
[[nodiscard]] std::optional<OverrideKind> parse_override_kind(std::string_view name) noexcept;

/// Where an override holds. An unset member means "any". Both pool and zone set: the zone decides.
struct OverrideScope {
    std::optional<std::string> pool;
    std::optional<std::string> zone;  ///< lower case, no final dot
    std::optional<ServerId> server;
    bool by_pattern = false;  ///< `server` is one of several that a pattern of names covers

    bool operator==(const OverrideScope&) const = default;
};

/// An operator's decision over the steering, as it was written down. A value; which of several
/// holds is for resolve_overrides() to say.
struct Override {
    std::uint64_t id = 0;
    OverrideKind kind = OverrideKind::Pin;
    OverrideScope scope;
    double value = 0;  ///< Pin: 0..65535, whole; Weight: kWeightMin..kWeightMax
    std::string author;
    std::string reason;
    std::int64_t created_us = 0;             ///< newest wins among equal scopes
    std::optional<std::int64_t> expires_us;  ///< holds while now < expires

    bool operator==(const Override&) const = default;
};

/// What all overrides together say about one server.
struct EffectiveOverride {
    ForcedState forced = ForcedState::None;
    std::optional<std::uint16_t> pin;
    std::optional<double> weight;
    bool trim_off = false;  ///< the trim counts as 0
    bool frozen = false;    ///< the trim does not move

    bool operator==(const EffectiveOverride&) const = default;
};

/// Errc::Invalid if the value does not fit the kind.
[[nodiscard]] base::Status check_override(const Override& entry);

[[nodiscard]] bool has_expired(const Override& entry, std::int64_t now_us) noexcept;

/// The overrides that hold for one server, at most one for each facet; as below. Borrowed.
[[nodiscard]] std::vector<const Override*> holding_overrides(const std::vector<Override>& overrides,
                                                             std::string_view pool,
                                                             std::optional<std::string_view> zone,
                                                             ServerId server,
                                                             std::int64_t now_us);

/// Resolves the overrides for one server of `pool`, as seen by `zone` (nullopt: the pool itself,
/// for which zone overrides do not hold). Ill-valued entries are left out.
[[nodiscard]] EffectiveOverride resolve_overrides(const std::vector<Override>& overrides,
                                                  std::string_view pool,
                                                  std::optional<std::string_view> zone,
                                                  ServerId server,
                                                  std::int64_t now_us);

/// Whether `name` fits a pattern in which * stands for any octets, also none, and ? for one.
[[nodiscard]] bool matches_pattern(std::string_view pattern, std::string_view name) noexcept;

/// "pin mx1.example.org 10 by alice: maintenance": for causes and histories.
[[nodiscard]] std::string describe_override(const Override& entry, std::string_view server_name);

}  // namespace dns::steering
