#include "base/file.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/random.h"

namespace base {

namespace {

std::string directory_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) {
        return ".";
    }
    return slash == 0 ? "/" : path.substr(0, slash);
}

Error failed(std::string_view what, const std::string& path) {
    const int error_number = errno;
    return errno_error(std::string(what) + " " + path, error_number);
}

Status write_all(int fd, std::string_view content, const std::string& path) {
    while (!content.empty()) {
        const ssize_t count = ::write(fd, content.data(), content.size());
        if (count < 0) {
            if (errno == EINTR) {
                continue;
            }
            return failed("write", path);
        }
        content.remove_prefix(static_cast<std::size_t>(count));
    }
    return Done{};
}

Status write_and_sync(const std::string& path,
                      const std::function<Status(const FileSink&)>& write,
                      unsigned mode) {
    const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (!file) {
        return failed("create", path);
    }
    TRY(write([&](std::string_view piece) { return write_all(file.get(), piece, path); }));
    if (::fsync(file.get()) != 0) {
        return failed("fsync", path);
    }
    return Done{};
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t size_max) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) {
        return failed("open", path);
    }
    std::string content;
    std::array<char, 16384> piece{};
    while (true) {
        const ssize_t count = ::read(file.get(), piece.data(), piece.size());
        if (count == 0) {
            return content;
        }
        if (count < 0) {
            if (errno == EINTR) {
                continue;
            }
            return failed("read", path);
        }
        if (static_cast<std::size_t>(count) > size_max - content.size()) {
            return Error{Errc::TooLarge,
                         path + " has more than " + std::to_string(size_max) + " bytes"};
        }
        content.append(piece.data(), static_cast<std::size_t>(count));
    }
}

Status write_file_atomic(const std::string& path, std::string_view content, unsigned mode) {
    return write_file_atomic(
        path, [content](const FileSink& sink) { return sink(content); }, mode);
}

Status write_file_atomic(const std::string& path,
                         const std::function<Status(const FileSink&)>& write,
                         unsigned mode) {
    const std::uint64_t token = random_u64();
    const std::string temporary = path + ".tmp-" + to_hex(std::as_bytes(std::span(&token, 1)));
    Status written = write_and_sync(temporary, write, mode);
    if (written && ::rename(temporary.c_str(), path.c_str()) != 0) {
        written = failed("rename to", path);
    }
    if (!written) {
        (void)::unlink(temporary.c_str());  // best effort: the error to report is the first one
        return written;
    }
    return sync_dir(directory_of(path));
}

Status ensure_dir(const std::string& path, unsigned mode) {
    for (std::size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
        const std::string part = path.substr(0, at);
        if (!part.empty() && ::mkdir(part.c_str(), mode) != 0 && errno != EEXIST) {
            return failed("mkdir", part);
        }
        if (at == std::string::npos) {
            break;
        }
    }

    struct stat about {};

    if (::stat(path.c_str(), &about) != 0) {
        return failed("stat", path);
    }
    if (!S_ISDIR(about.st_mode)) {
        return Error{Errc::Exists, path + " is not a directory"};
    }
    return Done{};
}

Status sync_dir(const std::string& path) {
    const Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory) {
        return failed("open", path);
    }
    if (::fsync(directory.get()) != 0) {
        return failed("fsync", path);
    }
    return Done{};
}

Result<LockFile> LockFile::acquire(const std::string& path) {
    Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!file) {
        return failed("open", path);
    }
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            return Error{Errc::Busy, path + " is locked by another process"};
        }
        return failed("lock", path);
    }
    if (::ftruncate(file.get(), 0) != 0) {
        return failed("truncate", path);
    }
    TRY(write_all(file.get(), std::to_string(::getpid()) + "\n", path));
    return LockFile(std::move(file));
}

}  // namespace base
