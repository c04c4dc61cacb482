#include "dns/directory/probe_plan.h"

#include <algorithm>

#include "dns/limits.h"

namespace dns {
namespace {

using probe::ProbeKind;

// What is stated more narrowly comes first; empty places are nobody's.
struct Stated {
    const ProbeConfig* server = nullptr;
    const ProbeConfig* pool = nullptr;

    template <typename T>
    T value(std::optional<T> ProbeConfig::*member, T fallback) const {
        for (const ProbeConfig* const config : {server, pool}) {
            if (config != nullptr && config->*member) {
                return *(config->*member);
            }
        }
        return fallback;
    }
};

Stated stated_for(const std::vector<ProbeConfig>& probes,
                  const DirectoryServer& server,
                  PoolName pool) {
    Stated stated;
    for (const ProbeConfig& config : probes) {
        if (config.pool == pool && !config.server) {
            stated.pool = &config;
        } else if (config.pool == pool && *config.server == server.id) {
            stated.server = &config;
        }
    }
    return stated;
}

std::uint16_t own_port(const DirectoryServer& server, PoolName pool, ProbeKind kind) {
    switch (kind) {
        case ProbeKind::LoadReport:
            return server.load_port;
        case ProbeKind::Smtp:
            return pool == PoolName::Mail ? server.port : 0;
        case ProbeKind::Imap:
            return pool == PoolName::Access ? server.port : 0;
        case ProbeKind::Pop3:
            return pool == PoolName::Access ? server.pop_port : 0;
        case ProbeKind::Http:
        case ProbeKind::Agent:
            break;
    }
    return 0;  // has none of its own
}

ProbeCheck service_check(PoolName pool) {
    return {pool == PoolName::Mail ? ProbeKind::Smtp : ProbeKind::Imap, 0, {}};
}

std::vector<ProbeCheck> checks_for(const Stated& stated,
                                   const DirectoryServer& server,
                                   PoolName pool) {
    std::vector<ProbeCheck> checks;
    for (const ProbeConfig* const config : {stated.server, stated.pool}) {
        if (checks.empty() && config != nullptr) {
            checks = config->checks;
        }
    }
    for (ProbeCheck& check : checks) {
        check.port = check.port == 0 ? own_port(server, pool, check.kind) : check.port;
    }
    std::erase_if(checks, [](const ProbeCheck& check) { return check.port == 0; });
    const bool agents_only = std::ranges::all_of(
        checks, [](const ProbeCheck& check) { return check.kind == ProbeKind::Agent; });
    if (agents_only) {
        ProbeCheck usual = server.load_port != 0 ? ProbeCheck{} : service_check(pool);
        usual.port = own_port(server, pool, usual.kind);
        checks.insert(checks.begin(), usual);
    }
    checks.resize(std::min(checks.size(), kProbeChecksMax));
    return checks;
}

std::string host_field(const DirectoryServer& server, std::uint16_t port) {
    return server.host.host_name + (port == 80 ? "" : ":" + std::to_string(port));
}

}  // namespace

ProbePlan plan_probes(const std::vector<ProbeConfig>& probes,
                      const DirectoryServer& server,
                      PoolName pool) {
    ProbePlan plan;
    const Stated stated = stated_for(probes, server, pool);
    const auto& address = server.host.address4 ? server.host.address4 : server.host.address6;
    if (!address) {
        return plan;
    }
    probe::ProbeTiming timing;
    timing.interval_s =
        std::clamp(stated.value(&ProbeConfig::interval_s, timing.interval_s), 1.0, 60.0);
    timing.jitter =
        std::clamp(stated.value(&ProbeConfig::jitter, kProbeJitter), 0.0, probe::kJitterMax);
    timing.timeout_s = std::clamp(
        stated.value(&ProbeConfig::deadline_s, timing.timeout_s), 0.1, timing.interval_s);
    const steering::HealthRule usual;
    plan.health.rise = std::min<std::uint16_t>(stated.value(&ProbeConfig::rise, usual.rise), 10);
    plan.health.fall = std::min<std::uint16_t>(stated.value(&ProbeConfig::fall, usual.fall), 16);
    plan.health.dwell_s =
        std::clamp(stated.value(&ProbeConfig::dwell_s, usual.dwell_s), 0.0, 3600.0);
    plan.health.flap_max_s =
        std::clamp(stated.value(&ProbeConfig::flap_max_s, usual.flap_max_s), 0.0, 86400.0);
    plan.health.flap_half_life_s = std::clamp(
        stated.value(&ProbeConfig::flap_half_life_s, usual.flap_half_life_s), 1.0, 86400.0);
    for (const ProbeCheck& check : checks_for(stated, server, pool)) {
        std::string name(probe::probe_kind_name(check.kind));
        name += ":" + std::to_string(check.port) + check.path;
        if (std::ranges::find(plan.names, name) != plan.names.end()) {
            continue;
        }
        probe::ProbeTarget target;
        target.server = server.id;
        target.ask.kind = check.kind;
        if (check.kind == ProbeKind::LoadReport) {
            target.ask.expected_name = server.name;
        } else if (check.kind == ProbeKind::Http) {
            target.ask.host = host_field(server, check.port);
            target.ask.path = check.path.empty() ? "/" : check.path;
        }
        target.endpoint = base::Endpoint(*address, check.port);
        target.check = static_cast<std::uint8_t>(plan.names.size());
        target.timing = timing;
        plan.targets.push_back(std::move(target));
        plan.names.push_back(std::move(name));
    }
    plan.health.probe_first = !plan.targets.empty();
    return plan;
}

}  // namespace dns
