#pragma once

// ProbeMachine: when to probe one server, what to say to it, and what its answers mean. No socket,
// no clock: the shell (prober.h) carries out the actions and brings events and times.
//
// A server is probed every `interval_s`, at its own phase, so that the probes of a pool are spread
// evenly. A lost probe is repeated at once while the server counts as up. Each probe leaves its
// connection open; when the server closes it, the server is probed again at once (but not more
// often than once per timeout), so that a dead process is seen without waiting for the next slot.
//
// Kinds of probe:
//   LoadReport   base/load_report.h: greeting, then LOAD on the same connection each time
//   SmtpBanner   a new connection each time, which must greet with 220 (RFC 5321 4.3.1); the last
//                one stays open as a tripwire. 421 (RFC 5321 3.8) counts as alive: turning senders
//                away is how a server says that it is busy, and no reason to withdraw it.
//
// How the shell uses it: after each on_*() call, carry out take_actions(); if take_result() gives
// a result, hand it to the steering and tell the machine what came of it by settle(). Call
// on_time() at next_time_s().
//
// Owner: Prober. Thread rule: one thread. Times: seconds on the monotonic clock. Limits: one line
// of kLoadLineMax octets, an SMTP greeting of kGreetingMax octets.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dns/probe/probe_result.h"

namespace dns::probe {

/// Longest SMTP greeting, all lines of it, in octets.
inline constexpr std::size_t kGreetingMax = 4096;

enum class ProbeKind : std::uint8_t { LoadReport, SmtpBanner };

struct ProbeTiming {
    double interval_s = 5;
    double timeout_s = 1;
};

/// Number of a connection, given by the machine; never used twice.
using ConnectionId = std::uint64_t;

/// What the shell is to do with a connection; it opens, writes and closes for the machine.
struct ProbeAction {
    enum class Kind : std::uint8_t { Connect, Send, Close };
    Kind kind = Kind::Connect;
    ConnectionId connection = 0;
    std::string_view bytes;  ///< Send: lives for ever
};

/// Why there is no connection (any more).
enum class CloseCause : std::uint8_t {
    EndOfStream,  ///< the server closed
    Reset,        ///< refused or reset
    Unreachable,  ///< no route, or a failure of our own: says nothing of the server
};

/// See the top of this file. on_connected() and on_bytes() are for connections that the machine
/// asked for and has not closed; of others they are ignored.
class ProbeMachine {
  public:
    /// First probe at `first_s`. `expected_name`: the name that the greeting of a load report must
    /// carry; empty: any.
    ProbeMachine(steering::ServerId server,
                 ProbeKind kind,
                 ProbeTiming timing,
                 double first_s,
                 std::string expected_name = "");

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

  private:
    enum class Stage : std::uint8_t { Connecting, Greeting, Report, Unreachable };

    struct Probe {
        ConnectionId connection = 0;
        double deadline_s = 0;
        Stage stage = Stage::Connecting;
        bool fresh = true;  // the connection was made for this probe
        std::string input;
        std::size_t received = 0;  // octets of this line, or of the whole SMTP greeting
    };

    void begin(double now_s);
    void finish(ProbeOutcome outcome, double now_s, std::string reason);
    void close(ConnectionId connection);
    void drop_kept();
    void read_load(double now_s);
    void read_smtp(double now_s);
    void read_greeting(std::string_view line, double now_s);
    void read_report(std::string_view line, double now_s);
    void probe_soon(double now_s);
    [[nodiscard]] double slot_after(double now_s) const;

    steering::ServerId server_;
    ProbeKind kind_;
    ProbeTiming timing_;
    double first_s_;
    std::string expected_name_;
    double next_s_;        // start of the next probe, while none runs
    double last_begin_s_;  // start of the last one
    std::optional<Probe> probe_;
    std::optional<ConnectionId> kept_;  // idle connection of the last good probe
    std::optional<ProbeResult> result_;
    ProbeOutcome last_outcome_ = ProbeOutcome::Reply;
    std::vector<ProbeAction> actions_;
    ConnectionId next_connection_ = 1;
};

}  // namespace dns::probe
