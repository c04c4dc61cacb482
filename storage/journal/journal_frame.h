#pragma once

// Frames of the mailbox journal as values: a head in one line, then a body of JSON that only
// PostgreSQL reads. The format is in storage/JOURNAL.md. Pure.
//
// Thread rule: values. A JournalFrame borrows the text that it was decoded from.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace storage {

/// Writer of journal segments in their headers; no server can have that name.
inline constexpr std::string_view kJournalWriter = "/journal";

enum class JournalKind : std::uint8_t {
    Delta,       ///< what changed since the delta before
    Checkpoint,  ///< all there is
};

/// A round is one delta or one checkpoint; it counts when all its parts are there, to the last.
enum class JournalEnd : std::uint8_t { No, Yes };

/// The first line of a frame.
struct JournalHead {
    JournalKind kind = JournalKind::Delta;
    std::uint64_t round = 0;  ///< rises with each round
    std::uint64_t part = 1;   ///< of the round, from 1
    JournalEnd end = JournalEnd::No;
    std::uint64_t sequence = 0;  ///< rises with each frame of all rounds
    std::uint64_t after = 0;     ///< of a checkpoint: deltas up to this sequence are in it
    std::int64_t at_us = 0;      ///< the round holds what was committed before; since 1970

    friend bool operator==(const JournalHead&, const JournalHead&) = default;
};

/// A frame's text, taken apart.
struct JournalFrame {
    JournalHead head;
    std::string_view body;
};

[[nodiscard]] std::string encode_journal(const JournalHead& head, std::string_view body);

/// Errors: Unsupported (another version), Corrupt.
[[nodiscard]] base::Result<JournalFrame> decode_journal(std::string_view text);

}  // namespace storage
