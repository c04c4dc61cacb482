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
// Thread rule: any thread. open() blocks: at start-up. The record_ calls do not wait: a worker of
// its own writes the journal, in the order of the calls. Errors: Busy (another process has the
// lock), Corrupt (the boot epoch is unreadable: never guessed), Io and the like of errno_error.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/guarded.h"
#include "base/result.h"
#include "base/worker_pool.h"
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

    /// Segments without a seal as far as we know: of predecessors, and our own that were given up.
    [[nodiscard]] std::vector<SegmentId> unsealed() const;

    /// A segment is opened. `on_durable` runs on the worker when the journal has it, or could not.
    void record_open(const SegmentId& segment, std::function<void(base::Status)> on_durable);
    /// It was given up without a seal, or was found by listing: it joins unsealed().
    void record_unsealed(const SegmentId& segment);
    /// It has its seal, or never existed: it leaves unsealed().
    void record_done(const SegmentId& segment);

    /// Waits (a fiber, or a thread that is no loop) until what was recorded is in the file.
    void flush(base::Deadline deadline);

  private:
    struct Private {};

  public:
    /// For open() alone.
    AgentState(Private, base::LockFile lock, base::Fd journal, std::uint64_t boot_epoch);

  private:
    base::LockFile lock_;
    base::Fd journal_;
    std::uint64_t boot_epoch_ = 0;
    // Shared by the writer, which adds, and recovery, which takes away.
    base::Guarded<std::vector<SegmentId>> unsealed_;
    // Last, so that its thread ends first.
    base::WorkerPool worker_;
};

}  // namespace storage
