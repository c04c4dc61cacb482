#pragma once

// Shared by the tests of SteeringEngine: pools, probe results, overrides, and a fleet whose load
// follows what the engine says.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "dns/steering/engine.h"

namespace dns::steering::fixture {

inline constexpr std::int64_t kEpoch_us = 1'795'345'200'000'000;

inline Now at(double seconds) {
    return {seconds, kEpoch_us + static_cast<std::int64_t>(seconds * 1e6)};
}

inline PoolConfig config_of(const std::vector<double>& weights) {
    PoolConfig config;
    config.name = "mail";
    for (std::size_t i = 0; i < weights.size(); ++i) {
        config.servers.push_back(
            {ServerId{i + 1}, "mx" + std::to_string(i + 1), weights[i], 10, 0});
    }
    return config;
}

inline SteeringEngine make_engine(const PoolConfig& config) {
    auto engine = SteeringEngine::create(config, at(0), 100);
    BOOST_REQUIRE(engine);
    return std::move(engine).take_value();
}

inline probe::ProbeResult bare_result(std::uint64_t id,
                                      probe::ProbeOutcome outcome,
                                      std::string reason = "") {
    probe::ProbeResult result;
    result.server = ServerId{id};
    result.outcome = outcome;
    result.reason = std::move(reason);
    return result;
}

inline Override make_override(std::uint64_t id,
                              OverrideKind kind,
                              std::uint64_t server,
                              double value = 0) {
    Override entry;
    entry.id = id;
    entry.kind = kind;
    entry.scope = {"mail", {}, ServerId{server}};
    entry.value = value;
    entry.author = "alice";
    entry.reason = "test";
    entry.created_us = kEpoch_us;
    return entry;
}

/// Servers whose load follows what the engine's table gives them: a closed loop in one-second
/// steps, probed at their phases.
struct Fleet {
    SteeringEngine engine;
    std::vector<probe::LoadCounters> counters;
    std::vector<double> capacity;  // mails per second
    std::vector<double> extra;     // load that mail has no part in, 0..1
    std::vector<bool> fails_fast;
    double demand = 0;  // mails per second in all
    std::vector<double> share;
    int now_s = 0;

    Fleet(const PoolConfig& config, double capacity_each, double demand_)
        : engine(make_engine(config)),
          counters(config.servers.size()),
          capacity(config.servers.size(), capacity_each),
          extra(config.servers.size(), 0),
          fails_fast(config.servers.size(), false),
          demand(demand_),
          share(config.servers.size(), 0) {
        for (probe::LoadCounters& each : counters) {
            each.start_id = 1;
        }
        take();
    }

    void take() {
        if (engine.poll(at(now_s)) != nullptr || share[0] == 0) {
            const SteeringTable& table = *engine.last_commit()->table();
            for (std::size_t i = 0; i < share.size(); ++i) {
                share[i] = table.servers[i].first_share;
            }
        }
    }

    void second() {
        ++now_s;
        const std::size_t count = counters.size();
        for (std::size_t i = 0; i < count; ++i) {
            const double mail = demand * share[i];
            const double load = std::min(1.0, extra[i] + mail / capacity[i]);
            const double room = std::max(0.0, (1 - extra[i]) * capacity[i]);
            const auto offered = static_cast<std::uint64_t>(mail * 100);
            const auto taken = static_cast<std::uint64_t>(std::min(mail, room) * 100);
            if (!fails_fast[i]) {
                counters[i].busy_us += static_cast<std::uint64_t>(load * 1e6);
                counters[i].arrivals += offered;
                counters[i].refused += offered - taken;
                counters[i].accepted += taken;
            }
            if (now_s % 5 == static_cast<int>(i * 5 / count)) {
                probe::ProbeResult result = bare_result(i + 1, probe::ProbeOutcome::Reply);
                result.counters = counters[i];
                engine.on_probe(result, at(now_s));
            }
        }
        take();
    }

    void run(int seconds) {
        for (int i = 0; i < seconds; ++i) {
            second();
        }
    }
};

}  // namespace dns::steering::fixture
