#pragma once

// RootFiles: the file operations below one storage root, as the helper process does them. Every
// call blocks for as long as the mount pleases: this class lives in the helper and nowhere else.
//
// The root is opened afresh for each operation, so that a mount that comes or goes is noticed, and
// all but read() check the identity file through the same descriptor under which they then work: an
// unmounted mount point never takes mail, and never says that there is none. Files that are being
// written are kept open under the handle that the daemon chose; a write or fsync that failed closes
// and forgets the handle, so that a failed fsync is never retried on that file.
//
// Thread rule: any thread; calls may run side by side. Errors: errno_error's, Refused (identity),
// Invalid (path), Unavailable (no such handle).

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/guarded.h"
#include "base/result.h"
#include "storage/path/protocol.h"

namespace storage::helper {

/// Octets of the file system of a root.
struct Space {
    std::uint64_t free = 0;
    std::uint64_t total = 0;
};

/// See the top of this file.
class RootFiles {
  public:
    /// `identity`: the UUID, as text, that the root's identity file must hold.
    RootFiles(std::string root, std::string identity);

    [[nodiscard]] base::Result<Space> probe();
    /// Writes, syncs and removes the file; stale files of that folder (an hour old) go with it.
    [[nodiscard]] base::Status probe_write(const std::string& path);
    [[nodiscard]] base::Status create(std::uint64_t handle,
                                      const std::string& path,
                                      std::span<const std::byte> first);
    [[nodiscard]] base::Status write(std::uint64_t handle,
                                     std::uint64_t offset,
                                     std::span<const std::byte> bytes,
                                     Flag flag);
    [[nodiscard]] base::Status sync(std::uint64_t handle);
    [[nodiscard]] base::Status close(std::uint64_t handle);
    /// Octets read; fewer than asked for at the end of the file.
    [[nodiscard]] base::Result<std::uint32_t> read(const std::string& path,
                                                   std::uint64_t offset,
                                                   std::span<std::byte> out);

    struct Page {
        std::vector<Entry> entries;
        bool complete = false;
    };

    [[nodiscard]] base::Result<Page> list(const std::string& folder,
                                          std::string_view after,
                                          Flag flag);
    [[nodiscard]] base::Result<Entry> stat(const std::string& path);
    [[nodiscard]] base::Status remove(const std::string& path);

  private:
    [[nodiscard]] base::Result<base::Fd> open_root() const;
    [[nodiscard]] base::Result<base::Fd> open_verified_root() const;
    [[nodiscard]] base::Result<std::shared_ptr<base::Fd>> find(std::uint64_t handle);
    void forget(std::uint64_t handle);

    std::string root_;
    std::string identity_;
    // Shared by the helper's threads: a write on one may meet the close on another. The descriptor
    // lives until the last operation on it ends.
    base::Guarded<std::map<std::uint64_t, std::shared_ptr<base::Fd>>> open_;
};

}  // namespace storage::helper
