#include "storage/mirror/copy_merge.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "storage/segment/encoder.h"

namespace storage {

void CopyMerge::add_sealed(Bytes bytes, Seal found) {
    frames.clear();
    for (const IndexEntry& entry : found.index) {
        frames.emplace(entry.offset, entry);
    }
    image = std::move(bytes);
    image.resize(static_cast<std::size_t>(found.file_size));
    seal = std::move(found);
}

void CopyMerge::add_frames(const Bytes& bytes, const ReplayResult& found) {
    // A bad file's seal still says how far the segment goes.
    const auto size =
        static_cast<std::size_t>(found.seal ? found.seal->data_size : found.durable_size);
    if (image.size() < size) {
        // Bytes that nobody has good stay as this copy has them.
        const std::size_t known = image.size();
        image.resize(size);
        std::copy(bytes.begin() + static_cast<std::ptrdiff_t>(known),
                  bytes.begin() + static_cast<std::ptrdiff_t>(size),
                  image.begin() + static_cast<std::ptrdiff_t>(known));
    }
    for (const IndexEntry& entry : found.frames) {
        if (frames.emplace(entry.offset, entry).second) {
            const auto from = static_cast<std::ptrdiff_t>(entry.offset);
            std::copy_n(bytes.begin() + from, entry.length, image.begin() + from);
        }
    }
}

void CopyMerge::add(const SegmentCopy& copy, Bytes bytes) {
    CopyFindings findings_of{copy, true, false};
    const base::Result<ReplayResult> found = replay(bytes);
    if (found && (!header || header->header == found.value().header.header)) {
        header = found.value().header;
        const ReplayResult& result = found.value();
        for (const AbortTarget& abort : result.aborts) {
            aborts.emplace(aborts.size(), abort);
        }
        base::Result<Seal> whole = result.seal
                                       ? verify_sealed(bytes)
                                       : base::Result<Seal>(base::Error{base::Errc::Corrupt, ""});
        findings_of.sealed = whole.operator bool();
        findings_of.in_doubt =
            !findings_of.sealed && (!result.gaps.empty() || result.durable_size < bytes.size());
        if (!seal && whole) {
            add_sealed(std::move(bytes), std::move(whole).take_value());
        } else if (!seal) {
            add_frames(bytes, result);
        }
        if (!told && result.seal) {
            told = result.seal;
        }
    }
    findings.push_back(std::move(findings_of));
}

base::Status CopyMerge::seal_image() {
    if (seal) {
        return base::Done{};
    }
    Seal made;
    made.data_size = image.size();
    for (const auto& [offset, entry] : frames) {
        made.index.push_back(entry);
    }
    made.digest = base::sha256(image);
    made.file_size = sealed_size(made.data_size, made.index.size());
    const Bytes end = TRY(encode_seal(header->header, made));
    image.insert(image.end(), end.begin(), end.end());
    seal = std::move(made);
    return base::Done{};
}

std::vector<Gap> CopyMerge::gaps() const {
    const std::uint64_t end = seal ? seal->data_size : image.size();
    std::vector<Gap> gaps;
    std::uint64_t at = header->size;
    for (const auto& [offset, entry] : frames) {
        if (offset > at) {
            gaps.push_back(Gap{at, offset});
        }
        at = offset + entry.length;
    }
    if (end > at) {
        gaps.push_back(Gap{at, end});
    }
    return gaps;
}

}  // namespace storage
