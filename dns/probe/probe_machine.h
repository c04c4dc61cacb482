#pragma once

// ProbeMachine: when to make one check of one server, and what came of it. No socket, no clock: the
// shell (prober.h) carries out the actions and brings events and times. What is said and heard on a
// connection is a ProbeDialogue's.
//
// A server is probed every `interval_s`, at its own phase, so that the probes of a pool are spread
// evenly, each a little later than its slot (jitter), so that name servers do not ask together for
// ever. A lost probe is repeated at once while the server counts as up. A good probe leaves its
// connection open where its kind allows; when the server closes it, the server is probed again at
// once (but not more often than once per timeout), so that a dead process is seen without waiting
// for the next slot.
//
// Only what the server did is a verdict. When the shell comes much too late with the time of a
// deadline, answers may be lying unread: the probe has its timeout again. What could not even be
// tried, for a fault of this machine, gives no result at all.
//
// How the shell uses it: after each on_*() call, carry out take_actions(); if take_result() gives
// a result, hand it to the steering and tell the machine what came of it by settle(). Call
// on_time() at next_time_s().
//
// Owner: Prober. Thread rule: one thread. Times: seconds on the monotonic clock. Limits: those of
// the dialogues; two connections at a time.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dns/probe/probe_dialogue.h"
#include "dns/probe/probe_result.h"

namespace dns::probe {

struct ProbeTiming {
    double interval_s = 5;
    double timeout_s = 1;
    double jitter = 0;       ///< share of the interval by which a probe may be late, 0..kJitterMax
    std::uint64_t seed = 0;  ///< of the jitter; another one on each name server

    bool operator==(const ProbeTiming&) const = default;
};

/// Two probes are never nearer to each other than half an interval for jitter's sake.
inline constexpr double kJitterMax = 0.5;

/// How late the shell may be with a deadline before that says something of the shell.
inline constexpr double kLateMax_s = 0.5;

/// Number of a connection, given by the machine; never used twice.
using ConnectionId = std::uint64_t;

/// What the shell is to do with a connection; it opens, writes and closes for the machine.
struct ProbeAction {
    enum class Kind : std::uint8_t { Connect, Send, Close };
    Kind kind = Kind::Connect;
    ConnectionId connection = 0;
    std::string bytes;  ///< Send
};

/// Why there is no connection (any more).
enum class CloseCause : std::uint8_t {
    EndOfStream,  ///< the server closed
    Reset,        ///< refused or reset
    Unreachable,  ///< no route: says nothing of the server's process, and counts as silence
    OwnFault,     ///< no descriptor, no memory, no port of our own: says nothing at all
};

/// See the top of this file. on_connected() and on_bytes() are for connections that the machine
/// asked for and has not closed; of others they are ignored.
class ProbeMachine {
  public:
    /// Slots are at `first_s` and every interval from then on; so is the first probe.
    ProbeMachine(steering::ServerId server,
                 const DialogueConfig& config,
                 ProbeTiming timing,
                 double first_s);

    void on_connected(ConnectionId connection, double now_s);
    void on_bytes(ConnectionId connection, std::string_view bytes, double now_s);
    /// The connection is gone, or could not be made. Not for one that the machine closed.
    void on_closed(ConnectionId connection, CloseCause cause, double now_s);
    void on_time(double now_s);

    /// What to do now, in order.
    [[nodiscard]] std::vector<ProbeAction> take_actions();

    /// The outcome of a probe, once.
    [[nodiscard]] std::optional<ProbeResult> take_result();

    /// What the steering made of the result: whether the server counts as up.
    void settle(bool up, double now_s);

    /// When on_time() is due.
    [[nodiscard]] double next_time_s() const;

    /// Moves the slots, when the number of servers has changed.
    void set_first(double first_s) { first_s_ = first_s; }

    /// The next probe begins at `when_s`, whatever the slots say. While none runs.
    void probe_at(double when_s) { next_s_ = when_s; }

    /// Deadlines that were moved since the shell came too late.
    [[nodiscard]] std::uint64_t stalls() const noexcept { return stalls_; }

  private:
    enum class Stage : std::uint8_t { Connecting, Talking, Unreachable };

    struct Probe {
        ConnectionId connection = 0;
        double deadline_s = 0;
        Stage stage = Stage::Connecting;
        bool fresh = true;  // the connection was made for this probe
    };

    void begin(double now_s);
    void finish(ProbeOutcome outcome, double now_s, std::string reason);
    void conclude(Verdict verdict, double now_s);
    void say(std::string bytes);
    void close(ConnectionId connection);
    void drop_kept();
    void probe_soon(double now_s);
    void give_up(double now_s);
    [[nodiscard]] double slot_after(double now_s) const;

    steering::ServerId server_;
    std::unique_ptr<ProbeDialogue> dialogue_;
    ProbeTiming timing_;
    double first_s_;
    double next_s_;        // start of the next probe, while none runs
    double last_begin_s_;  // start of the last one
    std::optional<Probe> probe_;
    std::optional<ConnectionId> kept_;  // idle connection of the last good probe
    std::optional<ProbeResult> result_;
    ProbeOutcome last_outcome_ = ProbeOutcome::Reply;
    std::vector<ProbeAction> actions_;
    ConnectionId next_connection_ = 1;
    std::uint64_t stalls_ = 0;
};

}  // namespace dns::probe
