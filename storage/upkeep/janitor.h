#pragma once

// Janitor: removes files of segments that nothing needs, and nothing else:
//
//  - every file of a superseded segment, on every storage server, when superseded_grace has passed;
//    when all that are not retired have answered, the segment is forgotten;
//  - files of a lower generation than the good copy of that storage server, when that copy is
//  there,
//    has the sealed length, and has been so for superseded_grace;
//  - files of segments that were to be written whole (boot epoch 0) and do not end in a seal, when
//    the catalog does not know the segment: what is left of a tracker that died;
//  - files too short for a frame, of segments that the catalog does not know, when every storage
//    server was listed.
//
// The last two must be old by the segment's id and by the file's time, and must not have changed
// since this janitor saw them first, `settle` ago by its own clock: clocks of three machines may be
// wrong. Nothing is removed while the catalog may know less than the files (may_remove_files()).
// A storage server that was away is treated by the same rules when it is back. One that is retired
// and set up again with its old files shows segments that were forgotten: their frames are
// delivered again.
//
// Thread rule: loop thread, from a fiber. Memory: the names of one day on one storage server.

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/db.h"
#include "base/result.h"
#include "storage/catalog/compaction.h"
#include "storage/path/storage_server_set.h"
#include "storage/segment/name.h"

namespace storage {

struct JanitorOptions {
    std::string tracker;  ///< name; claims bear it
    std::chrono::milliseconds whole_age{3'600'000};
    std::chrono::milliseconds short_age{86'400'000};
    std::chrono::milliseconds settle{600'000};
    std::chrono::seconds lease{600};  ///< also the pause before a segment is looked at again
    std::size_t segments_max = 64;
    std::chrono::milliseconds file_deadline{10'000};
    std::chrono::milliseconds statement_deadline{30'000};
};

/// Files removed since the start. Monotonic.
struct JanitorCounters {
    std::uint64_t superseded = 0;
    std::uint64_t replaced = 0;   ///< of a lower generation
    std::uint64_t torn = 0;       ///< written whole, without a seal
    std::uint64_t shorts = 0;     ///< without a frame
    std::uint64_t forgotten = 0;  ///< segments
};

/// See the top of this file.
class Janitor {
  public:
    static constexpr std::size_t kFilesMax = 1'000'000;  // of one day on one server
    static constexpr std::size_t kWatchedMax = 10'000;

    /// Both outlive it.
    Janitor(StorageServerSet& servers, base::DbPool& pool, JanitorOptions options);

    /// Superseded segments whose grace has passed. Returns how many were claimed. Errors: those of
    /// the database; Cancelled.
    [[nodiscard]] base::Result<std::size_t> remove_superseded();

    /// Lists all storage servers that answer, for the other kinds of files. Errors: as above.
    [[nodiscard]] base::Status sweep();

    [[nodiscard]] const JanitorCounters& counters() const noexcept { return counters_; }

  private:
    // A file without use, as it was seen first.
    struct Watched {
        std::uint64_t size = 0;
        std::int64_t modified_s = 0;
        base::Instant since;
    };

    struct File {
        StorageServerId server;
        SegmentName name;
        std::uint64_t size = 0;
        std::int64_t modified_s = 0;
    };

    using WatchKey = std::pair<StorageServerId, SegmentName>;
    using Day = std::map<SegmentId, std::vector<File>>;

    [[nodiscard]] base::Status remove_segment(const SegmentId& segment);
    [[nodiscard]] base::Status sweep_server(const StorageServerId& server);
    [[nodiscard]] base::Result<Day> list_day(const StorageServerId& server, const std::string& day);
    [[nodiscard]] base::Status sweep_day(const StorageServerId& server, Day day);
    [[nodiscard]] base::Status judge_known(const FileVerdict& verdict,
                                           const std::vector<File>& files);
    [[nodiscard]] base::Status judge_unknown(const std::vector<File>& files);
    [[nodiscard]] base::Result<bool> is_torn_whole(const File& file);
    [[nodiscard]] bool has_settled(const File& file, std::chrono::milliseconds age);
    [[nodiscard]] base::Status remove_file(const StorageServerId& server, const SegmentName& name);
    [[nodiscard]] base::Deadline statement() const;

    StorageServerSet& servers_;
    base::DbPool& pool_;
    const JanitorOptions options_;
    JanitorCounters counters_;
    std::map<WatchKey, Watched> watched_;  // of the sweep before
    std::map<WatchKey, Watched> seen_;     // of this one
    std::vector<File> shorts_;
};

}  // namespace storage
