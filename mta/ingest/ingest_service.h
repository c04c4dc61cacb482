#pragma once

// IngestService: the ingest socket of a mail agent and its sessions (ingest_session.h). Who may
// open the socket may hand in mail: its mode is 0660, so owner and group. Beyond kSessionsMax a
// client is told "try-again".
//
// Owner: the mail agent. Thread rule: loop thread only; before Loop::run() the creating thread.
// Errors: create() as base::UnixListener::create.

#include <cstddef>
#include <list>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/fiber.h"
#include "base/loop.h"
#include "base/result.h"
#include "base/unix_socket.h"
#include "mta/ingest/ingest_session.h"

namespace mta {

class IngestService {
  public:
    static constexpr std::size_t kSessionsMax = 64;

    /// What `parts` borrows outlives this.
    [[nodiscard]] static base::Result<std::unique_ptr<IngestService>> create(
        base::Loop& loop, const std::string& path, IngestParts parts);
    ~IngestService();
    IngestService(const IngestService&) = delete;
    IngestService& operator=(const IngestService&) = delete;

    /// From a fiber of the loop: takes no more, lets messages that have begun come to their end
    /// until the deadline, then cancels what is left.
    void drain(base::Deadline deadline);

    [[nodiscard]] std::size_t sessions() const { return sessions_.size(); }

  private:
    struct Slot {
        base::FiberEvent stop;
        base::FiberId fiber{};
    };

    using Slots = std::list<Slot>;

    IngestService(base::Loop& loop, IngestParts parts);

    void on_accept(base::Fd socket, const base::UnixPeer& peer);
    void turn_away(base::Fd socket);
    void serve(base::Fd socket, Slots::iterator slot, const std::string& client);

    base::Loop& loop_;
    IngestParts parts_;
    std::unique_ptr<base::UnixListener> listener_;
    Slots sessions_;
    base::WaitQueue session_ended_;
};

}  // namespace mta
