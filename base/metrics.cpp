#include "base/metrics.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <deque>
#include <map>
#include <optional>

#include "base/check.h"
#include "base/guarded.h"

namespace base {

namespace {

constexpr std::array kSecondsBounds{
    0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0};

enum class Kind : std::uint8_t { Counter, Gauge, Histogram };

struct Series {
    std::string labels;  // name="value",... escaped, sorted as given
    std::unique_ptr<Counter> counter;
    std::unique_ptr<Gauge> gauge;
    std::unique_ptr<Histogram> histogram;
};

struct Family {
    std::string help;
    Kind kind = Kind::Counter;
    std::deque<Series> series;
};

struct Registry {
    std::map<std::string, Family, std::less<>> families;
    std::size_t series_count = 0;
};

// Shared by every thread that registers or renders; the values themselves are atomics outside it.
// Never destroyed: threads may count until the very end of the process.
Guarded<Registry>& registry() {
    static auto* const instance = std::make_unique<Guarded<Registry>>().release();
    return *instance;
}

std::string label_text(Labels labels) {
    std::string text;
    for (const auto& [name, value] : labels) {
        if (!text.empty()) {
            text += ',';
        }
        text.append(name).append("=\"");
        for (const char c : value) {
            if (c == '\n') {
                text += "\\n";
                continue;
            }
            if (c == '\\' || c == '"') {
                text += '\\';
            }
            text += c;
        }
        text += '"';
    }
    return text;
}

Series make_series(Kind kind, std::string labels) {
    Series series;
    series.labels = std::move(labels);
    switch (kind) {
        case Kind::Counter:
            series.counter = std::make_unique<Counter>();
            break;
        case Kind::Gauge:
            series.gauge = std::make_unique<Gauge>();
            break;
        case Kind::Histogram:
            series.histogram = std::make_unique<Histogram>(kSecondsBounds);
            break;
    }
    return series;
}

Series& find_or_add(
    Registry& all, std::string_view name, std::string_view help, Kind kind, std::string labels) {
    auto family = all.families.find(name);
    if (family == all.families.end()) {
        family = all.families.emplace(std::string(name), Family{std::string(help), kind, {}}).first;
    }
    CHECK(family->second.kind == kind);
    for (Series& series : family->second.series) {
        if (series.labels == labels) {
            return series;
        }
    }
    ++all.series_count;
    return family->second.series.emplace_back(make_series(kind, std::move(labels)));
}

Series& series_of(std::string_view name, std::string_view help, Kind kind, Labels labels) {
    Series* found = nullptr;
    registry().with([&](Registry& all) {
        const auto family = all.families.find(name);
        const std::string text = label_text(labels);
        const bool known = family != all.families.end() &&
                           std::any_of(family->second.series.begin(),
                                       family->second.series.end(),
                                       [&](const Series& s) { return s.labels == text; });
        if (known || all.series_count < kMetricsMax) {
            found = &find_or_add(all, name, help, kind, text);
            return;
        }
        constexpr std::array<std::string_view, 3> kOverflow{"roundtable_metrics_overflow_total",
                                                            "roundtable_metrics_overflow",
                                                            "roundtable_metrics_overflow_seconds"};
        found = &find_or_add(all,
                             kOverflow.at(static_cast<std::size_t>(kind)),
                             "Series beyond the limit, all in one.",
                             kind,
                             "");
    });
    return *found;
}

std::string number(double value) {
    if (std::isnan(value)) {
        return "NaN";
    }
    if (std::isinf(value)) {
        return value > 0 ? "+Inf" : "-Inf";
    }
    std::array<char, 64> text{};
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() ? std::string(text.data(), end) : "NaN";
}

void render_line(std::string& out,
                 std::string_view name,
                 std::string_view suffix,
                 const std::string& labels,
                 const std::string& value) {
    out.append(name).append(suffix);
    if (!labels.empty()) {
        out.append("{").append(labels).append("}");
    }
    out.append(" ").append(value).append("\n");
}

void render_histogram(std::string& out, std::string_view name, const Series& series) {
    const Histogram::Snapshot snapshot = series.histogram->snapshot();
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < snapshot.counts.size(); ++i) {
        total += snapshot.counts[i];
        const std::string bound = i < snapshot.bounds.size() ? number(snapshot.bounds[i]) : "+Inf";
        const std::string labels =
            series.labels + (series.labels.empty() ? "" : ",") + "le=\"" + bound + "\"";
        render_line(out, name, "_bucket", labels, std::to_string(total));
    }
    render_line(out, name, "_sum", series.labels, number(snapshot.sum));
    render_line(out, name, "_count", series.labels, std::to_string(total));
}

void render_family(std::string& out, const std::string& name, const Family& family) {
    constexpr std::array<std::string_view, 3> kKinds{"counter", "gauge", "histogram"};
    out.append("# HELP ").append(name).append(" ").append(family.help).append("\n");
    out.append("# TYPE ").append(name).append(" ");
    out.append(kKinds.at(static_cast<std::size_t>(family.kind))).append("\n");
    for (const Series& series : family.series) {
        switch (family.kind) {
            case Kind::Counter:
                render_line(out, name, "", series.labels, std::to_string(series.counter->value()));
                break;
            case Kind::Gauge:
                render_line(out, name, "", series.labels, number(series.gauge->value()));
                break;
            case Kind::Histogram:
                render_histogram(out, name, series);
                break;
        }
    }
}

}  // namespace

Histogram::Histogram(std::span<const double> bounds)
    : bounds_(bounds.begin(), bounds.end()),
      counts_(std::make_unique<std::atomic<std::uint64_t>[]>(bounds.size() + 1)) {
    CHECK(std::is_sorted(bounds_.begin(), bounds_.end()));
}

void Histogram::observe(double value) noexcept {
    const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
    counts_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
}

Histogram::Snapshot Histogram::snapshot() const {
    Snapshot snapshot;
    snapshot.bounds = bounds_;
    for (std::size_t i = 0; i <= bounds_.size(); ++i) {
        snapshot.counts.push_back(counts_[i].load(std::memory_order_relaxed));
    }
    snapshot.sum = sum_.load(std::memory_order_relaxed);
    return snapshot;
}

Counter& counter(std::string_view name, std::string_view help, Labels labels) {
    return *series_of(name, help, Kind::Counter, labels).counter;
}

Gauge& gauge(std::string_view name, std::string_view help, Labels labels) {
    return *series_of(name, help, Kind::Gauge, labels).gauge;
}

Histogram& seconds_histogram(std::string_view name, std::string_view help, Labels labels) {
    return *series_of(name, help, Kind::Histogram, labels).histogram;
}

std::string metrics_text() {
    std::string out;
    registry().with([&out](const Registry& all) {
        for (const auto& [name, family] : all.families) {
            render_family(out, name, family);
        }
    });
    return out;
}

}  // namespace base
