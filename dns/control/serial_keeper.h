#pragma once

// SerialKeeper: when the SOA serial of a zone moves. Secondaries fetch a zone because its serial
// moved, so it moves whenever what they would get has changed, and only then:
//
//   - at once when records changed, or when an operator or a death changed the canonical answer of
//     the zone's MX (a host appeared, left or was overridden);
//   - at most once per kSerialHold when only the load moved the canonical answer;
//   - at the first sight of a steered zone, because what was published before under that serial is
//     not known.
//
// Zones have places, those of the snapshot. Looking at all of them costs a comparison each.
//
// A serial that the directory knows and that is newer (RFC 1982 3.2) is taken over. A domain that
// is removed and comes back goes on from the serial that it had: its secondaries still have that
// one.
//
// Pure: no clock. Owner: SnapshotPublisher. Thread rule: one thread at a time. Times: seconds on
// the caller's monotonic clock.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dns/serial.h"
#include "dns/snapshot_builder.h"
#include "dns/steering/commit.h"
#include "dns/steering/table.h"

namespace dns {

/// Seconds between two moves of a serial that load alone asks for.
inline constexpr double kSerialHold = 30;

/// Serials of zones that are gone which are remembered; beyond that some are forgotten.
inline constexpr std::size_t kSerialsOfGoneMax = 100'000;

/// A serial that moved.
struct SerialMove {
    std::int64_t domain_id = 0;
    std::uint32_t serial = 0;

    bool operator==(const SerialMove&) const = default;
};

/// The canonical answer of a steered MX: server and preference, in the order of the answer.
using CanonicalAnswer = std::vector<std::pair<steering::ServerId, std::uint16_t>>;

[[nodiscard]] CanonicalAnswer canonical_of(const steering::SteeringTable& table);

/// One zone as it is about to be published.
struct ZoneToPublish {
    std::string name;
    std::uint32_t directory_serial = 1;
    std::uint32_t group = 0;  ///< of zones that are steered alike
};

/// What the steering makes of a group.
struct GroupToPublish {
    std::shared_ptr<const CanonicalAnswer> canonical{};  ///< null: its mail is not steered
    transfer::SteeredParts steered{};                    ///< what secondaries get of the steering

    [[nodiscard]] bool same_as(const GroupToPublish& other) const noexcept;
};

/// See the top of this file.
class SerialKeeper {
  public:
    /// All zones, ascending by name; whenever they, their serials in the directory or their groups
    /// are others. Others are gone.
    void take_zones(const std::vector<ZoneToPublish>& zones);

    /// `changed`: places of zones with other records, ascending. Gives the places of those whose
    /// serial moved, ascending. `urgency`: of what led to it.
    std::vector<std::uint32_t> update(const std::vector<GroupToPublish>& groups,
                                      const std::vector<std::uint32_t>& changed,
                                      steering::Urgency urgency,
                                      double now_s);

    /// By place. Another pointer when they are others.
    [[nodiscard]] const Snapshot::PerZone<std::uint32_t>& serials() const noexcept {
        return serials_;
    }

    /// When a move that was held back is due.
    [[nodiscard]] std::optional<double> due_s() const noexcept { return due_s_; }

  private:
    static constexpr std::uint32_t kNothing = UINT32_MAX;  // never published, or long ago

    struct Entry {
        std::uint32_t group = 0;
        std::uint32_t content = kNothing;  // at the last move: a place in contents_
        bool is_new = true;
        bool is_back = false;  // it was gone: whatever records it has
        double moved_s = 0;
    };

    [[nodiscard]] std::uint32_t content_of(const GroupToPublish& group);
    void forget_contents();

    std::vector<std::string> names_;        // ascending
    std::vector<Entry> entries_;            // by place
    std::vector<GroupToPublish> contents_;  // that entries point to
    Snapshot::PerZone<std::uint32_t> serials_ =
        std::make_shared<const std::vector<std::uint32_t>>();
    std::map<std::string, std::uint32_t, std::less<>> gone_;  // the last ones of zones that left
    std::optional<double> due_s_;
};

}  // namespace dns
