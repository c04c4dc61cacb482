#pragma once

// Placement: which storage servers get the next segment. Pure.
//
// The wanted set is the mail server's own storage server and those of its peers in the mirroring
// table. Unhealthy ones are left out and their copies owed. If the healthy ones are in fewer than
// min_copies distinct failure domains, other healthy storage servers stand in, in ring order from
// the own one on, each only if it adds a domain. If that is not enough: Unavailable, unless the
// cluster accepts degraded service and one healthy server is there.
//
// Thread rule: functions of their arguments.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "storage/segment/format.h"
#include "storage/segment/ids.h"

namespace storage {

/// One storage server as placement sees it.
struct PlacementCandidate {
    StorageServerId id;
    std::string failure_domain;  ///< empty: one of its own
    bool healthy = false;
    std::string reason;  ///< why it is not healthy
};

/// Why a copy is owed.
enum class OwedReason : std::uint8_t {
    Unhealthy,  ///< was not chosen, because it does not answer as it should
    Unknown,    ///< in the mirroring table, but no such storage server is configured
    Failed,     ///< an error during the write
    Late,       ///< did not answer before the batch's deadline
};

/// "unhealthy", "unknown", "failed", "late".
[[nodiscard]] std::string_view owed_reason_name(OwedReason reason) noexcept;

/// A copy that the mirroring table asks for and that was not durable at acceptance.
struct OwedCopy {
    StorageServerId server;
    OwedReason reason = OwedReason::Unhealthy;
    std::string detail;

    friend bool operator==(const OwedCopy&, const OwedCopy&) = default;
};

/// What the mirroring table says for one mail server.
struct MirrorTable {
    StorageServerId own;
    std::vector<StorageServerId> peers;  ///< storage servers of the peers, in table order

    friend bool operator==(const MirrorTable&, const MirrorTable&) = default;
};

/// What a cluster demands before a message counts as stored.
struct CopyPolicy {
    std::uint8_t min_copies = 2;  ///< distinct failure domains
    bool accept_degraded =
        false;  ///< acknowledge one copy when there is no second; raises an alarm

    friend bool operator==(const CopyPolicy&, const CopyPolicy&) = default;
};

/// The outcome: where to write, and how many domains must answer.
struct Placement {
    std::vector<StorageServerId> replicas;  ///< own, peers, then stand-ins
    std::uint8_t copies_needed = 2;         ///< min_copies; 1 when degraded
    bool degraded = false;
    std::vector<OwedCopy> owed;

    friend bool operator==(const Placement&, const Placement&) = default;
};

/// `ring`: all storage servers that this agent reaches, in ring order. Errors: Unavailable (too few
/// healthy failure domains), Invalid (min_copies is 0).
[[nodiscard]] base::Result<Placement> place(const MirrorTable& table,
                                            const std::vector<PlacementCandidate>& ring,
                                            const CopyPolicy& policy);

/// Distinct failure domains among `ids`, each looked up in `ring`; unknown ids do not count.
[[nodiscard]] std::size_t count_domains(const std::vector<StorageServerId>& ids,
                                        const std::vector<PlacementCandidate>& ring);

}  // namespace storage
