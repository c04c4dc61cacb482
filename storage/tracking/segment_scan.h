#pragma once

// Scanning a copy of a segment: the frames from an offset on, without their messages: what a
// tracker needs to catalogue them. Every octet is read, because the checksums cover it, a window at
// a time.
//
// Thread rule: loop thread, from a fiber. Memory: a window (one frame at most), and the envelopes.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "mail/envelope.h"
#include "storage/mirror/recovery.h"
#include "storage/path/storage_server_set.h"
#include "storage/segment/frame.h"

namespace storage {

/// A frame as a tracker sees it.
struct ScannedFrame {
    IndexEntry entry;
    std::int64_t received_us = 0;
    MailServerId server;
    std::uint64_t message_size = 0;
    std::uint32_t summary_size = 0;
    mail::Envelope envelope;           ///< of a message
    std::optional<AbortTarget> abort;  ///< of an abort
    std::string problem;               ///< a message whose envelope cannot be decoded
};

/// What a scan of one copy found.
struct CopyScan {
    SegmentHeader header;
    std::uint64_t first_frame = 0;
    std::vector<ScannedFrame> frames;  ///< in offset order, the seal left out
    std::uint64_t end = 0;  ///< of the last good frame (the seal is one), or where the scan began
    std::optional<Seal> seal;
    std::vector<Gap> gaps;
};

/// Which part of a copy is scanned.
struct ScanLimits {
    std::uint64_t from = 0;  ///< a frame's offset; 0: the first
    std::uint64_t bytes_max = 64ULL
                              << 20U;  ///< of frames, then it stops (a frame more may be read)
};

/// Header only. Errors: those of StorageServerClient::read_some; Corrupt, Unsupported.
[[nodiscard]] base::Result<DecodedHeader> read_header(StorageServerSet& servers,
                                                      const SegmentId& segment,
                                                      const SegmentCopy& copy,
                                                      base::Deadline deadline);

/// Errors: as read_header. What was good before an error of a later window is returned.
[[nodiscard]] base::Result<CopyScan> scan_copy(StorageServerSet& servers,
                                               const SegmentId& segment,
                                               const SegmentCopy& copy,
                                               const ScanLimits& limits,
                                               base::Deadline deadline);

/// Ok if the copy ends where `seal` does, in the trailer of a seal at the same place. Errors:
/// Corrupt (it does not), and those of StorageServerClient::read.
[[nodiscard]] base::Status check_seal(StorageServerSet& servers,
                                      const SegmentId& segment,
                                      const SegmentCopy& copy,
                                      const Seal& seal,
                                      base::Deadline deadline);

}  // namespace storage
