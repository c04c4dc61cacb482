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
// Of what is told little by little so much waits for answers at once, so that news finds its place.
constexpr std::size_t kOpenMax = 500;

double now_s() {
    return std::chrono::duration<double>(base::monotonic_now().time_since_epoch()).count();
}

std::uint64_t wall_s() {
    return static_cast<std::uint64_t>(base::wall_us() / 1'000'000);
}

void add(NotifyCounts& sum, const NotifyCounts& counts) {
    sum.sent += counts.sent;
    sum.acknowledged += counts.acknowledged;
    sum.given_up += counts.given_up;
}

}  // namespace

Notifier::~Notifier() = default;

base::Result<std::unique_ptr<Notifier>> Notifier::create(base::Loop& loop,
                                                         const std::vector<base::Endpoint>& from,
                                                         double per_second) {
    std::unique_ptr<Notifier> notifier(new Notifier(loop, per_second));
    TRY(notifier->set_from(from));
    return notifier;
}

base::Status Notifier::set_from(const std::vector<base::Endpoint>& from) {
    std::vector<UdpSocket> sockets;
    for (const base::IpFamily family : {base::IpFamily::V4, base::IpFamily::V6}) {
        const auto known = std::ranges::find_if(from, [family](const base::Endpoint& endpoint) {
            return endpoint.address().family() == family;
        });
        if (known != from.end()) {
            sockets.push_back(
                TRY(bind_udp(base::Endpoint(known->address(), 0), base::PortUse::Exclusive)));
        }
    }
    watches_.clear();  // before their sockets
    sockets_ = std::move(sockets);
    for (const UdpSocket& socket : sockets_) {
        const int fd = socket.fd.get();
        watches_.push_back(base::FdWatch::create(
            loop_, fd, base::Interest::Read, [this, fd] { on_readable(fd); }));
    }
    return base::Done{};
}

void Notifier::take(const SharedView& view) {
    if (view == view_) {
        return;
    }
    const SharedView before = std::exchange(view_, view);
    const bool same_peers =
        before != nullptr && view != nullptr && &before->rights() == &view->rights();
    if (!same_peers) {
        take_peers();
    }
    for (auto& [to, target] : targets_) {
        take_news(target, !same_peers || view->moved().all);
    }
    arm();
}

void Notifier::take_peers() {
    std::map<base::Endpoint, std::vector<const Peer*>> wanted;
    if (view_ != nullptr) {
        for (const Peer& peer : view_->rights().peers()) {
            for (const base::Endpoint& to : peer.notify) {
                wanted[to].push_back(&peer);
            }
        }
    }
    for (auto place = targets_.begin(); place != targets_.end();) {
        if (wanted.contains(place->first)) {
            ++place;
        } else {
            add(gone_, place->second.plan.counts());
            place = targets_.erase(place);
        }
    }
    for (auto& [to, peers] : wanted) {
        Target& target = targets_.try_emplace(to, per_second_).first->second;
        target.key = peers.back()->key;
        target.peers = std::move(peers);
    }
}

void Notifier::take_news(Target& target, bool all) {
    bool is_full = false;
    if (!all) {
        for (const SharedZone& zone : view_->moved().zones) {
            if (!covers(target, *zone)) {
                continue;
            }
            // What finds no place is found again by looking at all.
            if (target.plan.want(zone->apex(), zone->serial, now_s(), NotifyPlan::Hurry::Yes)) {
                (void)target.backlog.note(*zone);
            } else {
                is_full = true;
            }
        }
    }
    target.backlog.take(view_, all || is_full);
}

bool Notifier::covers(const Target& target, const PublishedZone& zone) const {
    return std::ranges::any_of(target.peers, [&](const Peer* peer) {
        return view_->rights().covers(*peer, zone.apex().wire());
    });
}

void Notifier::fill(Target& target, double now) {
    if (!target.backlog.pending() || target.plan.waiting() >= kOpenMax) {
        return;
    }
    const auto wanted = [&](const PublishedZone& zone) { return covers(target, zone); };
    for (const SharedZone& zone : target.backlog.next(kOpenMax - target.plan.waiting(), wanted)) {
        (void)target.plan.want(zone->apex(), zone->serial, now);
    }
}

void Notifier::send_due() {
    const double now = now_s();
    for (auto& [to, target] : targets_) {
        fill(target, now);
        for (const Notice& notice : target.plan.take_due(now, kSendsMax)) {
            send(to, target, notice);
        }
        for (const Name& zone : target.plan.take_given_up()) {
            target.backlog.forget(zone);
        }
    }
    arm();
}

void Notifier::send(const base::Endpoint& to, Target& target, const Notice& notice) {
    const SharedZone* const zone = view_->find(notice.zone.wire());
    const auto socket = std::ranges::find_if(sockets_, [&to](const UdpSocket& candidate) {
        return candidate.bound.address().family() == to.address().family();
    });
    if (zone == nullptr || socket == sockets_.end()) {
        target.plan.forget(notice.zone);
        return;
    }
    const auto id = static_cast<std::uint16_t>(base::random_below(0x10000));
    const NotifyMessage message = notify_message(**zone, id, target.key, wall_s());
    target.plan.sent_as(notice.zone, id, message.mac);
    sockaddr_storage address{};
    const unsigned length = to.to_sockaddr(address);
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
    const TsigKey* const key = target->second.key;
    NotifyPlan& plan = target->second.plan;
    const Mac* const sent = plan.sent_mac(answer->zone);
    if (sent == nullptr ||
        (key != nullptr &&
         verify_tsig_answer(*key, sent->bytes(), packet, wall_s()) != TsigVerdict::Good) ||
        !plan.acknowledge(answer->zone, answer->id)) {
        return;
    }
    if (answer->rcode != 0) {
        target->second.backlog.forget(answer->zone);
        base::log::warning(
            "dns",
            "notify-refused",
            {{"peer", from.to_text()}, {"zone", answer->zone.to_text()}, {"rcode", answer->rcode}});
    }
}

void Notifier::set_pace(double per_second) {
    per_second_ = per_second;
    for (auto& [to, target] : targets_) {
        target.plan.set_pace(per_second);
    }
}

NotifyCounts Notifier::counts() const {
    NotifyCounts sum = gone_;
    for (const auto& [to, target] : targets_) {
        add(sum, target.plan.counts());
    }
    return sum;
}

std::size_t Notifier::waiting() const {
    std::size_t sum = 0;
    for (const auto& [to, target] : targets_) {
        sum += target.plan.waiting();
    }
    return sum;
}

void Notifier::arm() {
    std::optional<double> due;
    const double now = now_s();
    for (const auto& [to, target] : targets_) {
        if (target.backlog.pending() && target.plan.waiting() < kOpenMax) {
            due = now;
        }
        const auto next = target.plan.next_due_s();
        if (next && (!due || *next < *due)) {
            due = next;
        }
    }
    if (!due) {
        timer_.cancel();
        return;
    }
    const std::chrono::duration<double> wait(std::max(kTurn, *due - now));
    timer_ = base::Timer::after(
        loop_, std::chrono::duration_cast<base::Duration>(wait), [this] { send_due(); });
}

}  // namespace dns::transfer
