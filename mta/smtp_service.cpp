#include "mta/smtp_service.h"

#include <chrono>
#include <string>
#include <utility>
#include <variant>

#include "base/log.h"

namespace mta {

namespace {

constexpr int kBacklog = 512;
constexpr base::Duration kTurnAwayDeadline = std::chrono::seconds(5);
constexpr base::Duration kLingerDeadline = std::chrono::seconds(2);
constexpr std::size_t kLingerBytesMax = std::size_t{1} << 20U;
// After cancelling: a fiber that was told so ends at its next wait.
constexpr base::Duration kCancelledDeadline = std::chrono::seconds(5);

Reply turn_away_reply(Refusal refusal) {
    switch (refusal) {
        case Refusal::Shutdown:
            return {421, "4.3.2", "Shutting down, try again later"};
        case Refusal::SourceLimit:
            return {421, "4.7.0", "Too many sessions from your address"};
        default:
            return {421, "4.3.2", "Too many sessions, try again later"};
    }
}

// A close with unread input would be a reset, which takes our last reply from the client's buffer:
// read on for a moment.
void linger(base::SocketStream& stream) {
    if (!stream.shutdown_write()) {
        return;
    }
    const base::Deadline deadline = base::Deadline::after(kLingerDeadline);
    std::size_t dropped = 0;
    while (dropped < kLingerBytesMax) {
        dropped += stream.buffered().size();
        stream.consume(stream.buffered().size());
        if (!stream.fill(deadline)) {
            return;
        }
    }
}

}  // namespace

SmtpService::SmtpService(base::Loop& loop, Admission& admission, SessionParts& parts)
    : loop_(loop), admission_(admission), parts_(parts) {
}

SmtpService::~SmtpService() = default;

base::Result<std::unique_ptr<SmtpService>> SmtpService::create(
    base::Loop& loop,
    const std::vector<base::Endpoint>& listen,
    base::PortUse port_use,
    Admission& admission,
    SessionParts& parts) {
    std::unique_ptr<SmtpService> service(new SmtpService(loop, admission, parts));
    SmtpService& self = *service;
    for (const base::Endpoint& endpoint : listen) {
        service->listeners_.push_back(
            TRY(base::Listener::create(loop,
                                       endpoint,
                                       kBacklog,
                                       port_use,
                                       [&self](base::Fd socket, const base::Endpoint& peer) {
                                           self.on_accept(std::move(socket), peer);
                                       })));
    }
    return service;
}

std::vector<base::Endpoint> SmtpService::bound() const {
    std::vector<base::Endpoint> endpoints;
    for (const std::unique_ptr<base::Listener>& listener : listeners_) {
        endpoints.push_back(listener->bound());
    }
    return endpoints;
}

void SmtpService::on_accept(base::Fd socket, const base::Endpoint& peer) {
    if (stopping_) {
        turn_away(std::move(socket), peer, Refusal::Shutdown);
        return;
    }
    std::variant<Admission::Ticket, Admission::Denied> verdict = admission_.enter(peer.address());
    if (auto* ticket = std::get_if<Admission::Ticket>(&verdict)) {
        start_session(std::move(socket), std::move(*ticket), peer);
        return;
    }
    const bool overload = std::get<Admission::Denied>(verdict) == Admission::Denied::Overload;
    turn_away(std::move(socket), peer, overload ? Refusal::Overload : Refusal::SourceLimit);
}

void SmtpService::start_session(base::Fd socket,
                                Admission::Ticket ticket,
                                const base::Endpoint& peer) {
    // A std::function must be copyable: what the fiber takes over goes by shared_ptr.
    struct Start {
        base::Fd socket;
        Admission::Ticket ticket;
    };

    auto start = std::make_shared<Start>(Start{std::move(socket), std::move(ticket)});
    const auto slot = sessions_.emplace(sessions_.end());
    base::Result<base::FiberId> fiber =
        base::spawn(loop_, "smtp " + peer.to_text(), [this, start, slot] {
            serve(std::move(start->socket), slot);
            sessions_.erase(slot);
            session_ended_.notify_all();
        });
    if (!fiber) {
        sessions_.erase(slot);
        refusal_counter(Refusal::Overload).add();
        parts_.load.on_arrival();
        parts_.load.on_refused();
        base::log::warning("mta", "no fiber for a session", {{"error", fiber.error()}});
        return;
    }
    slot->fiber = fiber.value();
}

void SmtpService::serve(base::Fd socket, Slots::iterator slot) {
    base::Result<std::unique_ptr<base::SocketStream>> stream =
        base::SocketStream::adopt(loop_, std::move(socket));
    if (!stream) {
        base::log::warning("mta", "connection not taken", {{"error", stream.error()}});
        return;
    }
    SmtpSession session(*stream.value(), parts_, slot->stop);
    if (session.run() == SessionEnd::ByUs) {
        linger(*stream.value());
    }
}

void SmtpService::turn_away(base::Fd socket, const base::Endpoint& peer, Refusal refusal) {
    refusal_counter(refusal).add();
    if (refusal != Refusal::SourceLimit) {
        parts_.load.on_arrival();
        parts_.load.on_refused();
    }
    base::log::info(
        "mta", "turned away", {{"peer", peer.to_text()}, {"reason", refusal_name(refusal)}});
    if (*refusals_ >= kRefusalsMax) {
        return;
    }
    auto kept = std::make_shared<base::Fd>(std::move(socket));
    ++*refusals_;
    const base::Result<base::FiberId> fiber = base::spawn(
        loop_, "turn away " + peer.to_text(), [&loop = loop_, count = refusals_, kept, refusal] {
            base::Result<std::unique_ptr<base::SocketStream>> stream =
                base::SocketStream::adopt(loop, std::move(*kept));
            if (stream) {
                std::string text;
                append_reply(text, turn_away_reply(refusal));
                const base::Status written = stream.value()->write(text);
                if (written && stream.value()->flush(base::Deadline::after(kTurnAwayDeadline))) {
                    linger(*stream.value());
                }
            }
            --*count;
        });
    if (!fiber) {
        --*refusals_;
    }
}

void SmtpService::drain(base::Deadline deadline) {
    stopping_ = true;
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
