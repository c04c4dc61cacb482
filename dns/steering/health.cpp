#include "dns/steering/health.h"

#include <algorithm>
#include <cmath>

namespace dns::steering {
namespace {

constexpr double kLossRateMin = 0.001;
constexpr double kLossRateMax = 0.5;

}  // namespace

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

// Only the first probe after a reply counts: the repeated ones of a dying server say something of
// that server, not of the network.
void HealthGate::update_loss_rate(const ServerHealth& server, bool lost) {
    if (server.up && server.losses == 0) {
        loss_rate_ += settings_.loss_gain * ((lost ? 1.0 : 0.0) - loss_rate_);
    }
}

HealthChange HealthGate::on_probe(ServerHealth& server,
                                  probe::ProbeOutcome outcome,
                                  std::string_view reason) {
    const bool lost = outcome == probe::ProbeOutcome::Lost;
    update_loss_rate(server, lost);
    if (outcome == probe::ProbeOutcome::Reply) {
        server.losses = 0;
        if (server.up || ++server.replies < settings_.replies_up) {
            return HealthChange::None;
        }
        server = ServerHealth{};
        return HealthChange::WentUp;
    }
    server.replies = 0;
    server.losses = lost ? server.losses + 1 : 0;
    const bool at_once = !lost;
    if (!at_once && server.losses < losses_to_down()) {
        return HealthChange::None;
    }
    const bool was_up = server.up;
    if (was_up || at_once) {
        server.reason = reason.empty() ? std::to_string(server.losses) + " probes lost" : reason;
    }
    server.up = false;
    return was_up ? HealthChange::WentDown : HealthChange::None;
}

}  // namespace dns::steering
