#include "test/sim/model.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace sim {
namespace {

constexpr double kDrainTime = 900;     // after the last arrival
constexpr double kRefusalDelay = 0.3;  // until the sender tries the next server
constexpr double kHangBlackhole = 30;
constexpr double kHangReset = 0.1;
constexpr double kReplyDelay = 0.05;
constexpr double kProbeTimeout = 1;
constexpr int kAttemptsMax = 5;
constexpr double kRetryBase = 300;
constexpr double kColdSpeed = 0.3;
constexpr double kColdTime = 120;
constexpr double kServiceMin = 0.02;
constexpr double kServiceMax = 30;
constexpr std::size_t kSessionsPerWorker = 4;
// The 5th, 10th, ... biggest resolver: behind them are 15 % of the mail. (Counted from the biggest
// it would be 29 %, and equal MX would have R50 3.8 where the reference has 2.66.)
constexpr std::size_t kStubbornEvery = 5;

using dns::probe::LoadCounters;
using dns::probe::ProbeOutcome;
using dns::probe::ProbeResult;

}  // namespace

Model::Model(const Scenario& scenario, SimPolicy policy, std::uint64_t seed)
    : scenario_(scenario),
      recorder_(scenario),
      poll_at_(scenario.instances, -1),
      arrivals_rng_(seed, 1),
      service_rng_(seed, 2),
      choice_rng_(seed, 3),
      probe_rng_(seed, 4),
      retry_rng_(seed, 6),
      cache_rng_(seed, 7) {
    if (scenario.servers > 64) {
        throw std::runtime_error("at most 64 servers");
    }
    for (std::size_t i = 0; i < scenario.instances; ++i) {
        name_servers_.emplace_back(scenario, policy, seed);
    }
    for (std::size_t i = 0; i < scenario.servers; ++i) {
        Server server;
        server.workers = static_cast<std::size_t>(scenario.workers(i));
        server.capacity = scenario.capacity(i);
        server.session_max = kSessionsPerWorker * server.workers;
        servers_.push_back(std::move(server));
    }
    set_demand();
}

Figures Model::run() {
    fill_caches();
    schedule(arrivals_rng_.ex(1 / rate_), What::Arrival, 0);
    for (std::size_t i = 0; i < scenario_.events.size(); ++i) {
        const Event& event = scenario_.events[i];
        schedule(event.from, What::Begin, i);
        if (event.until > event.from) {
            schedule(event.until, What::End, i);
        }
    }
    schedule(0, What::Window, 0);
    for (std::size_t n = 0; n < name_servers_.size(); ++n) {
        poll(n);
        for (std::size_t i = 0; name_servers_[n].is_gated() && i < servers_.size(); ++i) {
            schedule(static_cast<double>(i) * scenario_.probe_interval /
                         static_cast<double>(servers_.size()),
                     What::Probe,
                     i,
                     n);
        }
    }
    const double end = scenario_.length + kDrainTime;
    while (!events_.empty() && events_.top().time <= end) {
        const Scheduled event = events_.top();
        events_.pop();
        now_ = event.time;
        handle(event);
    }
    return recorder_.figures();
}

void Model::schedule(double time, What what, std::size_t subject, std::uint64_t detail) {
    events_.push({time, sequence_++, what, subject, detail});
}

void Model::handle(const Scheduled& event) {
    switch (event.what) {
        case What::Arrival:
            return on_arrival();
        case What::Attempt:
            return on_attempt(event.subject);
        case What::Complete:
            return on_complete(event.subject, event.detail & 0xffffffff, event.detail >> 32);
        case What::Probe: {
            const double slots = std::round(now_ / scenario_.probe_interval -
                                            static_cast<double>(event.subject) /
                                                static_cast<double>(servers_.size()));
            schedule((slots + 1 +
                      static_cast<double>(event.subject) / static_cast<double>(servers_.size())) *
                         scenario_.probe_interval,
                     What::Probe,
                     event.subject,
                     event.detail);
            return on_probe(event.subject, event.detail);
        }
        case What::Reply:
            return deliver_probe(event.subject, event.detail, ProbeOutcome::Reply);
        case What::RefusedProbe:
            return deliver_probe(event.subject, event.detail, ProbeOutcome::Refused);
        case What::LostProbe:
            deliver_probe(event.subject, event.detail, ProbeOutcome::Lost);
            if (name_servers_[event.detail].is_up(event.subject)) {
                on_probe(event.subject, event.detail);
            }
            return;
        case What::Poll:
            if (now_ == poll_at_[event.subject]) {
                poll(event.subject);
            }
            return;
        case What::Begin:
            return begin(scenario_.events[event.subject]);
        case What::End:
            return end(scenario_.events[event.subject]);
        case What::Window:
            note_capacities();
            schedule(now_ + kWindow, What::Window, 0);
            return;
    }
}

