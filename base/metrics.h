#pragma once

// Metrics: counters, gauges and histograms, registered once by name and labels, incremented without
// a lock, served as Prometheus text by base/admin.h.
//
// Use: keep the reference ("static Counter& refused = counter(...)"); never look up on a hot path.
// Owner: the process; references are valid for ever. Thread rule: any thread.
// Names: roundtable_<what>_<unit>_total for counters; labels by custom `folder` and `reason`.
// Bounded: label values come from the code, never from a peer; beyond kMetricsMax series all
// further ones share one that is shown as roundtable_metrics_overflow.

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace base {

constexpr std::size_t kMetricsMax = 4096;

using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

class Counter {
  public:
    void add(std::uint64_t count = 1) noexcept {
        value_.fetch_add(count, std::memory_order_relaxed);
    }

    [[nodiscard]] std::uint64_t value() const noexcept {
        return value_.load(std::memory_order_relaxed);
    }

  private:
    std::atomic<std::uint64_t> value_{0};
};

/// A value that goes up and down. Any thread; never destroyed, so a reference may be kept.
class Gauge {
  public:
    void set(double value) noexcept { value_.store(value, std::memory_order_relaxed); }

    void add(double delta) noexcept { value_.fetch_add(delta, std::memory_order_relaxed); }

    [[nodiscard]] double value() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<double> value_{0.0};
};

/// Counts of observations up to fixed upper bounds, and their sum.
class Histogram {
  public:
    explicit Histogram(std::span<const double> bounds);

    void observe(double value) noexcept;

    struct Snapshot {
        std::vector<double> bounds;         ///< upper bounds, ascending
        std::vector<std::uint64_t> counts;  ///< per bucket, one more than bounds
        double sum = 0.0;
    };

    [[nodiscard]] Snapshot snapshot() const;

  private:
    std::vector<double> bounds_;
    std::unique_ptr<std::atomic<std::uint64_t>[]> counts_;
    std::atomic<double> sum_{0.0};
};

/// Finds or registers. The help text and kind of the first registration of a name count; asking for
/// a name as another kind ends the process.
[[nodiscard]] Counter& counter(std::string_view name, std::string_view help, Labels labels = {});
[[nodiscard]] Gauge& gauge(std::string_view name, std::string_view help, Labels labels = {});
/// Buckets for times in seconds, 100 us to 60 s.
[[nodiscard]] Histogram& seconds_histogram(std::string_view name,
                                           std::string_view help,
                                           Labels labels = {});

/// All of them in the Prometheus text exposition format 0.0.4.
[[nodiscard]] std::string metrics_text();

}  // namespace base
