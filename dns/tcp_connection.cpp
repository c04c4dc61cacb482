#include "dns/tcp_connection.h"

#include <algorithm>

#include "base/check.h"
#include "base/hash.h"
#include "dns/limits.h"
#include "dns/wire.h"

namespace dns {
namespace {

constexpr std::size_t kLengthSize = 2;
// What the stream holds, and is moved to the input at once.
constexpr std::size_t kStreamInput = kLengthSize + kTcpQueryMax;
// Room that every connection has: for half a query, and what comes at once.
constexpr std::size_t kRoomPlain = 2 * kStreamInput;
constexpr std::size_t kRoomMax = kLengthSize + kMessageMax + kStreamInput;
// What is written is sent from this many octets on, or when no query is at hand.
constexpr std::size_t kOutputBatch = std::size_t{16} * 1024;
// Replies in the queue, in octets, above which their makers wait.
constexpr std::size_t kRepliesMax = std::size_t{128} * 1024;
// Queries that are answered before others have their turn on the loop.
constexpr unsigned kTurnQueries = 64;
// A maker has a deadline of its own; this one is for one that forgot.
constexpr base::Duration kReplyDeadline = std::chrono::minutes(1);

base::StreamLimits stream_limits(base::Duration slow) {
    base::StreamLimits limits;
    limits.input_max = kStreamInput;
    // So much that write() never waits; run() flushes.
    limits.output_high_water = kOutputBatch + kLengthSize + kMessageMax;
    limits.write_timeout = slow;
    return limits;
}

}  // namespace

TcpConnection::TcpConnection(Host& host, std::unique_ptr<base::Stream> stream, const Limits& limits)
    : host_(host), stream_(std::move(stream)), limits_(limits), input_room_(kRoomPlain) {
    stream_->set_limits(stream_limits(limits.slow));
}

base::Error TcpConnection::serve() {
    base::Error ended = run().error();
    closed_ = true;
    stream_->close();
    room_.notify_all();
    return ended;
}

// Ends by an error only.
base::Status TcpConnection::run() {
    base::Deadline idle = base::Deadline::after(limits_.idle);
    for (;;) {
        const bool owed = taken_ != 0;
        TRY(write_replies());
        if (abandoned_) {
            TRY(stream_->flush(base::Deadline::after(limits_.slow)));
            return base::Error{base::Errc::Closed, "an answer could not be finished"};
        }
        TRY(check_length());
        if (whole_query() != 0 && taken_ < limits_.taken_max) {
            note_idle(false);
            TRY(answer_queries());
            idle = base::Deadline::after(limits_.idle);
            continue;
        }
        if (owed && taken_ == 0) {
            idle = base::Deadline::after(limits_.idle);
        }
        if (!replies_.empty()) {
            continue;
        }
        // One deadline for all of it: who reads an octet now and then is slow, too.
        TRY(stream_->flush(base::Deadline::after(limits_.slow)));
        TRY(wait(idle));
    }
}

// Half a query that comes octet by octet is no change.
void TcpConnection::note_idle(bool idle) {
    if (idle_ != idle) {
        idle_ = idle;
        host_.on_idle(*this, idle);
    }
}

// Octets of the query at the front of the input with its length; 0: it is not whole. One that is
// too long is never whole before check_length() has let it in.
std::size_t TcpConnection::whole_query() const noexcept {
    if (input_.size() < kLengthSize) {
        return 0;
    }
    const std::size_t size = kLengthSize + load_u16(base::as_bytes(input_).data());
    return input_.size() >= size && (large_ || size <= kLengthSize + kTcpQueryMax) ? size : 0;
}

base::Status TcpConnection::answer_queries() {
    for (unsigned i = 0; i < kTurnQueries && taken_ < limits_.taken_max; ++i) {
        const std::size_t size = whole_query();
        if (size == 0) {
            return base::Done{};
        }
        bool taken = false;
        const auto packet = base::as_bytes(input_).subspan(kLengthSize, size - kLengthSize);
        const std::span<const std::byte> answer = host_.on_query(*this, packet, taken);
        drop_query(size);
        if (!taken) {
            if (answer.empty()) {
                // What was answered before it is still sent.
                TRY(stream_->flush(base::Deadline::after(limits_.slow)));
                return base::Error{base::Errc::Closed, "nothing to answer"};
            }
            write(answer);
        }
        if (stream_->output_pending() >= kOutputBatch) {
            TRY(stream_->flush(base::Deadline::after(limits_.slow)));
        }
    }
    return base::fiber_yield();
}

// Length and message leave together (RFC 7766 8).
void TcpConnection::write(std::span<const std::byte> message) {
    std::byte length[kLengthSize];
    store_u16(length, static_cast<std::uint16_t>(message.size()));
    // Cannot fail: below the high-water mark it only copies.
    (void)stream_->write(base::as_text(std::span<const std::byte>(length)));
    (void)stream_->write(base::as_text(message));
}

base::Status TcpConnection::write_replies() {
    while (!replies_.empty()) {
        const std::string reply = std::move(replies_.front());
        replies_.pop_front();
        reply_octets_ -= reply.size();
        write(base::as_bytes(reply));
        room_.notify_one();
        if (stream_->output_pending() >= kOutputBatch) {
            TRY(stream_->flush(base::Deadline::after(limits_.slow)));
        }
    }
    return base::Done{};
}

base::Status TcpConnection::wait(base::Deadline idle_deadline) {
    if (taken_ == 0) {
        if (input_over_) {
            return base::Error{base::Errc::Closed, "end of input"};
        }
        note_idle(true);
        return read_more(idle_deadline);
    }
    note_idle(false);
    const base::Deadline deadline = base::Deadline::after(kReplyDeadline);
    if (input_over_ || taken_ >= limits_.taken_max) {
        return news_.wait(deadline);
    }
    TRY(stream_->wait_readable_or(news_, deadline));
    (void)news_.take();
    if (!stream_->readable_now()) {
        return base::Done{};
    }
    base::Status read = read_more(deadline);
    if (!read && read.error().code == base::Errc::Closed) {
        input_over_ = true;  // the answers that it waits for are still sent
        return base::Done{};
    }
    return read;
}

// The stream's buffer is empty between two reads, so that it tells when there is more.
base::Status TcpConnection::read_more(base::Deadline deadline) {
    if (stream_->buffered().empty()) {
        TRY(stream_->fill(deadline));
    }
    if (forgotten_) {
        return base::Error{base::Errc::Closed, "its room is another's"};
    }
    TRY(make_room(stream_->buffered().size()));
    input_.append(stream_->buffered());
    stream_->consume(stream_->buffered().size());
    return base::Done{};
}

// A long query is judged by its header, so that nothing is kept of what may not be long.
base::Status TcpConnection::check_length() {
    const auto input = base::as_bytes(input_);
    if (large_ || input.size() < kLengthSize || load_u16(input.data()) <= kTcpQueryMax) {
        return base::Done{};
    }
    const bool known = input.size() >= kLengthSize + kHeaderSize;
    if (!host_.takes_large(known ? input.subspan(kLengthSize, kHeaderSize) : input.first(0))) {
        // What was answered before it is still sent.
        TRY(stream_->flush(base::Deadline::after(limits_.slow)));
        return base::Error{base::Errc::TooLarge, "query"};
    }
    large_ = known;
    return base::Done{};
}

// Room grows as octets come, whatever length was announced: 8, 16, 32, 68 KiB.
base::Status TcpConnection::make_room(std::size_t more) {
    const std::size_t wanted = input_.size() + more;
    if (wanted <= input_room_) {
        return base::Done{};
    }
    CHECK(wanted <= kRoomMax);
    const std::size_t next = std::max(wanted, 2 * input_room_);
    const std::size_t room = next > kRoomMax / 2 ? kRoomMax : next;
    if (!host_.hold(*this, room)) {
        return base::Error{base::Errc::TooLarge, "too many long queries at once"};
    }
    input_room_ = room;
    input_.reserve(room);
    return base::Done{};
}

void TcpConnection::drop_query(std::size_t size) {
    input_.erase(0, size);
    large_ = false;
    if (input_room_ > kRoomPlain && input_.size() <= kRoomPlain) {
        std::string(input_).swap(input_);
        input_room_ = kRoomPlain;
        host_.give_back(*this);
    }
}

void TcpConnection::forget_input() noexcept {
    CHECK(idle_);
    forgotten_ = true;
    std::string().swap(input_);
}

void TcpConnection::begin_reply() {
    ++taken_;
}

void TcpConnection::abandon() {
    abandoned_ = true;
    news_.notify();
}

void TcpConnection::end_reply() {
    CHECK(taken_ > 0);
    --taken_;
    news_.notify();
}

base::Status TcpConnection::send_reply(std::span<const std::byte> message,
                                       base::Deadline deadline) {
    CHECK(message.size() <= kMessageMax);
    while (!closed_ && reply_octets_ >= kRepliesMax) {
        TRY(room_.wait(deadline));
    }
    if (closed_) {
        return base::Error{base::Errc::Closed, "the client is gone"};
    }
    replies_.emplace_back(base::as_text(message));
    reply_octets_ += message.size();
    news_.notify();
    return base::Done{};
}

}  // namespace dns
