#pragma once

// PriorityReport: what the steering made of each MX, as rows of directory.mail_exchange: the
// priority index in the canonical answer, the share of first attempts, and why.
//
// It remembers what it reported, and reports again what changed: a priority index at once, a share
// when it moved by kShareStep, so that the history of a calm cluster stays short.
//
// Pure. Owner: NameServer. Thread rule: one thread.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dns/directory/directory.h"
#include "dns/steering/commit.h"

namespace dns {

/// A share that moved by less is not reported again.
inline constexpr double kShareStep = 0.01;

/// The priority index of a server that is withdrawn: no answer lists it (its share is 0).
inline constexpr std::uint16_t kWithdrawnPriority = 65535;

/// A row of directory.mail_exchange.
struct ExchangePriority {
    std::int64_t domain_id = 0;
    steering::ServerId server;
    std::uint16_t priority_index = 0;
    double first_share = 0;

    bool operator==(const ExchangePriority&) const = default;
};

/// See the top of this file.
class PriorityReport {
  public:
    /// The rows of all domains that differ from what was reported before; they count as reported.
    std::vector<ExchangePriority> changes(const Directory& directory,
                                          const steering::SteeringCommit& commit);

  private:
    using Key = std::pair<std::int64_t, steering::ServerId>;

    std::map<Key, ExchangePriority> reported_;
};

}  // namespace dns
