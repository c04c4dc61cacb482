#pragma once

// Files on local disks: configuration, snapshots, state. Everything here blocks: call it at
// start-up or on a worker, never on a loop thread. Files of a storage path are not for this header.
//
// Thread rule: any thread.
// Errors: as errno_error; Errc::TooLarge where said.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace base {

/// The whole file. Errc::TooLarge if it has more than `size_max` bytes.
[[nodiscard]] Result<std::string> read_file(const std::string& path, std::size_t size_max);

/// Replaces the file so that after a crash at any moment it is either the old one or the new one,
/// whole: a temporary file in the same directory, fsync, rename, fsync of the directory. On an
/// error the old file is untouched and the temporary one removed. `mode` as for open(), e.g. 0600.
[[nodiscard]] Status write_file_atomic(const std::string& path,
                                       std::string_view content,
                                       unsigned mode);

/// Takes the next bytes of a file.
using FileSink = std::function<Status(std::string_view)>;

/// The same for content that is not in memory at once: `write` gives its pieces to the sink, and
/// ends with the sink's first error. An error of its own leaves the old file, too.
[[nodiscard]] Status write_file_atomic(const std::string& path,
                                       const std::function<Status(const FileSink&)>& write,
                                       unsigned mode);

/// Makes the directory and its missing parents with `mode`; one that exists is left as it is.
[[nodiscard]] Status ensure_dir(const std::string& path, unsigned mode = 0700);

/// fsync of a directory: makes names created, renamed or removed in it durable.
[[nodiscard]] Status sync_dir(const std::string& path);

/// One process at a time: flock on a file (made when missing, mode 0600), which holds the pid for
/// people to read. Freed when destroyed or when the process ends in any way. For local disks.
class LockFile {
  public:
    /// Does not wait: Errc::Busy if another process (or object) has it.
    [[nodiscard]] static Result<LockFile> acquire(const std::string& path);

  private:
    explicit LockFile(Fd file) noexcept : file_(std::move(file)) {}

    Fd file_;
};

}  // namespace base
