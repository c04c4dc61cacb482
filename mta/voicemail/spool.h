#pragma once

// The voicemail spool of an Asterisk on this machine, read only:
//   ROOT/CONTEXT/MAILBOX/FOLDER/msgNNNN.txt with msgNNNN.EXTENSION beside it
// where ROOT is .../spool/asterisk/voicemail. Asterisk renumbers and moves these files while it
// runs, under a lock of each folder (a file ".lock", or "lock" with flock for lockmode=flock). A
// folder that is locked is left alone this time; a message counts as read only if its folder was
// not locked before and after, and both names still lead to the files that were opened. A lock
// older than kStaleLock has no owner any more.
//
// Not entered: greetings and what is under way (tmp, temp, unavail, busy, greet), Deleted (what a
// user threw away), and anything that is a symbolic link.
//
// Blocks: for commands, never on a loop thread. Thread rule: any thread.
// Limits: kSpoolMessagesMax messages of a folder (Asterisk's own is 9,999), kSpoolTextMax,
// kAudioSizeMax.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "mta/voicemail/voice_message.h"

namespace mta {

inline constexpr std::size_t kSpoolMessagesMax = 100'000;
inline constexpr base::Duration kStaleLock = std::chrono::minutes(10);

/// Where a message was when it was seen.
struct SpoolItem {
    std::string folder_path;  ///< ROOT/CONTEXT/MAILBOX/FOLDER
    std::string context;
    std::string mailbox;
    std::string folder;
    int number = 0;
    std::int64_t changed_us = 0;  ///< mtime of the text file, since 1970

    /// "CONTEXT/MAILBOX/FOLDER/msg0003", for people.
    [[nodiscard]] std::string name() const;
};

/// The folders that may have messages; the items have no number. `skipped` could not be listed.
struct SpoolFolders {
    std::vector<SpoolItem> folders;
    std::vector<std::string> skipped;
};

/// What a scan saw. `skipped` are folders that were locked or could not be listed.
struct SpoolScan {
    std::vector<SpoolItem> items;  ///< the oldest number first within a folder
    std::vector<std::string> skipped;
    bool truncated = false;  ///< a folder has more than kSpoolMessagesMax
};

/// A message of the spool, whole: text, audio and probe; recipient and server are the caller's to
/// fill in.
struct SpoolMessage {
    VoiceMessage voice;
    std::string key;
};

/// All folders, for scan_folder() one by one: a spool may have more messages than memory should.
/// Errc::NotFound, Errc::Refused, Errc::Io for the root; what is below it is skipped.
[[nodiscard]] base::Result<SpoolFolders> spool_folders(const std::string& root);

/// The messages of one folder.
[[nodiscard]] SpoolScan scan_folder(const SpoolItem& folder);

/// The messages of one mailbox in every context: to find what an e-mail of Asterisk is about.
/// Errors as spool_folders().
[[nodiscard]] base::Result<SpoolScan> scan_spool(const std::string& root, std::string_view mailbox);

/// The text alone. Busy: the folder is locked. NotFound: renumbered meanwhile. As parse_spool_text.
[[nodiscard]] base::Result<SpoolText> read_spool_text(const SpoolItem& item);

/// Text and audio, of the same message for certain. Busy: locked, or changed while it was read: try
/// again. NotFound: it went, or has no audio yet. TooLarge, Corrupt as parse_spool_text.
/// Of several recordings the one that can be read is taken, WAV before the others.
[[nodiscard]] base::Result<SpoolMessage> read_spool_message(const SpoolItem& item);

/// True if one of the message's recordings has these very octets: a message may have several, in
/// other formats. What cannot be read has not.
[[nodiscard]] bool has_recording(const SpoolItem& item, std::string_view octets);

}  // namespace mta
