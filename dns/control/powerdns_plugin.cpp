#include "dns/control/powerdns_plugin.h"

#include <optional>
#include <utility>

#include "base/fiber.h"
#include "base/log.h"
#include "dns/directory/directory_reader.h"
#include "dns/dnssec/key_store.h"

namespace dns {
namespace {

constexpr base::Duration kPollEvery = std::chrono::seconds(2);
constexpr base::Duration kReadDeadline = std::chrono::seconds(30);

struct KeysRead {
    std::int64_t version = 0;
    plugin::SharedSigning signing;  // null: the version is the one that is known
};

base::Result<KeysRead> read_keys(base::Connection& connection, std::int64_t known) {
    KeysRead read;
    read.version = TRY(read_directory_version(connection));
    if (read.version == known) {
        return read;
    }
    auto tx = TRY(connection.begin());
    const auto zones = TRY(dnssec::read_all_keys(tx));
    const auto secrets = TRY(dnssec::read_secrets(tx));
    TRY(tx.commit());
    read.signing = std::make_shared<const plugin::SigningData>(zones, secrets);
    return read;
}

}  // namespace

// Reads keys in a fiber of the main loop until its owner has gone.
struct PowerDnsPlugin::KeyReader {
    KeyReader(base::DbPool& the_pool, plugin::RemoteServer& the_server)
        : pool(the_pool), server(&the_server) {}

    void look() {
        const auto read =
            pool.run([known = version](
                         base::Connection& connection) { return read_keys(connection, known); },
                     base::Deadline::after(kReadDeadline));
        if (server == nullptr || (!read && read.error().code == base::Errc::Cancelled)) {
            return;
        }
        if (!read && !away) {
            base::log::warning("dns", "powerdns-keys-away", {{"error", read.error()}});
        }
        away = !read;
        if (read && read.value().signing != nullptr) {
            server->set_signing(read.value().signing);
            version = read.value().version;
        }
    }

    base::DbPool& pool;
    plugin::RemoteServer* server;  // null: the owner has gone
    std::int64_t version = -1;
    bool away = false;
};

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

PowerDnsPlugin::~PowerDnsPlugin() {
    if (keys_ != nullptr) {
        keys_->server = nullptr;
    }
}

base::Result<std::unique_ptr<PowerDnsPlugin>> PowerDnsPlugin::create(
    base::Loop& loop,
    const SnapshotHolder& holder,
    base::DbPool& database,
    const plugin::PluginConfig& config) {
    std::unique_ptr<PowerDnsPlugin> made(
        new PowerDnsPlugin(TRY(plugin::RemoteServer::create(holder, config))));
    if (config.keys == plugin::KeyUse::Given) {
        made->keys_ = std::make_shared<KeyReader>(database, *made->server_);
        TRY(base::spawn(loop, "powerdns keys", [keys = made->keys_] {
            while (keys->server != nullptr && !base::fiber_cancelled()) {
                keys->look();
                (void)base::sleep_until(
                    base::Deadline::after(kPollEvery));  // its end is seen above
            }
        }));
    }
    return made;
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
