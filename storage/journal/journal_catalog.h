#pragma once

// The journal's side of the catalog: what is to be journaled, page by page, and what has been. The
// SQL is in schema/0012_journal.sql.
//
// Thread rule: functions of a base::Connection or of a Query; they block: on database workers only.
// Errors: those of base/db.h; Io with "RT009" in the detail: another tracker has the lease.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/db.h"
#include "base/result.h"
#include "storage/journal/journal_frame.h"
#include "storage/segment/ids.h"

namespace storage {

/// The lease of the tracker that writes the journal, and how far the journal is. Times of the
/// database's clock, in microseconds since 1970.
struct JournalClaim {
    bool is_leader = false;
    std::int64_t at_us = 0;  ///< now
    std::int64_t caught_up_us = 0;
    std::uint64_t last_sequence = 0;
    std::uint64_t delta_bytes = 0;  ///< of deltas since the last checkpoint
    std::uint64_t checkpoint = 0;   ///< 0: none
    std::uint64_t checkpoint_bytes = 0;
    std::int64_t directory_version = 0;

    [[nodiscard]] std::int64_t lag_ms() const noexcept {
        return at_us > caught_up_us ? (at_us - caught_up_us) / 1'000 : 0;
    }
};

[[nodiscard]] base::Result<JournalClaim> claim_journal(base::Connection& connection,
                                                       std::string_view tracker,
                                                       std::chrono::seconds lease);
[[nodiscard]] base::Status release_journal(base::Connection& connection, std::string_view tracker);

/// What one frame of the journal is to hold.
struct JournalPart {
    std::uint64_t sequence = 0;
    std::string body;
};

/// Runs a statement: of a connection, or of a transaction on one.
using Query = std::function<base::Result<base::Rows>(const base::Statement&, const base::Params&)>;

/// Walks over all parts of a delta or a checkpoint. A delta is read in one REPEATABLE READ
/// transaction, so that a message which moves is never seen in neither mailbox; a checkpoint page
/// by page, each as it is then: the deltas written meanwhile make it whole.
class JournalPages {
  public:
    /// What a delta has put into the journal, for record_delta().
    struct Contents {
        std::vector<std::int64_t> mailboxes;
        std::vector<std::int64_t> modseqs;
        std::vector<std::int64_t> validities;
        std::vector<std::int64_t> uid_nexts;
        std::vector<std::int64_t> changes;
        std::vector<std::int64_t> gone;
        std::int64_t directory_version = 0;
        std::vector<std::string> tables;
        std::vector<std::string> keys;
        std::vector<std::string> digests;
    };

    /// `directory_version`: what is journaled already; of a checkpoint it does not matter.
    JournalPages(JournalKind kind, std::int64_t directory_version);

    /// The next part; nothing: that was all.
    [[nodiscard]] base::Result<std::optional<JournalPart>> next(const Query& query);

    /// After the last part.
    [[nodiscard]] const Contents& contents() const noexcept { return contents_; }

  private:
    enum class Step : std::uint8_t {
        Version,
        Directory,
        Mailboxes,
        Messages,
        Expunged,
        Gone,
        Deliveries,
        Lists,
        Done
    };
    using Page = base::Result<std::optional<JournalPart>>;

    [[nodiscard]] Page page(const Query& query);
    [[nodiscard]] Page version(const Query& query);
    [[nodiscard]] Page directory(const Query& query);
    [[nodiscard]] Page mailboxes(const Query& query);
    [[nodiscard]] Page rows(const Query& query);
    [[nodiscard]] Page gone(const Query& query);
    [[nodiscard]] Page deliveries(const Query& query);
    [[nodiscard]] Page lists(const Query& query);
    void step_on();

    bool all_;
    Step step_ = Step::Version;
    Contents contents_;
    // Where the next page of the step begins.
    std::int64_t number_ = 0;
    std::int64_t modseq_ = 0;
    std::int64_t uid_ = 0;
    std::string key_;
    base::Uuid message_;
};

/// A journal segment that is durable.
struct JournalSegment {
    SegmentId id;
    std::uint64_t first_sequence = 0;
    std::uint64_t last_sequence = 0;
    std::uint64_t bytes = 0;
};

/// A delta whose segments are durable.
struct DeltaRecord {
    std::string tracker;
    std::int64_t at_us = 0;  ///< before its transaction began
    std::vector<JournalSegment> segments;
    JournalPages::Contents contents;
};

[[nodiscard]] base::Status record_delta(base::Connection& connection, const DeltaRecord& record);

/// A checkpoint whose segments are durable.
struct CheckpointRecord {
    std::string tracker;
    std::uint64_t checkpoint = 0;  ///< its round
    std::uint64_t after = 0;
    std::int64_t began_us = 0;
    std::uint64_t delta_bytes = 0;  ///< of the deltas that it replaces
    std::vector<JournalSegment> segments;
};

[[nodiscard]] base::Status record_checkpoint(base::Connection& connection,
                                             const CheckpointRecord& record);

/// A number for the frame that ends a round.
[[nodiscard]] base::Result<std::uint64_t> next_sequence(const Query& query);

}  // namespace storage
