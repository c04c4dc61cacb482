#pragma once

// What a run is judged by: counts per window while it runs, figures at its end. README.md defines
// each figure.
//
// Thread rule: one thread. Units: seconds; shares 0..1 unless a name says percent.

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "test/sim/name_server.h"
#include "test/sim/scenario.h"

namespace sim {

inline constexpr double kMeasureFrom = 300;
inline constexpr double kWindow = 10;
inline constexpr double kBucket = 5;
inline constexpr double kUndelivered = 1800;

struct Figures {
    double r50 = 0;
    double r99 = 0;
    double refused_percent = 0;   ///< refused or failed attempts of all attempts
    double deferred_percent = 0;  ///< times in the queue per message
    double d50 = 0;               ///< delivery delay
    double d99 = 0;
    double osc = 0;       ///< mean over servers of std / mean of the share per window
    double jain = 0;      ///< of first attempts per capacity
    double max_mean = 0;  ///< max / mean of first attempts per capacity over the run
    double k = 0;         ///< servers at the lowest level, mean over answers
    double churn = 0;     ///< answers whose lowest level differs from that cache's last one
    double sets = 0;      ///< different lowest levels
    double queries = 0;   ///< per second
    double t10 = 0;       ///< a dead or drained server still gets 10 % of its fair share so long
    double t1 = 0;        ///< the same for 1 %
};

/// The figures by name, in the order of a report.
[[nodiscard]] std::vector<std::pair<std::string, double>> list_figures(const Figures& figures);
[[nodiscard]] Figures mean_of(const std::vector<Figures>& runs);

/// Hears what happens in a run, in the order of time; figures() at the end.
class Recorder {
  public:
    explicit Recorder(const Scenario& scenario);

    void on_first_attempt(std::size_t server, double now);

    void on_attempt(double now) { attempts_ += is_measured(now) ? 1 : 0; }

    void on_refusal(double now) { refusals_ += is_measured(now) ? 1 : 0; }

    void on_deferral(double arrival) { deferrals_ += is_measured(arrival) ? 1 : 0; }

    void on_message(double arrival) { messages_ += is_measured(arrival) ? 1 : 0; }

    void on_delivery(double arrival, double now);
    void on_answer(const Answer& answer, const Answer* previous, double now);
    /// The speed of a server in the window that begins at `now`; 0: it does not count there.
    void set_capacity(std::size_t server, double now, double capacity);

    [[nodiscard]] Figures figures() const;

  private:
    [[nodiscard]] bool is_measured(double now) const {
        return now >= kMeasureFrom && now < scenario_.length;
    }

    void add_ratios(Figures& figures) const;
    void add_run_totals(Figures& figures) const;
    void add_tails(Figures& figures) const;
    [[nodiscard]] double tail_after(const Event& event, double part) const;

    Scenario scenario_;
    std::vector<std::vector<double>> firsts_;      // [window][server]
    std::vector<std::vector<double>> capacities_;  // [window][server], 0 = left out
    std::vector<std::vector<double>> buckets_;     // [bucket][server]
    std::vector<double> delays_;
    std::set<std::vector<std::uint16_t>> sets_;
    double attempts_ = 0;
    double refusals_ = 0;
    double deferrals_ = 0;
    double messages_ = 0;
    double answers_ = 0;
    double answer_width_ = 0;
    double changed_answers_ = 0;
};

}  // namespace sim
