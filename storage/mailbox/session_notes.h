#pragma once

// SessionNotes: brings sign-ins and the ends of their sessions to the queue of notifications (Login
// and Logout of RFC 5423 4.5) from access servers. Nobody waits for it: a note stands in a bounded
// queue until the one connection has taken it to catalog.note_session(), and is dropped and counted
// (roundtable_session_notes_lost_total, by reason) if there is no room, or if PostgreSQL has not
// taken it within kSessionNoteTimeout. A connection of its own, so that sign-ins never stand behind
// notes. Notes of a daemon arrive in the order in which they were added.
//
// Owner: the daemon; outlives the sessions. Thread rule: add() any thread; finish() a fiber, or a
// plain thread that is no loop. Errors: none; what is lost is counted.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/db.h"
#include "base/endpoint.h"
#include "storage/catalog/ids.h"

namespace storage {

inline constexpr std::size_t kSessionNotesMax = 1'024;
inline constexpr base::Duration kSessionNoteTimeout = std::chrono::seconds(5);

enum class SessionEvent : std::uint8_t { Login, Logout };

/// The name of RFC 5423 4.5.
[[nodiscard]] std::string_view session_event_name(SessionEvent event) noexcept;

/// What happened.
struct SessionNote {
    SessionEvent event = SessionEvent::Login;
    AccountId account{};
    std::string session;       ///< of one connection alone, in the whole cluster
    std::string_view service;  ///< "imap" or "pop" (RFC 5423 5); lives for ever
    base::Endpoint client;
    base::Endpoint server;   ///< where the client connected to
    std::int64_t at_us = 0;  ///< microseconds since 1970
};

/// See the top of this file.
class SessionNotes {
  public:
    SessionNotes(std::string database, std::string application_name);
    SessionNotes(const SessionNotes&) = delete;
    SessionNotes& operator=(const SessionNotes&) = delete;

    /// Never waits.
    void add(SessionNote note);

    /// Waits until what was added before is in the queue or lost, at most until the deadline.
    void finish(base::Deadline deadline);

  private:
    std::atomic<std::size_t> waiting_{0};
    base::DbPool pool_;  ///< last: its jobs use the others
};

}  // namespace storage
