// roundtable-dnsd: the name server. See dns/README.md and dns/control/name_server.h.

#include <memory>
#include <string>
#include <utility>

#include "base/daemon.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/result.h"
#include "dns/control/name_server.h"
#include "dns/control/name_server_config.h"

namespace {

base::Status serve(base::DaemonContext& context) {
    dns::NameServerConfig config = dns::read_name_server_config(context.config().root());
    TRY(context.config().finish());
    const std::string name = config.name;
    const std::unique_ptr<base::Loop> loop = TRY(base::Loop::create("dnsd"));
    std::unique_ptr<dns::NameServer> server;
    server = TRY(dns::NameServer::create(*loop, std::move(config), [&context, &server, &name] {
        for (const base::Endpoint& endpoint : server->public_endpoints()) {
            base::log::info("dns", "listening", {{"name", name}, {"dns", endpoint.to_text()}});
        }
        context.ready();
    }));
    context.set_on_stop([&loop] { loop->stop(); });
    for (const base::Endpoint& endpoint : server->internal_endpoints()) {
        base::log::info("dns", "listening", {{"name", name}, {"internal", endpoint.to_text()}});
    }
    loop->run();
    context.set_on_stop([] {});
    server->save();
    return server->outcome();
}

}  // namespace

int main(int argc, char** argv) {
    return base::run_daemon(argc, argv, "roundtable-dnsd", serve);
}
