#include "storage/tracking/discovery.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/fiber.h"
#include "base/log.h"
#include "storage/catalog/claims.h"
#include "storage/segment/format.h"
#include "storage/segment/name.h"
#include "storage/segment/reader.h"
#include "storage/tracking/segment_scan.h"

namespace storage {
namespace {

using base::Deadline;
using base::Errc;
using base::Error;
using base::Result;
using base::Status;

constexpr auto kListDeadline = std::chrono::seconds(10);
constexpr auto kHeaderDeadline = std::chrono::seconds(10);
constexpr auto kWholeDeadline = std::chrono::seconds(60);
constexpr auto kStatementDeadline = std::chrono::seconds(20);
constexpr std::size_t kAskMax = 1'000;
constexpr std::size_t kKnownMax = 100'000;
constexpr std::int64_t kDayUs = 86'400'000'000;
constexpr base::Statement kDirectoryStores{"storage_discovery_stores",
                                           "SELECT store_id FROM directory.storage_server"};

// "20261122", as segment_day() names the folder of a segment opened then.
std::string day_of(std::int64_t epoch_us) {
    return segment_day(SegmentId(base::Uuid::lower_bound_at(epoch_us)));
}

Result<Listing> list(StorageServerSet& servers,
                     const StorageServerId& id,
                     const std::string& folder,
                     const std::string& after) {
    StorageServerClient* server = servers.find(id);
    if (server == nullptr) {
        return Error{Errc::Unavailable, "storage server not configured"};
    }
    base::Completion<Listing> done;
    server->list(folder,
                 after,
                 StorageServerClient::ListDetail::Names,
                 Deadline::after(kListDeadline),
                 [done](Result<Listing> listing) { done.fulfil(std::move(listing)); });
    return done.await(Deadline::after(kListDeadline + std::chrono::seconds(1)));
}

// Every name in a folder.
Result<std::vector<std::string>> list_all(StorageServerSet& servers,
                                          const StorageServerId& id,
                                          const std::string& folder) {
    std::vector<std::string> names;
    std::string after;
    while (names.size() < Discovery::kFilesMax) {
        Listing page = TRY(list(servers, id, folder, after));
        for (const FileInfo& entry : page.entries) {
            names.push_back(entry.name);
        }
        if (page.complete || page.entries.empty()) {
            break;
        }
        after = names.back();
    }
    return names;
}

}  // namespace

struct Discovery::Names {
    std::map<SegmentId, std::vector<SegmentCopy>> copies;
    std::size_t count = 0;
};

Result<std::size_t> Discovery::run_once(DiscoveryDepth depth) {
    if (depth == DiscoveryDepth::All) {
        known_.clear();  // the catalog may have been restored from before it knew them
    }
    std::vector<StorageServerId> ids;
    unlisted_.clear();
    for (const StorageServerClient* server : servers_.all()) {
        (server->health().is_healthy() ? ids : unlisted_).push_back(server->config().id);
    }
    Names names;
    for (const StorageServerId& id : ids) {
        const Status listed = list_server(id, depth, names);
        if (!listed && listed.error().code == Errc::Cancelled) {
            return listed.error();
        }
        if (!listed) {
            unlisted_.push_back(id);
            base::log::info(
                "storage", "root_not_listed", {{"store", id.text()}, {"error", listed.error()}});
        }
    }
    return tell(names);
}

Status Discovery::list_server(const StorageServerId& server, DiscoveryDepth depth, Names& names) {
    if (depth == DiscoveryDepth::Recent) {
        const std::int64_t now = base::wall_us();
        TRY(list_day(server, day_of(now - kDayUs), names));
        return list_day(server, day_of(now), names);
    }
    Result<std::vector<std::string>> days = list_all(servers_, server, std::string(kSegmentFolder));
    if (!days && days.error().code == Errc::NotFound) {
        return base::Done{};  // nothing was ever written there
    }
    for (const std::string& day : TRY(std::move(days))) {
        if (is_segment_day(day)) {
            TRY(list_day(server, day, names));
        }
    }
    return base::Done{};
}

Status Discovery::list_day(const StorageServerId& server, const std::string& day, Names& names) {
    Result<std::vector<std::string>> files =
        list_all(servers_, server, std::string(kSegmentFolder) + "/" + day);
    if (!files && files.error().code == Errc::NotFound) {
        return base::Done{};
    }
    for (const std::string& file : TRY(std::move(files))) {
        const Result<SegmentName> name = parse_segment_name(file);
        if (name && !known_.contains(name.value().segment) && names.count < kFilesMax) {
            names.copies[name.value().segment].push_back({server, name.value().generation});
            ++names.count;
        }
    }
    return base::Done{};
}

// From whichever copy has it good: one bad copy must not hide a segment.
Result<DecodedHeader> Discovery::header_of(const SegmentId& segment,
                                           const std::vector<SegmentCopy>& copies) {
    Result<DecodedHeader> header = Error{Errc::NotFound, "no copy"};
    for (const SegmentCopy& copy : copies) {
        header = read_header(servers_, segment, copy, Deadline::after(kHeaderDeadline));
        if (header || header.error().code == Errc::Cancelled) {
            break;
        }
    }
    return header;
}

// Of a segment that was written whole: only copies with their seal are one (SEGMENT.md). Nothing if
// there is none.
Result<std::optional<SegmentNote>> Discovery::note_of_whole(
    const DecodedHeader& header, const std::vector<SegmentCopy>& copies) {
    SegmentNote note = storage::note_of(header.header, header.size);
    for (ReplicaNote& replica : note.replicas) {
        replica.state = ReplicaState::Suspect;
        replica.reason = "not seen when the segment was found";
    }
    for (const SegmentCopy& copy : copies) {
        const Result<Seal> seal = read_whole(note.id, copy);
        if (!seal && seal.error().code == Errc::Cancelled) {
            return seal.error();
        }
        if (!seal) {
            continue;
        }
        note.state = SegmentState::Sealed;
        note.length = seal.value().file_size;
        note.generation = std::max(note.generation, copy.generation);
        std::erase_if(note.replicas, [&](const ReplicaNote& replica) {
            return replica.store == copy.server &&
                   (replica.state == ReplicaState::Suspect || replica.generation < copy.generation);
        });
        if (std::ranges::find(note.replicas, copy.server, &ReplicaNote::store) ==
            note.replicas.end()) {
            note.replicas.push_back(
                {copy.server, copy.generation, ReplicaState::Active, note.length, {}});
        }
    }
    if (note.state != SegmentState::Sealed) {
        return std::optional<SegmentNote>();
    }
    return std::optional(std::move(note));
}

Result<Seal> Discovery::read_whole(const SegmentId& segment, const SegmentCopy& copy) {
    const Deadline deadline = Deadline::after(kWholeDeadline);
    const auto bytes =
        std::make_shared<const Bytes>(TRY(read_copy(servers_, segment, copy, deadline)));
    return worker_.run([bytes] { return verify_sealed(*bytes); }, deadline);
}

Result<std::set<StorageServerId>> Discovery::directory_stores() {
    const base::Rows rows = TRY(
        pool_.run([](base::Connection& connection) { return connection.query(kDirectoryStores); },
                  Deadline::after(kStatementDeadline)));
    std::set<StorageServerId> stores;
    for (const base::Row row : rows) {
        stores.insert(StorageServerId(row.uuid(0)));
    }
    return stores;
}

Result<std::size_t> Discovery::tell(const Names& names) {
    std::vector<SegmentId> ids;
    for (const auto& [id, copy] : names.copies) {
        ids.push_back(id);
    }
    std::size_t told = 0;
    for (std::size_t from = 0; from < ids.size(); from += kAskMax) {
        const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(from);
        const auto end =
            ids.begin() + static_cast<std::ptrdiff_t>(std::min(ids.size(), from + kAskMax));
        const auto part = std::make_shared<const std::vector<SegmentId>>(begin, end);
        const std::vector<SegmentId> unknown = TRY(pool_.run(
            [part](base::Connection& connection) { return unknown_segments(connection, *part); },
            Deadline::after(kStatementDeadline)));
        // A directory that was lost and is about to be put back is empty: what is told before would
        // be recorded without copies, and no later look would add them.
        const std::set<StorageServerId> stores =
            unknown.empty() ? std::set<StorageServerId>() : TRY(directory_stores());
        std::vector<SegmentNote> notes;
        for (const SegmentId& id : unknown) {
            if (std::ranges::none_of(names.copies.at(id), [&](const SegmentCopy& copy) {
                    return stores.contains(copy.server);
                })) {
                continue;
            }
            const Result<DecodedHeader> header = header_of(id, names.copies.at(id));
            if (header && header.value().header.boot_epoch == format::kWholeBootEpoch) {
                std::optional<SegmentNote> note =
                    TRY(note_of_whole(header.value(), names.copies.at(id)));
                if (note) {
                    notes.push_back(std::move(*note));
                }
            } else if (header) {
                notes.push_back(note_of(header.value().header, header.value().size));
            } else if (header.error().code == Errc::Cancelled) {
                return header.error();
            }
            // Torn headers only: its writer died before anything was acknowledged in it.
        }
        const auto shared = std::make_shared<const std::vector<SegmentNote>>(std::move(notes));
        TRY(pool_.run(
            [shared](base::Connection& connection) { return note_segments(connection, *shared); },
            Deadline::after(kStatementDeadline)));
        for (const SegmentNote& note : *shared) {
            base::log::info("storage",
                            "segment_discovered",
                            {{"segment", note.id.text()}, {"writer", note.writer}});
        }
        told += shared->size();
        if (known_.size() > kKnownMax) {
            known_.clear();
        }
        for (const SegmentId& id : *part) {
            if (std::find(unknown.begin(), unknown.end(), id) == unknown.end()) {
                known_.insert(id);
            }
        }
    }
    return told;
}

}  // namespace storage
