#include "storage/upkeep/janitor.h"

#include <algorithm>

#include "base/fiber.h"
#include "base/log.h"
#include "base/metrics.h"
#include "storage/mirror/recovery.h"
#include "storage/segment/format.h"
#include "storage/segment/reader.h"
#include "storage/tracking/segment_scan.h"

namespace storage {
namespace {

using base::Deadline;
using base::Errc;
using base::Error;
using base::Result;
using base::Status;

constexpr std::size_t kAskMax = 1'000;
constexpr std::size_t kRows = 1'000;  // of one step of begin_removal: deliveries wait for it
// Not even the shortest header and the head of a frame fit into less.
constexpr std::uint64_t kShortest =
    format::kHeaderReplicasAt + 16 + format::kAlignment + format::kFrameHeaderSize;

base::Counter& removed_files(const char* reason) {
    return base::counter("roundtable_segment_files_removed_total",
                         "Files of segments that nothing needed any more",
                         {{"folder", "storage"}, {"reason", reason}});
}

Result<Listing> list_page(StorageServerSet& servers,
                          const StorageServerId& id,
                          const std::string& folder,
                          const std::string& after,
                          Deadline deadline) {
    StorageServerClient* server = servers.find(id);
    if (server == nullptr) {
        return Error{Errc::Unavailable, "storage server not configured"};
    }
    base::Completion<Listing> done;
    server->list(folder,
                 after,
                 StorageServerClient::ListDetail::NamesSizesTimes,
                 deadline,
                 [done](Result<Listing> listing) { done.fulfil(std::move(listing)); });
    return done.await(deadline);
}

// What the catalog says, or Busy: nothing may be removed now.
Result<std::vector<FileVerdict>> ask(base::Connection& connection,
                                     const StorageServerId& server,
                                     const std::vector<SegmentId>& segments) {
    if (!TRY(may_remove_files(connection))) {
        return Error{Errc::Busy, "the catalog may know less than the files"};
    }
    return judge_files(connection, server, segments);
}

}  // namespace

Janitor::Janitor(StorageServerSet& servers, base::DbPool& pool, JanitorOptions options)
    : servers_(servers), pool_(pool), options_(std::move(options)) {
}

Deadline Janitor::statement() const {
    return Deadline::after(options_.statement_deadline);
}

Status Janitor::remove_file(const StorageServerId& id, const SegmentName& name) {
    StorageServerClient* server = servers_.find(id);
    if (server == nullptr) {
        return Error{Errc::Unavailable, "storage server not configured"};
    }
    const Deadline deadline = Deadline::after(options_.file_deadline);
    base::Completion<base::Done> done;
    server->remove(
        segment_path(name), deadline, [done](Status removed) { done.fulfil(std::move(removed)); });
    Status removed = done.await(deadline);
    if (!removed && removed.error().code == Errc::NotFound) {
        return base::Done{};
    }
    if (removed) {
        base::log::info(
            "storage", "file_removed", {{"store", id.text()}, {"file", segment_path(name)}});
    }
    return removed;
}

// ---- Superseded segments.

Result<std::size_t> Janitor::remove_superseded() {
    const std::vector<SegmentId> claimed = TRY(pool_.run(
        [options = options_](base::Connection& connection) {
            return claim_removal(connection, options.tracker, options.segments_max, options.lease);
        },
        statement()));
    for (const SegmentId& segment : claimed) {
        const Status removed = remove_segment(segment);
        if (!removed) {
            base::log::info("storage",
                            "removal_put_off",
                            {{"segment", segment.text()}, {"error", removed.error()}});
            if (removed.error().code == Errc::Cancelled) {
                return removed.error();
            }
        }
    }
    return claimed.size();
}

Status Janitor::remove_segment(const SegmentId& segment) {
    RemovalStep step = RemovalStep::More;
    while (step == RemovalStep::More) {
        step = TRY(pool_.run(
            [segment](base::Connection& connection) {
                return begin_removal(connection, segment, kRows);
            },
            statement()));
    }
    if (step == RemovalStep::Live) {
        return Error{Errc::Busy, "it is needed"};
    }
    static base::Counter& count = removed_files("superseded");
    FoundCopies found = find_copies(servers_, segment, Deadline::after(options_.file_deadline));
    for (const SegmentCopy& copy : found.copies) {
        const Status removed = remove_file(copy.server, {segment, copy.generation});
        if (removed) {
            ++counters_.superseded;
            count.add();
        } else {
            found.unread.push_back(copy.server);
        }
    }
    std::vector<StorageServerId> answered;
    for (const StorageServerClient* server : servers_.all()) {
        const StorageServerId& id = server->config().id;
        if (std::ranges::find(found.unread, id) == found.unread.end()) {
            answered.push_back(id);
        }
    }
    const bool forgotten = TRY(pool_.run(
        [segment, answered](base::Connection& connection) {
            return finish_removal(connection, segment, answered);
        },
        statement()));
    if (!forgotten) {
        return Error{Errc::Unavailable, "some storage server did not answer"};
    }
    ++counters_.forgotten;
    base::log::info("storage", "segment_forgotten", {{"segment", segment.text()}});
    return base::Done{};
}

// ---- The sweep.

Status Janitor::sweep() {
    seen_.clear();
    shorts_.clear();
    std::vector<StorageServerId> ids;
    for (const StorageServerClient* server : servers_.all()) {
        ids.push_back(server->config().id);
    }
    bool all_listed = !ids.empty();
    for (const StorageServerId& id : ids) {
        const Status swept = sweep_server(id);
        if (!swept) {
            all_listed = false;
            base::log::info(
                "storage", "not_swept", {{"store", id.text()}, {"error", swept.error()}});
            if (swept.error().code == Errc::Cancelled) {
                return swept;
            }
        }
    }
    watched_ = std::move(seen_);
    static base::Counter& count = removed_files("short");
    for (const File& file : all_listed ? shorts_ : std::vector<File>()) {
        if (remove_file(file.server, file.name)) {
            ++counters_.shorts;
            count.add();
        }
    }
    return base::Done{};
}

Status Janitor::sweep_server(const StorageServerId& server) {
    std::string after;
    for (bool complete = false; !complete;) {
        Result<Listing> days = list_page(servers_,
                                         server,
                                         std::string(kSegmentFolder),
                                         after,
                                         Deadline::after(options_.file_deadline));
        if (!days && days.error().code == Errc::NotFound) {
            return base::Done{};  // nothing was ever written there
        }
        const Listing page = TRY(std::move(days));
        for (const FileInfo& day : page.entries) {
            if (day.is_folder && is_segment_day(day.name)) {
                Day files = TRY(list_day(server, day.name));
                TRY(sweep_day(server, std::move(files)));
            }
        }
        complete = page.complete || page.entries.empty();
        after = page.entries.empty() ? after : page.entries.back().name;
    }
    return base::Done{};
}

Result<Janitor::Day> Janitor::list_day(const StorageServerId& server, const std::string& day) {
    Day files;
    std::size_t count = 0;
    std::string after;
    for (bool complete = false; !complete && count < kFilesMax;) {
        const Listing page = TRY(list_page(servers_,
                                           server,
                                           std::string(kSegmentFolder) + "/" + day,
                                           after,
                                           Deadline::after(options_.file_deadline)));
        for (const FileInfo& info : page.entries) {
            const Result<SegmentName> name = parse_segment_name(info.name);
            // Whatever lies in the wrong folder is nobody's segment.
            if (name && !info.is_folder && segment_day(name.value().segment) == day) {
                files[name.value().segment].push_back(
                    {server, name.value(), info.size, info.modified_s});
                ++count;
            }
        }
        complete = page.complete || page.entries.empty();
        after = page.entries.empty() ? after : page.entries.back().name;
    }
    return files;
}

Status Janitor::sweep_day(const StorageServerId& server, Day day) {
    while (!day.empty()) {
        std::vector<SegmentId> asked;
        Day part;
        while (!day.empty() && asked.size() < kAskMax) {
            asked.push_back(day.begin()->first);
            part.insert(day.extract(day.begin()));
        }
        const std::vector<FileVerdict> verdicts = TRY(pool_.run(
            [server, asked](base::Connection& connection) {
                return ask(connection, server, asked);
            },
            statement()));
        for (const FileVerdict& verdict : verdicts) {
            TRY(judge_known(verdict, part[verdict.id]));
            part.erase(verdict.id);
        }
        for (const auto& [segment, files] : part) {
            TRY(judge_unknown(files));
        }
    }
    return base::Done{};
}

// Files of a lower generation, if the good copy is there.
Status Janitor::judge_known(const FileVerdict& verdict, const std::vector<File>& files) {
    const bool has_good = std::ranges::any_of(files, [&](const File& file) {
        return file.name.generation == verdict.generation && file.size == verdict.length;
    });
    if (!verdict.sealed || !verdict.active || !verdict.settled || !has_good) {
        return base::Done{};
    }
    static base::Counter& count = removed_files("replaced");
    for (const File& file : files) {
        if (file.name.generation < verdict.generation) {
            TRY(remove_file(file.server, file.name));
            ++counters_.replaced;
            count.add();
        }
    }
    return base::Done{};
}

Status Janitor::judge_unknown(const std::vector<File>& files) {
    static base::Counter& count = removed_files("torn");
    for (const File& file : files) {
        if (file.size < kShortest) {
            if (has_settled(file, options_.short_age) && shorts_.size() < kWatchedMax) {
                shorts_.push_back(file);
            }
        } else if (TRY(is_torn_whole(file)) && has_settled(file, options_.whole_age)) {
            TRY(remove_file(file.server, file.name));
            ++counters_.torn;
            count.add();
        }
    }
    return base::Done{};
}

// Only what says itself that it was written whole, and has no seal at its end. One that has, but
// does not verify, is left: a scrub's verdict needs more than one look.
Result<bool> Janitor::is_torn_whole(const File& file) {
    const Deadline deadline = Deadline::after(options_.file_deadline);
    const Result<DecodedHeader> header =
        read_header(servers_, file.name.segment, {file.server, file.name.generation}, deadline);
    if (!header) {
        if (base::is_temporary(header.error().code)) {
            return header.error();
        }
        return false;  // removed in between, or no header at all
    }
    if (header.value().header.boot_epoch != format::kWholeBootEpoch) {
        return false;
    }
    StorageServerClient* server = servers_.find(file.server);
    if (server == nullptr) {
        return Error{Errc::Unavailable, "storage server not configured"};
    }
    base::Completion<Bytes> done;
    server->read(segment_path(file.name),
                 file.size - format::kTrailerSize,
                 format::kTrailerSize,
                 deadline,
                 [done](Result<Bytes> bytes) { done.fulfil(std::move(bytes)); });
    const Bytes trailer = TRY(done.await(deadline));
    return !seal_offset(trailer);
}

// See the top of janitor.h.
bool Janitor::has_settled(const File& file, std::chrono::milliseconds age) {
    const WatchKey key(file.server, file.name);
    const auto before = watched_.find(key);
    Watched watched{file.size, file.modified_s, base::monotonic_now()};
    const bool unchanged = before != watched_.end() && before->second.size == file.size &&
                           before->second.modified_s == file.modified_s;
    if (unchanged) {
        watched.since = before->second.since;
    }
    if (seen_.size() < kWatchedMax) {
        seen_[key] = watched;
    }
    const std::int64_t old_us =
        base::wall_us() - std::chrono::duration_cast<std::chrono::microseconds>(age).count();
    return unchanged && base::monotonic_now() - watched.since >= options_.settle &&
           file.modified_s < old_us / 1'000'000 &&
           file.name.segment.uuid() < base::Uuid::lower_bound_at(old_us);
}

}  // namespace storage
