#pragma once

// LoadService: the listener that name servers ask for our load (base/load_report.h). Connections
// stay open between questions; at most kConnectionsMax, further ones are closed.
//
// Owner: the mail agent. Thread rule: loop thread only; before Loop::run() the creating thread.
// Errors: create() as base::Listener::create.

#include <cstddef>
#include <memory>

#include "base/endpoint.h"
#include "base/listener.h"
#include "base/load_report.h"
#include "base/loop.h"
#include "base/result.h"
#include "mta/load.h"

namespace mta {

class LoadService {
  public:
    static constexpr std::size_t kConnectionsMax = 64;

    /// `meter` outlives it.
    [[nodiscard]] static base::Result<std::unique_ptr<LoadService>> create(
        base::Loop& loop,
        const base::Endpoint& listen,
        const LoadMeter& meter,
        base::LoadGreeting greeting);
    ~LoadService();
    LoadService(const LoadService&) = delete;
    LoadService& operator=(const LoadService&) = delete;

    [[nodiscard]] const base::Endpoint& bound() const { return listener_->bound(); }

  private:
    LoadService(base::Loop& loop, const LoadMeter& meter, base::LoadGreeting greeting);

    void on_accept(base::Fd socket, const base::Endpoint& peer);

    base::Loop& loop_;
    const LoadMeter& meter_;
    base::LoadGreeting greeting_;
    std::unique_ptr<base::Listener> listener_;
    std::size_t connections_ = 0;
};

}  // namespace mta
