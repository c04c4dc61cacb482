#pragma once

// From the directory to steering: what the pool of mail servers and the pool of access servers look
// like to a SteeringEngine, to a Prober and to the answers.
//
// A pool has the servers that some domain uses; each domain is a zone of the pool with its own
// servers, preferences, policy and TTL.
//
// Pure. Thread rule: any thread.

#include <memory>
#include <string>
#include <vector>

#include "dns/directory/directory.h"
#include "dns/probe/prober.h"
#include "dns/steered_set.h"
#include "dns/steering/engine.h"

namespace dns {

struct PoolPlan {
    PoolKind kind = PoolKind::Mail;
    steering::PoolConfig config;  ///< no servers: there is no such pool
    std::vector<steering::Override> overrides;
    std::vector<probe::ProbeTarget> targets;
    std::vector<SteeredHost> hosts;  ///< of all servers of the kind, ascending id

    [[nodiscard]] bool empty() const noexcept { return config.servers.empty(); }
};

[[nodiscard]] PoolPlan plan_pool(const Directory& directory, PoolName pool);

/// Whether the plans of both directories differ in nothing but the overrides. Cheap where they
/// share their domains.
[[nodiscard]] bool same_pool(const Directory& left, const Directory& right, PoolName pool);

/// The overrides alone, of a pool with these servers.
[[nodiscard]] std::vector<steering::Override> plan_overrides(
    const Directory& directory, PoolName pool, const std::vector<steering::ServerConfig>& servers);

/// "mail" or "access": the pool's name in commits, overrides and logs.
[[nodiscard]] std::string_view pool_name(PoolName pool) noexcept;

}  // namespace dns
