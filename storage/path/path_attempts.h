#pragma once

// One request tried on the paths of a storage server, one after the other, within one deadline: the
// part of StorageServerClient that chooses. Thread rule: loop thread only. The paths outlive it.

#include <functional>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "storage/path/path_client.h"

namespace storage {

/// Make one, then go(). `attempt` runs the request on a path and reports by succeed-nothing or
/// failed(); `on_failed` gets the last error.
class PathAttempts : public std::enable_shared_from_this<PathAttempts> {
  public:
    using Attempt =
        std::function<void(const std::shared_ptr<PathAttempts>&, PathClient&, base::Deadline)>;

    PathAttempts(std::vector<PathClient*> paths,
                 base::Deadline deadline,
                 Attempt attempt,
                 std::function<void(base::Error)> on_failed)
        : paths_(std::move(paths)),
          deadline_(deadline),
          attempt_(std::move(attempt)),
          on_failed_(std::move(on_failed)) {}

    /// Tries the next path; there must be one.
    void go() {
        PathClient& path = *paths_[next_++];
        // Each path that is left gets the same share of the time that is left.
        const auto shares = static_cast<base::Duration::rep>(paths_.size() - next_ + 1);
        attempt_(shared_from_this(), path, base::Deadline::after(deadline_.remaining() / shares));
    }

    /// The attempt failed: on to the next path if the error is the path's, else to on_failed.
    void failed(base::Error error) {
        if (is_of_path(error.code) && next_ < paths_.size() && !deadline_.passed()) {
            go();
        } else {
            on_failed_(std::move(error));
        }
    }

  private:
    static bool is_of_path(base::Errc code) noexcept {
        return code == base::Errc::Timeout || code == base::Errc::Unavailable ||
               code == base::Errc::Io || code == base::Errc::Refused || code == base::Errc::Busy;
    }

    std::vector<PathClient*> paths_;
    std::size_t next_ = 0;
    base::Deadline deadline_;
    Attempt attempt_;
    std::function<void(base::Error)> on_failed_;
};

}  // namespace storage
