// roundtable-dnsd: the name server. See dns/README.md and dns/control/name_server.h.

#include <memory>
#include <string>
#include <utility>

#include "base/daemon.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "base/result.h"
#include "dns/control/config_change.h"
#include "dns/control/name_server.h"
#include "dns/control/name_server_config.h"

namespace {

void note_reload(std::string_view outcome) {
    base::counter("roundtable_dns_reloads_total",
                  "Bootstrap files read again, by what became of them",
                  {{"outcome", outcome}})
        .add();
}

void log_addresses(const dns::NameServer& server, const std::string& name) {
    for (const base::Endpoint& endpoint : server.public_endpoints()) {
        base::log::info("dns", "listening", {{"name", name}, {"dns", endpoint.to_text()}});
    }
}

void take(dns::NameServer& server, const base::Config& file, dns::NameServerConfig next) {
    const std::string name = next.name;
    const auto changed = server.reconfigure(std::move(next));
    note_reload(changed ? "taken" : "refused");
    if (!changed) {
        base::log::error("dns", "reload-refused", {{"error", changed.error()}});
        return;
    }
    base::DaemonContext::use_log_level(file);
    std::string keys;
    for (const std::string& key : changed.value()) {
        keys += (keys.empty() ? "" : ",") + key;
        if (key == "listen") {
            log_addresses(server, name);
        }
    }
    base::log::info("dns", "reloaded", {{"changed", keys}});
}

// On the signals' thread, which may read files; what changes is put in force on the loop.
void reload(const base::DaemonContext& context,
            const base::Poster& poster,
            const std::unique_ptr<dns::NameServer>& server) {
    auto file = context.load_config();
    auto next = file ? dns::load_name_server_config(file.value())
                     : base::Result<dns::NameServerConfig>(file.error());
    if (!next) {
        note_reload("refused");
        base::log::error("dns", "reload-refused", {{"error", next.error()}});
        return;
    }
    (void)poster.post(  // past the loop's end nobody listens
        [&server, file = file.value(), next = std::move(next).take_value()]() mutable {
            take(*server, file, std::move(next));
        });
}

base::Status serve(base::DaemonContext& context) {
    dns::NameServerConfig config = dns::read_name_server_config(context.config().root());
    TRY(context.config().finish());
    const std::string name = config.name;
    const std::unique_ptr<base::Loop> loop = TRY(base::Loop::create("dnsd"));
    std::unique_ptr<dns::NameServer> server;
    server = TRY(dns::NameServer::create(*loop, std::move(config), [&context, &server, &name] {
        log_addresses(*server, name);
        context.ready();
    }));
    context.set_on_stop([&loop] { loop->stop(); });
    context.set_on_reload(
        [&context, &server, poster = loop->poster()] { reload(context, poster, server); });
    for (const base::Endpoint& endpoint : server->internal_endpoints()) {
        base::log::info("dns", "listening", {{"name", name}, {"internal", endpoint.to_text()}});
    }
    loop->run();
    context.set_on_stop([] {});
    context.set_on_reload(nullptr);
    server->save();
    return server->outcome();
}

}  // namespace

int main(int argc, char** argv) {
    base::keep_large_blocks_apart();
    return base::run_daemon(argc, argv, "roundtable-dnsd", serve);
}
