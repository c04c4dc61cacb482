#define FUSE_USE_VERSION 312

#include "test/chaos/fault_fs/mount.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <vector>

#include <fuse_lowlevel.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

namespace chaos {

namespace {

constexpr int kCacheSecondsMin = 3;
constexpr unsigned kThreadsMax = 400;  // hung calls take one each
constexpr Ino kBlankInos = Ino{1} << 40U;
constexpr std::uint64_t kBlocks = 1U << 22U;

Mount& mount_of(fuse_req_t request) {
    return *static_cast<Mount*>(fuse_req_userdata(request));
}

struct stat stat_of(const Attributes& attributes) {
    struct stat info {};

    info.st_ino = attributes.ino;
    info.st_mode = (attributes.folder ? S_IFDIR : S_IFREG) | attributes.owner.mode;
    info.st_nlink = attributes.folder ? 2 : 1;
    info.st_uid = attributes.owner.uid;
    info.st_gid = attributes.owner.gid;
    info.st_size = static_cast<off_t>(attributes.size);
    info.st_blksize = kPageSize;
    info.st_blocks = static_cast<blkcnt_t>((attributes.size + 511) / 512);
    info.st_mtim.tv_sec = attributes.modified_ns / 1'000'000'000;
    info.st_mtim.tv_nsec = attributes.modified_ns % 1'000'000'000;
    info.st_atim = info.st_mtim;
    info.st_ctim = info.st_mtim;
    return info;
}

fuse_entry_param entry_of(Mount& mount, const Attributes& attributes) {
    fuse_entry_param entry{};
    entry.ino = attributes.ino;
    entry.attr = stat_of(attributes);
    entry.attr_timeout = mount.cache_seconds();
    entry.entry_timeout = mount.cache_seconds();
    return entry;
}

Ownership owner_of(fuse_req_t request, mode_t mode) {
    const fuse_ctx* context = fuse_req_ctx(request);
    return {context->uid, context->gid, mode & 07777U & ~context->umask};
}

// True: the call may go on. Else it has been answered.
bool admit(fuse_req_t request, Call call, Passage* passage = nullptr) {
    const Passage passed = mount_of(request).pass(call);
    if (passed.error != 0) {
        fuse_reply_err(request, passed.error);
        return false;
    }
    if (passage != nullptr) {
        *passage = passed;
    }
    return true;
}

void on_init(void* /*mount*/, fuse_conn_info* connection) {
    connection->want &= ~static_cast<unsigned>(FUSE_CAP_WRITEBACK_CACHE);
    connection->max_background = kThreadsMax;
    connection->congestion_threshold = kThreadsMax;
}

void on_lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
    if (!admit(request, Call::Lookup)) {
        return;
    }
    Mount& mount = mount_of(request);
    Attributes found;
    const int error = mount.disk().lookup(parent, name, found);
    if (error == ENOENT && mount.is_cached()) {
        fuse_entry_param missing{};  // inode 0: the kernel may remember that it is not there
        missing.entry_timeout = mount.cache_seconds();
        fuse_reply_entry(request, &missing);
    } else if (error != 0) {
        fuse_reply_err(request, error);
    } else {
        const fuse_entry_param entry = entry_of(mount, found);
        fuse_reply_entry(request, &entry);
    }
}

void on_getattr(fuse_req_t request, fuse_ino_t ino, fuse_file_info* /*file*/) {
    if (!admit(request, Call::Get)) {
        return;
    }
    Mount& mount = mount_of(request);
    Attributes found;
    if (const int error = mount.disk().get(ino, found)) {
        fuse_reply_err(request, error);
        return;
    }
    const struct stat info = stat_of(found);
    fuse_reply_attr(request, &info, mount.cache_seconds());
}

void on_setattr(
    fuse_req_t request, fuse_ino_t ino, struct stat* wanted, int which, fuse_file_info* /*file*/) {
    if (!admit(request, Call::Set)) {
        return;
    }
    AttributeChange change;
    if ((which & FUSE_SET_ATTR_SIZE) != 0) {
        change.size = static_cast<std::uint64_t>(wanted->st_size);
    }
    if ((which & FUSE_SET_ATTR_MODE) != 0) {
        change.mode = wanted->st_mode & 07777U;
    }
    if ((which & FUSE_SET_ATTR_UID) != 0) {
        change.uid = wanted->st_uid;
    }
    if ((which & FUSE_SET_ATTR_GID) != 0) {
        change.gid = wanted->st_gid;
    }
    if ((which & FUSE_SET_ATTR_MTIME) != 0) {
        change.modified_ns = static_cast<std::int64_t>(wanted->st_mtim.tv_sec) * 1'000'000'000 +
                             wanted->st_mtim.tv_nsec;
    }
    Mount& mount = mount_of(request);
    Attributes found;
    if (const int error = mount.disk().set(ino, change, found)) {
        fuse_reply_err(request, error);
        return;
    }
    const struct stat info = stat_of(found);
    fuse_reply_attr(request, &info, mount.cache_seconds());
}

// Fills in what an opening answers; 0, or an errno.
int open_file(Mount& mount, Ino ino, fuse_file_info& file) {
    std::uint64_t handle = 0;
    if (const int error = mount.disk().open(ino, handle)) {
        return error;
    }
    file.fh = handle;
    file.direct_io = mount.is_cached() ? 0 : 1;
    file.keep_cache = 0;  // an opening drops the pages that are cached
    if (mount.is_cached()) {
        mount.forget_attributes(ino);
    }
    return 0;
}

void on_open(fuse_req_t request, fuse_ino_t ino, fuse_file_info* file) {
    if (!admit(request, Call::Open)) {
        return;
    }
    if (const int error = open_file(mount_of(request), ino, *file)) {
        fuse_reply_err(request, error);
        return;
    }
    fuse_reply_open(request, file);
}

void on_create(
    fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, fuse_file_info* file) {
    if (!admit(request, Call::Make)) {
        return;
    }
    Mount& mount = mount_of(request);
    Attributes made;
    int error = mount.disk().make(parent, name, false, owner_of(request, mode), made);
    if (error == EEXIST && (file->flags & O_EXCL) == 0) {
        error = mount.disk().lookup(parent, name, made);
    }
    if (error == 0) {
        error = open_file(mount, made.ino, *file);
    }
    if (error != 0) {
        fuse_reply_err(request, error);
        return;
    }
    const fuse_entry_param entry = entry_of(mount, made);
    fuse_reply_create(request, &entry, file);
}

void on_mkdir(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode) {
    if (!admit(request, Call::Make)) {
        return;
    }
    Mount& mount = mount_of(request);
    Attributes made;
    const Ownership owner = owner_of(request, mode);
    if (const int error = mount.disk().make(parent, name, true, owner, made)) {
        fuse_reply_err(request, error);
        return;
    }
    const fuse_entry_param entry = entry_of(mount, made);
    fuse_reply_entry(request, &entry);
}

void on_unlink(fuse_req_t request, fuse_ino_t parent, const char* name) {
    if (admit(request, Call::Remove)) {
        fuse_reply_err(request, mount_of(request).disk().remove(parent, name, false));
    }
}

void on_rmdir(fuse_req_t request, fuse_ino_t parent, const char* name) {
    if (admit(request, Call::Remove)) {
        fuse_reply_err(request, mount_of(request).disk().remove(parent, name, true));
    }
}

void on_rename(fuse_req_t request,
               fuse_ino_t parent,
               const char* name,
               fuse_ino_t to_parent,
               const char* to_name,
               unsigned flags) {
    if (!admit(request, Call::Rename)) {
        return;
    }
    if ((flags & ~static_cast<unsigned>(RENAME_NOREPLACE)) != 0) {
        fuse_reply_err(request, EINVAL);
        return;
    }
    fuse_reply_err(request,
                   mount_of(request).disk().rename(parent, name, to_parent, to_name, flags == 0));
}

void on_read(
    fuse_req_t request, fuse_ino_t ino, std::size_t size, off_t offset, fuse_file_info* file) {
    if (!admit(request, Call::Read)) {
        return;
    }
    std::string bytes;
    const auto from = static_cast<std::uint64_t>(offset);
    if (const int error = mount_of(request).disk().read(ino, file->fh, from, size, bytes)) {
        fuse_reply_err(request, error);
        return;
    }
    fuse_reply_buf(request, bytes.data(), bytes.size());
}

void on_write(fuse_req_t request,
              fuse_ino_t ino,
              const char* bytes,
              std::size_t size,
              off_t offset,
              fuse_file_info* file) {
    Passage passage;
    if (!admit(request, Call::Write, &passage)) {
        return;
    }
    const std::size_t taken = passage.shortened && size > 1 ? size / 2 : size;
    const auto at = static_cast<std::uint64_t>(offset);
    if (const int error =
            mount_of(request).disk().write(ino, file->fh, at, std::span(bytes, taken))) {
        fuse_reply_err(request, error);
        return;
    }
    fuse_reply_write(request, taken);
}

void on_flush(fuse_req_t request, fuse_ino_t /*ino*/, fuse_file_info* /*file*/) {
    fuse_reply_err(request, 0);
}

void on_release(fuse_req_t request, fuse_ino_t ino, fuse_file_info* /*file*/) {
    mount_of(request).disk().release(ino);
    fuse_reply_err(request, 0);
}

void on_fsync(fuse_req_t request, fuse_ino_t ino, int /*data_only*/, fuse_file_info* file) {
    if (admit(request, Call::Sync)) {
        fuse_reply_err(request, mount_of(request).disk().sync(ino, file->fh));
    }
}

void on_fsyncdir(fuse_req_t request, fuse_ino_t ino, int /*data_only*/, fuse_file_info* file) {
    if (admit(request, Call::SyncFolder)) {
        fuse_reply_err(request, mount_of(request).disk().sync(ino, file->fh));
    }
}

void on_readdir(
    fuse_req_t request, fuse_ino_t ino, std::size_t size, off_t offset, fuse_file_info* /*file*/) {
    if (!admit(request, Call::List)) {
        return;
    }
    Disk::Listing entries;
    if (const int error = mount_of(request).disk().list(ino, entries)) {
        fuse_reply_err(request, error);
        return;
    }
    Attributes self;
    self.ino = ino;
    self.folder = true;
    entries.insert(entries.begin(), {{".", self}, {"..", self}});
    std::vector<char> buffer(size);
    std::size_t used = 0;
    for (auto index = static_cast<std::size_t>(offset); index < entries.size(); ++index) {
        const struct stat info = stat_of(entries[index].second);
        const std::size_t need = fuse_add_direntry(request,
                                                   buffer.data() + used,
                                                   size - used,
                                                   entries[index].first.c_str(),
                                                   &info,
                                                   static_cast<off_t>(index + 1));
        if (need > size - used) {
            break;
        }
        used += need;
    }
    fuse_reply_buf(request, buffer.data(), used);
}

void on_statfs(fuse_req_t request, fuse_ino_t /*ino*/) {
    if (!admit(request, Call::Space)) {
        return;
    }

    struct statvfs info {};

    const std::uint64_t used = mount_of(request).disk().stats().bytes / kPageSize;
    info.f_bsize = kPageSize;
    info.f_frsize = kPageSize;
    info.f_blocks = kBlocks;
    info.f_bfree = kBlocks - std::min(kBlocks, used);
    info.f_bavail = info.f_bfree;
    info.f_files = kBlocks;
    info.f_ffree = kBlocks;
    info.f_namemax = 255;
    fuse_reply_statfs(request, &info);
}

fuse_lowlevel_ops calls() {
    fuse_lowlevel_ops ops{};
    ops.init = on_init;
    ops.lookup = on_lookup;
    ops.getattr = on_getattr;
    ops.setattr = on_setattr;
    ops.mkdir = on_mkdir;
    ops.unlink = on_unlink;
    ops.rmdir = on_rmdir;
    ops.rename = on_rename;
    ops.open = on_open;
    ops.read = on_read;
    ops.write = on_write;
    ops.flush = on_flush;
    ops.release = on_release;
    ops.fsync = on_fsync;
    ops.opendir = on_open;
    ops.readdir = on_readdir;
    ops.releasedir = on_release;
    ops.fsyncdir = on_fsyncdir;
    ops.statfs = on_statfs;
    ops.create = on_create;
    return ops;
}

}  // namespace

