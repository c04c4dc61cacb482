#include "storage/path/helper_process.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"

namespace storage {

using namespace helper;  // the protocol, used in every line below

HelperProcess::HelperProcess(base::Child child,
                             base::Fd socket,
                             std::span<std::byte> shared) noexcept
    : child_(std::move(child)), socket_(std::move(socket)), shared_(shared) {
}

HelperProcess::HelperProcess(HelperProcess&& other) noexcept
    : child_(std::move(other.child_)),
      socket_(std::move(other.socket_)),
      shared_(std::exchange(other.shared_, {})) {
}

HelperProcess& HelperProcess::operator=(HelperProcess&& other) noexcept {
    if (this != &other) {
        give_up();
        child_ = std::move(other.child_);
        socket_ = std::move(other.socket_);
        shared_ = std::exchange(other.shared_, {});
    }
    return *this;
}

HelperProcess::~HelperProcess() {
    give_up();
}

base::Result<HelperProcess> HelperProcess::start(const std::string& program,
                                                 const std::string& root,
                                                 const std::string& identity) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return base::errno_error("socketpair", errno);
    }
    base::Fd ours(ends[0]);
    const base::Fd theirs(ends[1]);
    if (::fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0) {
        return base::errno_error("fcntl", errno);
    }
    const base::Fd memory(::memfd_create("roundtable-path-helper", MFD_CLOEXEC));
    if (!memory || ::ftruncate(memory.get(), kSharedSize) != 0) {
        return base::errno_error("memfd", errno);
    }
    // Nothing of ours may stay open in a helper that outlives us: not even our log.
    const base::Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null) {
        return base::errno_error("open /dev/null", errno);
    }
    base::ProcessOptions options;
    options.program = program;
    options.arguments = {root, identity};
    options.descriptors = {
        {null.get(), 1}, {null.get(), 2}, {theirs.get(), kSocketFd}, {memory.get(), kSharedFd}};
    options.directory = std::string("/");
    options.own_group = true;
    base::Child child = TRY(base::spawn_process(options));
    void* mapped =
        ::mmap(nullptr, kSharedSize, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
    if (mapped == MAP_FAILED) {
        return base::errno_error("mmap", errno);
    }
    return HelperProcess(
        std::move(child), std::move(ours), std::span(static_cast<std::byte*>(mapped), kSharedSize));
}

std::span<std::byte> HelperProcess::slot(std::size_t index) const noexcept {
    CHECK(index < kSlots && !shared_.empty());
    return shared_.subspan(index * kSlotSize, kSlotSize);
}

base::Status HelperProcess::send(const Request& request) {
    const std::vector<std::byte> packet = encode(request);
    if (::send(socket_.get(), packet.data(), packet.size(), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
        return base::Done{};
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ENOBUFS) {
        return base::Error{base::Errc::Busy, "path helper: socket full"};
    }
    return base::Error{base::Errc::Closed, "path helper: gone"};
}

base::Result<std::optional<Reply>> HelperProcess::receive() {
    std::array<std::byte, kPacketMax> packet{};
    const ssize_t size = ::recv(socket_.get(), packet.data(), packet.size(), MSG_DONTWAIT);
    if (size > 0) {
        return std::optional<Reply>(
            TRY(decode_reply(std::span(packet).first(static_cast<std::size_t>(size)))));
    }
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        return std::optional<Reply>();
    }
    return base::Error{base::Errc::Closed, "path helper: gone"};
}

void HelperProcess::give_up() noexcept {
    if (shared_.empty()) {
        return;
    }
    child_.signal(SIGKILL);
    socket_.reset();
    ::munmap(shared_.data(), shared_.size());
    shared_ = {};
}

bool HelperProcess::has_ended() {
    return child_.poll().has_value();
}

}  // namespace storage
