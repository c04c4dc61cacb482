#include "dns/control/powerdns_plugin.h"

#include <string_view>
#include <utility>

namespace dns {

void PowerDnsPlugin::Follower::take(std::uint64_t total) {
    metric->add(total - taken);
    taken = total;
}

PowerDnsPlugin::PowerDnsPlugin(std::unique_ptr<plugin::RemoteServer> server)
    : server_(std::move(server)) {
    for (std::size_t i = 0; i < calls_.size(); ++i) {
        calls_[i].metric = &base::counter(
            "roundtable_dns_powerdns_calls_total",
            "Calls of PowerDNS's remote backend, by what became of them",
            {{"outcome", plugin::call_outcome_name(static_cast<plugin::CallOutcome>(i))}});
    }
    constexpr std::array<std::string_view, 3> kOutcomes = {"accepted", "refused", "slow"};
    for (std::size_t i = 0; i < connections_.size(); ++i) {
        connections_[i].metric = &base::counter("roundtable_dns_powerdns_connections_total",
                                                "Connections of PowerDNS's remote backend",
                                                {{"outcome", kOutcomes[i]}});
    }
}

PowerDnsPlugin::~PowerDnsPlugin() = default;

base::Result<std::unique_ptr<PowerDnsPlugin>> PowerDnsPlugin::create(
    const SnapshotHolder& holder, const plugin::PluginConfig& config) {
    return std::unique_ptr<PowerDnsPlugin>(
        new PowerDnsPlugin(TRY(plugin::RemoteServer::create(holder, config))));
}

void PowerDnsPlugin::take(const std::shared_ptr<const Directory>& directory) {
    if (directory != nullptr && directory_ != directory) {
        directory_ = directory;
        server_->set_directory(directory);
    }
}

void PowerDnsPlugin::do_chores() {
    const plugin::RemoteCounters& counters = server_->counters();
    for (std::size_t i = 0; i < calls_.size(); ++i) {
        calls_[i].take(counters.calls[i].value());
    }
    connections_[0].take(counters.accepted.value());
    connections_[1].take(counters.refused.value());
    connections_[2].take(counters.slow.value());
}

}  // namespace dns
