#pragma once

// CopyMerge: all copies of one segment put together: a frame is taken if any copy has it good. From
// copies of which none is good as a whole it makes the sealed file that they should have been.
// Pure.
//
// Thread rule: one thread at a time; add() and seal_image() take checksums of whole files, so not
// on a loop. Memory: one file beside the one that is added.

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/result.h"
#include "storage/segment/frame.h"
#include "storage/segment/ids.h"
#include "storage/segment/reader.h"

namespace storage {

/// A file of a segment as a storage root lists it.
struct SegmentCopy {
    StorageServerId server;
    std::uint32_t generation = 0;

    friend bool operator==(const SegmentCopy&, const SegmentCopy&) = default;
};

/// A file as replay found it.
struct CopyFindings {
    SegmentCopy copy;
    bool in_doubt = false;  ///< may lack a frame that was acknowledged
    bool sealed = false;    ///< whole, with a good seal
};

/// See the top of this file. Members are for reading.
struct CopyMerge {
    std::optional<DecodedHeader> header;  ///< none: no copy was readable
    Bytes image;                          ///< of the sealed file, or up to the last good frame
    std::map<std::uint64_t, IndexEntry> frames;
    std::map<std::uint64_t, AbortTarget> aborts;
    std::vector<CopyFindings> findings;  ///< in the order in which they were added
    std::optional<Seal> seal;            ///< `image` is sealed by it
    std::optional<Seal> told;            ///< the good seal of a copy that is not good as a whole

    /// A file of which nothing is known; one of another segment than the first adds nothing.
    void add(const SegmentCopy& copy, Bytes bytes);

    /// Makes `image` the sealed file of what was found. Nothing to do if a copy was sealed. Errors:
    /// those of encode_seal; `image` is then as it was.
    [[nodiscard]] base::Status seal_image();

    /// The ranges between header and end that no frame covers.
    [[nodiscard]] std::vector<Gap> gaps() const;

  private:
    void add_sealed(Bytes bytes, Seal found);
    void add_frames(const Bytes& bytes, const ReplayResult& found);
};

}  // namespace storage
