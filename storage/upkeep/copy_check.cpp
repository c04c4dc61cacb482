#include "storage/upkeep/copy_check.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "base/fiber.h"
#include "base/hash.h"
#include "storage/segment/format.h"
#include "storage/segment/name.h"
#include "storage/segment/reader.h"

namespace storage {
namespace {

using base::Deadline;
using base::Errc;
using base::Error;
using base::Result;

constexpr std::uint32_t kIdentityMax = 128;
constexpr auto kSlack = std::chrono::milliseconds(200);

Deadline with_slack(Deadline deadline) {
    return Deadline(deadline.at() + kSlack);
}

template <typename T>
auto fulfils(const base::Completion<T>& completion) {
    return [completion](Result<T> result) { completion.fulfil(std::move(result)); };
}

Error not_configured() {
    return Error{Errc::Unavailable, "storage server not configured"};
}

Result<Bytes> read_some(StorageServerSet& servers,
                        const StorageServerId& store,
                        const std::string& path,
                        std::pair<std::uint64_t, std::uint32_t> range,
                        Deadline deadline) {
    StorageServerClient* server = servers.find(store);
    if (server == nullptr) {
        return not_configured();
    }
    base::Completion<Bytes> done;
    server->read_some(path, range.first, range.second, deadline, fulfils(done));
    return done.await(with_slack(deadline));
}

// An unmounted mount point has no files either: it decides nothing.
bool shows_identity(StorageServerSet& servers, const StorageServerId& store, Deadline deadline) {
    const Result<Bytes> line =
        read_some(servers, store, std::string(kIdentityFile), {0, kIdentityMax}, deadline);
    return line && base::as_text(line.value()).starts_with(store.text());
}

// What an error of a reading says about the copy. A bad sector is a bad copy: a storage server that
// answers everything else would otherwise keep it for ever.
CopyFinding finding_of(StorageServerSet& servers,
                       const SegmentCopy& copy,
                       const Error& error,
                       Deadline deadline) {
    const bool says_so = error.code == Errc::NotFound || error.code == Errc::Io ||
                         error.code == Errc::Corrupt || error.code == Errc::TooLarge;
    CopyFinding finding{CopyVerdict::Unknown, copy.generation, {}, error.detail};
    if (says_so && shows_identity(servers, copy.server, deadline)) {
        finding.verdict = CopyVerdict::Bad;
        if (error.code == Errc::NotFound) {
            finding.reason = "no file there";
        }
    }
    return finding;
}

// On a worker.
Result<Seal> verify(const SegmentId& segment, const SealedShape& shape, const Bytes& bytes) {
    const DecodedHeader header = TRY(decode_header(bytes));
    if (header.header.segment != segment) {
        return Error{Errc::Corrupt, "the file is another segment's"};
    }
    Seal seal = TRY(verify_sealed(bytes));
    if (seal.file_size != shape.length) {
        return Error{Errc::Corrupt, "sealed at another length than the catalog has"};
    }
    if (shape.digest && *shape.digest != seal.digest) {
        return Error{Errc::Corrupt, "sealed with other octets than the other copies"};
    }
    return seal;
}

}  // namespace

std::vector<StorageServerId> answering_stores(const StorageServerSet& servers) {
    std::vector<StorageServerId> ids;
    for (const StorageServerClient* server : servers.all()) {
        if (server->health().is_healthy()) {
            ids.push_back(server->config().id);
        }
    }
    return ids;
}

Result<std::vector<std::uint32_t>> generations_on(StorageServerSet& servers,
                                                  const SegmentId& segment,
                                                  const StorageServerId& store,
                                                  Deadline deadline) {
    StorageServerClient* server = servers.find(store);
    if (server == nullptr) {
        return not_configured();
    }
    base::Completion<Listing> listed;
    server->list(std::string(kSegmentFolder) + "/" + segment_day(segment),
                 segment.text(),
                 StorageServerClient::ListDetail::Names,
                 deadline,
                 fulfils(listed));
    const Result<Listing> listing = listed.await(with_slack(deadline));
    std::vector<std::uint32_t> generations;
    if (!listing && listing.error().code == Errc::NotFound) {
        return generations;
    }
    if (!listing) {
        return listing.error();
    }
    for (const FileInfo& file : listing.value().entries) {
        if (!file.name.starts_with(segment.text())) {
            break;  // sorted: no more of this segment
        }
        const Result<SegmentName> name = parse_segment_name(file.name);
        if (name) {
            generations.push_back(name.value().generation);
        }
    }
    std::ranges::sort(generations, std::ranges::greater());
    return generations;
}

Result<CheckedCopy> check_whole(StorageServerSet& servers,
                                base::WorkerPool& workers,
                                const SegmentId& segment,
                                const SegmentCopy& copy,
                                const SealedShape& shape,
                                Deadline deadline) {
    CheckedCopy checked;
    Result<Bytes> read = read_copy(servers, segment, copy, deadline);
    if (!read) {
        if (read.error().code == Errc::Cancelled) {
            return read.error();
        }
        checked.finding = finding_of(servers, copy, read.error(), deadline);
        return checked;
    }
    const auto bytes = std::make_shared<Bytes>(std::move(read).take_value());
    checked.bytes_read = bytes->size();
    checked.finding.generation = copy.generation;
    const Result<Seal> seal =
        workers.run([segment, shape, bytes] { return verify(segment, shape, *bytes); }, deadline);
    if (seal) {
        bytes->resize(static_cast<std::size_t>(seal.value().file_size));
        checked.bytes = bytes;
        checked.finding.verdict = CopyVerdict::Good;
        checked.finding.digest = seal.value().digest;
    } else if (seal.error().code == Errc::Cancelled) {
        return seal.error();
    } else {
        // Unsupported: a header of another version. Ours say 1, so it is a flipped bit.
        const bool is_bad =
            seal.error().code == Errc::Corrupt || seal.error().code == Errc::Unsupported;
        checked.finding.verdict = is_bad ? CopyVerdict::Bad : CopyVerdict::Unknown;
        checked.finding.reason = seal.error().detail;
    }
    return checked;
}

Result<CopyFinding> check_seal_only(StorageServerSet& servers,
                                    const SegmentId& segment,
                                    const SegmentCopy& copy,
                                    std::uint64_t length,
                                    Deadline deadline) {
    CopyFinding finding{CopyVerdict::Bad, copy.generation, {}, "it does not end in its seal"};
    if (length < format::kTrailerSize) {
        return finding;  // no sealed file is so small
    }
    // One octet more than there should be: a longer file has another end.
    const Result<Bytes> end = read_some(servers,
                                        copy.server,
                                        segment_path({segment, copy.generation}),
                                        {length - format::kTrailerSize, format::kTrailerSize + 1},
                                        deadline);
    if (!end && end.error().code == Errc::Cancelled) {
        return end.error();
    }
    if (!end) {
        return finding_of(servers, copy, end.error(), deadline);
    }
    if (end.value().size() == format::kTrailerSize && seal_offset(end.value())) {
        finding.verdict = CopyVerdict::Good;
        finding.reason.clear();
    }
    return finding;
}

}  // namespace storage
