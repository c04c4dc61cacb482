#include "dns/steering/health.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace dns::steering {
namespace {

constexpr double kLossRateMin = 0.001;
constexpr double kLossRateMax = 0.5;

bool all_known(const ServerHealth& server) {
    return std::ranges::all_of(server.checks, &CheckHealth::known);
}

bool all_well(const ServerHealth& server) {
    return std::ranges::all_of(server.checks, &CheckHealth::up);
}

// The first check that is bad; one that proves it before one that is silent.
const CheckHealth* worst(const ServerHealth& server) {
    const CheckHealth* found = nullptr;
    for (const CheckHealth& check : server.checks) {
        if (!check.up && (found == nullptr || (check.proven_bad && !found->proven_bad))) {
            found = &check;
        }
    }
    return found;
}

std::string reason_of(const ServerHealth& server, const CheckHealth& check) {
    const std::string prefix = check.name + ": ";
    const bool is_clear =
        server.checks.size() == 1 || check.name.empty() || check.reason.starts_with(prefix);
    return is_clear ? check.reason : prefix + check.reason;
}

void go_down(ServerHealth& server, const HealthRule& rule, double now_s) {
    const double flaps = flaps_at(rule, server, now_s);
    server.up = false;
    server.changed_s = now_s;
    const double beyond_first = std::max(flaps - 1, 0.0);
    server.hold_s =
        std::min(rule.dwell_s * std::exp2(beyond_first), std::max(rule.flap_max_s, rule.dwell_s));
    server.flaps = std::min(flaps + 1, kFlapsMax);
    server.flaps_s = now_s;
}

}  // namespace

double flaps_at(const HealthRule& rule, const ServerHealth& server, double now_s) {
    const double age_s = std::max(now_s - server.flaps_s, 0.0);
    return server.flaps * std::exp2(-age_s / rule.flap_half_life_s);
}

base::Status check_health_rule(const HealthRule& rule) {
    struct Range {
        const char* name;
        double value;
        double min;
        double max;
    };

    const std::array ranges = {
        Range{"rise", static_cast<double>(rule.rise), 0, 10},
        Range{"fall", static_cast<double>(rule.fall), 0, 16},
        Range{"dwell", rule.dwell_s, 0, 3600},
        Range{"flap_max", rule.flap_max_s, 0, 86400},
        Range{"flap_half_life", rule.flap_half_life_s, 1, 86400},
    };
    for (const Range& range : ranges) {
        // Written so that NaN fails as well.
        if (!(range.value >= range.min && range.value <= range.max)) {
            return base::Error{base::Errc::Invalid,
                               std::string("health rule out of range: ") + range.name};
        }
    }
    return base::Done{};
}

ServerHealth first_health(const HealthRule& rule, const std::vector<std::string>& checks) {
    ServerHealth server;
    set_checks(server, checks);
    server.up = !rule.probe_first;
    for (CheckHealth& check : server.checks) {
        check.known = false;
    }
    server.reason = server.up ? "" : "not probed yet";
    return server;
}

void set_checks(ServerHealth& server, const std::vector<std::string>& checks) {
    std::vector<CheckHealth> now;
    for (const std::string& name : checks) {
        const auto old = std::ranges::find(server.checks, name, &CheckHealth::name);
        if (old != server.checks.end()) {
            now.push_back(*old);
            continue;
        }
        CheckHealth check;
        check.name = name;
        check.known = true;
        now.push_back(std::move(check));
    }
    if (now.empty()) {
        now.emplace_back();
    }
    server.checks = std::move(now);
}

bool wants_news(const ServerHealth& server) {
    return server.up || !all_known(server);
}

std::optional<double> held_down_until(const ServerHealth& server) {
    if (server.up || !all_known(server) || !all_well(server)) {
        return std::nullopt;
    }
    return server.changed_s + server.hold_s;
}

