#include "test/sim/recorder.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sim {
namespace {

/// The smallest value that `part` of the values do not exceed (nearest rank).
double percentile(std::vector<double> values, double part) {
    if (values.empty()) {
        return 0;
    }
    std::ranges::sort(values);
    const double rank = std::ceil(part * static_cast<double>(values.size()));
    return values[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

std::size_t slot(double now, double width) {
    return static_cast<std::size_t>(now / width);
}

}  // namespace

std::vector<std::pair<std::string, double>> list_figures(const Figures& figures) {
    return {{"r50", figures.r50},
            {"r99", figures.r99},
            {"refused_percent", figures.refused_percent},
            {"deferred_percent", figures.deferred_percent},
            {"d50", figures.d50},
            {"d99", figures.d99},
            {"osc", figures.osc},
            {"jain", figures.jain},
            {"max_mean", figures.max_mean},
            {"k", figures.k},
            {"churn", figures.churn},
            {"sets", figures.sets},
            {"queries", figures.queries},
            {"t10", figures.t10},
            {"t1", figures.t1}};
}

Figures mean_of(const std::vector<Figures>& runs) {
    Figures mean;
    const std::vector<double Figures::*> members = {&Figures::r50,
                                                    &Figures::r99,
                                                    &Figures::refused_percent,
                                                    &Figures::deferred_percent,
                                                    &Figures::d50,
                                                    &Figures::d99,
                                                    &Figures::osc,
                                                    &Figures::jain,
                                                    &Figures::max_mean,
                                                    &Figures::k,
                                                    &Figures::churn,
                                                    &Figures::sets,
                                                    &Figures::queries,
                                                    &Figures::t10,
                                                    &Figures::t1};
    for (const auto member : members) {
        for (const Figures& run : runs) {
            mean.*member += run.*member / static_cast<double>(runs.size());
        }
    }
    return mean;
}

Recorder::Recorder(const Scenario& scenario) : scenario_(scenario) {
    std::vector<double> capacity(scenario.servers);
    for (std::size_t i = 0; i < scenario.servers; ++i) {
        capacity[i] = scenario.capacity(i);
    }
    firsts_.assign(slot(scenario.length, kWindow), std::vector<double>(scenario.servers, 0));
    capacities_.assign(firsts_.size(), capacity);
    buckets_.assign(slot(scenario.length, kBucket), std::vector<double>(scenario.servers, 0));
}

void Recorder::on_first_attempt(std::size_t server, double now) {
    if (now < scenario_.length) {
        firsts_[slot(now, kWindow)][server] += 1;
        buckets_[slot(now, kBucket)][server] += 1;
    }
}

void Recorder::on_delivery(double arrival, double now) {
    if (is_measured(arrival)) {
        delays_.push_back(now - arrival);
    }
}

void Recorder::on_answer(const Answer& answer, const Answer* previous, double now) {
    sets_.insert(answer.level0);
    if (is_measured(now)) {
        answers_ += 1;
        answer_width_ += static_cast<double>(answer.level0.size());
        changed_answers_ += previous != nullptr && previous->level0 != answer.level0 ? 1 : 0;
    }
}

void Recorder::set_capacity(std::size_t server, double now, double capacity) {
    const std::size_t window = slot(now, kWindow);
    if (window < capacities_.size()) {
        capacities_[window][server] = capacity;
    }
}

void Recorder::add_ratios(Figures& figures) const {
    std::vector<double> ratios;
    std::vector<std::vector<double>> shares(scenario_.servers);
    for (std::size_t w = slot(kMeasureFrom, kWindow); w < firsts_.size(); ++w) {
        double sum = 0;
        double capacity = 0;
        double top = 0;
        for (std::size_t i = 0; i < scenario_.servers; ++i) {
            if (capacities_[w][i] > 0) {
                sum += firsts_[w][i];
                capacity += capacities_[w][i];
                top = std::max(top, firsts_[w][i] / capacities_[w][i]);
            }
        }
        ratios.push_back(sum > 0 ? top * capacity / sum : 0);
        const double all = std::accumulate(firsts_[w].begin(), firsts_[w].end(), 0.0);
        for (std::size_t i = 0; i < scenario_.servers; ++i) {
            shares[i].push_back(all > 0 ? firsts_[w][i] / all : 0);
        }
    }
    figures.r50 = percentile(ratios, 0.50);
    figures.r99 = percentile(ratios, 0.99);
    for (const std::vector<double>& share : shares) {
        const auto count = static_cast<double>(share.size());
        const double mean = std::accumulate(share.begin(), share.end(), 0.0) / count;
        double square = 0;
        for (const double each : share) {
            square += (each - mean) * (each - mean);
        }
        const double deviation = std::sqrt(square / count);
        figures.osc += (mean > 0 ? deviation / mean : 0) / static_cast<double>(scenario_.servers);
    }
}

void Recorder::add_run_totals(Figures& figures) const {
    std::vector<double> per_capacity(scenario_.servers, 0);
    double sum = 0;
    for (std::size_t i = 0; i < scenario_.servers; ++i) {
        double firsts = 0;
        for (std::size_t w = slot(kMeasureFrom, kWindow); w < firsts_.size(); ++w) {
            firsts += firsts_[w][i];
        }
        sum += firsts;
        per_capacity[i] = firsts / scenario_.capacity(i);
    }
    const double total = std::accumulate(per_capacity.begin(), per_capacity.end(), 0.0);
    double squares = 0;
    for (const double each : per_capacity) {
        squares += each * each;
    }
    figures.jain = total * total / (static_cast<double>(scenario_.servers) * squares);
    figures.max_mean = std::ranges::max(per_capacity) * scenario_.total_capacity() / sum;
}

/// End of the last bucket after the event in which the server still got `part` of its fair share.
double Recorder::tail_after(const Event& event, double part) const {
    const double until = event.happening == Happening::Drain ? scenario_.length : event.until;
    const double fair = scenario_.capacity(event.server) / scenario_.total_capacity();
    double tail = 0;
    for (std::size_t b = slot(event.from, kBucket); b < slot(until, kBucket); ++b) {
        const double all = std::accumulate(buckets_[b].begin(), buckets_[b].end(), 0.0);
        if (all > 0 && buckets_[b][event.server] >= part * fair * all) {
            tail = static_cast<double>(b + 1) * kBucket - event.from;
        }
    }
    return tail;
}

void Recorder::add_tails(Figures& figures) const {
    for (const Event& event : scenario_.events) {
        if (event.happening == Happening::DieBlackhole || event.happening == Happening::DieReset ||
            event.happening == Happening::Drain) {
            figures.t10 = std::max(figures.t10, tail_after(event, 0.10));
            figures.t1 = std::max(figures.t1, tail_after(event, 0.01));
        }
    }
}

Figures Recorder::figures() const {
    Figures figures;
    add_ratios(figures);
    add_run_totals(figures);
    add_tails(figures);
    figures.refused_percent = 100 * refusals_ / std::max(attempts_, 1.0);
    figures.deferred_percent = 100 * deferrals_ / std::max(messages_, 1.0);
    std::vector<double> delays = delays_;
    delays.resize(static_cast<std::size_t>(messages_), kUndelivered);
    figures.d50 = percentile(delays, 0.50);
    figures.d99 = percentile(delays, 0.99);
    figures.k = answer_width_ / std::max(answers_, 1.0);
    figures.churn = changed_answers_ / std::max(answers_, 1.0);
    figures.sets = static_cast<double>(sets_.size());
    figures.queries = answers_ / (scenario_.length - kMeasureFrom);
    return figures;
}

}  // namespace sim
