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

/// The canonical answer of a steered MX: server and preference, in the order of the answer.
using CanonicalAnswer = std::vector<std::pair<steering::ServerId, std::uint16_t>>;

[[nodiscard]] CanonicalAnswer canonical_of(const steering::SteeringTable& table);

/// One zone as it is about to be published.
struct ZoneToPublish {
    std::string name;
    std::uint32_t directory_serial = 1;
    bool records_changed = false;
    std::shared_ptr<const CanonicalAnswer> canonical;  ///< null: not steered
    transfer::SteeredParts steered{};                  ///< what secondaries get of the steering
};

/// See the top of this file.
class SerialKeeper {
  public:
    /// Takes the zones that are about to be published (all of them: others are gone) and gives
    /// the serials that moved. `urgency`: of what led to it.
    Serials update(const std::vector<ZoneToPublish>& zones,
                   steering::Urgency urgency,
                   double now_s);

    [[nodiscard]] const Serials& serials() const noexcept { return serials_; }

    /// When a move that was held back is due.
    [[nodiscard]] std::optional<double> due_s() const noexcept { return due_s_; }

  private:
    [[nodiscard]] std::uint32_t known_serial(const ZoneToPublish& zone) const;
    void keep_gone(const Serials& next);

    struct ZoneState {
        std::shared_ptr<const CanonicalAnswer> canonical;  // at the last move
        transfer::SteeredParts steered;                    // the same
        double moved_s = 0;
    };

    std::map<std::string, ZoneState, std::less<>> zones_;
    Serials serials_;
    Serials gone_;  // the last ones of zones that are not published any more
    std::optional<double> due_s_;
};

}  // namespace dns
