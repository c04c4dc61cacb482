#include "storage/upkeep/merged_copy.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.h"
#include "storage/mirror/recovery.h"

namespace storage {
namespace {

using base::Errc;
using base::Error;
using base::Result;
using base::Status;

struct ReadCopy {
    SegmentCopy copy;
    Bytes bytes;
};

// The salt in the header tells frames from what looks like frames: a copy whose header is damaged
// borrows another's.
bool has_header(const ReadCopy& read, const SegmentId& segment) {
    const Result<DecodedHeader> header = decode_header(read.bytes);
    return header && header.value().header.segment == segment;
}

// On a worker.
void put_together(const SegmentId& segment, std::vector<ReadCopy>& copies, CopyMerge& merge) {
    const auto bad = std::partition(copies.begin(), copies.end(), [&](const ReadCopy& read) {
        return has_header(read, segment);
    });
    if (bad == copies.begin()) {
        return;
    }
    const std::size_t size = decode_header(copies.front().bytes).value().size;
    const Bytes header(copies.front().bytes.begin(),
                       copies.front().bytes.begin() + static_cast<std::ptrdiff_t>(size));
    std::for_each(bad, copies.end(), [&](ReadCopy& read) {
        if (read.bytes.size() >= size) {
            std::ranges::copy(header, read.bytes.begin());
        }
    });
    for (ReadCopy& read : copies) {
        merge.add(read.copy, std::move(read.bytes));
    }
}

// On a worker: `merge` becomes the sealed file.
Status seal(const SealedShape& shape, CopyMerge& merge) {
    if (!merge.header) {
        return Error{Errc::Corrupt, "no copy has a good header"};
    }
    TRY(merge.seal_image());
    if (!merge.gaps().empty() || merge.seal->file_size != shape.length) {
        return Error{Errc::Corrupt, "there are octets that no copy has good"};
    }
    if ((shape.digest && merge.seal->digest != *shape.digest) ||
        (merge.told && merge.seal->digest != merge.told->digest)) {
        return Error{Errc::Corrupt, "all copies together have other octets than were sealed"};
    }
    return base::Done{};
}

}  // namespace

Result<ReadCopies> read_copies(StorageServerSet& servers,
                               base::WorkerPool& workers,
                               const SegmentId& segment,
                               base::Deadline deadline) {
    ReadCopies result;
    result.merge = std::make_shared<CopyMerge>();
    const FoundCopies found = find_copies(servers, segment, deadline);
    result.unread = found.unread.size();
    const auto copies = std::make_shared<std::vector<ReadCopy>>();
    for (const SegmentCopy& copy : found.copies) {
        Result<Bytes> bytes = read_copy(servers, segment, copy, deadline);
        if (bytes) {
            result.bytes_read += bytes.value().size();
            copies->push_back({copy, std::move(bytes).take_value()});
        } else if (bytes.error().code == Errc::Cancelled) {
            return std::move(bytes).take_error();
        } else {
            ++result.unread;
        }
    }
    result.copies = copies->size();
    (void)TRY(workers.run(
        [segment, copies, merge = result.merge] { put_together(segment, *copies, *merge); },
        deadline));
    return result;
}

Result<MergedCopy> merge_copies(StorageServerSet& servers,
                                base::WorkerPool& workers,
                                const SegmentId& segment,
                                const SealedShape& shape,
                                base::Deadline deadline) {
    MergedCopy result;
    const Result<ReadCopies> read = read_copies(servers, workers, segment, deadline);
    if (!read && read.error().code == Errc::Cancelled) {
        return read.error();
    }
    if (!read) {
        result.problem = read.error().detail;
        return result;
    }
    result.bytes_read = read.value().bytes_read;
    const std::shared_ptr<CopyMerge> merge = read.value().merge;
    const Status sealed = workers.run([shape, merge] { return seal(shape, *merge); }, deadline);
    if (!sealed && sealed.error().code == Errc::Cancelled) {
        return sealed.error();
    }
    if (!sealed) {
        result.problem = "no copy is good: " + sealed.error().detail;
        if (read.value().unread > 0) {
            result.problem += "; some could not be read";
        }
        return result;
    }
    result.digest = merge->seal->digest;
    result.bytes = std::make_shared<const Bytes>(std::move(merge->image));
    base::log::info(
        "storage", "copies_merged", {{"segment", segment.text()}, {"copies", read.value().copies}});
    return result;
}

}  // namespace storage
