#include "mta/fax/recv_queue.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <set>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/handle.h"

namespace mta {

using base::Errc;
using base::Error;

namespace {

// xferfaxlog(5): date, kind, commid, modem, file, tag, sender, local number, TSI, params, pages,
// job time, connection time, reason, CallID1, CallID2, CallID3..n, <null>, dcs.
enum Field : std::size_t {
    kKind = 1,
    kCommunication = 2,
    kDevice = 3,
    kFile = 4,
    kJob = 4,  // of a SEND line, as is the next one
    kTag = 5,
    kLocalNumber = 7,
    kTsi = 8,
    kConnectionTime = 12,
    kReason = 13,
    kCallId1 = 14,
    kFieldsMin = 14,
    kFieldsMax = 40,
};

constexpr std::size_t kLineMax = 10'000;
constexpr std::size_t kCallIds = 3;

std::string unquoted(std::string_view field) {
    if (field.size() >= 2 && field.front() == '"' && field.back() == '"') {
        field = field.substr(1, field.size() - 2);
    }
    return std::string(field);
}

std::vector<std::string_view> split(std::string_view line) {
    std::vector<std::string_view> fields;
    while (fields.size() < kFieldsMax) {
        const std::size_t tab = line.find('\t');
        fields.push_back(line.substr(0, tab));
        if (tab == std::string_view::npos) {
            break;
        }
        line.remove_prefix(tab + 1);
    }
    return fields;
}

// "1:02:03", "02:03".
std::optional<std::int64_t> seconds_of(std::string_view text) {
    std::int64_t total = 0;
    int parts = 0;
    while (!text.empty() && parts < 3) {
        const std::size_t colon = std::min(text.find(':'), text.size());
        std::int64_t number = 0;
        const auto [stop, error] = std::from_chars(text.data(), text.data() + colon, number);
        if (error != std::errc() || stop != text.data() + colon || number < 0 || number > 100'000) {
            return std::nullopt;
        }
        total = total * 60 + number;
        ++parts;
        text.remove_prefix(std::min(colon + 1, text.size()));
    }
    return parts >= 2 && text.empty() ? std::optional(total) : std::nullopt;
}

std::string base_name(const std::string& path) {
    return path.substr(path.find_last_of('/') + 1);
}

int close_directory(DIR* directory) {
    return ::closedir(directory);
}

std::int64_t modified_ns(const struct stat& state) {
    return state.st_mtim.tv_sec * 1'000'000'000 + state.st_mtim.tv_nsec;
}

base::Result<std::string> read_some(int file, std::size_t size) {
    std::string octets(size, '\0');
    std::size_t done = 0;
    while (done < size) {
        const ssize_t count = ::read(file, octets.data() + done, size - done);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return base::errno_error("read", errno);
        }
        if (count == 0) {
            break;
        }
        done += static_cast<std::size_t>(count);
    }
    octets.resize(done);
    return octets;
}

}  // namespace

std::optional<XferfaxlogRecord> parse_xferfaxlog_line(std::string_view line) {
    if (line.size() > kLineMax) {
        return std::nullopt;
    }
    const auto fields = split(line);
    if (fields.size() < kFieldsMin || fields[kKind] != "RECV" || fields[kFile].empty()) {
        return std::nullopt;
    }
    XferfaxlogRecord record;
    record.file = unquoted(fields[kFile]);
    record.communication = unquoted(fields[kCommunication]);
    record.device = unquoted(fields[kDevice]);
    record.called = unquoted(fields[kLocalNumber]);
    record.sender_id = unquoted(fields[kTsi]);
    record.reason = unquoted(fields[kReason]);
    record.duration_s = seconds_of(unquoted(fields[kConnectionTime]));
    for (std::size_t i = kCallId1; i < std::min(fields.size(), kCallId1 + kCallIds); ++i) {
        record.call_ids.push_back(unquoted(fields[i]));
    }
    return record;
}

