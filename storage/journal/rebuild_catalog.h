#pragma once

// The rebuild's side of the catalog: its state, and the steps in which an empty catalog is filled.
// The SQL is in schema/0012_journal.sql; the order of the steps in rebuilder.h.
//
// Thread rule: functions of a base::Connection; they block: on database workers only. Errors: those
// of base/db.h; Io with "RT009" in the detail: another tracker has the rebuild.

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/db.h"
#include "base/result.h"
#include "mail/message_id.h"
#include "storage/journal/journal_reader.h"
#include "storage/segment/ids.h"

namespace storage {

enum class RebuildPhase : std::uint8_t {
    None,         ///< there is no rebuild, or it is done
    Replaying,    ///< no mailbox is open, deliveries wait
    Cataloguing,  ///< messages are being found again
};

[[nodiscard]] base::Result<RebuildPhase> read_rebuild_phase(base::Connection& connection);

/// A rebuild that this tracker has.
struct RebuildClaim {
    RebuildPhase phase = RebuildPhase::None;
    std::vector<std::string> without;  ///< names of storage servers that are not waited for
};

/// Takes it or keeps it. Nothing: none is wanted, or another tracker has it.
[[nodiscard]] base::Result<std::optional<RebuildClaim>> claim_rebuild(base::Connection& connection,
                                                                      std::string_view tracker,
                                                                      std::chrono::seconds lease);

/// What it waits for, for people.
[[nodiscard]] base::Status note_rebuild(base::Connection& connection,
                                        std::string_view tracker,
                                        std::string_view problem);

/// Empties what an earlier attempt has filled.
[[nodiscard]] base::Status begin_replay(base::Connection& connection,
                                        std::string_view tracker,
                                        std::size_t journal_segments,
                                        std::uint64_t checkpoint);

[[nodiscard]] base::Status replay_frame(base::Connection& connection,
                                        std::string_view tracker,
                                        const JournalText& frame);

[[nodiscard]] base::Status note_aborted(base::Connection& connection,
                                        std::string_view tracker,
                                        std::span<const mail::MessageId> aborted);

/// Makes some mailboxes of what was replayed. Returns how many are left.
[[nodiscard]] base::Result<std::int64_t> make_mailboxes(base::Connection& connection,
                                                        std::string_view tracker);

/// Opens the catalog.
[[nodiscard]] base::Status open_mailboxes(base::Connection& connection,
                                          std::string_view tracker,
                                          std::span<const SegmentId> used);

/// Ends the rebuild if nothing is left to be catalogued; true: it has ended.
[[nodiscard]] base::Result<bool> settle_rebuild(base::Connection& connection,
                                                std::string_view tracker);

}  // namespace storage
