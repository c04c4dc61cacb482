#include "dns/explain/drain_watch.h"

#include <algorithm>
#include <array>

namespace dns::explain {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

bool serves(const DirectoryDomain& domain, PoolName pool) {
    return pool == PoolName::Mail ? !domain.mail.empty() : !domain.access.empty();
}

// The longest TTL with which a domain names servers of each pool.
std::array<std::uint32_t, 2> longest_ttls(const Directory& directory) {
    std::array<std::uint32_t, 2> ttls = {kCacheFloorS, kCacheFloorS};
    for (const DirectoryDomain& domain : directory.domains) {
        for (const PoolName pool : {PoolName::Mail, PoolName::Access}) {
            if (serves(domain, pool)) {
                std::uint32_t& ttl = ttls.at(static_cast<std::size_t>(pool));
                ttl = std::max(ttl, domain.mx_ttl);
            }
        }
    }
    return ttls;
}

// That of a drain: of its domain, or of all, whichever of them its servers serve: a domain more
// costs a little patience, one less a lost message.
std::uint32_t ttl_of(const Directory& directory,
                     const DirectoryOverride& drain,
                     const std::array<std::uint32_t, 2>& longest) {
    const auto& zone = drain.entry.scope.zone;
    if (!zone) {
        return longest.at(static_cast<std::size_t>(drain.pool));
    }
    const auto found =
        std::ranges::lower_bound(directory.domains, *zone, {}, &DirectoryDomain::name);
    const bool known = found != directory.domains.end() && found->name == *zone;
    return known ? std::max(kCacheFloorS, found->mx_ttl) : kCacheFloorS;
}

}  // namespace

void DrainWatch::take(const Directory& directory, std::int64_t now_us) {
    std::map<std::uint64_t, Drain> present;
    const auto longest = longest_ttls(directory);
    for (const DirectoryOverride& override_ : directory.overrides) {
        const steering::Override& entry = override_.entry;
        if (entry.kind != steering::OverrideKind::Drain || steering::has_expired(entry, now_us)) {
            continue;
        }
        const auto known = drains_.find(entry.id);
        Drain drain;
        if (known != drains_.end()) {
            drain = known->second;
        } else {
            drain.since_us = started_ ? now_us : entry.created_us;
        }
        const std::int64_t quiet_us =
            drain.since_us + std::int64_t{ttl_of(directory, override_, longest)} * kSecond;
        // An answer with the TTL of before may still be in a cache: the time only grows.
        drain.quiet_us = std::max(drain.quiet_us, quiet_us);
        drain.expires_us = entry.expires_us;
        present[entry.id] = drain;
    }
    drains_ = std::move(present);
    started_ = true;
}

std::vector<std::uint64_t> DrainWatch::due(std::int64_t now_us) {
    std::vector<std::uint64_t> ids;
    for (auto& [id, drain] : drains_) {
        const bool holds = !drain.expires_us || now_us < *drain.expires_us;
        if (holds && !drain.told && now_us >= drain.quiet_us) {
            drain.told = true;
            ids.push_back(id);
        }
    }
    return ids;
}

std::optional<std::int64_t> DrainWatch::quiet_from(std::uint64_t override_id) const {
    const auto found = drains_.find(override_id);
    return found == drains_.end() ? std::nullopt : std::optional(found->second.quiet_us);
}

}  // namespace dns::explain
