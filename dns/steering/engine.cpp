// SteeringEngine: what is fed in. engine_tables.cpp has what comes out.

#include "dns/steering/engine.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/check.h"

namespace dns::steering {
namespace {

base::Error invalid(std::string detail) {
    return base::Error{base::Errc::Invalid, std::move(detail)};
}

base::Status check_pool(const PoolConfig& config) {
    TableInput input;
    input.settings = config.settings;
    std::set<ServerId> ids;
    for (const ServerConfig& server : config.servers) {
        ServerInput entry;
        entry.id = server.id;
        entry.name = server.name;
        entry.weight = server.weight;
        entry.tier = server.tier;
        input.servers.push_back(std::move(entry));
        ids.insert(server.id);
        TRY(check_health_rule(server.health));
        const std::set<std::string_view> checks(server.checks.begin(), server.checks.end());
        if (server.checks.size() > kChecksMax || checks.size() != server.checks.size()) {
            return invalid("steering: too many checks, or one twice, of " + server.name);
        }
    }
    // The table's own rules are the pool's rules: what builds now builds in every later state.
    auto table = build_table(input);
    if (!table) {
        return std::move(table).take_error();
    }
    std::set<std::string_view> names;
    for (const ZoneConfig& zone : config.zones) {
        if (zone.zone.empty() || !names.insert(zone.zone).second) {
            return invalid("steering: zone without a name, or twice: " + zone.zone);
        }
        std::set<ServerId> members;
        for (const ZoneServer& server : zone.servers) {
            if (!ids.contains(server.id) || !members.insert(server.id).second) {
                return invalid("steering: unknown or repeated server in zone " + zone.zone);
            }
        }
    }
    return base::Done{};
}

bool is_out(ForcedState forced) {
    return forced == ForcedState::Down || forced == ForcedState::Drained;
}

}  // namespace

SteeringEngine::SteeringEngine(PoolConfig config)
    : config_(std::move(config)), gate_(config_.settings) {
}

base::Result<SteeringEngine> SteeringEngine::create(PoolConfig config,
                                                    Now now,
                                                    std::uint64_t first_commit) {
    SteeringEngine engine{PoolConfig{}};
    TRY(engine.configure(std::move(config), now));
    engine.causes_ = {"start"};
    engine.next_commit_ = first_commit;
    engine.gate_ = HealthGate(engine.config_.settings);
    return engine;
}

base::Status SteeringEngine::configure(PoolConfig config, Now now) {
    TRY(check_pool(config));
    std::vector<Member> members;
    for (const ServerConfig& server : config.servers) {
        Member* const old = find(server.id);
        Member member = old == nullptr ? Member{} : std::move(*old);
        if (old == nullptr) {
            member.health = first_health(server.health, server.checks);
            member.watched_s = now.monotonic_s;
        } else if (member.config.checks != server.checks) {
            set_checks(member.health, server.checks);
            member.load_check.reset();
        }
        member.config = server;
        members.push_back(std::move(member));
    }
    std::ranges::sort(members, {}, [](const Member& member) { return member.config.id; });
    members_ = std::move(members);
    config_ = std::move(config);
    gate_.set_settings(config_.settings);
    arrange_views();
    resolve(now);
    causes_.emplace_back("configuration");
    return base::Done{};
}

base::Status SteeringEngine::set_overrides(std::vector<Override> overrides, Now now) {
    if (overrides.size() > kOverridesMax) {
        return invalid("steering: too many overrides");
    }
    for (const Override& entry : overrides) {
        TRY(check_override(entry));
    }
    const std::vector<Override> before = std::exchange(overrides_, std::move(overrides));
    note_override_changes(before, now);
    // Which zones have a view of their own follows from whose name overrides say.
    if (zones_overridden() != overridden_) {
        arrange_views();
    }
    resolve(now);
    return base::Done{};
}

/// Adds a cause for an override that came, went or expired. One that cannot hold here is no cause:
/// another pool's overrides make no table.
void SteeringEngine::add_override_cause(const Override& entry, const char* prefix) {
    const Member* const member = entry.scope.server ? find(*entry.scope.server) : nullptr;
    const bool is_ours = !entry.scope.pool || *entry.scope.pool == config_.name;
    if (is_ours && (member != nullptr || !entry.scope.server)) {
        const std::string_view name = member != nullptr ? member->config.name : std::string_view();
        causes_.push_back(prefix + describe_override(entry, name));
    }
}

void SteeringEngine::note_override_changes(const std::vector<Override>& before, Now now) {
    const auto holds = [&](const Override& entry) { return !has_expired(entry, now.unix_us); };
    for (const Override& entry : overrides_) {
        if (holds(entry) && std::ranges::find(before, entry) == before.end()) {
            add_override_cause(entry, "");
        }
    }
    for (const Override& entry : before) {
        const auto same = std::ranges::find(overrides_, entry.id, &Override::id);
        if (holds(entry) && same == overrides_.end()) {
            add_override_cause(entry, "removed: ");
        }
    }
}

void SteeringEngine::expire_overrides(Now now) {
    if (!next_expiry_us_ || now.unix_us < *next_expiry_us_) {
        return;
    }
    for (const Override& entry : overrides_) {
        // Those that expired earlier were named when they did.
        if (has_expired(entry, now.unix_us) && *entry.expires_us >= *next_expiry_us_) {
            add_override_cause(entry, "expired: ");
        }
    }
    resolve(now);
}

/// Works out what the overrides mean for each member now, and what follows from a change of it.
void SteeringEngine::resolve(Now now) {
    next_expiry_us_.reset();
    for (const Override& entry : overrides_) {
        if (entry.expires_us && !has_expired(entry, now.unix_us)) {
            next_expiry_us_ =
                std::min(next_expiry_us_.value_or(*entry.expires_us), *entry.expires_us);
        }
    }
    for (std::size_t i = 0; i < members_.size(); ++i) {
        Member& member = members_[i];
        const ForcedState before = member.forced.forced;
        member.forced = resolve_overrides(
            overrides_, config_.name, std::nullopt, member.config.id, now.unix_us);
        if (member.forced.trim_off) {
            member.trim.z = 0;
        }
        // A drained server has gone cold: it comes back like one that was restarted.
        if (before == ForcedState::Drained && !is_out(member.forced.forced)) {
            member.trim.restarted = true;
            trim_on_up(trim_view(), i, now.monotonic_s);
        }
    }
}

SteeringEngine::Member* SteeringEngine::find(ServerId server) {
    const auto found = std::ranges::lower_bound(
        members_, server, {}, [](const Member& member) { return member.config.id; });
    return found != members_.end() && found->config.id == server ? &*found : nullptr;
}

const SteeringEngine::Member* SteeringEngine::find(ServerId server) const {
    return const_cast<SteeringEngine*>(this)->find(server);  // NOLINT(*-const-cast): same search
}

bool SteeringEngine::is_fixed(const Member& member) const {
    const EffectiveOverride& forced = member.forced;
    return forced.pin || forced.frozen || forced.trim_off || is_out(forced.forced);
}

// What it can take: as configured or overridden, and of that the share that its agent asks for.
double SteeringEngine::capacity_of(const Member& member, const EffectiveOverride& forced) {
    if (forced.weight) {
        return *forced.weight;  // an operator's word is not the agent's to change
    }
    return std::clamp(member.config.weight * member.agent.share, kWeightMin, kWeightMax);
}

std::vector<TrimServer> SteeringEngine::trim_view() {
    std::vector<TrimServer> view;
    view.reserve(members_.size());
    for (Member& member : members_) {
        const EffectiveOverride& forced = member.forced;
        TrimServer server;
        server.trim = &member.trim;
        const bool drained = forced.forced == ForcedState::Drained;
        server.weight = drained ? 0 : capacity_of(member, forced);
        server.table_weight = member.table_weight;
        server.up = member.health.up && forced.forced != ForcedState::Down;
        server.fixed = is_fixed(member);
        view.push_back(server);
    }
    return view;
}

void SteeringEngine::on_probe(const probe::ProbeResult& result, Now now) {
    Member* const member = find(result.server);
    if (member == nullptr) {
        return;
    }
    const auto index = static_cast<std::size_t>(member - members_.data());
    const bool is_forced = member->forced.forced != ForcedState::None;
    const std::string& name = member->config.name;

    const HealthChange change =
        gate_.on_probe(member->health, member->config.health, result, now.monotonic_s);
    member->changes += change == HealthChange::None ? 0 : 1;
    if (result.weight) {
        member->agent.hear(*result.weight, now.monotonic_s);
    }
    if (change == HealthChange::WentDown && !is_forced) {
        causes_.push_back(name + " down: " + member->health.reason);
    }
    const bool is_answer = result.outcome == probe::ProbeOutcome::Reply ||
                           result.outcome == probe::ProbeOutcome::Unfit;
    if (is_answer && (result.counters || result.gauge)) {
        member->load_check = std::min(member->load_check.value_or(result.check), result.check);
    }
    // Two checks that report load would be differences of unlike things.
    const bool has_figures =
        is_answer && (member->health.checks.size() == 1 || member->load_check == result.check);
    bool restarted = false;
    if (has_figures) {
        // The reply that brings a server up measures a time in which it was down: only a base.
        std::vector<TrimServer> view = trim_view();
        view[index].up = view[index].up && change != HealthChange::WentUp;
        restarted = trim_on_reply(config_.settings, view, index, result, now.monotonic_s);
    }
    if (change == HealthChange::WentUp) {
        trim_on_up(trim_view(), index, now.monotonic_s);
        if (!is_forced) {
            causes_.push_back(name + " up");
        }
    } else if (restarted && member->health.up) {
        // It was away so shortly that no probe noticed.
        trim_on_up(trim_view(), index, now.monotonic_s);
        causes_.push_back(name + " restarted");
    }
}

bool SteeringEngine::is_up(ServerId server) const {
    const Member* const member = find(server);
    return member != nullptr && member->health.up;
}

bool SteeringEngine::wants_news(ServerId server) const {
    const Member* const member = find(server);
    return member != nullptr && steering::wants_news(member->health);
}

std::size_t SteeringEngine::unproven() const {
    return static_cast<std::size_t>(std::ranges::count_if(members_, [](const Member& member) {
        return member.config.health.probe_first && !member.health.up &&
               !std::ranges::all_of(member.health.checks, &CheckHealth::known);
    }));
}

double SteeringEngine::oldest_news_s(Now now) const {
    double oldest_s = 0;
    for (const Member& member : members_) {
        if (member.config.health.probe_first) {
            const double since_s = member.health.probed_s.value_or(member.watched_s);
            oldest_s = std::max(oldest_s, now.monotonic_s - since_s);
        }
    }
    return oldest_s;
}

std::vector<ServerStatus> SteeringEngine::status(Now now) const {
    std::vector<ServerStatus> all;
    for (const Member& member : members_) {
        ServerStatus status;
        status.id = member.config.id;
        status.name = member.config.name;
        status.up = member.health.up;
        status.reason = member.health.reason;
        status.forced = member.forced.forced;
        status.weight = member.table_weight;
        status.capacity = capacity_of(member, member.forced);
        status.tier = member.config.tier;
        status.ill = member.trim.ill;
        status.fixed = is_fixed(member);
        status.trim = member.trim.z;
        status.ramp = ramp_factor(config_.settings, member.trim, now.monotonic_s);
        status.load = member.trim.load;
        status.accepted_rate = member.trim.accepted_rate;
        if (member.health.probed_s) {
            status.probe_age_s = now.monotonic_s - *member.health.probed_s;
        }
        if (const auto until_s = held_down_until(member.health)) {
            status.held_s = std::max(*until_s - now.monotonic_s, 0.0);
        }
        status.flaps = flaps_at(member.config.health, member.health, now.monotonic_s);
        status.agent_share = member.agent.share;
        status.changes = member.changes;
        all.push_back(std::move(status));
    }
    return all;
}

PoolStatus SteeringEngine::pool_status() const {
    PoolStatus status;
    status.loss_rate = gate_.loss_rate();
    status.losses_to_down = gate_.losses_to_down();
    // NOLINTNEXTLINE(*-const-cast): the view is only read here
    status.mean_load = mean_load(const_cast<SteeringEngine*>(this)->trim_view());
    return status;
}

std::vector<SavedTrim> SteeringEngine::save_trims() const {
    std::vector<SavedTrim> trims;
    for (const Member& member : members_) {
        trims.push_back({member.config.id, member.trim.z});
    }
    return trims;
}

void SteeringEngine::restore_trims(const std::vector<SavedTrim>& trims) {
    for (const SavedTrim& saved : trims) {
        Member* const member = find(saved.id);
        if (member != nullptr) {
            member->trim.z = clip_trim(config_.settings, saved.z);
        }
    }
}

std::vector<SavedHealth> SteeringEngine::save_health(Now now) const {
    std::vector<SavedHealth> all;
    for (const Member& member : members_) {
        if (auto saved = steering::save_health(
                member.config.id, member.config.health, member.health, now.monotonic_s)) {
            all.push_back(std::move(*saved));
        }
    }
    return all;
}

void SteeringEngine::restore_health(const std::vector<SavedHealth>& saved, Now now) {
    for (const SavedHealth& health : saved) {
        Member* const member = find(health.id);
        if (member != nullptr && member->config.health.probe_first) {
            steering::restore_health(member->health, health, now.monotonic_s);
        }
    }
}

void SteeringEngine::assume_load(double load) {
    for (Member& member : members_) {
        member.trim.load = load;
    }
}

}  // namespace dns::steering