void Model::set_demand() {
    std::vector<double> demand(scenario_.resolvers);
    double base = 0;
    for (std::size_t r = 0; r < demand.size(); ++r) {
        demand[r] = std::pow(static_cast<double>(r + 1), -scenario_.zipf);
        base += demand[r];
    }
    for (const Event& event : scenario_.events) {
        if (event.happening != Happening::Demand || now_ < event.from || now_ >= event.until) {
            continue;
        }
        for (std::size_t r = 0; r < demand.size(); ++r) {
            const bool is_meant =
                event.resolvers.empty() || std::ranges::count(event.resolvers, r) > 0;
            demand[r] *= is_meant ? event.value : 1;
        }
    }
    double sum = 0;
    cumulative_.clear();
    for (const double each : demand) {
        sum += each;
        cumulative_.push_back(sum);
    }
    for (double& each : cumulative_) {
        each /= sum;
    }
    rate_ = scenario_.load * scenario_.total_capacity() * sum / base;
}

double Model::stretch(std::size_t resolver) const {
    if (scenario_.honour_ttl) {
        return 0;
    }
    if (resolver % 10 == 3) {
        return 300;
    }
    return resolver % 10 == 1 || resolver % 10 == 6 ? 60 : 0;
}

void Model::fill_caches() {
    caches_.resize(scenario_.resolvers);
    std::vector<std::size_t> order(scenario_.resolvers);
    for (std::size_t r = 0; r < order.size(); ++r) {
        order[r] = r;
    }
    for (std::size_t r = order.size() - 1; r > 0; --r) {
        std::swap(order[r], order[cache_rng_.below(r + 1)]);
    }
    for (const std::size_t resolver : order) {
        ask(resolver);
        caches_[resolver].expiry = cache_rng_.u() * std::max(scenario_.ttl, stretch(resolver));
    }
}

void Model::ask(std::size_t resolver) {
    const std::size_t instance =
        scenario_.instances > 1 ? cache_rng_.below(scenario_.instances) : 0;
    const std::uint64_t source = scenario_.farm ? 4 * resolver + cache_rng_.below(4) : resolver;
    Cache& cache = caches_[resolver];
    AnswerPointer answer = name_servers_[instance].answer(source);
    recorder_.on_answer(*answer, cache.answer.get(), now_);
    cache.answer = std::move(answer);
    cache.number = answers_++;
    cache.expiry = now_ + std::max(scenario_.ttl, stretch(resolver)) - cache_rng_.u();
}

void Model::on_arrival() {
    std::size_t index = messages_.size();
    if (free_.empty()) {
        messages_.emplace_back();
    } else {
        index = free_.back();
        free_.pop_back();
    }
    Message message;
    message.arrival = now_;
    const auto found = std::ranges::upper_bound(cumulative_, arrivals_rng_.u());
    message.resolver =
        std::min(static_cast<std::size_t>(found - cumulative_.begin()), cumulative_.size() - 1);
    message.work =
        std::clamp(std::exp(std::log(0.5) - 0.5 + service_rng_.normal()), kServiceMin, kServiceMax);
    messages_[index] = std::move(message);
    recorder_.on_message(now_);
    const double next = now_ + arrivals_rng_.ex(1 / rate_);
    // The first attempt asks the cache, so the next arrival is scheduled before it.
    if (next < scenario_.length) {
        schedule(next, What::Arrival, 0);
    }
    on_attempt(index);
}

