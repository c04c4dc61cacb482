#include "dns/deferred_queries.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "dns/message.h"
#include "dns/wire.h"

namespace dns {
namespace {

// A write to an eventfd fails only when its count is full: then it is readable anyhow.
void wake_up(int wake) noexcept {
    const std::uint64_t one = 1;
    (void)!write(wake, &one, sizeof one);
}

}  // namespace

DeferredSource::DeferredSource(int socket, int wake, std::size_t slots)
    : socket_(socket), wake_(wake), slots_(slots) {
    CHECK(std::has_single_bit(slots));
}

bool DeferredSource::push(DeferReason reason, const msghdr& datagram, std::size_t size) noexcept {
    const std::size_t at = pushed_.load(std::memory_order_relaxed);
    if (at - popped_.load(std::memory_order_acquire) == slots_.size()) {
        return false;
    }
    DeferredDatagram& slot = slots_[at & (slots_.size() - 1)];
    slot.reason = reason;
    slot.size = std::min(size, slot.packet.size());
    slot.source_size = std::min<std::size_t>(datagram.msg_namelen, sizeof slot.source);
    slot.control_size = std::min(datagram.msg_controllen, slot.control.size());
    std::memcpy(slot.packet.data(), datagram.msg_iov->iov_base, slot.size);
    std::memcpy(&slot.source, datagram.msg_name, slot.source_size);
    std::memcpy(slot.control.data(), datagram.msg_control, slot.control_size);
    pushed_.store(at + 1, std::memory_order_release);
    // Either this thread sees that all before was popped, or the loop, which pops and looks again
    // with the same fence between, sees what was pushed.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (popped_.load(std::memory_order_relaxed) == at) {
        wake_up(wake_);
    }
    return true;
}

const DeferredDatagram* DeferredSource::front() const noexcept {
    const std::size_t at = popped_.load(std::memory_order_relaxed);
    return at == pushed_.load(std::memory_order_acquire) ? nullptr
                                                         : &slots_[at & (slots_.size() - 1)];
}

void DeferredSource::pop() noexcept {
    popped_.store(popped_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

DeferredReply::DeferredReply(std::shared_ptr<const DeferredSource> from,
                             const DeferredDatagram& query)
    : from_(std::move(from)),
      route_{query.source,
             static_cast<socklen_t>(query.source_size),
             query.control,
             query.control_size} {
}

bool DeferredReply::send(std::span<const std::byte> message) noexcept {
    CHECK(message.size() <= kUdpResponseMax);
    const auto from = std::exchange(from_, nullptr);
    if (from == nullptr || from->socket() < 0) {
        return false;
    }
    // sendmsg() only reads it.
    iovec vector{const_cast<std::byte*>(message.data()), message.size()};
    msghdr header{};
    header.msg_name = &route_.source;
    header.msg_namelen = route_.source_size;
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    if (route_.control_size != 0) {
        header.msg_control = route_.control.data();
        header.msg_controllen = route_.control_size;
        leave_interface_to_routing(header);
    }
    for (;;) {
        if (sendmsg(from->socket(), &header, MSG_DONTWAIT) >= 0) {
            return true;
        }
        if (errno != EINTR) {
            return false;
        }
    }
}

base::Result<std::unique_ptr<DeferredQueries>> DeferredQueries::create(base::Loop& loop,
                                                                       std::size_t slots) {
    base::Fd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake) {
        return base::errno_error("eventfd", errno);
    }
    const int fd = wake.get();
    std::unique_ptr<DeferredQueries> made(new DeferredQueries(std::move(wake), slots));
    made->watch_ = base::FdWatch::create(
        loop, fd, base::Interest::Read, [self = made.get()] { self->drain(); });
    return made;
}

void DeferredQueries::set_handler(DeferReason reason, Handler handler) {
    handlers_[static_cast<std::size_t>(reason)] = std::move(handler);
}

bool DeferredQueries::handles(DeferReason reason) const noexcept {
    return static_cast<bool>(handlers_[static_cast<std::size_t>(reason)]);
}

std::shared_ptr<DeferredSource> DeferredQueries::add_source(int socket) {
    std::erase_if(sources_, [](const auto& source) { return source->socket() < 0; });
    sources_.push_back(std::make_shared<DeferredSource>(socket, wake_.get(), slots_));
    return sources_.back();
}

void DeferredQueries::drain() {
    std::uint64_t count = 0;
    (void)!read(wake_.get(), &count, sizeof count);  // before the rings: what comes later wakes
    for (const auto& source : sources_) {
        hand_over(source);
    }
}

// At most a ring full at once, so that a flood leaves the loop to others in between.
void DeferredQueries::hand_over(const std::shared_ptr<DeferredSource>& source) {
    for (std::size_t i = 0; i < slots_; ++i) {
        const DeferredDatagram* const query = source->front();
        if (query == nullptr) {
            return;
        }
        const Handler& handler = handlers_[static_cast<std::size_t>(query->reason)];
        if (handler && source->socket() >= 0) {
            handler(std::span(query->packet).first(query->size),
                    base::Endpoint::from_sockaddr(reinterpret_cast<const sockaddr&>(query->source)),
                    DeferredReply(source, *query));
        }
        source->pop();
    }
    wake_up(wake_.get());
}

std::size_t answer_not_ready(std::span<const std::byte> packet, std::span<std::byte> out) noexcept {
    Query query;
    if (!outcome_action(parse_query(packet, query)).answered) {
        return 0;
    }
    Message message(query, packet, Transport::Udp, out);
    message.set_rcode(Rcode::ServFail);
    message.set_extended_error(ExtendedError::NotReady);
    return message.finish();
}

}  // namespace dns
