#pragma once

// AgentState: what a writer of segments keeps on its own machine, in <state_dir>/segments-agent:
// the lock that makes it the only one, the boot epoch, and the journal of segments it has opened
// and not yet sealed. Its successor on the same machine (same directory) finds there what to
// recover.
//
// The journal speeds recovery up; correctness does not hang on it: segments that it misses are
// found by listing the storage roots. Text, one line an event, "open <uuid>" or "done <uuid>"; a
// torn last line is ignored.
//
// Thread rule: open() blocks: at start-up. The other calls come from one thread at a time.
// Errors: Busy (another process has the lock), Io and the like of errno_error.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "storage/segment/ids.h"

namespace storage {

/// See the top of this file.
class AgentState {
  public:
    /// Takes the lock, raises the boot epoch durably, reads and compacts the journal.
    [[nodiscard]] static base::Result<std::unique_ptr<AgentState>> open(
        const std::string& state_dir);

    ~AgentState();
    AgentState(const AgentState&) = delete;
    AgentState& operator=(const AgentState&) = delete;

    [[nodiscard]] std::uint64_t boot_epoch() const noexcept { return boot_epoch_; }

    /// Segments of predecessors (and our own given-up ones) that have no seal as far as we know.
    [[nodiscard]] const std::vector<SegmentId>& unsealed() const noexcept { return unsealed_; }

    /// Appends to the journal: written to the local disk's cache, which survives kill -9; what a
    /// power loss takes is found by listing. Blocks no longer than a small append to a local file.
    [[nodiscard]] base::Status record_open(const SegmentId& segment);
    [[nodiscard]] base::Status record_done(const SegmentId& segment);

  private:
    AgentState(base::LockFile lock, base::Fd journal, std::uint64_t boot_epoch);

    base::LockFile lock_;
    base::Fd journal_;
    std::uint64_t boot_epoch_ = 0;
    std::vector<SegmentId> unsealed_;
};

}  // namespace storage
