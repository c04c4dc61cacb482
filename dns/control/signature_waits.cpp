#include "dns/control/signature_waits.h"

#include <array>
#include <utility>

#include <sys/socket.h>

#include "dns/dnssec/variant_choice.h"
#include "dns/udp_socket.h"

namespace dns {
namespace {

Client client_of(const base::Endpoint& peer) {
    sockaddr_storage storage{};
    (void)peer.to_sockaddr(storage);
    return udp_client(storage);
}

}  // namespace

SignatureWaits::SignatureWaits(base::Loop& loop, SnapshotReader& reader, AnswerPolicy policy)
    : loop_(loop), reader_(reader), thread_(0, std::move(policy)) {
    thread_.holds = true;
}

void SignatureWaits::set_policy(AnswerPolicy policy) {
    AnswerGuard guard(std::move(policy));
    thread_.guard.swap_policy(guard);
}

void SignatureWaits::take(std::span<const std::byte> packet,
                          const base::Endpoint& peer,
                          DeferredReply reply) {
    // It may have been made meanwhile, for another who asked.
    if (waiting_.size() >= kSignatureWaits) {
        counters_.full.add();
        (void)try_answer(packet, peer, reply, Patience::None);
        return;
    }
    if (try_answer(packet, peer, reply, Patience::More)) {
        counters_.in_time.add();
        return;
    }
    waiting_.push_back({{packet.begin(), packet.end()},
                        peer,
                        base::Deadline::after(dnssec::kVariantWaitMax),
                        std::move(reply)});
    if (waiting_.size() == 1) {
        set_timer();
    }
}

void SignatureWaits::on_signed() {
    std::deque<Waiting> still;
    for (Waiting& query : waiting_) {
        if (try_answer(query.packet, query.peer, query.reply, Patience::More)) {
            counters_.in_time.add();
        } else {
            still.push_back(std::move(query));
        }
    }
    waiting_ = std::move(still);
    set_timer();
}

// False: its answer is still to be signed, and there is time.
bool SignatureWaits::try_answer(std::span<const std::byte> packet,
                                const base::Endpoint& peer,
                                DeferredReply& reply,
                                Patience patience) {
    std::array<std::byte, kUdpResponseMax> out;  // NOLINT: written before it is read
    thread_.defers[static_cast<std::size_t>(DeferReason::Signature)] = patience == Patience::More;
    reader_.online();
    thread_.guard.set_time(moment_now());
    const std::size_t size = answer(*reader_.get(), packet, client_of(peer), thread_, out);
    reader_.offline();
    if (std::exchange(thread_.deferred, DeferReason::None) != DeferReason::None) {
        return false;
    }
    if (size != 0) {
        (void)reply.send(std::span(out).first(size));  // else the client asks again
    }
    return true;
}

void SignatureWaits::on_time() {
    while (!waiting_.empty() && waiting_.front().until.passed()) {
        Waiting query = std::move(waiting_.front());
        waiting_.pop_front();
        counters_.late.add();
        (void)try_answer(query.packet, query.peer, query.reply, Patience::None);
    }
    set_timer();
}

void SignatureWaits::set_timer() {
    timer_.cancel();
    if (!waiting_.empty()) {
        timer_ =
            base::Timer::after(loop_, waiting_.front().until.remaining(), [this] { on_time(); });
    }
}

}  // namespace dns
