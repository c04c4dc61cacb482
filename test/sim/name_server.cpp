#include "test/sim/name_server.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "test/sim/rng.h"

namespace sim {
namespace {

using namespace dns::steering;

constexpr std::array<std::string_view, 8> kNames = {
    "equal", "equal+gate", "srv", "srv+gate", "rr", "rr2", "rtable-0", "rtable"};

Now at(double now) {
    return {now, static_cast<std::int64_t>(now * 1e6)};
}

Policy product_policy(SimPolicy policy) {
    switch (policy) {
        case SimPolicy::Load:
            return Policy::Load;
        case SimPolicy::Roundtable:
            return Policy::Roundtable;
        case SimPolicy::RotateOne:
        case SimPolicy::RotateTwo:
            return Policy::Rotate;
        default:
            return Policy::Static;
    }
}

PoolConfig pool_of(const Scenario& scenario, SimPolicy policy) {
    PoolConfig config;
    config.name = "mail";
    config.policy = product_policy(policy);
    config.form = policy == SimPolicy::RotateOne ? PolicyForm::Strict : PolicyForm::Paired;
    config.settings.ttl_s = scenario.ttl;
    config.settings.probe_interval_s = scenario.probe_interval;
    for (std::size_t i = 0; i < scenario.servers; ++i) {
        const double weight = scenario.wrong_weights ? 1 : scenario.workers(i);
        config.servers.push_back({ServerId{i}, "mx" + std::to_string(i), weight, 10, 0});
    }
    return config;
}

}  // namespace

std::optional<SimPolicy> parse_policy(std::string_view name) {
    const auto found = std::ranges::find(kNames, name);
    if (found == kNames.end()) {
        return std::nullopt;
    }
    return static_cast<SimPolicy>(found - kNames.begin());
}

NameServer::NameServer(const Scenario& scenario, SimPolicy policy, std::uint64_t seed)
    : policy_(policy), seed_(seed), drained_(scenario.servers, false) {
    Answer all;
    for (std::size_t i = 0; i < scenario.servers; ++i) {
        all.level0.push_back(static_cast<std::uint16_t>(i));
        if (policy == SimPolicy::Srv || policy == SimPolicy::SrvGate) {
            all.weights.push_back(scenario.wrong_weights ? 1 : scenario.workers(i));
        }
    }
    fixed_ = std::make_shared<const Answer>(std::move(all));
    auto engine = SteeringEngine::create(pool_of(scenario, policy), at(0));
    if (!engine) {
        throw std::runtime_error(engine.error().detail);
    }
    engine_ = std::move(engine).take_value();
    engine_->assume_load(scenario.load);
    poll(0);
}

bool NameServer::is_gated() const {
    return policy_ != SimPolicy::Equal && policy_ != SimPolicy::Srv;
}

bool NameServer::is_up(std::size_t server) const {
    return engine_->is_up(ServerId{server});
}

void NameServer::on_probe(std::size_t server, dns::probe::ProbeResult result, double now) {
    result.server = ServerId{server};
    result.time_s = now;
    engine_->on_probe(result, at(now));
}

void NameServer::drain(std::size_t server, double now) {
    drained_[server] = true;
    std::vector<Override> overrides;
    for (std::size_t i = 0; i < drained_.size(); ++i) {
        if (drained_[i]) {
            Override entry;
            entry.id = i;
            entry.kind = OverrideKind::Drain;
            entry.scope.server = ServerId{i};
            overrides.push_back(std::move(entry));
        }
    }
    if (!engine_->set_overrides(std::move(overrides), at(now))) {
        throw std::runtime_error("drain was refused");
    }
}

void NameServer::poll(double now) {
    if (engine_->poll(at(now)) != nullptr) {
        ready_.clear();
    }
}

double NameServer::next_poll(double now) const {
    return engine_->next_poll_s(at(now));
}

AnswerPointer NameServer::make(const std::vector<RowEntry>& entries) const {
    Answer answer;
    for (const RowEntry& entry : entries) {
        const bool best = entry.preference == entries.front().preference;
        (best ? answer.level0 : answer.level1).push_back(entry.server);
    }
    std::ranges::sort(answer.level0);
    answer.weights = fixed_->weights;
    return std::make_shared<const Answer>(std::move(answer));
}

AnswerPointer NameServer::answer(std::uint64_t source) {
    if (!is_gated()) {
        return fixed_;
    }
    const auto [x, y] = hash_source(source, seed_);
    const SteeringTable& table = *engine_->last_commit()->table();
    const AnswerKey key = table.policy == Policy::Rotate
                              ? choose_turn(table, turn_++)
                              : choose_answer(table, x, y, table.list_max);
    AnswerPointer& ready = ready_[key];
    if (ready == nullptr) {
        ready = make(answer_entries(table, key, table.list_max));
    }
    return ready;
}

}  // namespace sim
