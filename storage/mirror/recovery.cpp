#include "storage/mirror/recovery.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/fiber.h"
#include "base/worker_pool.h"
#include "storage/segment/name.h"

namespace storage {

namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kTransferSize = 8U << 20U;  // of one request
constexpr std::size_t kFirstSize = 64U << 10U;      // with the creation of a file
constexpr milliseconds kAnswerSlack{200};
constexpr milliseconds kRemoveDeadline{2'000};
constexpr std::size_t kDaysMax = 20'000;      // folders of days that are looked at
constexpr std::size_t kFilesMax = 2'000'000;  // files below one root

base::Deadline with_slack(base::Deadline deadline) {
    return base::Deadline(deadline.at() + kAnswerSlack);
}

template <typename T>
auto fulfils(const base::Completion<T>& completion) {
    return [completion](base::Result<T> result) { completion.fulfil(std::move(result)); };
}

base::Error not_configured() {
    return base::Error{base::Errc::Unavailable, "storage server not configured"};
}

// Why a frame that was acknowledged may not have been seen; empty: it cannot be.
std::string reason_to_wait(const CopyMerge& merge,
                           const std::vector<StorageServerId>& unread,
                           const std::set<StorageServerId>& lost) {
    const SegmentHeader& header = merge.header->header;
    std::size_t doubtful = 0;
    std::size_t may_turn_up = 0;
    // A server that is not among ours was retired: it does not turn up either.
    for (const StorageServerId& server : header.replicas) {
        const bool is_unread =
            !lost.contains(server) && std::ranges::find(unread, server) != unread.end();
        const bool is_good = std::ranges::any_of(merge.findings, [&](const CopyFindings& findings) {
            return findings.copy.server == server && !findings.in_doubt;
        });
        may_turn_up += is_unread ? 1 : 0;
        doubtful += is_good ? 0 : 1;
    }
    if (merge.seal || may_turn_up == 0 || doubtful < header.min_copies) {
        return {};
    }
    return std::to_string(may_turn_up) + " of " + std::to_string(header.replicas.size()) +
           " replicas cannot be read, and may have more";
}

// Writes the sealed file to each server of the replica set that has none; tells how it went.
void write_sealed(StorageServerSet& servers,
                  const CopyMerge& merge,
                  const std::vector<StorageServerId>& unread,
                  const RecoveryOptions& options,
                  SegmentClosed& closed) {
    const SegmentHeader& header = merge.header->header;
    std::uint32_t generation = 0;
    for (const CopyFindings& findings : merge.findings) {
        generation = std::max(generation, findings.copy.generation);
    }
    const auto bytes = std::make_shared<const Bytes>(merge.image);
    for (const StorageServerId& server : header.replicas) {
        const auto sealed = std::ranges::find_if(merge.findings, [&](const CopyFindings& findings) {
            return findings.copy.server == server && findings.sealed;
        });
        if (sealed != merge.findings.end()) {
            closed.generation = std::max(closed.generation, sealed->copy.generation);
            closed.replicas.push_back(
                {server, ReplicaEnd::Sealed, bytes->size(), "", sealed->copy.generation});
            continue;
        }
        base::Status written = base::Error{base::Errc::Unavailable, "could not be read"};
        if (std::ranges::find(unread, server) == unread.end()) {
            written = write_copy(servers,
                                 header.segment,
                                 {server, generation + 1},
                                 bytes,
                                 base::Deadline::after(options.transfer_deadline));
        }
        if (written) {
            closed.generation = generation + 1;
            closed.replicas.push_back(
                {server, ReplicaEnd::Sealed, bytes->size(), "", closed.generation});
        } else {
            closed.replicas.push_back({server, ReplicaEnd::Behind, 0, written.error().detail});
        }
    }
}

void remove_empty(StorageServerSet& servers,
                  const SegmentId& segment,
                  const std::vector<SegmentCopy>& copies) {
    for (const SegmentCopy& copy : copies) {
        if (StorageServerClient* server = servers.find(copy.server)) {
            server->remove(segment_path({segment, copy.generation}),
                           base::Deadline::after(kRemoveDeadline),
                           [](const base::Status&) {});  // if it stays, it does no harm
        }
    }
}

}  // namespace

FoundCopies find_copies(StorageServerSet& servers,
                        const SegmentId& segment,
                        base::Deadline deadline) {
    const std::string folder = std::string(kSegmentFolder) + "/" + segment_day(segment);
    std::vector<std::pair<StorageServerId, base::Completion<Listing>>> lists;
    for (StorageServerClient* server : servers.all()) {
        const base::Completion<Listing> listed;
        server->list(folder,
                     segment.text(),
                     StorageServerClient::ListDetail::Names,
                     deadline,
                     fulfils(listed));
        lists.emplace_back(server->config().id, listed);
    }
    FoundCopies found;
    for (auto& [server, listed] : lists) {
        const base::Result<Listing> listing = listed.await(with_slack(deadline));
        if (!listing) {
            if (listing.error().code != base::Errc::NotFound) {  // no such day: no such segment
                found.unread.push_back(server);
            }
            continue;
        }
        for (const FileInfo& file : listing.value().entries) {
            const base::Result<SegmentName> name = parse_segment_name(file.name);
            if (!file.name.starts_with(segment.text())) {
                break;  // sorted: no more of this segment
            }
            if (name) {
                found.copies.push_back(SegmentCopy{server, name.value().generation});
            }
        }
    }
    return found;
}

base::Result<Bytes> read_copy(StorageServerSet& servers,
                              const SegmentId& segment,
                              const SegmentCopy& copy,
                              base::Deadline deadline) {
    const std::string path = segment_path({segment, copy.generation});
    Bytes all;
    for (;;) {
        StorageServerClient* server = servers.find(copy.server);
        if (server == nullptr) {
            return not_configured();
        }
        base::Completion<Bytes> read;
        server->read_some(path, all.size(), kTransferSize, deadline, fulfils(read));
        const Bytes part = TRY(read.await(with_slack(deadline)));
        all.insert(all.end(), part.begin(), part.end());
        if (part.size() < kTransferSize) {
            return all;
        }
        if (all.size() > format::kSegmentSizeMax) {
            return base::Error{base::Errc::TooLarge, "segment file over its limit"};
        }
    }
}

base::Status write_copy(StorageServerSet& servers,
                        const SegmentId& segment,
                        const SegmentCopy& copy,
                        std::shared_ptr<const Bytes> bytes,
                        base::Deadline deadline) {
    StorageServerClient* server = servers.find(copy.server);
    if (server == nullptr) {
        return not_configured();
    }
    const auto first = std::make_shared<const Bytes>(
        bytes->begin(),
        bytes->begin() + static_cast<std::ptrdiff_t>(std::min(kFirstSize, bytes->size())));
    base::Completion<FileHandle> created;
    server->create(segment_path({segment, copy.generation}), first, deadline, fulfils(created));
    const FileHandle file = TRY(created.await(with_slack(deadline)));
    base::Status outcome = base::Done{};
    for (std::size_t at = first->size(); outcome && at < bytes->size(); at += kTransferSize) {
        const std::size_t size = std::min<std::size_t>(kTransferSize, bytes->size() - at);
        const auto part =
            std::make_shared<const Bytes>(bytes->begin() + static_cast<std::ptrdiff_t>(at),
                                          bytes->begin() + static_cast<std::ptrdiff_t>(at + size));
        server = servers.find(copy.server);
        if (server == nullptr) {
            return not_configured();
        }
        base::Completion<base::Done> written;
        server->write(file,
                      at,
                      part,
                      at + size == bytes->size() ? Durability::Sync : Durability::Lazy,
                      deadline,
                      fulfils(written));
        outcome = written.await(with_slack(deadline));
    }
    if ((server = servers.find(copy.server)) != nullptr) {
        server->close(file);
    }
    return outcome;
}

base::Result<RecoveredSegment> recover_segment(StorageServerSet& servers,
                                               const SegmentId& segment,
                                               const RecoveryOptions& options) {
    FoundCopies found = find_copies(servers, segment, base::Deadline::after(options.list_deadline));
    // The newest first: a sealed copy makes the others uninteresting.
    std::ranges::sort(found.copies, std::ranges::greater(), &SegmentCopy::generation);
    // Checksums of whole segments take their time: not on the loop.
    base::WorkerPool worker("recover", 1, 1);
    bool has_bytes = false;
    const auto shared_merge = std::make_shared<CopyMerge>();
    CopyMerge& merge = *shared_merge;
    for (const SegmentCopy& copy : found.copies) {
        base::Result<Bytes> bytes =
            read_copy(servers, segment, copy, base::Deadline::after(options.transfer_deadline));
        if (bytes) {
            const auto whole = std::make_shared<Bytes>(std::move(bytes).take_value());
            has_bytes = has_bytes || !whole->empty();
            (void)TRY(worker.run(
                [shared_merge, copy, whole] { shared_merge->add(copy, std::move(*whole)); },
                base::Deadline::after(options.transfer_deadline)));
        } else if (bytes.error().code == base::Errc::Cancelled) {
            return std::move(bytes).take_error();
        } else {
            found.unread.push_back(copy.server);
        }
    }
    if (!merge.header) {
        // An empty file was never written to: header and name are durable before the first frame.
        const bool none = !has_bytes && found.unread.empty() && !servers.all().empty();
        if (none) {
            remove_empty(servers, segment, found.copies);
        }
        return base::Error{none ? base::Errc::NotFound : base::Errc::Unavailable,
                           "no readable copy of segment " + segment.text()};
    }
    if (merge.header->header.boot_epoch == format::kWholeBootEpoch && !merge.seal) {
        return base::Error{found.unread.empty() ? base::Errc::NotFound : base::Errc::Unavailable,
                           "no copy of the whole segment " + segment.text() + " has its seal"};
    }
    RecoveredSegment recovered;
    recovered.closed.segment = std::make_shared<const SegmentHeader>(merge.header->header);
    recovered.reason = reason_to_wait(merge, found.unread, options.lost);
    if (recovered.reason.empty()) {
        (void)TRY(worker.run([shared_merge] { return shared_merge->seal_image(); },
                             base::Deadline::after(options.transfer_deadline)));
        write_sealed(servers, merge, found.unread, options, recovered.closed);
        recovered.closed.seal = *merge.seal;
        const auto sealed =
            std::ranges::count(recovered.closed.replicas, ReplicaEnd::Sealed, &ReplicaOutcome::end);
        recovered.closed.sealed = sealed > 0;
        recovered.complete = sealed >= merge.header->header.min_copies;
        if (!recovered.complete) {
            recovered.reason = "sealed on " + std::to_string(sealed) + " replicas only";
        }
    }
    for (const auto& [offset, entry] : merge.frames) {
        recovered.frames.push_back(entry);
    }
    for (auto& [number, abort] : merge.aborts) {
        if (std::ranges::find(recovered.aborts, abort) == recovered.aborts.end()) {
            recovered.aborts.push_back(abort);
        }
    }
    recovered.gaps = merge.gaps();
    return recovered;
}

namespace {

// What a file of a segment is, by its first and last bytes.
struct Glance {
    SegmentHeader header;
    bool sealed = false;
};

base::Result<Glance> glance(StorageServerClient& server,
                            const std::string& path,
                            std::uint64_t size,
                            base::Deadline deadline) {
    base::Completion<Bytes> first;
    server.read_some(path, 0, format::kHeaderSizeMax, deadline, fulfils(first));
    const Bytes head = TRY(first.await(with_slack(deadline)));
    Glance seen;
    seen.header = TRY(decode_header(head)).header;
    if (size < format::kTrailerSize) {
        return seen;
    }
    base::Completion<Bytes> last;
    server.read_some(
        path, size - format::kTrailerSize, format::kTrailerSize, deadline, fulfils(last));
    const Bytes tail = TRY(last.await(with_slack(deadline)));
    seen.sealed = seal_offset(tail).operator bool();
    return seen;
}

// All pages of a folder.
base::Result<std::vector<FileInfo>> list_all(StorageServerClient& server,
                                             const std::string& folder,
                                             std::size_t most,
                                             const RecoveryOptions& options) {
    std::vector<FileInfo> all;
    for (;;) {
        const base::Deadline deadline = base::Deadline::after(options.list_deadline);
        base::Completion<Listing> listed;
        server.list(folder,
                    all.empty() ? std::string() : all.back().name,
                    StorageServerClient::ListDetail::NamesSizesTimes,
                    deadline,
                    fulfils(listed));
        Listing page = TRY(listed.await(with_slack(deadline)));
        const bool empty = page.entries.empty();
        std::ranges::move(page.entries, std::back_inserter(all));
        if (page.complete || empty || all.size() >= most) {
            return all;
        }
    }
}

// By segment: does it seem to be ours and open? One sealed copy settles it.
struct Survey {
    std::map<SegmentId, bool> is_open;

