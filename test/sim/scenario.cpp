#include "test/sim/scenario.h"

#include <algorithm>
#include <array>

namespace sim {
namespace {

constexpr std::array<double, 8> kWorkers = {4, 16, 8, 4, 12, 8, 16, 6};
constexpr double kEqualWorkers = 9;

Scenario named(std::string name) {
    Scenario scenario;
    scenario.name = std::move(name);
    return scenario;
}

Event on_server(Happening happening, std::size_t server, double from, double until) {
    return {happening, from, until, server, 1, {}};
}

Scenario sized(std::string name, std::size_t servers, std::size_t resolvers) {
    Scenario scenario = named(std::move(name));
    scenario.servers = servers;
    scenario.resolvers = resolvers;
    return scenario;
}

std::vector<Scenario> plain_scenarios() {
    std::vector<Scenario> all;
    for (const auto& [name, load] :
         {std::pair{"steady50", 0.5}, std::pair{"steady80", 0.8}, std::pair{"steady95", 0.95}}) {
        all.push_back(named(name));
        all.back().load = load;
    }
    all.push_back(named("homog80"));
    all.back().equal_capacities = true;
    all.push_back(named("mis80"));
    all.back().wrong_weights = true;
    all.push_back(named("ttl30"));
    all.back().ttl = 30;
    all.push_back(named("ttl300"));
    all.back().ttl = 300;
    all.push_back(named("probe10"));
    all.back().probe_interval = 10;
    all.back().probe_loss = 0.2;
    all.push_back(sized("n8", 8, 250));
    all.push_back(sized("n32", 32, 1000));
    all.push_back(sized("n64", 64, 2000));
    all.back().length = 1500;
    all.push_back(sized("m100", 16, 100));
    all.push_back(named("zipf06"));
    all.back().zipf = 0.6;
    all.push_back(named("zipf12"));
    all.back().zipf = 1.2;
    all.push_back(named("nosplit"));
    all.back().nosplit = true;
    all.push_back(named("honour"));
    all.back().honour_ttl = true;
    all.push_back(named("farm4"));
    all.back().farm = true;
    all.push_back(named("inst2"));
    all.back().instances = 2;
    return all;
}

std::vector<Scenario> eventful_scenarios() {
    std::vector<Scenario> all;
    all.push_back(named("fail80"));
    all.back().events = {on_server(Happening::DieBlackhole, 1, 600, 1200),
                         on_server(Happening::DieReset, 4, 1500, 1800)};
    all.push_back(named("slow80"));
    all.back().events = {{Happening::Slow, 600, 1200, 6, 0.4, {}},
                         {Happening::Slow, 1200, 1500, 2, 0.25, {}}};
    all.push_back(named("flash50"));
    all.back().load = 0.5;
    all.back().events = {{Happening::Demand, 600, 900, 0, 5, {1, 4, 7}}};
    all.push_back(named("over120"));
    all.back().load = 0.7;
    all.back().events = {{Happening::Demand, 600, 900, 0, 120.0 / 70, {}}};
    all.push_back(named("liar80"));
    all.back().events = {on_server(Happening::Lie, 4, 600, 1500)};
    all.push_back(named("blind80"));
    all.back().events = {on_server(Happening::Blind, 0, 600, 900)};
    all.push_back(named("half80"));
    for (const std::size_t server : std::vector<std::size_t>{1, 4, 6, 9, 12, 14}) {
        all.back().events.push_back(on_server(Happening::DieBlackhole, server, 600, 900));
    }
    all.push_back(named("drain80"));
    all.back().events = {on_server(Happening::Drain, 1, 900, 0)};
    return all;
}

std::vector<Scenario> all_scenarios() {
    std::vector<Scenario> all = plain_scenarios();
    std::ranges::move(eventful_scenarios(), std::back_inserter(all));
    return all;
}

}  // namespace

double Scenario::workers(std::size_t server) const {
    return equal_capacities ? kEqualWorkers : kWorkers.at(server % kWorkers.size());
}

double Scenario::total_capacity() const {
    double sum = 0;
    for (std::size_t i = 0; i < servers; ++i) {
        sum += capacity(i);
    }
    return sum;
}

std::optional<Scenario> find_scenario(std::string_view name) {
    for (Scenario& scenario : all_scenarios()) {
        if (scenario.name == name) {
            return std::move(scenario);
        }
    }
    return std::nullopt;
}

std::vector<std::string> scenario_names() {
    std::vector<std::string> names;
    for (const Scenario& scenario : all_scenarios()) {
        names.push_back(scenario.name);
    }
    return names;
}

const std::vector<Goal>& goals() {
    static const std::vector<Goal> kGoals = {
        {"steady50", 1.30, 1.75, 0.05}, {"steady80", 1.25, 1.65, 0.50},
        {"steady95", 1.24, 1.62, 4.5},  {"homog80", 1.18, 1.35, 0.20},
        {"mis80", 1.26, 1.65, 0.50},    {"fail80", 1.27, 1.70, 2.0},
        {"slow80", 1.29, 0, 1.4},       {"flash50", 1.32, 1.85, 0.20},
        {"over120", 1.26, 1.70, 34},    {"liar80", 1.27, 1.70, 2.8},
        {"blind80", 1.26, 1.70, 0.60},  {"ttl300", 1.27, 1.65, 0.60},
        {"probe10", 1.25, 1.65, 0.50},  {"n8", 1.22, 1.60, 0.60},
        {"n64", 1.38, 1.75, 0.60},      {"zipf12", 1.36, 1.90, 1.2},
        {"nosplit", 1.52, 2.35, 2.1},   {"farm4", 1.34, 1.85, 1.2},
        {"inst2", 1.25, 1.65, 0.50},
    };
    return kGoals;
}

}  // namespace sim
