#include "storage/mirror/placement.h"

#include <algorithm>
#include <set>
#include <utility>

namespace storage {

namespace {

using Ring = std::vector<PlacementCandidate>;

Ring::const_iterator find(const Ring& ring, const StorageServerId& id) {
    return std::ranges::find(ring, id, &PlacementCandidate::id);
}

// The failure domain, or for a server without one a name that no other server has.
std::string domain_of(const PlacementCandidate& candidate) {
    return candidate.failure_domain.empty() ? "\n" + candidate.id.text() : candidate.failure_domain;
}

}  // namespace

std::string_view owed_reason_name(OwedReason reason) noexcept {
    switch (reason) {
        case OwedReason::Unhealthy:
            return "unhealthy";
        case OwedReason::Unknown:
            return "unknown";
        case OwedReason::Failed:
            return "failed";
        case OwedReason::Late:
            return "late";
    }
    return "unknown";
}

std::size_t count_domains(const std::vector<StorageServerId>& ids,
                          const std::vector<PlacementCandidate>& ring) {
    std::set<std::string> domains;
    for (const StorageServerId& id : ids) {
        const auto candidate = find(ring, id);
        if (candidate != ring.end()) {
            domains.insert(domain_of(*candidate));
        }
    }
    return domains.size();
}

base::Result<Placement> place(const MirrorTable& table,
                              const std::vector<PlacementCandidate>& ring,
                              const CopyPolicy& policy) {
    if (policy.min_copies == 0 || policy.min_copies > format::kReplicasMax) {
        return base::Error{base::Errc::Invalid, "placement: min_copies out of bounds"};
    }
    Placement placement;
    placement.copies_needed = policy.min_copies;
    std::set<std::string> domains;
    const auto take = [&](const PlacementCandidate& candidate) {
        placement.replicas.push_back(candidate.id);
        domains.insert(domain_of(candidate));
    };
    std::vector<StorageServerId> wanted{table.own};
    wanted.insert(wanted.end(), table.peers.begin(), table.peers.end());
    for (auto id = wanted.begin(); id != wanted.end(); ++id) {
        if (id->is_nil() || std::find(wanted.begin(), id, *id) != id) {
            continue;  // no own server yet, or named twice
        }
        const auto candidate = find(ring, *id);
        if (candidate == ring.end()) {
            placement.owed.push_back(OwedCopy{*id, OwedReason::Unknown, "not configured"});
        } else if (!candidate->healthy) {
            placement.owed.push_back(OwedCopy{*id, OwedReason::Unhealthy, candidate->reason});
        } else if (placement.replicas.size() < format::kReplicasMax) {
            take(*candidate);
        } else {
            placement.owed.push_back(OwedCopy{*id, OwedReason::Unhealthy, "too many peers"});
        }
    }
    // Stand-ins, round the ring from the own server on. Only a new domain makes a message safer.
    const auto own = find(ring, table.own);
    const std::size_t start =
        own == ring.end() ? 0 : static_cast<std::size_t>(own - ring.begin()) + 1;
    for (std::size_t i = 0; i < ring.size() && domains.size() < policy.min_copies; ++i) {
        const PlacementCandidate& candidate = ring[(start + i) % ring.size()];
        if (candidate.healthy && !domains.contains(domain_of(candidate)) &&
            placement.replicas.size() < format::kReplicasMax) {
            take(candidate);
        }
    }
    if (domains.size() >= policy.min_copies) {
        return placement;
    }
    if (policy.accept_degraded && !domains.empty()) {
        placement.degraded = true;
        placement.copies_needed = 1;
        return placement;
    }
    return base::Error{base::Errc::Unavailable,
                       "storage servers in " + std::to_string(domains.size()) +
                           " failure domains answer; " + std::to_string(policy.min_copies) +
                           " are needed"};
}

}  // namespace storage
