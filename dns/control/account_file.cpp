#include "dns/control/account_file.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "dns/directory/account_format.h"

namespace dns {
namespace {

constexpr unsigned kMode = 0600;
constexpr std::size_t kReadPiece = std::size_t{256} * 1024;
// Updates take at most this share of the file: a start reads them into memory beside the view.
constexpr std::size_t kTailShare = 16;
constexpr std::size_t kTailLeast = std::size_t{1} << 20U;

base::Error failed(const char* what, const std::string& path) {
    return base::errno_error(std::string(what) + " " + path, errno);
}

base::Status write_all(int file, std::string_view bytes, const std::string& path) {
    while (!bytes.empty()) {
        const ssize_t count = ::write(file, bytes.data(), bytes.size());
        if (count < 0 && errno != EINTR) {
            return failed("write", path);
        }
        bytes.remove_prefix(count < 0 ? 0 : static_cast<std::size_t>(count));
    }
    return base::Done{};
}

}  // namespace

AccountFile::AccountFile(const std::string& directory) : path_(directory + "/accounts") {
}

base::Result<AccountView> AccountFile::load() {
    const base::Fd file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) {
        return failed("open", path_);
    }
    AccountFileReader reader;
    std::string piece(kReadPiece, '\0');
    std::size_t size = 0;
    while (true) {
        const ssize_t count = ::read(file.get(), piece.data(), piece.size());
        if (count == 0) {
            break;
        }
        if (count < 0) {
            if (errno == EINTR) {
                continue;
            }
            return failed("read", path_);
        }
        size += static_cast<std::size_t>(count);
        reader.take(std::string_view(piece).substr(0, static_cast<std::size_t>(count)));
    }
    AccountFileReader::Outcome found = TRY(reader.finish());
    if (found.good == size) {
        whole_ = found.whole;
        size_ = size;
        changes_ = found.changes;
    } else {
        base::log::warning(
            "dns", "accounts-file-cut", {{"file", path_}, {"size", size}, {"good", found.good}});
    }
    return std::move(found.view);
}

base::Status AccountFile::write(const AccountView& view) {
    whole_ = 0;
    std::size_t size = 0;
    TRY(base::write_file_atomic(
        path_,
        [&view, &size](const base::FileSink& sink) {
            return write_accounts(view, [&](std::string_view piece) {
                size += piece.size();
                return sink(piece);
            });
        },
        kMode));
    written_ += size;
    ++rewrites_;
    whole_ = size;
    size_ = size;
    changes_ = 0;
    return base::Done{};
}

base::Status AccountFile::append(const AccountUpdate& update, const AccountView& view) {
    const std::string bytes = encode_update(update);
    const std::size_t tail = size_ - whole_ + bytes.size();
    if (whole_ == 0 || tail > std::max(kTailLeast, whole_ / kTailShare) ||
        changes_ + update.changes.size() > kAccountTailMax) {
        return write(view);
    }
    const base::Fd file(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    const std::size_t before = std::exchange(whole_, 0);  // until it is well written
    if (!file) {
        return failed("open", path_);
    }
    TRY(write_all(file.get(), bytes, path_));
    whole_ = before;
    size_ += bytes.size();
    changes_ += update.changes.size();
    written_ += bytes.size();
    return base::Done{};
}

}  // namespace dns
