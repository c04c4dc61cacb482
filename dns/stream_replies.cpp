#include "dns/stream_replies.h"

#include <map>
#include <utility>
#include <vector>

#include "base/fiber.h"
#include "base/worker_pool.h"
#include "dns/limits.h"

namespace dns {
namespace {

// Made at once: a turn of the loop to send it, and some hundred microseconds of a worker.
constexpr std::size_t kBatchOctets = std::size_t{64} * 1024;
constexpr std::size_t kWorkers = 2;
// Far more than the answers that may be under way: each has one job at a time.
constexpr std::size_t kJobsMax = 4096;
// For a worker to make the next messages, those of other answers before it.
constexpr std::chrono::seconds kMakeMax{30};

struct Batch {
    std::vector<std::byte> octets = std::vector<std::byte>(kBatchOctets + kMessageMax);
    std::vector<std::size_t> sizes;  // of messages, one behind the other
    ReplyStream::State state = ReplyStream::State::More;
};

void make(ReplyStream& replies, Batch& batch) {
    batch.sizes.clear();
    std::size_t used = 0;
    while (used < kBatchOctets && batch.state == ReplyStream::State::More) {
        const ReplyStream::Piece piece =
            replies.next(std::span(batch.octets).subspan(used, kMessageMax));
        batch.state = piece.state;
        if (piece.state != ReplyStream::State::Failed) {
            batch.sizes.push_back(piece.size);
            used += piece.size;
        }
    }
}

}  // namespace

struct StreamReplies::State {
    State(base::Loop& the_loop, StreamFunction the_start, const StreamLimits& the_limits)
        : loop(the_loop),
          start(std::move(the_start)),
          limits(the_limits),
          workers("dns-transfer", kWorkers, kJobsMax) {}

    // Errors as base::WaitQueue's; Busy: too many wait.
    base::Status take_place(const base::IpAddress& client);
    void give_back(const base::IpAddress& client);
    base::Status send_all(const std::shared_ptr<ReplyStream>& replies, TcpReply& reply);
    base::Status refuse(ReplyStream& replies, TcpReply& reply);
    base::Status serve(const std::shared_ptr<ReplyStream>& replies,
                       TcpReply& reply,
                       const base::IpAddress& client);

    base::Loop& loop;
    StreamFunction start;
    StreamLimits limits;
    StreamCounters counters;
    std::map<base::IpAddress, std::size_t> of_client;
    std::size_t total = 0;
    std::size_t waiting = 0;
    base::WaitQueue places;
    base::WorkerPool workers;
};

base::Status StreamReplies::State::take_place(const base::IpAddress& client) {
    const auto is_room = [&] {
        const auto known = of_client.find(client);
        return total < limits.total_max &&
               (known == of_client.end() || known->second < limits.per_client_max);
    };
    const auto deadline = base::Deadline::after(limits.wait);
    while (!is_room()) {
        if (waiting >= kStreamsWaitingMax) {
            return base::Error{base::Errc::Busy, "too many transfers wait"};
        }
        ++waiting;
        base::Status woken = places.wait(deadline);
        --waiting;
        TRY(std::move(woken));
    }
    ++total;
    ++of_client[client];
    return base::Done{};
}

void StreamReplies::State::give_back(const base::IpAddress& client) {
    --total;
    const auto known = of_client.find(client);
    if (--known->second == 0) {
        of_client.erase(known);
    }
    places.notify_all();  // the first in the queue may have too many of its own
}

// Until the stream ends, the client is gone, or the daemon stops.
base::Status StreamReplies::State::send_all(const std::shared_ptr<ReplyStream>& replies,
                                            TcpReply& reply) {
    const auto batch = std::make_shared<Batch>();
    while (batch->state == ReplyStream::State::More) {
        TRY(workers.run([replies, batch] { make(*replies, *batch); },
                        base::Deadline::after(kMakeMax)));
        std::span<const std::byte> rest = batch->octets;
        for (const std::size_t size : batch->sizes) {
            TRY(reply.send(rest.first(size), base::Deadline::after(limits.slow)));
            rest = rest.subspan(size);
        }
        if (batch->state == ReplyStream::State::More) {
            TRY(base::fiber_yield());
        }
    }
    if (batch->state == ReplyStream::State::Failed) {
        return base::Error{base::Errc::Unavailable, "the rest of the answer"};
    }
    return base::Done{};
}

base::Status StreamReplies::State::refuse(ReplyStream& replies, TcpReply& reply) {
    counters.refused.add();
    std::vector<std::byte> out(kMessageMax);
    const ReplyStream::Piece piece = replies.refuse(out);
    return reply.send(std::span<const std::byte>(out).first(piece.size),
                      base::Deadline::after(limits.slow));
}

base::Status StreamReplies::State::serve(const std::shared_ptr<ReplyStream>& replies,
                                         TcpReply& reply,
                                         const base::IpAddress& client) {
    if (const base::Status placed = take_place(client); !placed) {
        return placed.error().code == base::Errc::Cancelled ? placed : refuse(*replies, reply);
    }
    base::Status sent = send_all(replies, reply);
    give_back(client);
    if (sent) {
        counters.sent.add();
    }
    return sent;
}

StreamReplies::StreamReplies(base::Loop& loop, StreamFunction start, const StreamLimits& limits)
    : state_(std::make_shared<State>(loop, std::move(start), limits)) {
}

StreamReplies::~StreamReplies() = default;

TakeFunction StreamReplies::take_function() const {
    return [weak = std::weak_ptr(state_)](std::span<const std::byte> packet,
                                          const base::Endpoint& peer,
                                          const std::shared_ptr<TcpConnection>& connection) {
        const auto state = weak.lock();
        const std::shared_ptr<ReplyStream> replies =
            state == nullptr ? nullptr : state->start(packet, peer);
        if (replies == nullptr) {
            return false;
        }
        const auto reply = std::make_shared<TcpReply>(connection);
        const auto spawned =
            base::spawn(state->loop,
                        "dns-stream",
                        [state, replies, reply, client = tcp_client(peer.address())] {
                            const base::Status done = state->serve(replies, *reply, client);
                            if (!done && done.error().code != base::Errc::Cancelled) {
                                state->counters.broken.add();
                                reply->abandon();
                            }
                        });
        if (!spawned) {
            state->counters.broken.add();
            reply->abandon();
        }
        return true;
    };
}

void StreamReplies::set_limits(const StreamLimits& limits) {
    state_->limits = limits;
    state_->places.notify_all();
}

const StreamCounters& StreamReplies::counters() const noexcept {
    return state_->counters;
}

}  // namespace dns
