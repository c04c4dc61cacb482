#include "storage/path/helper_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/handle.h"
#include "storage/path/relative_path.h"
#include "storage/planted_bug.h"
#include "storage/segment/name.h"

namespace storage::helper {

namespace {

using Directory = base::Handle<DIR, closedir>;

constexpr mode_t kFolderMode = 0750;
constexpr mode_t kFileMode = 0640;
// Probe files older than this are left over from helpers that were killed in a probe.
constexpr std::int64_t kStaleProbe_s = 3'600;

base::Error failed(std::string_view what, const std::string& path) {
    const int error_number = errno;
    return base::errno_error(std::string(what) + " " + path, error_number);
}

base::Status check_path(const std::string& path) {
    if (!is_relative_path(path)) {
        return base::Error{base::Errc::Invalid, "not a path below a storage root"};
    }
    return base::Done{};
}

base::Result<base::Fd> open_folder(int parent, const std::string& name) {
    base::Fd folder(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder) {
        return failed("open folder", name);
    }
    return folder;
}

int sync_all(int file) {
    return is_planted("skip_fsync") ? 0 : ::fsync(file);
}

int sync_data(int file) {
    return is_planted("skip_fsync") ? 0 : ::fdatasync(file);
}

base::Status sync_folder(const base::Fd& folder) {
    if (sync_all(folder.get()) != 0) {
        return failed("fsync folder", "");
    }
    return base::Done{};
}

// The folder of `path` below `root`, made if it is missing. Each level is synced even if it was
// there: who made it a moment ago may not have come so far, and our file hangs on its name.
base::Result<base::Fd> make_folders(base::Fd root, std::string_view path) {
    base::Fd parent = std::move(root);
    for (;;) {
        const std::size_t slash = path.find('/');
        if (slash == std::string_view::npos) {
            return parent;
        }
        const std::string name(path.substr(0, slash));
        if (::mkdirat(parent.get(), name.c_str(), kFolderMode) != 0 && errno != EEXIST) {
            return failed("make folder", name);
        }
        TRY(sync_folder(parent));
        parent = TRY(open_folder(parent.get(), name));
        path.remove_prefix(slash + 1);
    }
}

std::string last_part(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}

base::Status write_all(int file, std::uint64_t offset, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t written =
            ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return failed("write", "");
        }
        offset += static_cast<std::uint64_t>(written);
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return base::Done{};
}

Entry to_entry(std::string name, const struct stat& info) {
    Entry entry;
    entry.name = std::move(name);
    entry.size = static_cast<std::uint64_t>(info.st_size);
    entry.modified_s = info.st_mtim.tv_sec;
    entry.is_folder = S_ISDIR(info.st_mode);
    return entry;
}

void remove_stale_probes(int folder, const std::string& own_name) {
    const int copy = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0) {
        return;
    }
    const Directory directory(::fdopendir(copy));
    if (!directory) {
        ::close(copy);
        return;
    }
    const std::time_t now = std::time(nullptr);
    while (const dirent* entry = ::readdir(directory.get())) {
        struct stat info {};

        if (is_path_part(entry->d_name) && own_name != entry->d_name &&
            ::fstatat(folder, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(info.st_mode) && now - info.st_mtim.tv_sec > kStaleProbe_s) {
            (void)::unlinkat(folder, entry->d_name, 0);  // the next probe tries again
        }
    }
}

}  // namespace

RootFiles::RootFiles(std::string root, std::string identity)
    : root_(std::move(root)), identity_(std::move(identity)) {
}

base::Result<base::Fd> RootFiles::open_root() const {
    base::Fd root(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root && (errno == ENOENT || errno == ENOTDIR)) {
        // Not NotFound, which would say that a file is not there.
        return base::Error{base::Errc::Refused, "no storage root " + root_};
    }
    if (!root) {
        return failed("open storage root", root_);
    }
    return root;
}