std::size_t Model::choose_server(const Message& message) {
    std::vector<std::uint16_t> candidates;
    for (const auto* level : {&message.answer->level0, &message.answer->level1}) {
        for (const std::uint16_t server : *level) {
            if ((message.tried >> server & 1) == 0) {
                candidates.push_back(server);
            }
        }
        if (!candidates.empty()) {
            break;
        }
    }
    if (candidates.empty()) {
        return servers_.size();
    }
    if (!message.answer->weights.empty()) {
        double sum = 0;
        for (const std::uint16_t server : candidates) {
            sum += message.answer->weights[server];
        }
        double left = choice_rng_.u() * sum;
        for (const std::uint16_t server : candidates) {
            left -= message.answer->weights[server];
            if (left < 0) {
                return server;
            }
        }
        return candidates.back();
    }
    if (candidates.size() == 1) {
        return candidates[0];
    }
    if (scenario_.nosplit && message.resolver % kStubbornEvery == kStubbornEvery - 1) {
        const auto scrambled = static_cast<std::uint32_t>(message.answer_number * 2654435761U);
        return candidates[(scrambled >> 8) % candidates.size()];
    }
    return candidates[choice_rng_.below(candidates.size())];
}

void Model::on_attempt(std::size_t index) {
    Message& message = messages_[index];
    if (message.answer == nullptr) {
        if (now_ >= caches_[message.resolver].expiry) {
            ask(message.resolver);
        }
        message.answer = caches_[message.resolver].answer;
        message.answer_number = caches_[message.resolver].number;
    }
    const std::size_t chosen =
        message.attempts < kAttemptsMax ? choose_server(message) : servers_.size();
    if (chosen == servers_.size()) {
        defer(index);
        return;
    }
    if (message.attempts == 0 && message.deferrals == 0) {
        recorder_.on_first_attempt(chosen, now_);
    }
    recorder_.on_attempt(now_);
    ++message.attempts;
    message.tried |= std::uint64_t{1} << chosen;
    Server& server = servers_[chosen];
    if (server.dead || server.lying) {
        recorder_.on_refusal(now_);
        fail(index, server.dead ? server.hang : kRefusalDelay);
        return;
    }
    ++server.arrivals;
    if (server.in_service.size() + server.waiting.size() >= server.session_max) {
        ++server.refused;
        recorder_.on_refusal(now_);
        fail(index, kRefusalDelay);
        return;
    }
    if (server.in_service.size() < server.workers) {
        start_service(chosen, index);
    } else {
        server.waiting.push_back(index);
    }
}

void Model::fail(std::size_t index, double cost) {
    schedule(now_ + cost, What::Attempt, index);
}

void Model::defer(std::size_t index) {
    Message& message = messages_[index];
    recorder_.on_deferral(message.arrival);
    ++message.deferrals;
    message.attempts = 0;
    message.tried = 0;
    message.answer = nullptr;
    const double backoff = kRetryBase * std::pow(2, std::min(message.deferrals - 1, 3));
    schedule(now_ + backoff * (0.8 + 0.4 * retry_rng_.u()), What::Attempt, index);
}

double Model::speed_now(const Server& server) const {
    double speed = server.speed;
    if (server.cold_since >= 0) {
        const double warmth = std::min(1.0, (now_ - server.cold_since) / kColdTime);
        speed *= kColdSpeed + (1 - kColdSpeed) * warmth;
    }
    return speed;
}

void Model::advance_busy(Server& server) const {
    server.busy += static_cast<double>(server.in_service.size()) * (now_ - server.busy_until);
    server.busy_until = now_;
}

void Model::start_service(std::size_t index, std::size_t message) {
    Server& server = servers_[index];
    advance_busy(server);
    server.in_service.push_back(message);
    schedule(now_ + messages_[message].work / speed_now(server),
             What::Complete,
             index,
             server.generation << 32 | message);
}

void Model::on_complete(std::size_t index, std::size_t message, std::uint64_t generation) {
    Server& server = servers_[index];
    if (server.generation != generation) {
        return;  // the session broke when the server died
    }
    advance_busy(server);
    std::erase(server.in_service, message);
    ++server.completed;
    recorder_.on_delivery(messages_[message].arrival, now_);
    free_.push_back(message);
    if (!server.waiting.empty()) {
        const std::size_t next = server.waiting.front();
        server.waiting.pop_front();
        start_service(index, next);
    }
}