    void note(const SegmentId& segment, const Glance& seen) {
        bool& open = is_open.try_emplace(segment, true).first->second;
        open = open && !seen.sealed;
    }
};

base::Status survey_server(StorageServerSet& servers,
                           const StorageServerId& id,
                           const MailServerId& writer,
                           std::uint64_t epoch_end,
                           const RecoveryOptions& options,
                           Survey& survey) {
    StorageServerClient* server = servers.find(id);
    if (server == nullptr) {
        return not_configured();
    }
    const std::vector<FileInfo> days =
        TRY(list_all(*server, std::string(kSegmentFolder), kDaysMax, options));
    for (const FileInfo& day : days) {
        if (!day.is_folder || !is_segment_day(day.name)) {
            continue;
        }
        const std::string folder = std::string(kSegmentFolder) + "/" + day.name;
        server = servers.find(id);
        if (server == nullptr) {
            return not_configured();
        }
        const std::vector<FileInfo> files = TRY(list_all(*server, folder, kFilesMax, options));
        for (const FileInfo& file : files) {
            const base::Result<SegmentName> name = parse_segment_name(file.name);
            server = servers.find(id);
            if (!name || server == nullptr) {
                continue;
            }
            const base::Result<Glance> seen = glance(*server,
                                                     folder + "/" + file.name,
                                                     file.size,
                                                     base::Deadline::after(options.list_deadline));
            if (!seen) {
                if (seen.error().code == base::Errc::Cancelled) {
                    return seen.error();
                }
                continue;
            }
            if (seen.value().header.writer_id == writer &&
                seen.value().header.boot_epoch != format::kWholeBootEpoch &&
                seen.value().header.boot_epoch < epoch_end) {
                survey.note(name.value().segment, seen.value());
            }
        }
    }
    return base::Done{};
}

}  // namespace

base::Result<std::vector<SegmentId>> find_unsealed(StorageServerSet& servers,
                                                   const MailServerId& writer,
                                                   std::uint64_t epoch_end,
                                                   const RecoveryOptions& options) {
    std::vector<StorageServerId> ids;
    for (const StorageServerClient* server : servers.all()) {
        ids.push_back(server->config().id);
    }
    Survey survey;
    for (const StorageServerId& id : ids) {
        const base::Status surveyed =
            survey_server(servers, id, writer, epoch_end, options, survey);
        if (!surveyed && surveyed.error().code == base::Errc::Cancelled) {
            return surveyed.error();
        }
    }
    std::vector<SegmentId> open;
    for (const auto& [segment, is_open] : survey.is_open) {
        if (is_open) {
            open.push_back(segment);
        }
    }
    return open;
}

std::size_t recover_all(StorageServerSet& servers,
                        AgentState& state,
                        const RecoveryOptions& options,
                        const std::function<void(const RecoveredSegment&)>& on_done) {
    std::size_t left = 0;
    for (const SegmentId& segment : state.unsealed()) {
        const base::Result<RecoveredSegment> recovered = recover_segment(servers, segment, options);
        const bool gone = !recovered && recovered.error().code == base::Errc::NotFound;
        if (gone || (recovered && recovered.value().complete)) {
            state.record_done(segment);
        } else {
            ++left;
        }
        if (recovered && recovered.value().closed.sealed) {
            on_done(recovered.value());
        }
        if (base::fiber_cancelled()) {
            break;
        }
    }
    return left;
}

}  // namespace storage
