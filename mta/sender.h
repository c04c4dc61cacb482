#pragma once

// SenderPolicy: refuses mail from senders on the blocklist (directory.sender_block). The list is
// held in memory and read again when the directory says that it changed, and whenever a poll finds
// a new directory.version. Its last copy is kept on disk (sender_block.bin in the state directory)
// for a start while PostgreSQL is away. A server that never read the list blocks nobody: it takes
// mail rather than refuse all of it (DESIGN.md, promise 2), and says so in the log.
//
// How often each entry refused somebody is counted here and written in batches
// (directory.count_block_hits). A batch whose outcome is unknown is not written again: the counts
// are for people, and too few is better than too many.
//
// Thread rule: check() from any thread, never waits. poll() and refresh() from any thread; their
// work runs on the database pool. Owner: the mail agent; the pool must end before this object does.

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/db.h"
#include "base/guarded.h"
#include "base/result.h"
#include "mail/address.h"
#include "mta/poll_once.h"
#include "mta/sender_list.h"

namespace mta {

class SenderPolicy {
  public:
    /// `path`: the copy on disk.
    explicit SenderPolicy(std::string path);

    /// Reads the copy on disk. A missing file is no error. Blocks: at start.
    [[nodiscard]] base::Status load();

    /// Refused, with the entry's id as detail, if the sender is blocked. The null path never is.
    [[nodiscard]] base::Status check(const std::optional<mail::Address>& sender);

    /// Writes hits, reads the list if the directory's version is new. For a timer, and for notices.
    void poll(base::DbPool& pool);

    /// What poll() does, on a connection. Blocks. Errors as of base/db.h; what could not be done
    /// stays to be done.
    [[nodiscard]] base::Status refresh(base::Connection& connection);

    [[nodiscard]] std::size_t size() const;

    /// True once the list was read from the directory or from disk.
    [[nodiscard]] bool is_known() const { return known_.load(); }

  private:
    using Hits = std::unordered_map<std::int64_t, std::int64_t>;

    [[nodiscard]] std::shared_ptr<const SenderList> list() const;
    [[nodiscard]] base::Status write_hits(base::Connection& connection);
    [[nodiscard]] base::Status read_list(base::Connection& connection);
    void adopt(SenderList list);

    std::string path_;
    // Shared: session loops read, the database pool replaces.
    base::Guarded<std::shared_ptr<const SenderList>> list_;
    base::Guarded<Hits> hits_;
    std::atomic<bool> known_{false};
    PollOnce polling_;
    std::int64_t version_ = -1;  ///< of the directory when the list was read; pool thread only
};

}  // namespace mta