Mount::Mount(Disk& disk, Rules& rules, Options options)
    : real_(disk), rules_(rules), options_(std::move(options)), shown_(&disk) {
}

std::unique_ptr<Mount> Mount::create(Disk& disk, Rules& rules, Options options) {
    std::unique_ptr<Mount> mount(new Mount(disk, rules, std::move(options)));
    std::array<std::string, 3> words = {
        "fault_fs", "-o", "allow_other,default_permissions,fsname=fault_fs"};
    std::array<char*, 3> argv = {words[0].data(), words[1].data(), words[2].data()};
    fuse_args arguments = FUSE_ARGS_INIT(static_cast<int>(argv.size()), argv.data());
    static const fuse_lowlevel_ops kCalls = calls();
    mount->session_ = fuse_session_new(&arguments, &kCalls, sizeof kCalls, mount.get());
    fuse_opt_free_args(&arguments);
    if (mount->session_ == nullptr ||
        fuse_session_mount(mount->session_, mount->options_.point.c_str()) != 0) {
        std::fprintf(stderr, "fault_fs: cannot mount %s\n", mount->options_.point.c_str());
        return nullptr;
    }
    mount->mounted_ = true;
    mount->server_ = std::thread([session = mount->session_] {
        fuse_loop_config* config = fuse_loop_cfg_create();
        fuse_loop_cfg_set_max_threads(config, kThreadsMax);
        fuse_loop_cfg_set_idle_threads(config, 4);
        (void)fuse_session_loop_mt(session, config);  // ends with the mount
        fuse_loop_cfg_destroy(config);
    });
    return mount;
}

Mount::~Mount() {
    if (mounted_) {
        fuse_session_exit(session_);
        // Ends the connection, whoever still has files open there: all calls fail from here on.
        (void)::umount2(options_.point.c_str(), MNT_DETACH | MNT_FORCE);
        fuse_session_unmount(session_);
        server_.join();
    }
    if (session_ != nullptr) {
        fuse_session_destroy(session_);
    }
}

void Mount::set_empty(bool empty) {
    if (empty && blank_ == nullptr) {
        blank_ = std::make_unique<Disk>(options_.owner, kBlankInos);
    }
    shown_ = empty ? blank_.get() : &real_;
}

double Mount::cache_seconds() {
    if (!is_cached()) {
        return 0;
    }
    // Spread evenly, without a lock: the golden ratio's multiples.
    const auto draw = static_cast<double>((draws_++ * 40'503U) % 65'536U) / 65'536.0;
    return kCacheSecondsMin + draw * (options_.cache_seconds_max - kCacheSecondsMin);
}

void Mount::forget_attributes(Ino ino) {
    // -1: the attributes alone. ENOENT when the kernel does not know the inode: then it asks
    // anyway.
    (void)fuse_lowlevel_notify_inval_inode(session_, ino, -1, 0);
}

}  // namespace chaos
