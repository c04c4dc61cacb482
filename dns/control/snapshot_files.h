#pragma once

// SnapshotFiles: the files from which a name server starts when PostgreSQL is away, in
// STATE_DIR/snapshot. See directory/directory_file.h for what is in them; the addresses have a file
// of their own beside them (account_file.h).
//
// Everything blocks: load() at start, the others on a worker. Thread rule: one thread at a time.

#include <memory>
#include <string>

#include "base/result.h"
#include "dns/directory/directory.h"
#include "dns/directory/directory_file.h"
#include "dns/snapshot_builder.h"

namespace dns {

/// What an earlier life left; null or empty where it left nothing of use.
struct SavedState {
    std::shared_ptr<const Directory> directory;
    SavedTrims trims;
    SavedPoolHealth health;
    SignatureCaches signatures;
};

/// See the top of this file.
class SnapshotFiles {
  public:
    explicit SnapshotFiles(std::string state_dir);

    /// Makes the directory. A file that is missing is no error, one that does not check out is
    /// logged and left aside.
    base::Result<SavedState> load() const;

    /// With the serials that are published, by the places of the domains, so that a restart does
    /// not go back behind them. Those of fewer: the rest are as the directory has them.
    base::Status save_directory(const Directory& directory,
                                const std::vector<std::uint32_t>& serials) const;
    base::Status save_trims(const SavedTrims& trims) const;
    base::Status save_health(const SavedPoolHealth& health) const;
    base::Status save_signatures(const SignatureCaches& caches) const;

  private:
    std::string directory_;
};

}  // namespace dns