std::optional<SavedHealth> save_health(ServerId id,
                                       const HealthRule& rule,
                                       const ServerHealth& server,
                                       double now_s) {
    if (!all_known(server)) {
        return std::nullopt;
    }
    return SavedHealth{id, server.up, server.reason, flaps_at(rule, server, now_s)};
}

void restore_health(ServerHealth& server, const SavedHealth& saved, double now_s) {
    server.up = saved.up;
    server.reason = saved.up ? "" : saved.reason;
    // What is no number, or none that could have been, is forgotten.
    server.flaps = saved.flaps >= 0 ? std::min(saved.flaps, kFlapsMax) : 0;
    server.flaps_s = now_s;
    for (CheckHealth& check : server.checks) {
        check.known = true;
        check.up = saved.up;
        check.reason = server.reason;
    }
}

HealthGate::HealthGate(const Settings& settings)
    : settings_(settings), loss_rate_(settings.loss_start) {
}

std::uint32_t HealthGate::losses_to_down() const noexcept {
    const double rate = std::clamp(loss_rate_, kLossRateMin, kLossRateMax);
    const double needed = std::ceil(std::log(settings_.false_down) / std::log(rate));
    return static_cast<std::uint32_t>(std::clamp(needed,
                                                 static_cast<double>(settings_.losses_min),
                                                 static_cast<double>(settings_.losses_max)));
}

void HealthGate::judge(CheckHealth& check,
                       const HealthRule& rule,
                       const probe::ProbeResult& result) const {
    const bool lost = result.outcome == probe::ProbeOutcome::Lost;
    if (result.outcome == probe::ProbeOutcome::Silent) {
        check.known = true;
        return;
    }
    if (result.outcome == probe::ProbeOutcome::Reply) {
        check.losses = 0;
        const std::uint32_t rise = rule.rise == 0 ? settings_.replies_up : rule.rise;
        if (!check.known || (!check.up && ++check.replies >= rise)) {
            check.up = true;
            check.known = true;
            check.proven_bad = false;
            check.replies = 0;
            check.reason.clear();
        }
        return;
    }
    check.replies = 0;
    check.losses = lost ? check.losses + 1 : 0;
    if (lost && check.losses < (rule.fall == 0 ? losses_to_down() : rule.fall)) {
        return;
    }
    if (check.up || !lost) {
        check.reason =
            result.reason.empty() ? std::to_string(check.losses) + " probes lost" : result.reason;
        check.proven_bad = !lost;
    }
    check.up = false;
    check.known = true;
}

HealthChange HealthGate::on_probe(ServerHealth& server,
                                  const HealthRule& rule,
                                  const probe::ProbeResult& result,
                                  double now_s) {
    if (result.check >= server.checks.size()) {
        return HealthChange::None;
    }
    CheckHealth& check = server.checks[result.check];
    const bool lost = result.outcome == probe::ProbeOutcome::Lost;
    // Only the first probe after a reply counts: the repeated ones of a dying server say something
    // of that server, not of the network.
    if (server.up && check.losses == 0 && result.outcome != probe::ProbeOutcome::Silent) {
        loss_rate_ += settings_.loss_gain * ((lost ? 1.0 : 0.0) - loss_rate_);
    }
    server.probed_s = now_s;
    judge(check, rule, result);

    if (const CheckHealth* const bad = worst(server)) {
        if (!server.up) {
            server.reason = reason_of(server, *bad);
            return HealthChange::None;
        }
        if (!bad->proven_bad && now_s - server.changed_s < rule.dwell_s) {
            return HealthChange::None;
        }
        go_down(server, rule, now_s);
        server.reason = reason_of(server, *bad);
        return HealthChange::WentDown;
    }
    const bool waits =
        (rule.probe_first && !all_known(server)) || now_s - server.changed_s < server.hold_s;
    if (server.up || waits) {
        return HealthChange::None;
    }
    server.up = true;
    server.reason.clear();
    server.changed_s = now_s;
    server.hold_s = 0;
    return HealthChange::WentUp;
}

}  // namespace dns::steering
