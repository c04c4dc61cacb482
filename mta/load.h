#pragma once

// LoadMeter: what this mail server tells the name server about its load (base/load_report.h), and
// serve_load, the session that tells it.
//
// Utilisation is the fullest of what can run out: sessions, the time of the loops, the queue of the
// store. It is integrated over time, so that a name server that asks seldom still sees all of it.
//
// What counts (STEERING.md 5.1): an arrival is a session that was turned away, or a transaction
// that MAIL began; refused are those turned away because of us (421, 451, 452), never by policy;
// accepted are messages with a 250.
//
// Thread rule: any thread; serve_load from a fiber. Times: the caller's monotonic clock.

#include <atomic>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/load_report.h"
#include "base/result.h"
#include "base/stream.h"

namespace mta {

/// Shares of capacity in use, each 0 to 1.
struct Pressure {
    double sessions = 0;
    double loops = 0;
    double store_queue = 0;

    /// The fullest of them, within 0 to 1.
    [[nodiscard]] double utilisation() const;
};

/// Counts and integrates; see the top. Owner: the mail agent.
class LoadMeter {
  public:
    /// `start_id`: of this process, another at each start.
    LoadMeter(std::uint64_t start_id, base::Instant now);

    /// The pressure from now on. What held until now is integrated.
    void sample(const Pressure& pressure, base::Instant now);

    /// Whether mail would be accepted, and one word why not.
    void set_fit(bool fit, std::string reason);

    void on_arrival() { arrivals_.fetch_add(1, std::memory_order_relaxed); }

    void on_refused() { refused_.fetch_add(1, std::memory_order_relaxed); }

    void on_accepted() { accepted_.fetch_add(1, std::memory_order_relaxed); }

    [[nodiscard]] base::LoadReport report(base::Instant now) const;

  private:
    // Shared by the timer that samples and the fibers that report.
    struct State {
        base::Instant since;
        double utilisation = 0;
        double busy_us = 0;
        bool fit = false;
        std::string reason = "starting";
    };

    const std::uint64_t start_id_;
    std::atomic<std::uint64_t> arrivals_{0};
    std::atomic<std::uint64_t> refused_{0};
    std::atomic<std::uint64_t> accepted_{0};
    base::Guarded<State> state_;
};

/// How long a load connection may be silent.
inline constexpr base::Duration kLoadIdleMax = std::chrono::minutes(5);

/// The protocol of base/load_report.h on one connection, until the peer closes, sends anything but
/// LOAD (Errc::Invalid), or is silent for kLoadIdleMax (Errc::Timeout).
[[nodiscard]] base::Status serve_load(base::Stream& stream,
                                      const LoadMeter& meter,
                                      const base::LoadGreeting& greeting);

}  // namespace mta
