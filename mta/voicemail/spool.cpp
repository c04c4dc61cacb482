#include "mta/voicemail/spool.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "mail/ascii.h"

namespace mta {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kDirectoriesMax = 100'000;  // of one directory
constexpr std::array<std::string_view, 6> kNotFolders{
    "tmp", "temp", "unavail", "busy", "greet", "deleted"};
constexpr std::size_t kNumberDigitsMax = 6;

// Names of the directories in one, in order; links are not followed.
base::Result<std::vector<std::string>> directories_of(const std::string& path) {
    std::vector<std::string> names;
    std::error_code error;
    fs::directory_iterator entries(path, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
        std::error_code ignored;  // an entry that went meanwhile is none
        if (entries->symlink_status(ignored).type() == fs::file_type::directory &&
            names.size() < kDirectoriesMax) {
            names.push_back(entries->path().filename().string());
        }
    }
    if (error) {
        return base::errno_error("list " + path, error.value());
    }
    std::sort(names.begin(), names.end());
    return names;
}

std::int64_t modified_us(const struct stat& status) {
    return std::int64_t{status.st_mtim.tv_sec} * 1'000'000 + status.st_mtim.tv_nsec / 1000;
}

bool is_locked(const std::string& folder) {
    struct stat status {};

    if (::lstat((folder + "/.lock").c_str(), &status) == 0 &&
        base::wall_us() - modified_us(status) <
            std::chrono::duration_cast<std::chrono::microseconds>(kStaleLock).count()) {
        return true;
    }
    // lockmode=flock: the file stays; what counts is whether somebody holds it.
    const base::Fd file(::open((folder + "/lock").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    return file && ::flock(file.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

// msgNNNN of "msgNNNN.txt".
std::optional<int> number_of(std::string_view name) {
    constexpr std::string_view kPrefix = "msg";
    constexpr std::string_view kSuffix = ".txt";
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) {
        return std::nullopt;
    }
    name = name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size());
    int number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    const bool whole = error == std::errc() && end == name.data() + name.size();
    return whole && number >= 0 && name.size() <= kNumberDigitsMax && mail::is_digit(name.front())
               ? std::optional(number)
               : std::nullopt;
}

std::string base_name(int number) {
    std::string digits = std::to_string(number);
    digits.insert(0, digits.size() < 4 ? 4 - digits.size() : 0, '0');
    return "msg" + digits;
}

void list_mailbox(SpoolFolders& out,
                  const std::string& path,
                  const std::string& context,
                  const std::string& mailbox) {
    const auto folders = directories_of(path);
    if (!folders) {
        if (folders.error().code != base::Errc::NotFound) {
            out.skipped.push_back(path);
        }
        return;
    }
    for (const std::string& folder : folders.value()) {
        const std::string lower = mail::to_lower(folder);
        if (std::find(kNotFolders.begin(), kNotFolders.end(), lower) == kNotFolders.end()) {
            SpoolItem place;
            place.folder_path = path + "/" + folder;
            place.context = context;
            place.mailbox = mailbox;
            place.folder = folder;
            out.folders.push_back(std::move(place));
        }
    }
}

// A file as it was opened; read whole, and compared with its name afterwards.
struct OpenFile {
    std::string path;
    base::Fd file;

    struct stat status {};
};

base::Result<OpenFile> open_file(const std::string& path, std::size_t size_max) {
    OpenFile out;
    out.path = path;
    // Nonblocking: a pipe of that name must not hold us up. It is refused below.
    out.file = base::Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!out.file || ::fstat(out.file.get(), &out.status) != 0) {
        return base::errno_error("open " + path, errno);
    }
    if (!S_ISREG(out.status.st_mode)) {
        return base::Error{base::Errc::Corrupt, path + " is no regular file"};
    }
    if (static_cast<std::uint64_t>(out.status.st_size) > size_max) {
        return base::Error{base::Errc::TooLarge,
                           path + " has more than " + std::to_string(size_max) + " octets"};
    }
    return out;
}

base::Result<std::string> read_all(const OpenFile& open) {
    std::string content(static_cast<std::size_t>(open.status.st_size), '\0');
    std::size_t done = 0;
    while (done < content.size()) {
        const ssize_t count = ::pread(open.file.get(),
                                      content.data() + done,
                                      content.size() - done,
                                      static_cast<off_t>(done));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return base::errno_error("read " + open.path, errno);
        }
        if (count == 0) {
            return base::Error{base::Errc::Busy, open.path + " got shorter while it was read"};
        }
        done += static_cast<std::size_t>(count);
    }
    return content;
}

// True if the name still leads to the file that was read, which has not grown either.
bool is_unchanged(const OpenFile& open) {
    struct stat now {};

    return ::lstat(open.path.c_str(), &now) == 0 && now.st_dev == open.status.st_dev &&
           now.st_ino == open.status.st_ino && now.st_size == open.status.st_size &&
           modified_us(now) == modified_us(open.status);
}

// Extensions of the recordings beside a text: WAV first, and then in order of their names.
base::Result<std::vector<std::string>> recordings_of(const SpoolItem& item) {
    const std::string prefix = base_name(item.number) + ".";
    std::vector<std::string> found;
    std::error_code error;
    fs::directory_iterator entries(item.folder_path, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
        const std::string name = entries->path().filename().string();
        if (name.starts_with(prefix) && name != prefix + "txt") {
            found.push_back(name.substr(prefix.size()));
        }
    }
    if (error) {
        return base::errno_error("list " + item.folder_path, error.value());
    }
    std::sort(found.begin(), found.end(), [](const std::string& a, const std::string& b) {
        const auto rank = [](const std::string& extension) {
            return extension == "wav"              ? 0
                   : extension == "WAV"            ? 1
                   : is_audio_extension(extension) ? 2
                                                   : 3;
        };
        return rank(a) != rank(b) ? rank(a) < rank(b) : a < b;
    });
    return found;
}

// The first recording that can be read, else the first that is there, as it is.
base::Result<OpenFile> take_audio(const SpoolItem& item, VoiceMessage& voice) {
    const std::vector<std::string> extensions = TRY(recordings_of(item));
    if (extensions.empty()) {
        return base::Error{base::Errc::NotFound, item.name() + " has no recording yet"};
    }
    std::optional<OpenFile> taken;
    for (const std::string& extension : extensions) {
        OpenFile open = TRY(open_file(
            item.folder_path + "/" + base_name(item.number) + "." + extension, kAudioSizeMax));
        std::string octets = TRY(read_all(open));
        const auto info = probe_audio(octets, extension);
        if (!taken || info) {
            voice.audio = std::move(octets);
            voice.extension = extension;
            taken.emplace(std::move(open));
        }
        if (info) {
            voice.info = info.value();
            break;
        }
    }
    return std::move(*taken);
}

}  // namespace

