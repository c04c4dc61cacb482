#pragma once

// SmtpService: the SMTP listeners and sessions of one loop. It admits or turns away, starts a fiber
// for each session, and stops in order: idle sessions get 421 at once, transactions may finish.
//
// A client that is turned away gets its 421 by a fiber of its own, at most kRefusalsMax at a time;
// beyond that the connection is closed without a word.
//
// Owner: the mail agent. Thread rule: loop thread only; before Loop::run() the creating thread.
// Errors: create() as base::Listener::create.

#include <cstddef>
#include <list>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/fiber.h"
#include "base/listener.h"
#include "base/loop.h"
#include "base/result.h"
#include "mta/admission.h"
#include "mta/session.h"

namespace mta {

class SmtpService {
  public:
    static constexpr std::size_t kRefusalsMax = 64;

    /// `admission` and `parts` are shared with other loops and outlive this. Ports may be shared
    /// with them (SO_REUSEPORT).
    [[nodiscard]] static base::Result<std::unique_ptr<SmtpService>> create(
        base::Loop& loop,
        const std::vector<base::Endpoint>& listen,
        base::PortUse port_use,
        Admission& admission,
        SessionParts& parts);
    ~SmtpService();
    SmtpService(const SmtpService&) = delete;
    SmtpService& operator=(const SmtpService&) = delete;

    /// From a fiber of the loop: tells every session to come to an end, turns new ones away, and
    /// waits until the last has ended or the deadline has passed; what is left then is cancelled.
    void drain(base::Deadline deadline);

    [[nodiscard]] std::size_t sessions() const { return sessions_.size(); }

    /// Where it listens, with the real ports.
    [[nodiscard]] std::vector<base::Endpoint> bound() const;

  private:
    struct Slot {
        base::FiberEvent stop;
        base::FiberId fiber{};
    };

    using Slots = std::list<Slot>;

    SmtpService(base::Loop& loop, Admission& admission, SessionParts& parts);

    void on_accept(base::Fd socket, const base::Endpoint& peer);
    void start_session(base::Fd socket, Admission::Ticket ticket, const base::Endpoint& peer);
    void serve(base::Fd socket, Slots::iterator slot);
    void turn_away(base::Fd socket, const base::Endpoint& peer, Refusal refusal);

    base::Loop& loop_;
    Admission& admission_;
    SessionParts& parts_;
    std::vector<std::unique_ptr<base::Listener>> listeners_;
    Slots sessions_;
    base::WaitQueue session_ended_;
    // Shared with the fibers that turn clients away: they may outlive this.
    std::shared_ptr<std::size_t> refusals_ = std::make_shared<std::size_t>(0);
    bool stopping_ = false;
};

}  // namespace mta
