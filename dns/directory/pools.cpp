#include "dns/directory/pools.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/hash.h"
#include "dns/directory/probe_plan.h"

namespace dns {
namespace {

using steering::ServerId;
using ServersById = std::map<ServerId, const DirectoryServer*>;

std::vector<std::string> wire(const std::optional<base::IpAddress>& address) {
    if (!address) {
        return {};
    }
    return {std::string(base::as_text(address->bytes()))};
}

// Servers of a domain that are in service; all of them if none is.
std::vector<steering::ZoneServer> members(const std::vector<steering::ZoneServer>& configured,
                                          const ServersById& servers) {
    std::vector<steering::ZoneServer> in_service;
    std::vector<steering::ZoneServer> known;
    for (const steering::ZoneServer& server : configured) {
        const auto found = servers.find(server.id);
        if (found == servers.end()) {
            continue;
        }
        known.push_back(server);
        if (found->second->state == ServerState::InService) {
            in_service.push_back(server);
        }
    }
    return in_service.empty() ? known : in_service;
}

std::vector<steering::ZoneServer> configured(const DirectoryDomain& domain, PoolName pool) {
    std::vector<steering::ZoneServer> servers;
    if (pool == PoolName::Mail) {
        for (const MailExchange& exchange : domain.mail) {
            servers.push_back({exchange.server, exchange.preference});
        }
    } else {
        for (const ServerId id : domain.access) {
            servers.push_back({id, steering::kLevel0Preference});
        }
    }
    return servers;
}

// One for each server that the pattern covers now: the steering knows servers, not names.
void add_by_pattern(std::string_view pattern,
                    steering::Override entry,
                    const std::vector<steering::ServerConfig>& servers,
                    std::vector<steering::Override>& overrides) {
    entry.scope.by_pattern = true;
    for (const steering::ServerConfig& server : servers) {
        if (steering::matches_pattern(pattern, server.name)) {
            entry.scope.server = server.id;
            overrides.push_back(entry);
        }
    }
}

std::optional<SteeredHost> host_of(const DirectoryServer& server) {
    auto name = Name::from_text(server.host.host_name);
    if (!name) {
        return std::nullopt;
    }
    SteeredHost host;
    host.id = server.id;
    host.name = std::move(name).take_value();
    host.addresses4 = wire(server.host.address4);
    host.addresses6 = wire(server.host.address6);
    host.imap_port = server.port;
    host.pop_port = server.pop_port;
    return host;
}

}  // namespace

std::string_view pool_name(PoolName pool) noexcept {
    return pool == PoolName::Mail ? "mail" : "access";
}

PoolPlan plan_pool(const Directory& directory, PoolName pool) {
    PoolPlan plan;
    plan.kind = pool == PoolName::Mail ? PoolKind::Mail : PoolKind::Access;
    plan.config.name = pool_name(pool);
    const PoolSteering& usual = directory.pools.at(static_cast<std::size_t>(pool));
    plan.config.policy = usual.policy;
    plan.config.form = usual.form;
    const auto& servers =
        pool == PoolName::Mail ? directory.mail_servers : directory.access_servers;
    ServersById by_id;
    for (const DirectoryServer& server : servers) {
        by_id[server.id] = &server;
    }
    std::set<ServerId> used;
    for (const DirectoryDomain& domain : directory.domains) {
        steering::ZoneConfig zone;
        zone.zone = domain.name;
        zone.policy = domain.policy;
        zone.form = domain.form;
        zone.ttl_s = domain.mx_ttl;
        zone.servers = members(configured(domain, pool), by_id);
        if (zone.servers.empty()) {
            continue;
        }
        for (const steering::ZoneServer& server : zone.servers) {
            used.insert(server.id);
        }
        plan.config.zones.push_back(std::move(zone));
    }
    for (const ServerId id : used) {
        const DirectoryServer& server = *by_id.at(id);
        // What the schema allows and the steering does not is brought into its range: one
        // eccentric number must not leave the pool without a table.
        ProbePlan probes = plan_probes(directory.probes, server, pool);
        steering::ServerConfig config;
        config.id = id;
        config.name = server.name;
        config.weight = std::clamp(server.capacity, steering::kWeightMin, steering::kWeightMax);
        config.health = probes.health;
        config.checks = std::move(probes.names);
        plan.config.servers.push_back(std::move(config));
        std::ranges::move(probes.targets, std::back_inserter(plan.targets));
        if (auto host = host_of(server)) {
            plan.hosts.push_back(std::move(*host));
        }
    }
    plan.overrides = plan_overrides(directory, pool, plan.config.servers);
    return plan;
}

std::vector<steering::Override> plan_overrides(const Directory& directory,
                                               PoolName pool,
                                               const std::vector<steering::ServerConfig>& servers) {
    std::vector<steering::Override> overrides;
    for (const DirectoryOverride& override_ : directory.overrides) {
        if (override_.pool == pool) {
            steering::Override entry = override_.entry;
            if (entry.kind == steering::OverrideKind::Weight) {
                entry.value = std::clamp(entry.value, steering::kWeightMin, steering::kWeightMax);
            }
            if (override_.pattern.empty()) {
                overrides.push_back(std::move(entry));
            } else {
                add_by_pattern(override_.pattern, std::move(entry), servers, overrides);
            }
        }
    }
    return overrides;
}

bool same_pool(const Directory& left, const Directory& right, PoolName pool) {
    const bool mail = pool == PoolName::Mail;
    const auto index = static_cast<std::size_t>(pool);
    const auto same_domain = [mail](const DirectoryDomain& a, const DirectoryDomain& b) {
        return &a == &b ||
               (a.name == b.name && a.policy == b.policy && a.form == b.form &&
                a.mx_ttl == b.mx_ttl && (mail ? a.mail == b.mail : a.access == b.access));
    };
    return left.pools.at(index) == right.pools.at(index) && left.probes == right.probes &&
           (mail ? left.mail_servers == right.mail_servers
                 : left.access_servers == right.access_servers) &&
           std::ranges::equal(left.domains, right.domains, same_domain);
}

}  // namespace dns