void Model::kill(std::size_t index, double hang) {
    Server& server = servers_[index];
    server.dead = true;
    server.hang = hang;
    ++server.generation;
    std::vector<std::size_t> broken = std::exchange(server.in_service, {});
    broken.insert(broken.end(), server.waiting.begin(), server.waiting.end());
    server.waiting.clear();
    for (const std::size_t message : broken) {
        recorder_.on_refusal(now_);
        fail(message, hang);
    }
}

void Model::revive(std::size_t index) {
    Server& server = servers_[index];
    server.dead = false;
    server.cold_since = now_;
    ++server.start_id;
    server.busy = 0;
    server.busy_until = now_;
    server.arrivals = 0;
    server.refused = 0;
    server.completed = 0;
}

void Model::begin(const Event& event) {
    Server& server = servers_[event.server];
    switch (event.happening) {
        case Happening::DieBlackhole:
            kill(event.server, kHangBlackhole);
            break;
        case Happening::DieReset:
            kill(event.server, kHangReset);
            break;
        case Happening::Slow:
            server.speed = event.value;
            break;
        case Happening::Lie:
            server.frozen = counters(event.server);
            server.lying = true;
            break;
        case Happening::Drain:
            server.drained = true;
            for (std::size_t n = 0; n < name_servers_.size(); ++n) {
                name_servers_[n].drain(event.server, now_);
                poll(n);
            }
            break;
        case Happening::Blind:
            blind_ = true;
            break;
        case Happening::Demand:
            set_demand();
            break;
    }
    note_capacities();
}

void Model::end(const Event& event) {
    Server& server = servers_[event.server];
    switch (event.happening) {
        case Happening::DieBlackhole:
        case Happening::DieReset:
            revive(event.server);
            break;
        case Happening::Slow:
            server.speed = 1;
            break;
        case Happening::Lie:
            server.lying = false;
            break;
        case Happening::Drain:
            break;
        case Happening::Blind:
            blind_ = false;
            break;
        case Happening::Demand:
            set_demand();
            break;
    }
    note_capacities();
}

/// Notes what each server can do in the window that begins now. Happenings begin and end with
/// windows.
void Model::note_capacities() {
    for (std::size_t i = 0; i < servers_.size(); ++i) {
        const Server& server = servers_[i];
        const bool out = server.dead || server.lying || server.drained;
        recorder_.set_capacity(i, now_, out ? 0 : server.capacity * speed_now(server));
    }
}

LoadCounters Model::counters(std::size_t index) {
    Server& server = servers_[index];
    if (server.lying) {
        return server.frozen;
    }
    advance_busy(server);
    LoadCounters counters;
    counters.start_id = server.start_id;
    counters.busy_us = static_cast<std::uint64_t>(
        std::llround(server.busy / static_cast<double>(server.workers) * 1e6));
    counters.arrivals = server.arrivals;
    counters.refused = server.refused;
    counters.accepted = server.completed;
    return counters;
}

void Model::on_probe(std::size_t server, std::size_t instance) {
    const bool lost = probe_rng_.u() < scenario_.probe_loss;
    const bool hangs = servers_[server].dead && servers_[server].hang == kHangBlackhole;
    if (lost || blind_ || hangs) {
        schedule(now_ + kProbeTimeout, What::LostProbe, server, instance);
    } else {
        const What what = servers_[server].dead ? What::RefusedProbe : What::Reply;
        schedule(now_ + kReplyDelay, what, server, instance);
    }
}

void Model::deliver_probe(std::size_t server, std::size_t instance, ProbeOutcome outcome) {
    ProbeResult result;
    result.outcome = outcome;
    if (outcome == ProbeOutcome::Reply) {
        result.counters = counters(server);
    }
    name_servers_[instance].on_probe(server, result, now_);
    poll(instance);
}

void Model::poll(std::size_t instance) {
    NameServer& name_server = name_servers_[instance];
    name_server.poll(now_);
    const double next = name_server.next_poll(now_);
    if (next != poll_at_[instance]) {
        poll_at_[instance] = next;
        schedule(next, What::Poll, instance);
    }
}

}  // namespace sim
