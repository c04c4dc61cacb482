#include "dns/stream_replies.h"

#include <utility>
#include <vector>

#include "base/fiber.h"
#include "dns/limits.h"

namespace dns {
namespace {

// Until the stream ends, the client is gone, or the daemon stops.
void send_all(ReplyStream& replies, TcpReply& reply, base::Duration slow, Counter& sent) {
    std::vector<std::byte> out(kMessageMax);
    for (;;) {
        const ReplyStream::Piece piece = replies.next(out);
        if (piece.state == ReplyStream::State::Failed) {
            reply.abandon();
            return;
        }
        const auto message = std::span<const std::byte>(out).first(piece.size);
        if (!reply.send(message, base::Deadline::after(slow))) {
            reply.abandon();
            return;
        }
        if (piece.state == ReplyStream::State::Last) {
            sent.add();
            return;
        }
        if (!base::fiber_yield()) {
            return;
        }
    }
}

}  // namespace

TakeFunction stream_replies(base::Loop& loop,
                            StreamFunction start,
                            base::Duration slow,
                            Counter& sent) {
    return [&loop, start = std::move(start), slow, &sent](
               std::span<const std::byte> packet,
               const base::Endpoint& peer,
               const std::shared_ptr<TcpConnection>& connection) {
        const std::shared_ptr<ReplyStream> replies = start(packet, peer);
        if (replies == nullptr) {
            return false;
        }
        const auto reply = std::make_shared<TcpReply>(connection);
        const auto spawned = base::spawn(loop, "dns-stream", [replies, reply, slow, &sent] {
            send_all(*replies, *reply, slow, sent);
        });
        if (!spawned) {
            reply->abandon();
        }
        return true;
    };
}

}  // namespace dns
