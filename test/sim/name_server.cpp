#include "test/sim/name_server.h"

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "test/sim/rng.h"

namespace sim {
namespace {

using namespace dns::steering;

constexpr std::array<std::string_view, 10> kNames = {
    "equal", "equal+gate", "srv", "srv+gate", "rr", "rr2", "rtable-0", "rtable", "least", "kswrr"};

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
    : policy_(policy), seed_(seed), drained_(scenario.servers, false), seen_(scenario.servers) {
    Answer all;
    for (std::size_t i = 0; i < scenario.servers; ++i) {
        all.level0.push_back(static_cast<std::uint16_t>(i));
        weight_.push_back(scenario.wrong_weights ? 1 : scenario.workers(i));
    }
    if (policy == SimPolicy::Srv || policy == SimPolicy::SrvGate) {
        all.weights = weight_;
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
    if (result.counters) {
        Seen& seen = seen_[server];
        if (seen.counters && seen.counters->start_id == result.counters->start_id) {
            seen.busy = static_cast<double>(result.counters->busy_us - seen.counters->busy_us) /
                        1e6 / (now - seen.time_s);
        }
        seen.counters = result.counters;
        seen.time_s = now;
    }
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

// Those that are up and not drained; all if there are none.
std::vector<std::uint16_t> NameServer::serving() const {
    std::vector<std::uint16_t> all;
    for (std::size_t i = 0; i < drained_.size(); ++i) {
        if (is_up(i) && !drained_[i]) {
            all.push_back(static_cast<std::uint16_t>(i));
        }
    }
    return all.empty() ? fixed_->level0 : all;
}

// `best` at the lowest level, the others of `all` one above it, by weight.
AnswerPointer NameServer::with_on_top(std::vector<std::uint16_t> best,
                                      const std::vector<std::uint16_t>& all) const {
    Answer answer;
    std::ranges::sort(best);
    answer.level0 = std::move(best);
    std::ranges::set_difference(all, answer.level0, std::back_inserter(answer.level1));
    std::ranges::stable_sort(answer.level1, std::ranges::greater(), [this](std::uint16_t server) {
        return weight_[server];
    });
    return std::make_shared<const Answer>(std::move(answer));
}

AnswerPointer NameServer::least() const {
    const auto all = serving();
    const auto best = std::ranges::min_element(
        all, {}, [this](std::uint16_t server) { return seen_[server].busy; });
    return with_on_top({*best}, all);
}

// Each answer gives every server its weight in credit, and takes what it costs to be on top from
// the k that have most.
AnswerPointer NameServer::k_of_n() {
    const auto all = serving();
    double sum = 0;
    double most = 0;
    for (const std::uint16_t server : all) {
        sum += weight_[server];
        most = std::max(most, weight_[server]);
        seen_[server].credit += weight_[server];
    }
    const auto k = std::max<std::ptrdiff_t>(1, static_cast<std::ptrdiff_t>(sum / most));
    std::vector<std::uint16_t> best = all;
    std::ranges::stable_sort(best, std::ranges::greater(), [this](std::uint16_t server) {
        return seen_[server].credit;
    });
    best.resize(static_cast<std::size_t>(k));
    for (const std::uint16_t server : best) {
        seen_[server].credit -= sum / static_cast<double>(k);
    }
    return with_on_top(std::move(best), all);
}

AnswerPointer NameServer::answer(std::uint64_t source) {
    if (!is_gated()) {
        return fixed_;
    }
    if (policy_ == SimPolicy::Least) {
        return least();
    }
    if (policy_ == SimPolicy::KOfN) {
        return k_of_n();
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
