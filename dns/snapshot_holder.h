#pragma once

// SnapshotHolder: the one place where threads of the answer path find the snapshot in force, and
// where a new one replaces it. The door to liburcu (QSBR): readers pay nothing for a read; the
// writer waits until every reader has passed a quiescent state and only then frees the old one.
//
// A SnapshotReader belongs to one thread, which makes it and destroys it. It starts offline. While
// online it must come by quiescent() often (once a batch), and go offline before it waits, because
// publish() waits for it.
//
// Thread rule: publish() from one thread at a time, never from one with an online reader; it blocks
// (a few batches). The holder outlives its readers.

#include <atomic>
#include <memory>

#include "dns/snapshot.h"

namespace dns {

class SnapshotHolder {
  public:
    SnapshotHolder() = default;
    /// No reader is left.
    ~SnapshotHolder();
    SnapshotHolder(const SnapshotHolder&) = delete;
    SnapshotHolder& operator=(const SnapshotHolder&) = delete;

    /// Puts `snapshot` in force and frees the one before once no reader can see it.
    void publish(std::unique_ptr<const Snapshot> snapshot);

    /// Until no reader sees any more what it saw in the snapshot before this call. As publish():
    /// never from a thread whose reader is online. From any number of threads.
    static void wait_for_readers();

    [[nodiscard]] bool empty() const noexcept {
        return current_.load(std::memory_order_acquire) == nullptr;
    }

  private:
    friend class SnapshotReader;

    std::atomic<const Snapshot*> current_{nullptr};
};

/// How one thread sees the snapshot in force. See the top of this file for its duties.
class SnapshotReader {
  public:
    explicit SnapshotReader(const SnapshotHolder& holder);
    ~SnapshotReader();
    SnapshotReader(const SnapshotReader&) = delete;
    SnapshotReader& operator=(const SnapshotReader&) = delete;

    void online() noexcept;
    void offline() noexcept;
    /// No snapshot that get() gave before is used any more.
    void quiescent() noexcept;

    /// The snapshot in force; null before the first. Online only; valid until quiescent() or
    /// offline().
    [[nodiscard]] const Snapshot* get() const noexcept {
        return holder_.current_.load(std::memory_order_acquire);
    }

  private:
    const SnapshotHolder& holder_;
};

}  // namespace dns
