#pragma once

// AccountFile: the file of the addresses on disk (directory/account_format.h): read at the start,
// written whole now and then, appended to after that.
//
// Everything blocks. Thread rule: one thread at a time; never a loop. What is appended is not
// forced to the disk: after the machine has stopped its last updates may be missing, and the feed
// has them.

#include <cstddef>
#include <string>

#include "base/result.h"
#include "dns/account_view.h"

namespace dns {

/// See the top of this file.
class AccountFile {
  public:
    /// In `directory`, which exists when something is written.
    explicit AccountFile(const std::string& directory);

    /// NotFound: there is none. Corrupt: none that is whole; it is left where it is. Io.
    [[nodiscard]] base::Result<AccountView> load();

    /// Writes all of it; after an error the old file is there. Errors of write_file_atomic().
    base::Status write(const AccountView& view);

    /// Appends what led to `view` from what was written last, or writes the view whole where that
    /// is not possible or the updates would outgrow it. Errors: Io; then the next one is whole.
    base::Status append(const AccountUpdate& update, const AccountView& view);

    /// Octets written since the object was made, and how often all of it. For tests and logs.
    [[nodiscard]] std::size_t written() const noexcept { return written_; }

    [[nodiscard]] std::size_t rewrites() const noexcept { return rewrites_; }

  private:
    std::string path_;
    std::size_t whole_ = 0;    // octets of the view in the file; 0: append nothing to it
    std::size_t size_ = 0;     // of the file
    std::size_t changes_ = 0;  // that were appended
    std::size_t written_ = 0;
    std::size_t rewrites_ = 0;
};

}  // namespace dns
