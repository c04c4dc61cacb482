#pragma once

// What trackers read from and tell the catalog while they look after copies: copies owed, copies to
// be read whole or looked at, the walk that finds what is missing. The SQL is in
// schema/0010_repair.sql; schema/README.md has its rules.
//
// Thread rule: functions of a base::Connection; they block: on database workers only. Errors: those
// of base/db.h. A claim is a row lock for a moment that leaves a lease behind, as in claims.h.

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/db.h"
#include "base/hash.h"
#include "base/result.h"
#include "storage/catalog/catalog.h"
#include "storage/segment/ids.h"

namespace storage {

/// What a whole copy of a sealed segment must be.
struct SealedShape {
    std::uint64_t length = 0;               ///< of the file, seal included
    std::optional<base::Digest256> digest;  ///< none: no copy was read whole yet
};

/// A copy that a tracker is to make.
struct OwedClaim {
    SegmentId segment;
    StorageServerId target;
    std::string reason;
    SealedShape shape;
    std::uint32_t generation_above = 0;  ///< that of the new file must be higher
    std::vector<ReplicaPlace> sources;   ///< copies elsewhere, good ones first; may be empty
};

/// A copy that a tracker is to read whole, or to look at.
struct ReplicaClaim {
    SegmentId segment;
    StorageServerId store;
    std::uint32_t generation = 1;
    ReplicaState state = ReplicaState::Active;
    SealedShape shape;
};

/// Who claims, how many, for how long. `stores`: those that answer; others are left alone.
struct UpkeepClaim {
    std::string tracker;
    std::vector<StorageServerId> stores;
    std::size_t most = 4;
    std::chrono::seconds lease{300};
};

/// Copies of sealed segments that are owed and due: those with the fewest good copies first, then
/// the longest owed.
[[nodiscard]] base::Result<std::vector<OwedClaim>> claim_owed(base::Connection& connection,
                                                              const UpkeepClaim& claim);

/// A copy was written whole and is durable. False: it is not wanted any more.
[[nodiscard]] base::Result<bool> note_copy(base::Connection& connection,
                                           const OwedClaim& claim,
                                           std::uint32_t generation,
                                           const base::Digest256& digest);

/// It could not be made: not again before `pause` has passed.
[[nodiscard]] base::Status put_off_owed(base::Connection& connection,
                                        const OwedClaim& claim,
                                        std::string_view problem,
                                        std::chrono::milliseconds pause_max);

/// Copies under suspicion whose turn it is, then copies whose scrub is due or was asked for, the
/// longest unread first.
[[nodiscard]] base::Result<std::vector<ReplicaClaim>> claim_scrubs(base::Connection& connection,
                                                                   const UpkeepClaim& claim);

/// Copies whose length and seal nobody has seen, or that an operator asked to look at.
[[nodiscard]] base::Result<std::vector<ReplicaClaim>> claim_verifications(
    base::Connection& connection, const UpkeepClaim& claim);

/// What a tracker found a copy to be.
enum class CopyVerdict : std::uint8_t {
    Good,
    Bad,      ///< other octets, or no file
    Unknown,  ///< the storage server did not answer: nothing is decided
};

/// What came of a claim of a copy.
struct CopyFinding {
    CopyVerdict verdict = CopyVerdict::Unknown;
    std::uint32_t generation = 1;           ///< of the file that is meant
    std::optional<base::Digest256> digest;  ///< of a good one
    std::string reason;                     ///< why it is bad
};

/// Times of the rule that makes a copy lost.
struct SuspicionTimes {
    std::chrono::milliseconds attribute_cache{60'000};  ///< between two bad readings
    std::chrono::milliseconds retry{10'000};            ///< after Unknown
};

/// What a finding made of a copy.
enum class ScrubOutcome : std::uint8_t {
    Active,
    Suspect,  ///< bad once
    Lost,     ///< bad twice: a new copy is owed
    Changed,  ///< it is another copy by now
};

[[nodiscard]] base::Result<ScrubOutcome> note_scrub(base::Connection& connection,
                                                    const ReplicaClaim& claim,
                                                    const CopyFinding& finding,
                                                    const SuspicionTimes& times);

[[nodiscard]] base::Status note_verified(base::Connection& connection,
                                         const ReplicaClaim& claim,
                                         const CopyFinding& finding,
                                         const SuspicionTimes& times);

/// Rows that need no walk are brought in line, `most` of each kind. Returns how many changed.
[[nodiscard]] base::Result<std::uint64_t> tidy_copies(base::Connection& connection,
                                                      std::size_t most);

/// A page of the walk that owes what the mirroring table and min_copies ask for.
struct PlanStep {
    bool walking = false;  ///< there is more: go on
    bool ended = false;    ///< the walk has come to its end; neither: it is not due
    std::uint64_t examined = 0;
    std::uint64_t owed = 0;
};

/// `interval`: between walks while the directory stays as it is. `most`: segments in a page.
[[nodiscard]] base::Result<PlanStep> plan_copies(base::Connection& connection,
                                                 const UpkeepClaim& claim,
                                                 std::chrono::milliseconds interval);

/// Ends requests of operators that are done. Returns names of storage servers that are retired now.
/// `pause`: between looks at one request; `settle`: agents get that long to hear of a drain.
[[nodiscard]] base::Result<std::vector<std::string>> finish_requests(
    base::Connection& connection,
    std::chrono::milliseconds pause,
    std::chrono::milliseconds settle);

/// Settings and numbers that the steps work with.
struct UpkeepState {
    std::uint64_t bytes_per_second = 0;
    std::uint64_t suspects = 0;
    double oldest_owed_s = 0;
};

[[nodiscard]] base::Result<UpkeepState> upkeep_state(base::Connection& connection);

}  // namespace storage