std::string SpoolItem::name() const {
    return context + "/" + mailbox + "/" + folder + "/" + base_name(number);
}

base::Result<SpoolFolders> spool_folders(const std::string& root) {
    SpoolFolders out;
    for (const std::string& context : TRY(directories_of(root))) {
        const std::string context_path = root + "/" + context;
        const auto mailboxes = directories_of(context_path);
        if (!mailboxes) {
            out.skipped.push_back(context_path);
            continue;
        }
        for (const std::string& mailbox : mailboxes.value()) {
            list_mailbox(out, context_path + "/" + mailbox, context, mailbox);
        }
    }
    return out;
}

SpoolScan scan_folder(const SpoolItem& folder) {
    SpoolScan scan;
    if (is_locked(folder.folder_path)) {
        scan.skipped.push_back(folder.folder_path);
        return scan;
    }
    std::error_code error;
    fs::directory_iterator entries(folder.folder_path, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
        const auto number = number_of(entries->path().filename().string());
        if (!number) {
            continue;
        }
        if (scan.items.size() >= kSpoolMessagesMax) {
            scan.truncated = true;
            break;
        }

        struct stat status {};

        if (::lstat(entries->path().c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
            SpoolItem item = folder;
            item.number = *number;
            item.changed_us = modified_us(status);
            scan.items.push_back(std::move(item));
        }
    }
    if (error) {
        scan.skipped.push_back(folder.folder_path);
    }
    std::sort(scan.items.begin(), scan.items.end(), [](const SpoolItem& a, const SpoolItem& b) {
        return a.number < b.number;
    });
    return scan;
}

base::Result<SpoolScan> scan_spool(const std::string& root, std::string_view mailbox) {
    SpoolScan out;
    if (mailbox.empty() || mailbox.front() == '.' || mailbox.find('/') != std::string_view::npos) {
        return out;
    }
    const std::string name(mailbox);
    SpoolFolders places;
    for (const std::string& context : TRY(directories_of(root))) {
        list_mailbox(places, root + "/" + context + "/" + name, context, name);
    }
    out.skipped = std::move(places.skipped);
    for (const SpoolItem& folder : places.folders) {
        SpoolScan scan = scan_folder(folder);
        std::move(scan.items.begin(), scan.items.end(), std::back_inserter(out.items));
        std::move(scan.skipped.begin(), scan.skipped.end(), std::back_inserter(out.skipped));
        out.truncated = out.truncated || scan.truncated;
    }
    return out;
}

base::Result<SpoolText> read_spool_text(const SpoolItem& item) {
    if (is_locked(item.folder_path)) {
        return base::Error{base::Errc::Busy, item.folder_path + " is locked"};
    }
    const OpenFile open =
        TRY(open_file(item.folder_path + "/" + base_name(item.number) + ".txt", kSpoolTextMax));
    const std::string content = TRY(read_all(open));
    return parse_spool_text(content);
}

base::Result<SpoolMessage> read_spool_message(const SpoolItem& item) {
    if (is_locked(item.folder_path)) {
        return base::Error{base::Errc::Busy, item.folder_path + " is locked"};
    }
    const OpenFile text =
        TRY(open_file(item.folder_path + "/" + base_name(item.number) + ".txt", kSpoolTextMax));
    SpoolMessage out;
    const std::string content = TRY(read_all(text));
    out.voice.text = TRY(parse_spool_text(content));
    out.voice.context = item.context;
    out.voice.mailbox = item.mailbox;
    out.voice.number = item.number;
    const OpenFile audio = TRY(take_audio(item, out.voice));
    if (is_locked(item.folder_path) || !is_unchanged(text) || !is_unchanged(audio)) {
        return base::Error{base::Errc::Busy, item.name() + " changed while it was read"};
    }
    // A message in the folder Urgent is urgent even if an old Asterisk did not write so.
    if (item.folder == "Urgent" && out.voice.text.flag.empty()) {
        out.voice.text.flag = "Urgent";
    }
    out.key = voicemail_key(item.context, item.mailbox, out.voice.text);
    return out;
}

bool has_recording(const SpoolItem& item, std::string_view octets) {
    const auto extensions = recordings_of(item);
    if (!extensions || octets.empty()) {
        return false;
    }
    for (const std::string& extension : extensions.value()) {
        const auto open = open_file(
            item.folder_path + "/" + base_name(item.number) + "." + extension, kAudioSizeMax);
        if (open && static_cast<std::size_t>(open.value().status.st_size) == octets.size()) {
            const auto content = read_all(open.value());
            if (content && content.value() == octets) {
                return true;
            }
        }
    }
    return false;
}

}  // namespace mta
