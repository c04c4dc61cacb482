#include "mta/ingest/ingest_service.h"

#include <chrono>
#include <utility>

#include <sys/socket.h>

#include "base/log.h"

namespace mta {

namespace {

constexpr mode_t kSocketMode = 0660;
constexpr int kBacklog = 64;
// After cancelling: a fiber that was told so ends at its next wait.
constexpr base::Duration kCancelledDeadline = std::chrono::seconds(5);

}  // namespace

IngestService::IngestService(base::Loop& loop, IngestParts parts)
    : loop_(loop), parts_(std::move(parts)) {
}

IngestService::~IngestService() = default;

base::Result<std::unique_ptr<IngestService>> IngestService::create(base::Loop& loop,
                                                                   const std::string& path,
                                                                   IngestParts parts) {
    std::unique_ptr<IngestService> service(new IngestService(loop, std::move(parts)));
    IngestService& self = *service;
    service->listener_ = TRY(base::UnixListener::create(
        loop, path, kSocketMode, kBacklog, [&self](base::Fd socket, const base::UnixPeer& peer) {
            self.on_accept(std::move(socket), peer);
        }));
    return service;
}

void IngestService::on_accept(base::Fd socket, const base::UnixPeer& peer) {
    if (sessions_.size() >= kSessionsMax) {
        turn_away(std::move(socket));
        return;
    }
    // A std::function must be copyable: what the fiber takes over goes by shared_ptr.
    auto kept = std::make_shared<base::Fd>(std::move(socket));
    const auto slot = sessions_.emplace(sessions_.end());
    const std::string client =
        "uid " + std::to_string(peer.uid) + " pid " + std::to_string(peer.pid);
    const base::Result<base::FiberId> fiber =
        base::spawn(loop_, "ingest " + client, [this, kept, slot, client] {
            serve(std::move(*kept), slot, client);
            sessions_.erase(slot);
            session_ended_.notify_all();
        });
    if (!fiber) {
        sessions_.erase(slot);
        base::log::warning("mta", "no fiber for a session", {{"error", fiber.error()}});
        return;
    }
    slot->fiber = fiber.value();
}

// Without a wait: a fresh socket takes a line, and whoever closed it meanwhile does not need it.
void IngestService::turn_away(base::Fd socket) {
    IngestAnswer answer;
    answer.reason = "too many sessions at the ingest socket";
    const std::string line = format_ingest_answer(answer);
    (void)::send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    base::log::warning("mta", "ingest client turned away", {{"sessions", sessions_.size()}});
}

void IngestService::serve(base::Fd socket, Slots::iterator slot, const std::string& client) {
    base::StreamLimits limits;
    limits.input_max = 2 * kIngestHeaderMax;
    base::Result<std::unique_ptr<base::SocketStream>> stream =
        base::SocketStream::adopt(loop_, std::move(socket), limits);
    if (!stream) {
        base::log::warning("mta", "connection not taken", {{"error", stream.error()}});
        return;
    }
    IngestSession(*stream.value(), parts_, slot->stop, client).run();
}

void IngestService::drain(base::Deadline deadline) {
    listener_.reset();
    for (Slot& slot : sessions_) {
        slot.stop.notify();
    }
    while (!sessions_.empty() && session_ended_.wait(deadline)) {
    }
    for (const Slot& slot : sessions_) {
        base::cancel_fiber(loop_, slot.fiber);
    }
    const base::Deadline last = base::Deadline::after(kCancelledDeadline);
    while (!sessions_.empty() && session_ended_.wait(last)) {
    }
}

}  // namespace mta
