#include "storage/path/helper.h"

#include <array>
#include <cerrno>
#include <utility>

#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

namespace storage::helper {

namespace {

constexpr std::size_t kThreadStack = 128U << 10U;

struct Service {
    RootFiles files;
    std::span<std::byte> shared;
};

Reply from_error(std::uint64_t id, base::Error error) {
    Reply reply;
    reply.id = id;
    reply.code = error.code;
    reply.detail = std::move(error.detail);
    return reply;
}

Reply from_status(std::uint64_t id, base::Status status) {
    if (!status) {
        return from_error(id, std::move(status).take_error());
    }
    Reply reply;
    reply.id = id;
    reply.ok = true;
    return reply;
}

Reply answer_probe(RootFiles& files, const Request& request) {
    base::Result<Space> space = files.probe();
    if (!space) {
        return from_error(request.id, std::move(space).take_error());
    }
    // The space is told even when the write fails: the root is ours, and can be read.
    Reply reply = from_status(
        request.id,
        request.flag == Flag::Sync ? files.probe_write(request.path) : base::Status(base::Done{}));
    reply.value = space.value().free;
    reply.second = space.value().total;
    return reply;
}

Reply answer_read(RootFiles& files, const Request& request, std::span<std::byte> slot) {
    base::Result<std::uint32_t> size =
        files.read(request.path, request.offset, slot.first(request.length));
    if (!size) {
        return from_error(request.id, std::move(size).take_error());
    }
    Reply reply = from_status(request.id, base::Done{});
    reply.length = size.value();
    return reply;
}

Reply answer_list(RootFiles& files, const Request& request, std::span<std::byte> slot) {
    base::Result<RootFiles::Page> page = files.list(request.path, request.after, request.flag);
    if (!page) {
        return from_error(request.id, std::move(page).take_error());
    }
    Reply reply = from_status(request.id, base::Done{});
    reply.length = static_cast<std::uint32_t>(put_entries(page.value().entries, slot));
    reply.value = page.value().complete ? 1 : 0;
    return reply;
}

Reply answer_stat(RootFiles& files, const Request& request) {
    base::Result<Entry> entry = files.stat(request.path);
    if (!entry) {
        return from_error(request.id, std::move(entry).take_error());
    }
    Reply reply = from_status(request.id, base::Done{});
    reply.value = entry.value().size;
    reply.second = static_cast<std::uint64_t>(entry.value().modified_s);
    reply.is_folder = entry.value().is_folder;
    return reply;
}

// One worker: takes a packet, does it, answers, until the daemon's end is closed.
void* work(void* argument) {
    Service& service = *static_cast<Service*>(argument);
    std::array<std::byte, kPacketMax> packet{};
    for (;;) {
        const ssize_t size = ::recv(kSocketFd, packet.data(), packet.size(), 0);
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size <= 0) {
            ::_exit(0);  // the daemon is gone or has given us up: nobody waits for the others
        }
        const base::Result<Request> request =
            decode_request(std::span(packet).first(static_cast<std::size_t>(size)));
        if (!request) {
            ::_exit(1);  // the daemon is another version: it starts a helper that fits
        }
        const std::vector<std::byte> reply =
            encode(answer(service.files, request.value(), service.shared));
        if (::send(kSocketFd, reply.data(), reply.size(), MSG_NOSIGNAL) < 0) {
            ::_exit(0);
        }
    }
}

}  // namespace

Reply answer(RootFiles& files, const Request& request, std::span<std::byte> shared) {
    const std::uint64_t id = request.id;
    const bool has_slot = request.slot < kSlots;
    const std::span<std::byte> slot =
        has_slot ? shared.subspan(request.slot * kSlotSize, kSlotSize) : std::span<std::byte>();
    if (!has_slot && (request.length > 0 || request.type == RequestType::List)) {
        return from_error(id, base::Error{base::Errc::Invalid, "data without a slot"});
    }
    const std::span<const std::byte> data = slot.first(request.length);
    switch (request.type) {
        case RequestType::Probe:
            return answer_probe(files, request);
        case RequestType::Create:
            return from_status(id, files.create(request.handle, request.path, data));
        case RequestType::Write:
            return from_status(id, files.write(request.handle, request.offset, data, request.flag));
        case RequestType::Sync:
            return from_status(id, files.sync(request.handle));
        case RequestType::Close:
            return from_status(id, files.close(request.handle));
        case RequestType::Read:
            return answer_read(files, request, slot);
        case RequestType::List:
            return answer_list(files, request, slot);
        case RequestType::Stat:
            return answer_stat(files, request);
        case RequestType::Remove:
            return from_status(id, files.remove(request.path));
    }
    return from_error(id, base::Error{base::Errc::Unsupported, "unknown request"});
}

int serve(const std::string& root, const std::string& identity) {
    void* memory = ::mmap(nullptr, kSharedSize, PROT_READ | PROT_WRITE, MAP_SHARED, kSharedFd, 0);
    if (memory == MAP_FAILED) {
        return 1;
    }
    ::close(kSharedFd);
    Service service{RootFiles(root, identity), {static_cast<std::byte*>(memory), kSharedSize}};
    pthread_attr_t attributes{};
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, kThreadStack);
    for (std::size_t i = 1; i < kThreads; ++i) {
        pthread_t thread{};
        if (pthread_create(&thread, &attributes, work, &service) != 0) {
            break;  // the first thread alone serves as well
        }
    }
    work(&service);
    return 0;
}

}  // namespace storage::helper
