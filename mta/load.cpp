#include "mta/load.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

namespace mta {

namespace {

double elapsed_us(base::Instant from, base::Instant to) {
    return std::max(0.0, std::chrono::duration<double, std::micro>(to - from).count());
}

// The next line, without its CRLF; the stream is at its next octet afterwards.
base::Result<std::string> read_line(base::Stream& stream, base::Deadline deadline) {
    std::size_t end = stream.buffered().find("\r\n");
    while (end == std::string_view::npos) {
        if (stream.buffered().size() >= base::kLoadLineMax) {
            return base::Error{base::Errc::Invalid, "line too long"};
        }
        TRY(stream.fill(deadline));
        end = stream.buffered().find("\r\n");
    }
    std::string line(stream.buffered().substr(0, end));
    stream.consume(end + 2);
    return line;
}

}  // namespace

double Pressure::utilisation() const {
    const double fullest = std::max({sessions, loops, store_queue});
    return std::isfinite(fullest) ? std::clamp(fullest, 0.0, 1.0) : 1.0;
}

LoadMeter::LoadMeter(std::uint64_t start_id, base::Instant now)
    : start_id_(start_id), state_(State{.since = now}) {
}

void LoadMeter::sample(const Pressure& pressure, base::Instant now) {
    state_.with([&](State& state) {
        state.busy_us += state.utilisation * elapsed_us(state.since, now);
        state.since = std::max(state.since, now);
        state.utilisation = pressure.utilisation();
    });
}

void LoadMeter::set_fit(bool fit, std::string reason) {
    state_.with([&](State& state) {
        state.fit = fit;
        state.reason = fit ? "ok" : std::move(reason);
    });
}

base::LoadReport LoadMeter::report(base::Instant now) const {
    base::LoadReport report;
    report.start_id = start_id_;
    // Refused and accepted first: neither may be seen to be more than the arrivals.
    report.refused = refused_.load();
    report.accepted = accepted_.load();
    report.arrivals = arrivals_.load();
    state_.with([&](const State& state) {
        report.busy_us = static_cast<std::uint64_t>(
            state.busy_us + state.utilisation * elapsed_us(state.since, now));
        report.fit = state.fit;
        report.reason = state.reason;
    });
    return report;
}

base::Status serve_load(base::Stream& stream,
                        const LoadMeter& meter,
                        const base::LoadGreeting& greeting) {
    constexpr std::string_view command = base::kLoadCommand.substr(0, 4);
    TRY(stream.write(base::format_load_greeting(greeting)));
    for (;;) {
        const std::string line = TRY(read_line(stream, base::Deadline::after(kLoadIdleMax)));
        if (line != command) {
            return base::Error{base::Errc::Invalid, "not the load protocol"};
        }
        TRY(stream.write(base::format_load_report(meter.report(base::monotonic_now()))));
        TRY(stream.flush(base::Deadline::after(kLoadIdleMax)));
    }
}

}  // namespace mta
