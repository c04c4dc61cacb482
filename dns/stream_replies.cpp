#include "dns/stream_replies.h"

#include <utility>
#include <vector>

#include "base/fiber.h"
#include "dns/limits.h"

namespace dns {
namespace {

// Until the stream ends, the client is gone, or the daemon stops.
base::Status send_all(ReplyStream& replies, TcpReply& reply, base::Duration slow) {
    std::vector<std::byte> out(kMessageMax);
    for (;;) {
        const ReplyStream::Piece piece = replies.next(out);
        if (piece.state == ReplyStream::State::Failed) {
            return base::Error{base::Errc::Unavailable, "the rest of the answer"};
        }
        TRY(reply.send(std::span<const std::byte>(out).first(piece.size),
                       base::Deadline::after(slow)));
        if (piece.state == ReplyStream::State::Last) {
            return base::Done{};
        }
        TRY(base::fiber_yield());
    }
}

}  // namespace

TakeFunction stream_replies(base::Loop& loop,
                            StreamFunction start,
                            base::Duration slow,
                            StreamCounters& counters) {
    return [&loop, start = std::move(start), slow, &counters](
               std::span<const std::byte> packet,
               const base::Endpoint& peer,
               const std::shared_ptr<TcpConnection>& connection) {
        const std::shared_ptr<ReplyStream> replies = start(packet, peer);
        if (replies == nullptr) {
            return false;
        }
        const auto reply = std::make_shared<TcpReply>(connection);
        const auto spawned = base::spawn(loop, "dns-stream", [replies, reply, slow, &counters] {
            const base::Status sent = send_all(*replies, *reply, slow);
            if (sent) {
                counters.sent.add();
            } else if (sent.error().code != base::Errc::Cancelled) {
                counters.broken.add();
                reply->abandon();
            }
        });
        if (!spawned) {
            counters.broken.add();
            reply->abandon();
        }
        return true;
    };
}

}  // namespace dns
