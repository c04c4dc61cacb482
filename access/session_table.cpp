#include "access/session_table.h"

#include <algorithm>

#include "base/hash.h"

namespace accessd {

std::string source_key(const base::IpAddress& source) {
    const std::size_t bytes = source.family() == base::IpFamily::V4 ? 4 : 8;
    return std::string(base::as_text(source.bytes().first(bytes)));
}

SessionTable::Slot::Slot(Slot&& other) noexcept
    : table_(std::exchange(other.table_, nullptr)), source_(std::move(other.source_)) {
}

SessionTable::Slot& SessionTable::Slot::operator=(Slot&& other) noexcept {
    if (this != &other) {
        release();
        table_ = std::exchange(other.table_, nullptr);
        source_ = std::move(other.source_);
    }
    return *this;
}

void SessionTable::Slot::release() noexcept {
    if (SessionTable* table = std::exchange(table_, nullptr)) {
        table->leave(source_);
    }
}

SessionTable::SessionTable(std::size_t sessions_max,
                           std::size_t per_source_max,
                           std::uint64_t start_id,
                           base::Instant now)
    : sessions_max_(sessions_max), per_source_max_(per_source_max), start_id_(start_id) {
    state_.with([&](State& state) { state.since = now; });
}

double SessionTable::busy_until(const State& state, base::Instant now) const {
    const double span_us = std::chrono::duration<double, std::micro>(now - state.since).count();
    const double share =
        std::min(1.0, static_cast<double>(state.sessions) / static_cast<double>(sessions_max_));
    return state.busy_us + std::max(0.0, span_us) * share;
}

SessionTable::Slot SessionTable::admit(const base::IpAddress& source, base::Instant now) {
    std::string key = source_key(source);
    const bool admitted = state_.with([&](State& state) {
        ++state.arrivals;
        const auto found = state.by_source.find(key);
        const std::size_t here = found == state.by_source.end() ? 0 : found->second;
        if (state.sessions >= sessions_max_ || here >= per_source_max_) {
            ++state.refused;
            return false;
        }
        state.busy_us = busy_until(state, now);
        state.since = now;
        ++state.sessions;
        ++state.accepted;
        ++state.by_source[key];
        return true;
    });
    return admitted ? Slot(this, std::move(key)) : Slot();
}

void SessionTable::leave(const std::string& source) noexcept {
    const base::Instant now = base::monotonic_now();
    state_.with([&](State& state) {
        state.busy_us = busy_until(state, now);
        state.since = std::max(state.since, now);
        --state.sessions;
        const auto found = state.by_source.find(source);
        if (found != state.by_source.end() && --found->second == 0) {
            state.by_source.erase(found);
        }
    });
}

void SessionTable::set_fit(bool fit, std::string reason) {
    state_.with([&](State& state) {
        state.fit = fit;
        state.reason = std::move(reason);
    });
}

base::LoadReport SessionTable::report(base::Instant now) const {
    return state_.with([&](const State& state) {
        base::LoadReport report;
        report.start_id = start_id_;
        report.busy_us = static_cast<std::uint64_t>(busy_until(state, now));
        report.arrivals = state.arrivals;
        report.refused = state.refused;
        report.accepted = state.accepted;
        report.fit = state.fit;
        report.reason = state.reason;
        return report;
    });
}

std::size_t SessionTable::sessions() const {
    return state_.with([](const State& state) { return state.sessions; });
}

}  // namespace accessd
