#pragma once

// MailAgent: the whole mail agent behind roundtable-mtad: the message tracking agent, the session
// loops with their SMTP services, recipients, senders, the load report, the admin port, and the
// chores between them. The main loop has the tracking agent, the load listener and the chores; the
// sessions run on loops of their own threads.
//
// A start after kill -9 needs no hand: the state directory holds caches with checksums, which are
// dropped when damaged, and what the tracking agent keeps there.
//
// Owner: main(). Thread rule: create() and the destructor on the main loop's thread (before and
// after its run()); request_stop() from any thread.
// Errors of create(): as TrackingAgent::create and Listener::create; Errc::Invalid.

#include <functional>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/loop.h"
#include "base/result.h"
#include "mta/mail_agent_config.h"

namespace mta {

/// A daemon that cannot do its work yet counts as started after this long all the same: it answers,
/// and says what is missing.
inline constexpr base::Duration kReadyWait = std::chrono::seconds(10);

/// See the top of this file.
class MailAgent {
  public:
    /// Listens when it returns; serves when `loop` runs. Blocks: reads the directory. `on_ready` is
    /// called once, on the loop, when mail can be stored, or after kReadyWait without.
    [[nodiscard]] static base::Result<std::unique_ptr<MailAgent>> create(
        base::Loop& loop, MailAgentConfig config, std::function<void()> on_ready);
    ~MailAgent();
    MailAgent(const MailAgent&) = delete;
    MailAgent& operator=(const MailAgent&) = delete;

    /// Comes to an end in order: idle sessions at once, transactions within config.stop; then the
    /// store, the caches, and the main loop, whose run() returns. Once.
    void request_stop();

    /// Where SMTP listens, with the real ports.
    [[nodiscard]] std::vector<base::Endpoint> smtp_endpoints() const;

  private:
    struct State;

    explicit MailAgent(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

}  // namespace mta
