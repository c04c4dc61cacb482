#include "dns/probe/prober.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include <sys/socket.h>

#include "base/clock.h"

namespace dns::probe {
namespace {

CloseCause cause_of(int error_number) {
    switch (error_number) {
        case 0:
            return CloseCause::EndOfStream;
        case ECONNREFUSED:
        case ECONNRESET:
        case EPIPE:
            return CloseCause::Reset;
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
        case EADDRNOTAVAIL:
        case EACCES:
        case EPERM:
        case EAFNOSUPPORT:
            return CloseCause::OwnFault;
        default:
            return CloseCause::Unreachable;
    }
}

bool must_wait(int error_number) {
    return error_number == EAGAIN || error_number == EWOULDBLOCK || error_number == EINTR;
}

}  // namespace

Prober::Prober(base::Loop& loop, ProbeTiming timing, OnResult on_result)
    : loop_(&loop), timing_(timing), on_result_(std::move(on_result)), start_s_(now_s()) {
}

Prober::~Prober() = default;

double Prober::now_s() const {
    return std::chrono::duration<double>(base::monotonic_now().time_since_epoch()).count();
}

void Prober::set_targets(const std::vector<ProbeTarget>& targets) {
    TargetMap old = std::exchange(targets_, {});
    const double count = static_cast<double>(targets.size());
    for (std::size_t i = 0; i < targets.size(); ++i) {
        const ProbeTarget& config = targets[i];
        const std::pair key(config.server, config.check);
        ProbeTiming timing = config.timing.value_or(timing_);
        timing.seed = timing_.seed;
        const double place = static_cast<double>(i) / count;
        const double first_s = start_s_ + timing.interval_s * place;
        const auto found = old.find(key);
        if (found != old.end() && found->second->config == config) {
            found->second->machine.set_first(first_s);
            targets_[key] = std::move(found->second);
            old.erase(found);
            continue;
        }
        ProbeMachine machine(config.server, config.ask, timing, first_s);
        machine.probe_at(now_s() + std::min(kFirstRound_s, timing.interval_s) * place);
        targets_[key] = std::make_unique<Target>(Target{config, std::move(machine), {}, {}});
    }
    for (const auto& entry : targets_) {
        arm(*entry.second);
    }
}

void Prober::arm(Target& target) {
    const double left_s = std::max(0.0, target.machine.next_time_s() - now_s());
    const auto span = std::chrono::duration_cast<base::Duration>(
        std::chrono::duration<double>(left_s) + std::chrono::microseconds(1));
    target.timer = base::Timer::after(*loop_, span, [this, &target] {
        const std::uint64_t stalls = target.machine.stalls();
        target.machine.on_time(now_s());
        counts_.stalls += target.machine.stalls() - stalls;
        drive(target);
    });
}

/// Carries out what the machine wants until it wants nothing more. That comes to an end: only a
/// connection that was idle makes the machine ask for another one, and it has one of those.
void Prober::drive(Target& target) {
    while (true) {
        const std::vector<ProbeAction> actions = target.machine.take_actions();
        for (const ProbeAction& action : actions) {
            carry_out(target, action);
        }
        std::optional<ProbeResult> result = target.machine.take_result();
        if (result) {
            result->check = target.config.check;
            count(result->outcome);
            target.machine.settle(on_result_(*result), now_s());
        } else if (actions.empty()) {
            break;
        }
    }
    arm(target);
}

void Prober::carry_out(Target& target, const ProbeAction& action) {
    if (action.kind == ProbeAction::Kind::Connect) {
        connect(target, action.connection);
        return;
    }
    const auto found = target.connections.find(action.connection);
    if (found == target.connections.end()) {
        return;
    }
    if (action.kind == ProbeAction::Kind::Close) {
        target.connections.erase(found);
        return;
    }
    // A few octets on an idle connection: if the kernel has no room for them, it is not working.
    const auto sent = ::send(found->second.socket.get(),
                             action.bytes.data(),
                             action.bytes.size(),
                             MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent != static_cast<ssize_t>(action.bytes.size())) {
        lose(target, action.connection, sent < 0 ? errno : ETIMEDOUT);
    }
}

void Prober::connect(Target& target, ConnectionId id) {
    sockaddr_storage address{};
    const socklen_t length = target.config.endpoint.to_sockaddr(address);
    base::Fd socket(::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) {
        lose(target, id, errno);
        return;
    }
    const int result = ::connect(
        socket.get(),
        reinterpret_cast<const sockaddr*>(&address),  // NOLINT(*-reinterpret-cast): the socket API
        length);
    if (result != 0 && errno != EINPROGRESS) {
        lose(target, id, errno);
        return;
    }
    Connection& connection = target.connections[id];
    connection.socket = std::move(socket);
    // The machine's next event is "connected", whether that is now or later.
    connection.writable = base::FdWatch::create(
        *loop_, connection.socket.get(), base::Interest::Write, [this, &target, id] {
            on_writable(target, id);
        });
}

/// A connection is gone: tells the machine, which may have closed it already.
void Prober::lose(Target& target, ConnectionId id, int error_number) {
    target.connections.erase(id);
    const CloseCause cause = cause_of(error_number);
    counts_.own_faults += cause == CloseCause::OwnFault ? 1 : 0;
    target.machine.on_closed(id, cause, now_s());
}

void Prober::on_writable(Target& target, ConnectionId id) {
    Connection& connection = target.connections.at(id);
    int error_number = 0;
    socklen_t length = sizeof error_number;
    if (::getsockopt(connection.socket.get(), SOL_SOCKET, SO_ERROR, &error_number, &length) != 0) {
        error_number = errno;
    }
    if (error_number != 0) {
        lose(target, id, error_number);
    } else {
        connection.readable = base::FdWatch::create(
            *loop_, connection.socket.get(), base::Interest::Read, [this, &target, id] {
                on_readable(target, id);
            });
        connection.writable = base::FdWatch();
        target.machine.on_connected(id, now_s());
    }
    drive(target);
}

void Prober::on_readable(Target& target, ConnectionId id) {
    Connection& connection = target.connections.at(id);
    std::array<char, 2048> buffer{};
    const auto count = ::recv(connection.socket.get(), buffer.data(), buffer.size(), 0);
    if (count > 0) {
        target.machine.on_bytes(
            id, std::string_view(buffer.data(), static_cast<std::size_t>(count)), now_s());
    } else if (count == 0) {
        lose(target, id, 0);
    } else if (!must_wait(errno)) {
        lose(target, id, errno);
    }
    drive(target);
}

void Prober::count(ProbeOutcome outcome) {
    switch (outcome) {
        case ProbeOutcome::Reply:
        case ProbeOutcome::Unfit:
            ++counts_.replies;
            return;
        case ProbeOutcome::Lost:
            ++counts_.lost;
            return;
        case ProbeOutcome::Refused:
            ++counts_.refused;
            return;
        case ProbeOutcome::BadBanner:
            ++counts_.bad_banners;
            return;
        case ProbeOutcome::Silent:
            ++counts_.silent;
            return;
    }
}

}  // namespace dns::probe
