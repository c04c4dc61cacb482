// roundtable-mtad: the mail agent. See mta/README.md and mta/mail_agent.h.

#include <memory>
#include <string>
#include <utility>

#include "base/daemon.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/result.h"
#include "mta/mail_agent.h"
#include "mta/mail_agent_config.h"

namespace {

base::Status serve(base::DaemonContext& context) {
    mta::MailAgentConfig config = mta::read_mail_agent_config(context.config().root());
    TRY(context.config().finish());
    const std::string name = config.name;
    const std::unique_ptr<base::Loop> loop = TRY(base::Loop::create("mtad"));
    const std::unique_ptr<mta::MailAgent> agent =
        TRY(mta::MailAgent::create(*loop, std::move(config), [&context] { context.ready(); }));
    context.set_on_stop([&agent] { agent->request_stop(); });
    for (const base::Endpoint& endpoint : agent->smtp_endpoints()) {
        base::log::info("mta", "listening", {{"name", name}, {"smtp", endpoint.to_text()}});
    }
    loop->run();
    // Waits for a stop that is being asked for, and keeps the next one from an agent that is gone.
    context.set_on_stop([] {});
    return base::Done{};
}

}  // namespace

int main(int argc, char** argv) {
    return base::run_daemon(argc, argv, "roundtable-mtad", serve);
}
