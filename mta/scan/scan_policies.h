#pragma once

// ScanPolicies: the policies for infected and unscanned mail, read from the directory whenever it
// has changed, with a copy on disk (scan_policy.bin in the state directory) for a start while
// PostgreSQL is away. A server that never read them refuses infected mail and puts off what it
// cannot scan.
//
// Thread rule: list() from any thread, never waits. poll() and refresh() from any thread; their
// work runs on the database pool. Owner: the mail agent; the pool must end before this object does.

#include <cstdint>
#include <memory>
#include <string>

#include "base/db.h"
#include "base/guarded.h"
#include "base/result.h"
#include "mta/poll_once.h"
#include "mta/scan/policy_list.h"

namespace mta {

class ScanPolicies {
  public:
    /// `path`: the copy on disk.
    explicit ScanPolicies(std::string path);

    /// Reads the copy on disk. A missing file is no error. Blocks: at start.
    [[nodiscard]] base::Status load();

    /// Never null.
    [[nodiscard]] std::shared_ptr<const PolicyList> list() const;

    /// Reads them if the directory's version is new. For a timer, and for notices.
    void poll(base::DbPool& pool);

    /// What poll() does, on a connection. Blocks. Errors as of base/db.h.
    [[nodiscard]] base::Status refresh(base::Connection& connection);

  private:
    void adopt(PolicyList fresh);

    std::string path_;
    // Shared: session loops read, the database pool replaces.
    base::Guarded<std::shared_ptr<const PolicyList>> list_;
    PollOnce polling_;
    std::int64_t version_ = -1;  ///< of the directory when they were read; pool thread only
};

}  // namespace mta
