#pragma once

// HylaFAX's side of a received fax: the lines of xferfaxlog (xferfaxlog(5)) and the files of
// recvq/ (recvq(5)). Texts of both came over the line in part and are as hostile as the fax itself.
//
// Thread rule: functions of their arguments; list_recv_queue() and read_file_when_written() block.
// Limits: kXferfaxlogTailMax octets of the log's end, kRecvQueueMax files.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mta/fax/fax_message.h"

namespace mta {

inline constexpr std::size_t kXferfaxlogTailMax = 16U << 20U;
inline constexpr std::size_t kRecvQueueMax = 100'000;

/// The RECV line of one fax.
struct XferfaxlogRecord {
    std::string file;  ///< "recvq/fax000000012.tif"
    std::string communication;
    std::string device;
    std::string called;  ///< "local-number"
    std::string sender_id;
    std::string reason;
    std::vector<std::string> call_ids;  ///< number, name, called number ...
    std::optional<std::int64_t> duration_s;
};

/// One line, without its end; empty for a line of another kind or a malformed one.
[[nodiscard]] std::optional<XferfaxlogRecord> parse_xferfaxlog_line(std::string_view line);

/// The last RECV line of each file, by the file's name without folder. A first line that was cut is
/// left out by being malformed.
[[nodiscard]] std::map<std::string, XferfaxlogRecord> parse_xferfaxlog(std::string_view text);

/// A SEND or UNSENT line: one call, or why there was none.
struct XferfaxlogSent {
    std::int64_t job = 0;  ///< HylaFAX's number
    std::string tag;       ///< the -i of sendfax
    std::string reason;    ///< empty: the fax was sent
};

/// In the order of the log; malformed lines are left out.
[[nodiscard]] std::vector<XferfaxlogSent> parse_xferfaxlog_sent(std::string_view text);

/// The last kXferfaxlogTailMax octets of the log: `spool`/log/xferfaxlog, where Debian's programs
/// write it, or `spool`/etc/xferfaxlog, where the manual says; of both the one that was written to
/// last; empty if there is none. Errors: as errno_error.
[[nodiscard]] base::Result<std::string> read_xferfaxlog_text(const std::string& spool);

/// The records of the last kXferfaxlogTailMax octets of `spool`/etc/xferfaxlog; empty if there is
/// none. Errors: as errno_error.
[[nodiscard]] base::Result<std::map<std::string, XferfaxlogRecord>> read_xferfaxlog(
    const std::string& spool);

/// Fills what the call does not say yet.
void complete_from_log(FaxCall& call, const XferfaxlogRecord& record);

/// A file of recvq/.
struct RecvQueueFile {
    std::string name;  ///< "fax000000012.tif"
    std::uint64_t size = 0;
    std::int64_t modified_ns = 0;  ///< since the epoch
};

/// A receive queue, or the part of it that is looked at.
struct RecvQueue {
    std::vector<RecvQueueFile> files;  ///< by name
    std::size_t left_out = 0;          ///< files with lower names than these
};

/// The faxes in `spool`/recvq: regular files "fax*.tif". Of more than `most` the last by name,
/// which are the newest: the others have been there longest. Errors: as errno_error (NotFound: no
/// such folder).
[[nodiscard]] base::Result<RecvQueue> list_recv_queue(const std::string& spool,
                                                      std::size_t most = kRecvQueueMax);

/// The file, and when it was last written to. HylaFAX locks a file (flock) while a call writes it.
/// Errors: Busy (locked: still being written, or it changed while it was read), TooLarge, Invalid
/// (no regular file), and as errno_error.
struct WrittenFile {
    std::string octets;
    std::int64_t modified_ns = 0;
};

[[nodiscard]] base::Result<WrittenFile> read_file_when_written(const std::string& path);

}  // namespace mta
