#include "dns/transfer/notifier.h"

#include <algorithm>
#include <chrono>

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "dns/transfer/notify_message.h"

namespace dns::transfer {
namespace {

// So many at once, and then the loop's other work has its turn.
constexpr std::size_t kSendsMax = 100;
constexpr double kTurn = 0.01;  // seconds between two turns
constexpr int kBatches = 4;

double now_s() {
    return std::chrono::duration<double>(base::monotonic_now().time_since_epoch()).count();
}

std::uint64_t wall_s() {
    return static_cast<std::uint64_t>(base::wall_us() / 1'000'000);
}

bool is_newer(const TransferView* before, const SharedZone& zone) {
    const SharedZone* const old = before == nullptr ? nullptr : before->find(zone->apex().wire());
    return old == nullptr || (*old)->serial != zone->serial;
}

}  // namespace

Notifier::~Notifier() = default;

base::Result<std::unique_ptr<Notifier>> Notifier::create(base::Loop& loop,
                                                         const std::vector<base::Endpoint>& from) {
    std::unique_ptr<Notifier> notifier(new Notifier(loop));
    for (const base::IpFamily family : {base::IpFamily::V4, base::IpFamily::V6}) {
        const auto known = std::ranges::find_if(from, [family](const base::Endpoint& endpoint) {
            return endpoint.address().family() == family;
        });
        if (known != from.end()) {
            TRY(notifier->open(base::Endpoint(known->address(), 0)));
        }
    }
    return notifier;
}

base::Status Notifier::open(const base::Endpoint& from) {
    sockets_.push_back(TRY(bind_udp(from, base::PortUse::Exclusive)));
    const int fd = sockets_.back().fd.get();
    watches_.push_back(
        base::FdWatch::create(loop_, fd, base::Interest::Read, [this, fd] { on_readable(fd); }));
    return base::Done{};
}

void Notifier::take(const SharedView& view) {
    const SharedView before = std::exchange(view_, view);
    targets_.clear();
    std::set<base::Endpoint> endpoints;
    if (view != nullptr) {
        for (const Peer& peer : view->rights().peers()) {
            for (const base::Endpoint& to : peer.notify) {
                targets_[to] = {peer.key};
                endpoints.insert(to);
            }
        }
        const bool same_peers = before != nullptr && &before->rights() == &view->rights();
        for (const SharedZone& zone : view->zones()) {
            if (!same_peers || is_newer(before.get(), zone)) {
                for (const Peer& peer : view->rights().peers()) {
                    want(peer, zone);
                }
            }
        }
    }
    plan_.keep_only(endpoints);
    std::erase_if(attempts_,
                  [&](const auto& entry) { return !endpoints.contains(entry.first.to); });
    arm();
}

void Notifier::want(const Peer& peer, const SharedZone& zone) {
    if (view_->rights().covers(peer, zone->apex().wire())) {
        for (const base::Endpoint& to : peer.notify) {
            plan_.want({to, zone->apex()}, zone->serial, now_s());
        }
    }
}

void Notifier::send_due() {
    for (const Notice& notice : plan_.take_due(now_s(), kSendsMax)) {
        send(notice);
    }
    arm();
}

void Notifier::send(const Notice& notice) {
    const SharedZone* const zone = view_ == nullptr ? nullptr : view_->find(notice.key.zone.wire());
    const auto target = targets_.find(notice.key.to);
    const auto socket = std::ranges::find_if(sockets_, [&notice](const UdpSocket& candidate) {
        return candidate.bound.address().family() == notice.key.to.address().family();
    });
    if (zone == nullptr || target == targets_.end() || socket == sockets_.end()) {
        return;
    }
    const auto id = static_cast<std::uint16_t>(base::random_below(0x10000));
    const NotifyMessage message = notify_message(**zone, id, target->second.key, wall_s());
    plan_.sent_as(notice.key, id);
    if (target->second.key != nullptr) {
        attempts_[notice.key] = {message.mac};
    }
    sockaddr_storage address{};
    const unsigned length = notice.key.to.to_sockaddr(address);
    // What is not sent now is lost as any datagram may be, and the next attempt comes.
    (void)::sendto(socket->fd.get(),
                   message.packet.data(),
                   message.packet.size(),
                   MSG_DONTWAIT,
                   reinterpret_cast<const sockaddr*>(&address),
                   length);
}

void Notifier::on_readable(int fd) {
    for (int i = 0; i < kBatches; ++i) {
        const auto counts = batch_.exchange(
            fd,
            [this](std::span<const std::byte> packet,
                   const sockaddr_storage& source,
                   std::span<std::byte>) -> std::size_t {
                on_answer(packet,
                          base::Endpoint::from_sockaddr(reinterpret_cast<const sockaddr&>(source)));
                return 0;
            });
        if (counts.received < DatagramBatch::kDatagrams) {
            return;
        }
    }
}

void Notifier::on_answer(std::span<const std::byte> packet, const base::Endpoint& from) {
    const auto answer = read_notify_answer(packet);
    const auto target = targets_.find(from);
    if (!answer || target == targets_.end()) {
        return;
    }
    const NoticeKey key{from, answer->zone};
    if (target->second.key != nullptr) {
        const auto attempt = attempts_.find(key);
        if (attempt == attempts_.end() || verify_tsig_answer(*target->second.key,
                                                             attempt->second.mac.bytes(),
                                                             packet,
                                                             wall_s()) != TsigVerdict::Good) {
            return;
        }
    }
    if (!plan_.acknowledge(key, answer->id)) {
        return;
    }
    attempts_.erase(key);
    if (answer->rcode != 0) {
        base::log::warning(
            "dns",
            "notify-refused",
            {{"peer", from.to_text()}, {"zone", answer->zone.to_text()}, {"rcode", answer->rcode}});
    }
}

void Notifier::arm() {
    const auto due = plan_.next_due_s();
    if (!due) {
        attempts_.clear();
        timer_.cancel();
        return;
    }
    const std::chrono::duration<double> wait(std::max(kTurn, *due - now_s()));
    timer_ = base::Timer::after(
        loop_, std::chrono::duration_cast<base::Duration>(wait), [this] { send_due(); });
}

}  // namespace dns::transfer
