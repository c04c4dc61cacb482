#pragma once

// Mount: one mount point of a disk, served by libfuse on threads of its own. Several mounts of one
// disk are the several paths of one storage server.
//
// With a caching time it behaves as an NFS mount does (close-to-open): attributes, names and names
// that are missing may be as old as that, each mount for itself; an opening sees what was closed
// before it. Without one nothing is cached.
//
// While it is "empty" it shows another disk, blank, as a mount point does whose file system is not
// mounted: what is written there is gone when the real one is back.
//
// Owns the mount: the destructor takes it away; what hangs in it must have been let go before.
// Thread rule: made and destroyed by one thread; set_empty() by any.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "test/chaos/fault_fs/disk.h"
#include "test/chaos/fault_fs/rules.h"

struct fuse_session;

namespace chaos {

/// See the top of this file.
class Mount {
  public:
    struct Options {
        int index = 0;
        std::string point;
        int cache_seconds_max = 0;  ///< 0: nothing is cached; else from 3 s up to so much
        Ownership owner;            ///< of the blank disk's root
    };

    /// Null, with a message on stderr, when it cannot be mounted.
    static std::unique_ptr<Mount> create(Disk& disk, Rules& rules, Options options);
    ~Mount();
    Mount(const Mount&) = delete;
    Mount& operator=(const Mount&) = delete;
    Mount(Mount&&) = delete;
    Mount& operator=(Mount&&) = delete;

    void set_empty(bool empty);

    // For the calls from libfuse.
    [[nodiscard]] Disk& disk() const { return *shown_.load(); }

    [[nodiscard]] Passage pass(Call call) { return rules_.pass(options_.index, call); }

    [[nodiscard]] bool is_cached() const { return options_.cache_seconds_max > 0; }

    /// How long the kernel may believe an answer, in seconds.
    [[nodiscard]] double cache_seconds();
    /// Close-to-open: the next look at its attributes asks again.
    void forget_attributes(Ino ino);

  private:
    Mount(Disk& disk, Rules& rules, Options options);

    Disk& real_;
    Rules& rules_;
    Options options_;
    std::unique_ptr<Disk> blank_;
    std::atomic<Disk*> shown_;
    std::atomic<std::uint64_t> draws_ = 0;
    fuse_session* session_ = nullptr;
    bool mounted_ = false;
    std::thread server_;
};

}  // namespace chaos
