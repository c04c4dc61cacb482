#pragma once

// Shared by the tests of dns/steering: pools of given weights, and a generator of repeatable
// pseudo-random numbers for property tests (SplitMix64; the seed is printed by the test).

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "dns/steering/table.h"

namespace dns::steering::fixture {

/// The weights of the worked example in dns/steering/README.md.
inline const std::vector<double> kExample = {4, 16, 8, 4, 12, 8, 16, 6};

inline TableInput pool_of(const std::vector<double>& weights, Policy policy = Policy::Load) {
    TableInput input;
    input.policy = policy;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        ServerInput server;
        server.id = ServerId{i + 100};
        server.name = "mx" + std::to_string(i) + ".example.org";
        server.weight = weights[i];
        input.servers.push_back(server);
    }
    return input;
}

class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        state_ += 0x9E3779B97F4A7C15;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    std::uint64_t below(std::uint64_t n) { return next() % n; }

    double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }

    bool one_in(std::uint64_t n) { return below(n) == 0; }

  private:
    std::uint64_t state_;
};

inline std::vector<ServerIndex> servers_of(const std::vector<RowEntry>& entries) {
    std::vector<ServerIndex> servers;
    for (const RowEntry& entry : entries) {
        servers.push_back(entry.server);
    }
    return servers;
}

}  // namespace dns::steering::fixture
