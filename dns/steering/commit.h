#pragma once

// SteeringCommit: one change of the steering of a pool, with its number, cause and difference.
//
// A commit holds every table of the pool: the pool's own, and those of zones that are configured
// or overridden differently. Zones that are alike share one table.
//
// Owner: shared; immutable. Thread rule: any thread.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dns/steering/table.h"

namespace dns::steering {

/// A moment on both clocks: steering runs on the monotonic one, overrides expire by the other.
struct Now {
    double monotonic_s = 0;    ///< seconds, any epoch, never goes back
    std::int64_t unix_us = 0;  ///< microseconds since 1970
};

/// Whether a change may wait for the next routine serial (30 s) or must be seen at once: a host
/// appeared, left or was overridden.
enum class Urgency : std::uint8_t { Routine, AtOnce };

/// How far a change reaches, in any table of the commit.
enum class Reach : std::uint8_t {
    Shares,     ///< only the shares of the rows moved: every answer existed before
    Rows,       ///< a row with other members appeared
    Canonical,  ///< the transferred answer changed
};

/// How one server differs from the commit before, in one table.
struct ServerDiff {
    std::string zone;  ///< a zone that has this table; empty: the pool's
    ServerId id;
    std::string name;
    std::string text;  ///< "preference 10 -> 20, first share 0.1200 -> 0.0800"
};

using ZoneTables = std::map<std::string, std::size_t, std::less<>>;

/// See the top of this file. `tables` is never empty; every index of `zones` is one of it.
struct SteeringCommit {
    std::uint64_t id = 0;  ///< rises by one per commit
    Now when;
    std::string pool;
    std::string cause;  ///< "load", "mx3 down: 3 probes lost", "pin mx1 10 by ..."; never empty
    Urgency urgency = Urgency::Routine;
    Reach reach = Reach::Canonical;
    std::vector<std::shared_ptr<const SteeringTable>> tables;  ///< [0] is the pool's
    std::shared_ptr<const ZoneTables> zones;  ///< zones with another table: index into tables
    std::vector<ServerDiff> diff;

    /// The table for a zone (lower case, no final dot) of this pool.
    [[nodiscard]] const std::shared_ptr<const SteeringTable>& table_for(
        std::string_view zone) const;

    /// The pool's own table.
    [[nodiscard]] const std::shared_ptr<const SteeringTable>& table() const { return tables[0]; }
};

/// What changed from one table to the next.
struct TableChange {
    bool any = false;  ///< something that an answer or a report of states shows
    Urgency urgency = Urgency::Routine;
    Reach reach = Reach::Shares;
    std::vector<ServerDiff> diff;
};

/// Compares two tables of one zone ("" for the pool's). `before` null: everything is new.
[[nodiscard]] TableChange compare_tables(const SteeringTable* before,
                                         const SteeringTable& after,
                                         const std::string& zone);

/// The preference of a server in the canonical answer; nullopt if it is not listed.
[[nodiscard]] std::optional<std::uint16_t> canonical_preference(const SteeringTable& table,
                                                                ServerIndex server);

}  // namespace dns::steering