base::Result<base::Fd> RootFiles::open_verified_root() const {
    base::Fd root = TRY(open_root());
    const std::string name(kIdentityFile);
    const base::Fd file(::openat(root.get(), name.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) {
        if (errno == ENOENT) {
            return base::Error{base::Errc::Refused, "no identity file in " + root_};
        }
        return failed("open", root_ + "/" + name);
    }
    std::array<char, 64> text{};
    const ssize_t size = ::pread(file.get(), text.data(), text.size(), 0);
    if (size < 0) {
        return failed("read", root_ + "/" + name);
    }
    std::string_view found(text.data(), static_cast<std::size_t>(size));
    while (!found.empty() && (found.back() == '\n' || found.back() == '\r')) {
        found.remove_suffix(1);
    }
    if (found != identity_) {
        return base::Error{base::Errc::Refused, "identity file of another store in " + root_};
    }
    return root;
}

base::Result<Space> RootFiles::probe() {
    const base::Fd root = TRY(open_verified_root());

    struct statvfs info {};

    if (::fstatvfs(root.get(), &info) != 0) {
        return failed("statvfs", root_);
    }
    const std::uint64_t unit = info.f_frsize;
    return Space{info.f_bavail * unit, info.f_blocks * unit};
}

base::Status RootFiles::probe_write(const std::string& path) {
    TRY(check_path(path));
    base::Fd root = TRY(open_verified_root());
    const base::Fd folder = TRY(make_folders(std::move(root), path));
    const std::string name = last_part(path);
    remove_stale_probes(folder.get(), name);
    base::Status outcome = base::Done{};
    {
        const base::Fd file(::openat(
            folder.get(), name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kFileMode));
        if (!file) {
            return failed("create", path);
        }
        outcome = write_all(file.get(), 0, std::as_bytes(std::span(identity_)));
        if (outcome && sync_data(file.get()) != 0) {
            outcome = failed("fdatasync", path);
        }
    }
    if (::unlinkat(folder.get(), name.c_str(), 0) != 0 && outcome) {
        return failed("remove", path);
    }
    return outcome;
}

base::Status RootFiles::create(std::uint64_t handle,
                               const std::string& path,
                               std::span<const std::byte> first) {
    TRY(check_path(path));
    base::Fd root = TRY(open_verified_root());
    const base::Fd folder = TRY(make_folders(std::move(root), path));
    base::Fd file(::openat(
        folder.get(), last_part(path).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kFileMode));
    if (!file) {
        return failed("create", path);
    }
    TRY(write_all(file.get(), 0, first));
    if (sync_all(file.get()) != 0) {
        return failed("fsync", path);
    }
    TRY(sync_folder(folder));
    open_.with([&](auto& open) {
        open.insert_or_assign(handle, std::make_shared<base::Fd>(std::move(file)));
    });
    return base::Done{};
}

base::Result<std::shared_ptr<base::Fd>> RootFiles::find(std::uint64_t handle) {
    std::shared_ptr<base::Fd> file = open_.with([&](auto& open) {
        const auto found = open.find(handle);
        return found == open.end() ? nullptr : found->second;
    });
    if (!file) {
        return base::Error{base::Errc::Unavailable, "the file is not open any more"};
    }
    return file;
}

void RootFiles::forget(std::uint64_t handle) {
    open_.with([&](auto& open) { open.erase(handle); });
}

base::Status RootFiles::write(std::uint64_t handle,
                              std::uint64_t offset,
                              std::span<const std::byte> bytes,
                              Flag flag) {
    const std::shared_ptr<base::Fd> file = TRY(find(handle));
    base::Status outcome = write_all(file->get(), offset, bytes);
    if (outcome && flag == Flag::Sync && sync_data(file->get()) != 0) {
        outcome = failed("fdatasync", "");
    }
    if (!outcome) {
        forget(handle);
    }
    return outcome;
}

base::Status RootFiles::sync(std::uint64_t handle) {
    const std::shared_ptr<base::Fd> file = TRY(find(handle));
    if (sync_data(file->get()) != 0) {
        base::Error error = failed("fdatasync", "");
        forget(handle);
        return error;
    }
    return base::Done{};
}

base::Status RootFiles::close(std::uint64_t handle) {
    const std::shared_ptr<base::Fd> file = TRY(find(handle));
    forget(handle);
    return base::Done{};
}

base::Result<std::uint32_t> RootFiles::read(const std::string& path,
                                            std::uint64_t offset,
                                            std::span<std::byte> out) {
    TRY(check_path(path));
    const base::Fd root = TRY(open_root());
    const base::Fd file(::openat(root.get(), path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) {
        return failed("open", path);
    }
    std::size_t total = 0;
    while (total < out.size()) {
        const ssize_t size = ::pread(
            file.get(), out.data() + total, out.size() - total, static_cast<off_t>(offset + total));
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size < 0) {
            return failed("read", path);
        }
        if (size == 0) {
            break;
        }
        total += static_cast<std::size_t>(size);
    }
    return static_cast<std::uint32_t>(total);
}

base::Result<RootFiles::Page> RootFiles::list(const std::string& folder,
                                              std::string_view after,
                                              Flag flag) {
    if (!folder.empty()) {
        TRY(check_path(folder));
    }
    // "There is no such file" counts only from the right file system.
    const base::Fd root = TRY(open_verified_root());
    base::Fd target = TRY(open_folder(root.get(), folder.empty() ? "." : folder));
    const int target_number = target.get();
    const Directory directory(::fdopendir(target_number));
    if (!directory) {
        return failed("open folder", folder);
    }
    (void)target.release();  // the DIR has it now
    // The kListMax smallest names after `after`: a heap of that size, the largest on top.
    std::vector<std::string> names;
    Page page;
    page.complete = true;
    errno = 0;
    while (const dirent* entry = ::readdir(directory.get())) {
        if (!is_path_part(entry->d_name) || std::string_view(entry->d_name) <= after) {
            continue;
        }
        names.emplace_back(entry->d_name);
        std::ranges::push_heap(names);
        if (names.size() > kListMax) {
            std::ranges::pop_heap(names);
            names.pop_back();
            page.complete = false;
        }
        errno = 0;
    }
    if (errno != 0) {
        return failed("read folder", folder);
    }
    std::ranges::sort_heap(names);
    for (std::string& name : names) {
        struct stat info {};

        if (flag == Flag::Detail &&
            ::fstatat(target_number, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
            continue;  // removed in between
        }
        page.entries.push_back(to_entry(std::move(name), info));
    }
    return page;
}

base::Result<Entry> RootFiles::stat(const std::string& path) {
    TRY(check_path(path));
    // "There is no such file" counts only from the right file system.
    const base::Fd root = TRY(open_verified_root());

    struct stat info {};

    if (::fstatat(root.get(), path.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
        return failed("stat", path);
    }
    return to_entry(last_part(path), info);
}

base::Status RootFiles::remove(const std::string& path) {
    TRY(check_path(path));
    const base::Fd root = TRY(open_verified_root());
    const std::size_t slash = path.rfind('/');
    const base::Fd folder =
        TRY(open_folder(root.get(), slash == std::string::npos ? "." : path.substr(0, slash)));
    if (::unlinkat(folder.get(), last_part(path).c_str(), 0) != 0) {
        return failed("remove", path);
    }
    return sync_folder(folder);
}

}  // namespace storage::helper