std::map<std::string, XferfaxlogRecord> parse_xferfaxlog(std::string_view text) {
    std::map<std::string, XferfaxlogRecord> records;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (auto record = parse_xferfaxlog_line(text.substr(0, end))) {
            std::string name = base_name(record->file);
            records.insert_or_assign(std::move(name), std::move(*record));
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return records;
}

base::Result<std::string> read_xferfaxlog_text(const std::string& spool) {
    base::Fd newest;

    struct stat newest_state {};

    for (const char* name : {"/etc/xferfaxlog", "/log/xferfaxlog"}) {
        const std::string path = spool + name;
        base::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (!file && errno == ENOENT) {
            continue;
        }

        struct stat state {};

        if (!file || ::fstat(file.get(), &state) != 0) {
            return base::errno_error("open " + path, errno);
        }
        if (!newest || modified_ns(state) >= modified_ns(newest_state)) {
            newest = std::move(file);
            newest_state = state;
        }
    }
    if (!newest) {
        return std::string();
    }
    const auto tail = static_cast<off_t>(kXferfaxlogTailMax);
    if (newest_state.st_size > tail &&
        ::lseek(newest.get(), newest_state.st_size - tail, SEEK_SET) < 0) {
        return base::errno_error("seek in xferfaxlog", errno);
    }
    return read_some(newest.get(), kXferfaxlogTailMax);
}

base::Result<std::map<std::string, XferfaxlogRecord>> read_xferfaxlog(const std::string& spool) {
    const std::string text = TRY(read_xferfaxlog_text(spool));
    return parse_xferfaxlog(text);
}

std::vector<XferfaxlogSent> parse_xferfaxlog_sent(std::string_view text) {
    std::vector<XferfaxlogSent> all;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const auto fields = split(line.substr(0, kLineMax));
        if (line.size() > kLineMax || fields.size() < kFieldsMin ||
            (fields[kKind] != "SEND" && fields[kKind] != "UNSENT")) {
            continue;
        }
        XferfaxlogSent sent;
        const std::string job = unquoted(fields[kJob]);
        (void)std::from_chars(job.data(), job.data() + job.size(), sent.job);
        sent.tag = unquoted(fields[kTag]);
        sent.reason = unquoted(fields[kReason]);
        all.push_back(std::move(sent));
    }
    return all;
}

void complete_from_log(FaxCall& call, const XferfaxlogRecord& record) {
    const auto fill = [](std::string& value, const std::string& from) {
        if (value.empty()) {
            value = from;
        }
    };
    const auto call_id = [&](std::size_t number) {
        return number < record.call_ids.size() ? record.call_ids[number] : std::string();
    };
    fill(call.caller, call_id(0));
    fill(call.caller_name, call_id(1));
    fill(call.called, call_id(2));
    fill(call.called, record.called);
    fill(call.sender_id, record.sender_id);
    fill(call.device, record.device);
    fill(call.communication, record.communication);
    fill(call.line_error, record.reason);
    if (record.duration_s) {
        call.duration_s = record.duration_s;
    }
}

base::Result<RecvQueue> list_recv_queue(const std::string& spool, std::size_t most) {
    const std::string path = spool + "/recvq";
    const base::Handle<DIR, close_directory> directory(::opendir(path.c_str()));
    if (directory == nullptr) {
        return base::errno_error("open " + path, errno);
    }
    RecvQueue queue;
    std::set<std::string> names;
    while (const dirent* entry = ::readdir(directory.get())) {  // NOLINT(concurrency-mt-unsafe)
        std::string name(static_cast<const char*>(entry->d_name));
        if (name.starts_with("fax") && name.ends_with(".tif")) {
            names.insert(std::move(name));
        }
        if (names.size() > most) {
            names.erase(names.begin());
            ++queue.left_out;
        }
    }
    for (const std::string& name : names) {
        struct stat state {};

        const int found =
            ::fstatat(::dirfd(directory.get()), name.c_str(), &state, AT_SYMLINK_NOFOLLOW);
        if (found == 0 && S_ISREG(state.st_mode)) {  // else gone, or nothing that HylaFAX makes
            queue.files.push_back(
                {name, static_cast<std::uint64_t>(state.st_size), modified_ns(state)});
        }
    }
    return queue;
}

base::Result<WrittenFile> read_file_when_written(const std::string& path) {
    const base::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));

    struct stat before {};

    if (!file || ::fstat(file.get(), &before) != 0) {
        return base::errno_error("open " + path, errno);
    }
    if (!S_ISREG(before.st_mode)) {
        return Error{Errc::Invalid, path + " is no regular file"};
    }
    if (static_cast<std::uint64_t>(before.st_size) > kTiffSizeMax) {
        return Error{Errc::TooLarge,
                     path + " has " + std::to_string(before.st_size) +
                         " octets; a fax has at most " + std::to_string(kTiffSizeMax)};
    }
    if (::flock(file.get(), LOCK_SH | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? Error{Errc::Busy, path + " is still being received"}
                                    : base::errno_error("lock " + path, errno);
    }
    WrittenFile out;
    out.octets = TRY(read_some(file.get(), static_cast<std::size_t>(before.st_size) + 1));

    struct stat after {};

    if (::fstat(file.get(), &after) != 0) {
        return base::errno_error("look at " + path, errno);
    }
    if (out.octets.size() != static_cast<std::size_t>(before.st_size) ||
        after.st_size != before.st_size || modified_ns(after) != modified_ns(before)) {
        return Error{Errc::Busy, path + " changed while it was read"};
    }
    out.modified_ns = modified_ns(after);
    return out;
}

}  // namespace mta
