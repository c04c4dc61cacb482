#include "dns/control/public_ports.h"

#include <algorithm>
#include <span>
#include <utility>

namespace dns {
namespace {

using Ports = std::vector<PublicPorts::Port>;

template <typename List>
auto find_port(List& ports, const base::Endpoint& wanted) {
    return std::ranges::find(ports, wanted, &PublicPorts::Port::wanted);
}

// Two sockets of which the kernel lets only one be: "0.0.0.0:53" and "192.0.2.1:53".
bool overlap(const base::Endpoint& left, const base::Endpoint& right) {
    const auto is_any = [](const base::Endpoint& endpoint) {
        return std::ranges::all_of(endpoint.address().bytes(),
                                   [](std::byte octet) { return octet == std::byte{0}; });
    };
    return left.port() == right.port() && left.address().family() == right.address().family() &&
           (is_any(left) || is_any(right));
}

void add_all(std::span<Counter> sums, std::span<const Counter> counts) {
    for (std::size_t i = 0; i < sums.size(); ++i) {
        sums[i].add(counts[i].value());
    }
}

void add(AnswerCounters& sum, const AnswerCounters& counts) {
    add_all(sum.outcomes, counts.outcomes);
    add_all(sum.answers, counts.answers);
    add_all(sum.variants, counts.variants);
    add_all(sum.denials, counts.denials);
    sum.truncated.add(counts.truncated.value());
}

void add(GuardCounters& sum, const GuardCounters& counts) {
    add_all(sum.cookies, counts.cookies);
    add_all(sum.limited, counts.limited);
}

void add(UdpCounters& sum, const UdpCounters& counts) {
    sum.received.add(counts.received.value());
    sum.sent.add(counts.sent.value());
    sum.dropped_send.add(counts.dropped_send.value());
    sum.dropped_source.add(counts.dropped_source.value());
    sum.deferred.add(counts.deferred.value());
    sum.deferred_full.add(counts.deferred_full.value());
}

// Of each port's UDP threads, then of those that were.
template <typename Counters>
std::vector<const Counters*> all_of(const Ports& ports,
                                    std::vector<const Counters*> (UdpServer::*which)() const,
                                    const Counters& gone) {
    std::vector<const Counters*> all;
    for (const PublicPorts::Port& port : ports) {
        const auto threads = (port.udp.get()->*which)();
        all.insert(all.end(), threads.begin(), threads.end());
    }
    all.push_back(&gone);
    return all;
}

}  // namespace

PublicPorts::~PublicPorts() = default;

base::Result<std::unique_ptr<PublicPorts>> PublicPorts::create(
    base::Loop& loop,
    const SnapshotHolder& holder,
    Options options,
    RespondFunction respond,
    const std::vector<base::Endpoint>& wanted) {
    std::unique_ptr<PublicPorts> made(new PublicPorts(holder, std::move(options)));
    made->options_.tcp.endpoints.clear();
    made->tcp_ = TRY(TcpServer::create(loop, made->options_.tcp, std::move(respond)));
    made->take(TRY(made->open(wanted)));
    return made;
}

base::Result<PublicPorts::Change> PublicPorts::open(
    const std::vector<base::Endpoint>& wanted) const {
    Change change{wanted, {}};
    for (const base::Endpoint& endpoint : wanted) {
        if (std::ranges::count(wanted, endpoint) != 1) {
            return base::Error{base::Errc::Exists, endpoint.to_text() + " is there twice"};
        }
        if (find_port(ports_, endpoint) != ports_.end()) {
            continue;
        }
        auto opened = open_one(endpoint);
        if (!opened) {
            return explained(opened.error(), endpoint);
        }
        change.opened.push_back(std::move(opened).take_value());
    }
    return change;
}

// TCP first: a free port that it was given is then taken for UDP, too.
base::Result<PublicPorts::Port> PublicPorts::open_one(const base::Endpoint& wanted) const {
    Port port;
    port.wanted = wanted;
    port.tcp = TRY(tcp_->open(wanted));
    UdpServer::Options udp = options_.udp;
    udp.endpoints = {port.tcp->bound()};
    port.udp = TRY(UdpServer::create(holder_, std::move(udp)));
    return port;
}

base::Error PublicPorts::explained(const base::Error& error, const base::Endpoint& wanted) const {
    std::string detail = error.detail;
    for (const Port& port : ports_) {
        if (overlap(port.tcp->bound(), wanted)) {
            detail += "; it overlaps " + port.wanted.to_text() +
                      ", which is open until the change is whole: restart to change this";
        }
    }
    if (error.code == base::Errc::Refused) {
        detail +=
            "; a port below 1024 needs CAP_NET_BIND_SERVICE, which must be given at the "
            "start: restart with it";
    }
    return base::Error{error.code, detail};
}

std::vector<base::Endpoint> PublicPorts::bound_after(const Change& change) const {
    std::vector<base::Endpoint> bound;
    for (const base::Endpoint& wanted : change.wanted) {
        const auto known = find_port(ports_, wanted);
        bound.push_back(known != ports_.end() ? known->tcp->bound()
                                              : find_port(change.opened, wanted)->tcp->bound());
    }
    return bound;
}

void PublicPorts::take(Change change) {
    Ports next;
    for (const base::Endpoint& wanted : change.wanted) {
        const auto known = find_port(ports_, wanted);
        next.push_back(known != ports_.end() ? std::move(*known)
                                             : std::move(*find_port(change.opened, wanted)));
    }
    const Ports old = std::exchange(ports_, std::move(next));
    for (const Port& port : old) {
        if (port.udp != nullptr) {
            keep_counts(*port.udp);
        }
    }
}

void PublicPorts::keep_counts(const UdpServer& server) {
    for (const AnswerCounters* counts : server.answer_counters()) {
        add(answers_gone_, *counts);
    }
    for (const GuardCounters* counts : server.guard_counters()) {
        add(guards_gone_, *counts);
    }
    for (const UdpCounters* counts : server.counters()) {
        add(udp_gone_, *counts);
    }
}

std::vector<base::Endpoint> PublicPorts::bound() const {
    std::vector<base::Endpoint> endpoints;
    for (const Port& port : ports_) {
        endpoints.push_back(port.tcp->bound());
    }
    return endpoints;
}

void PublicPorts::set_answers(const AnswerPolicy& answers) {
    options_.udp.answers = answers;
    for (const Port& port : ports_) {
        port.udp->set_answers(answers);
    }
}

void PublicPorts::set_limits(const TcpServer::Options& limits) {
    tcp_->set_limits(limits);
}

std::vector<const AnswerCounters*> PublicPorts::answer_counters() const {
    return all_of(ports_, &UdpServer::answer_counters, answers_gone_);
}

std::vector<const GuardCounters*> PublicPorts::guard_counters() const {
    return all_of(ports_, &UdpServer::guard_counters, guards_gone_);
}

std::vector<const UdpCounters*> PublicPorts::udp_counters() const {
    return all_of(ports_, &UdpServer::counters, udp_gone_);
}

const TcpCounters& PublicPorts::tcp_counters() const noexcept {
    return tcp_->counters();
}

}  // namespace dns
