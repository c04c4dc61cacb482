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

steering::ZoneServer zone_server(const MailExchange& exchange) {
    return {exchange.server, exchange.preference};
}

steering::ZoneServer zone_server(ServerId server) {
    return {server, steering::kLevel0Preference};
}

// The members of domains, worked out once for those that have the same exchanges.
template <typename Exchange>
class MembersOf {
  public:
    using Servers = base::SharedVector<steering::ZoneServer>;

    explicit MembersOf(const ServersById& servers) : servers_(servers) {}

    const Servers& operator()(const base::SharedVector<Exchange>& exchanges) {
        const auto [found, is_new] = known_.try_emplace(exchanges);
        if (is_new) {
            std::vector<steering::ZoneServer> configured;
            for (const Exchange& exchange : exchanges) {
                configured.push_back(zone_server(exchange));
            }
            found->second = members(configured, servers_);
        }
        return found->second;
    }

    [[nodiscard]] std::set<ServerId> used() const {
        std::set<ServerId> used;
        for (const auto& [exchanges, servers] : known_) {
            for (const steering::ZoneServer& server : servers) {
                used.insert(server.id);
            }
        }
        return used;
    }

  private:
    const ServersById& servers_;
    std::map<base::SharedVector<Exchange>, Servers> known_;
};

// A zone for each domain that has servers of the pool; gives the servers that are used.
template <typename Exchange>
std::set<ServerId> plan_zones(const Directory& directory,
                              base::SharedVector<Exchange> DirectoryDomain::*exchanges,
                              const ServersById& servers,
                              std::vector<steering::ZoneConfig>& zones) {
    MembersOf<Exchange> members_of(servers);
    for (const DirectoryDomain& domain : directory.domains) {
        const auto& members = members_of(domain.*exchanges);
        if (!members.empty()) {
            zones.push_back({domain.name, domain.policy, domain.form, domain.mx_ttl, members});
        }
    }
    zones.shrink_to_fit();
    return members_of.used();
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
    const std::set<ServerId> used =
        pool == PoolName::Mail
            ? plan_zones(directory, &DirectoryDomain::mail, by_id, plan.config.zones)
            : plan_zones(directory, &DirectoryDomain::access, by_id, plan.config.zones);
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
