#pragma once

// StorageServerClient: one storage server as one daemon sees it, over its storage paths in order of
// preference. Files are touched by helper processes only (path_client.h), never in this process: a
// hung mount costs its helper and nothing else.
//
// Each request has a deadline and is answered exactly once, on the loop, never inside the call that
// made it; unless the client is destroyed first: then it is not answered. New files and reads go
// through the first healthy path; a file that is being written stays on the path that created it.
// A read, list or stat that fails for the path's sake (Timeout, Unavailable, Io) is tried on the
// next healthy path while the deadline allows.
//
// From a fiber: give a base::Completion<T> as callback, [c](auto r) { c.fulfil(std::move(r)); }.
//
// Paths of files are relative to the storage root: folders and a name of [A-Za-z0-9._-], no part
// beginning with a dot, at most kRelativePathMax characters, depth at most 4. Anything else:
// Invalid. Thread rule: loop thread only. Owner: StorageServerSet, or whoever created it. Errors:
// Timeout (outcome unknown), Unavailable (no healthy path, or the helper is gone; of a write:
// outcome unknown), Busy (queue full), Io (EIO, ENOSPC, ...), NotFound, Exists, Refused
// (permission, or not our identity file), Invalid, TooLarge.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/result.h"
#include "storage/path/health.h"
#include "storage/path/relative_path.h"
#include "storage/segment/ids.h"

namespace storage {

/// One storage path: a directory by which this machine reaches the storage server.
struct StoragePathConfig {
    std::string name;
    std::string root;  ///< absolute

    friend bool operator==(const StoragePathConfig&, const StoragePathConfig&) = default;
};

/// A storage server and its paths, the preferred one first. An empty failure domain means: the
/// server is one of its own.
struct StorageServerConfig {
    StorageServerId id;
    std::string name;
    std::string failure_domain;
    std::vector<StoragePathConfig> paths;

    friend bool operator==(const StorageServerConfig&, const StorageServerConfig&) = default;
};

/// What a probe tries. A daemon that only reads does not need a writable path.
enum class ProbeKind : std::uint8_t { Read, Write };

/// How paths are treated; the same for all paths of a daemon.
struct PathOptions {
    std::string helper_program;  ///< absolute path of roundtable-path-helper
    ProbeKind probe = ProbeKind::Write;
    std::chrono::milliseconds probe_interval{2'000};
    std::chrono::milliseconds probe_deadline{2'000};
    std::chrono::milliseconds hang_after{4'000};   ///< unanswered so long: the helper is abandoned
    std::chrono::milliseconds retry_max{30'000};   ///< longest pause between failed probes
    std::uint64_t free_bytes_min = 256ULL << 20U;  ///< less is Out
    std::uint32_t requests_max = 4'096;            ///< queued and running, per path
    std::uint64_t queued_bytes_max = 256ULL << 20U;  ///< waiting to be written, per path
};

/// Names a file that this client created and has not closed.
enum class FileHandle : std::uint64_t {};

/// What an answered write means.
enum class Durability : std::uint8_t {
    Lazy,  ///< given to the system
    Sync,  ///< on the disk (fdatasync) when the answer comes
};

/// What stat and list tell.
struct FileInfo {
    std::string name;  ///< without its folder
    std::uint64_t size = 0;
    std::int64_t modified_s = 0;  ///< seconds since 1970
    bool is_folder = false;
};

/// A page of a folder, sorted by name.
struct Listing {
    std::vector<FileInfo> entries;  ///< size and time are filled only if asked for
    bool complete = false;          ///< false: ask again after the last name
};

/// See the top of this file.
class StorageServerClient {
  public:
    using Bytes = std::vector<std::byte>;
    template <typename T>
    using Done = std::function<void(base::Result<T>)>;
    using StatusDone = std::function<void(base::Status)>;

    StorageServerClient(base::Loop& loop, StorageServerConfig config, PathOptions options);
    ~StorageServerClient();
    StorageServerClient(const StorageServerClient&) = delete;
    StorageServerClient& operator=(const StorageServerClient&) = delete;

    /// Starts the helpers and the probes. Until the first probe answers, the server is Out.
    void start();

    [[nodiscard]] const StorageServerConfig& config() const noexcept;

    /// That of the best path.
    [[nodiscard]] StoreHealth health() const;

    /// One entry per path, in order of preference.
    [[nodiscard]] std::vector<StoreHealth> path_health() const;
    [[nodiscard]] std::vector<PathCounters> path_counters() const;

    /// Called (on the loop) whenever health() changes its state.
    void set_on_health_change(std::function<void()> on_change);

    /// Creates a new file (Exists if it is there), makes its folders, writes `first` at offset 0
    /// and makes file and name durable. Identity file checked on the same root. Each name once.
    void create(std::string path,
                std::shared_ptr<const Bytes> first,
                base::Deadline deadline,
                Done<FileHandle> on_done);

    /// Writes `data` at `offset`. After an error, and above all after a failed fsync, the handle
    /// takes nothing more: every later write of it fails with Unavailable.
    void write(FileHandle file,
               std::uint64_t offset,
               std::shared_ptr<const Bytes> data,
               Durability durability,
               base::Deadline deadline,
               StatusDone on_done);

    /// Forgets the handle and closes the file. Call it when the handle's writes are answered.
    void close(FileHandle file);

    /// True while writes of the handle may still succeed.
    [[nodiscard]] bool is_open(FileHandle file) const;

    /// Exactly `length` bytes at `offset` of a file opened afresh; fewer is Corrupt ("short read").
    /// TooLarge: over 64 MiB.
    void read(std::string path,
              std::uint64_t offset,
              std::uint32_t length,
              base::Deadline deadline,
              Done<Bytes> on_done);

    /// Up to `length` bytes at `offset`: fewer at the end of the file, none beyond it.
    void read_some(std::string path,
                   std::uint64_t offset,
                   std::uint32_t length,
                   base::Deadline deadline,
                   Done<Bytes> on_done);

    enum class ListDetail : std::uint8_t { Names, NamesSizesTimes };

    /// Entries of a folder ("" is the root) after the name `after`, at most 4,096 at a time. Names
    /// that are not of the form above are left out.
    void list(std::string folder,
              std::string after,
              ListDetail detail,
              base::Deadline deadline,
              Done<Listing> on_done);

    void stat(std::string path, base::Deadline deadline, Done<FileInfo> on_done);

    /// Removes a file and makes that durable. NotFound: it was not there.
    void remove(std::string path, base::Deadline deadline, StatusDone on_done);

    /// A read through this server was bad (a CRC, a short read): has the paths probed at once.
    void report_suspicion();

    /// The helper of each path, 0 where none runs: for people and tests.
    [[nodiscard]] std::vector<pid_t> helper_pids() const;

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace storage
