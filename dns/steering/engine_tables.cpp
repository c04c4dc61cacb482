// SteeringEngine: what comes out. engine.cpp has what is fed in.

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "dns/steering/engine.h"

namespace dns::steering {
namespace {

/// Longest cause text: many servers may change at once.
constexpr std::size_t kCauseMax = 1000;

std::string join_causes(const std::vector<std::string>& causes) {
    std::string text;
    for (const std::string& cause : causes) {
        if (text.size() + cause.size() + 2 > kCauseMax && !text.empty()) {
            return text + "; ...";
        }
        text.append(text.empty() ? "" : "; ").append(cause);
    }
    return text;
}

}  // namespace

std::set<std::string> SteeringEngine::zones_overridden() const {
    std::set<std::string> zones;
    for (const Override& entry : overrides_) {
        if (entry.scope.zone && (!entry.scope.pool || *entry.scope.pool == config_.name)) {
            zones.insert(*entry.scope.zone);
        }
    }
    return zones;
}

/// Groups the zones into views: zones with equal settings share one, except those with overrides of
/// their own.
void SteeringEngine::arrange_views() {
    View pool;
    pool.policy = config_.policy;
    pool.form = config_.form;
    pool.ttl_s = static_cast<std::uint32_t>(config_.settings.ttl_s);
    for (const Member& member : members_) {
        pool.servers.push_back({member.config.id, member.config.preference});
    }
    overridden_ = zones_overridden();
    std::set<std::string_view> overridden(overridden_.begin(), overridden_.end());
    views_ = {pool};
    auto zones = std::make_shared<ZoneTables>();
    const auto key_of = [](const View& view) {
        return std::tuple(view.policy, view.form, view.ttl_s, view.servers);
    };
    std::map<decltype(key_of(pool)), std::size_t> known = {{key_of(pool), 0}};
    const auto place = [&](View view) {
        if (!view.has_overrides) {
            const auto [found, is_new] = known.try_emplace(key_of(view), views_.size());
            if (!is_new) {
                return found->second;
            }
        }
        views_.push_back(std::move(view));
        return views_.size() - 1;
    };
    for (const ZoneConfig& zone : config_.zones) {
        View view = pool;
        view.zone = zone.zone;
        view.has_overrides = overridden.erase(zone.zone) > 0;
        view.policy = zone.policy.value_or(pool.policy);
        view.form = zone.form.value_or(pool.form);
        view.ttl_s = zone.ttl_s.value_or(pool.ttl_s);
        if (!zone.servers.empty()) {
            view.servers = zone.servers.copy();
            std::ranges::sort(view.servers);
        }
        (*zones)[zone.zone] = place(std::move(view));
    }
    for (const std::string_view zone : overridden) {
        View view = pool;
        view.zone = zone;
        view.has_overrides = true;
        (*zones)[view.zone] = place(view);
    }
    zones_ = std::move(zones);
}

TableInput SteeringEngine::table_input(const View& view, Now now) const {
    TableInput input;
    input.policy = view.policy;
    input.form = view.form;
    input.settings = config_.settings;
    input.ttl_s = view.ttl_s;
    for (const ZoneServer& entry : view.servers) {
        const Member* const member = find(entry.id);
        CHECK(member != nullptr);
        EffectiveOverride forced = member->forced;
        if (view.has_overrides) {
            forced = resolve_overrides(overrides_, config_.name, view.zone, entry.id, now.unix_us);
        }
        ServerInput server;
        server.id = entry.id;
        server.name = member->config.name;
        server.weight = capacity_of(*member, forced);
        server.trim = forced.trim_off ? 0 : member->trim.z;
        server.ramp = ramp_factor(config_.settings, member->trim, now.monotonic_s);
        server.healthy = member->health.up;
        server.forced = forced.forced;
        server.pin = forced.pin;
        server.preference = entry.preference;
        server.tier = member->config.tier;
        input.servers.push_back(std::move(server));
    }
    return input;
}

std::string SteeringEngine::routine_cause(Now now) const {
    std::string cause = "load";
    for (const Member& member : members_) {
        if (ramp_factor(config_.settings, member.trim, now.monotonic_s) < 1 &&
            cause.size() < kCauseMax) {
            cause.append(", slow start of ").append(member.config.name);
        }
    }
    return cause;
}

std::shared_ptr<SteeringCommit> SteeringEngine::make_commit(Now now) const {
    auto commit = std::make_shared<SteeringCommit>();
    commit->id = next_commit_;
    commit->when = now;
    commit->pool = config_.name;
    commit->cause = causes_.empty() ? routine_cause(now) : join_causes(causes_);
    commit->zones = zones_;
    for (const View& view : views_) {
        auto table = build_table(table_input(view, now));
        CHECK(table);  // configure() and set_overrides() let nothing in that could fail here
        commit->tables.push_back(
            std::make_shared<const SteeringTable>(std::move(table).take_value()));
    }
    return commit;
}

std::shared_ptr<const SteeringCommit> SteeringEngine::poll(Now now) {
    expire_overrides(now);
    if (causes_.empty() && now.monotonic_s < table_s_ + config_.settings.hold_s) {
        return nullptr;
    }
    std::shared_ptr<SteeringCommit> commit = make_commit(now);
    causes_.clear();
    table_s_ = now.monotonic_s;
    for (std::size_t i = 0; i < members_.size(); ++i) {
        members_[i].table_weight = commit->table()->servers[i].weight;
    }
    TableChange sum;
    for (std::size_t i = 0; i < views_.size(); ++i) {
        const SteeringTable* before =
            last_ == nullptr ? nullptr : last_->table_for(views_[i].zone).get();
        TableChange change = compare_tables(before, *commit->tables[i], views_[i].zone);
        sum.any = sum.any || change.any;
        sum.urgency = std::max(sum.urgency, change.urgency);
        sum.reach = std::max(sum.reach, change.reach);
        std::ranges::move(change.diff, std::back_inserter(commit->diff));
    }
    const bool same_zones =
        last_ != nullptr && (last_->zones == commit->zones || *last_->zones == *commit->zones);
    if (!sum.any && same_zones) {
        return nullptr;
    }
    commit->urgency = sum.urgency;
    commit->reach = sum.reach;
    ++next_commit_;
    last_ = commit;
    return commit;
}

double SteeringEngine::next_poll_s(Now now) const {
    if (!causes_.empty()) {
        return now.monotonic_s;
    }
    double next_s = table_s_ + config_.settings.hold_s;
    if (next_expiry_us_) {
        const auto left_us = static_cast<double>(*next_expiry_us_ - now.unix_us);
        next_s = std::min(next_s, now.monotonic_s + left_us * 1e-6);
    }
    return next_s;
}

}  // namespace dns::steering
