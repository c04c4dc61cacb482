// roundtable-accessd: the access server. See access/README.md and access/access_server.h.

#include <memory>
#include <string>
#include <utility>

#include "access/access_config.h"
#include "access/access_server.h"
#include "base/daemon.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/result.h"

namespace {

base::Status serve(base::DaemonContext& context) {
    accessd::AccessConfig config = accessd::read_access_config(context.config().root());
    TRY(context.config().finish());
    const std::string name = config.settings.name;
    const std::unique_ptr<base::Loop> loop = TRY(base::Loop::create("accessd"));
    const std::unique_ptr<accessd::AccessServer> server = TRY(
        accessd::AccessServer::create(*loop, std::move(config), [&context] { context.ready(); }));
    context.set_on_stop([&server] { server->request_stop(); });
    for (const base::Endpoint& endpoint : server->imap_endpoints()) {
        base::log::info("access", "listening", {{"name", name}, {"imap", endpoint.to_text()}});
    }
    for (const base::Endpoint& endpoint : server->pop3_endpoints()) {
        base::log::info("access", "listening", {{"name", name}, {"pop3", endpoint.to_text()}});
    }
    loop->run();
    // Waits for a stop that is being asked for, and keeps the next one from a server that is gone.
    context.set_on_stop([] {});
    return base::Done{};
}

}  // namespace

int main(int argc, char** argv) {
    return base::run_daemon(argc, argv, "roundtable-accessd", serve);
}
