#include "dns/probe/probe_machine.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace dns::probe {
namespace {

/// 0..1 from a number, always the same (SplitMix64): a slot keeps its jitter however often one
/// asks.
double spread(std::uint64_t value) {
    value += 0x9E3779B97F4A7C15;
    value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9;
    value = (value ^ (value >> 27U)) * 0x94D049BB133111EB;
    value ^= value >> 31U;
    return static_cast<double>(value >> 11U) * 0x1p-53;
}

}  // namespace

ProbeMachine::ProbeMachine(steering::ServerId server,
                           const DialogueConfig& config,
                           ProbeTiming timing,
                           double first_s)
    : server_(server),
      dialogue_(make_dialogue(config)),
      timing_(timing),
      first_s_(first_s),
      next_s_(first_s),
      last_begin_s_(-std::numeric_limits<double>::infinity()) {
}

/// The first slot after now_s, a little late. The jitter is counted from the slot and not from the
/// probe before: it does not add up, and the pool stays spread.
double ProbeMachine::slot_after(double now_s) const {
    const double slots = std::max(std::floor((now_s - first_s_) / timing_.interval_s) + 1, 0.0);
    double late_s = 0;
    if (timing_.jitter > 0) {
        const std::uint64_t place = timing_.seed + server_.value * 0xD1B54A32D192ED03;
        late_s = std::min(timing_.jitter, kJitterMax) * timing_.interval_s *
                 spread(place + static_cast<std::uint64_t>(slots));
    }
    return first_s_ + slots * timing_.interval_s + late_s;
}

double ProbeMachine::next_time_s() const {
    return probe_ ? probe_->deadline_s : next_s_;
}

std::vector<ProbeAction> ProbeMachine::take_actions() {
    return std::exchange(actions_, {});
}

std::optional<ProbeResult> ProbeMachine::take_result() {
    return std::exchange(result_, std::nullopt);
}

void ProbeMachine::close(ConnectionId connection) {
    actions_.push_back({ProbeAction::Kind::Close, connection, {}});
}

void ProbeMachine::say(std::string bytes) {
    if (!bytes.empty()) {
        actions_.push_back({ProbeAction::Kind::Send, probe_->connection, std::move(bytes)});
    }
}

void ProbeMachine::drop_kept() {
    if (!kept_) {
        return;
    }
    const std::string_view farewell = dialogue_->farewell();
    if (!farewell.empty()) {
        actions_.push_back({ProbeAction::Kind::Send, *kept_, std::string(farewell)});
    }
    close(*kept_);
    kept_.reset();
}

void ProbeMachine::begin(double now_s) {
    last_begin_s_ = now_s;
    probe_ = Probe{};
    probe_->deadline_s = now_s + timing_.timeout_s;
    if (dialogue_->after() == AfterProbe::AskAgain && kept_) {
        probe_->connection = *std::exchange(kept_, std::nullopt);
        probe_->stage = Stage::Talking;
        probe_->fresh = false;
        say(dialogue_->start(false));
    } else {
        probe_->connection = next_connection_++;
        actions_.push_back({ProbeAction::Kind::Connect, probe_->connection, {}});
    }
}

void ProbeMachine::finish(ProbeOutcome outcome, double now_s, std::string reason) {
    Verdict verdict;
    verdict.outcome = outcome;
    verdict.reason = std::move(reason);
    conclude(std::move(verdict), now_s);
}

void ProbeMachine::conclude(Verdict verdict, double now_s) {
    const bool good =
        verdict.outcome == ProbeOutcome::Reply || verdict.outcome == ProbeOutcome::Unfit;
    if (good) {
        drop_kept();
        if (probe_->stage != Stage::Unreachable) {
            kept_ = probe_->connection;
            if (!verdict.keep) {
                drop_kept();
            }
        }
    } else if (probe_->stage != Stage::Unreachable) {
        close(probe_->connection);
    }
    probe_.reset();
    next_s_ = slot_after(now_s);
    last_outcome_ = verdict.outcome;
    result_.emplace();
    result_->server = server_;
    result_->time_s = now_s;
    result_->outcome = verdict.outcome;
    result_->counters = verdict.counters;
    result_->gauge = verdict.gauge;
    result_->weight = verdict.weight;
    result_->reason = std::move(verdict.reason);
}

/// The probe could not be made, and that is no fault of the server's.
void ProbeMachine::give_up(double now_s) {
    probe_.reset();
    next_s_ = std::max(slot_after(now_s), now_s + timing_.timeout_s);
}

void ProbeMachine::settle(bool up, double now_s) {
    if (up && last_outcome_ == ProbeOutcome::Lost && !probe_) {
        begin(now_s);
    }
}

void ProbeMachine::probe_soon(double now_s) {
    next_s_ = std::min(next_s_, std::max(now_s, last_begin_s_ + timing_.timeout_s));
}

void ProbeMachine::on_time(double now_s) {
    if (!probe_) {
        if (now_s >= next_s_) {
            begin(now_s);
        }
        return;
    }
    if (now_s < probe_->deadline_s) {
        return;
    }
    if (now_s - probe_->deadline_s > kLateMax_s) {
        ++stalls_;
        probe_->deadline_s = now_s + timing_.timeout_s;
        return;
    }
    if (dialogue_->silence_counts()) {
        finish(ProbeOutcome::Lost, now_s, "");
    } else {
        finish(ProbeOutcome::Silent, now_s, "no answer");
    }
}

void ProbeMachine::on_connected(ConnectionId connection, double /*now_s*/) {
    if (probe_ && probe_->connection == connection && probe_->stage == Stage::Connecting) {
        probe_->stage = Stage::Talking;
        say(dialogue_->start(true));
    }
}

void ProbeMachine::on_closed(ConnectionId connection, CloseCause cause, double now_s) {
    if (kept_ == connection) {
        kept_.reset();
        probe_soon(now_s);
        return;
    }
    if (!probe_ || probe_->connection != connection) {
        return;
    }
    if (!probe_->fresh) {
        // It closed while idle and we had not seen it yet: that is no answer to this probe.
        begin(now_s);
        return;
    }
    const bool connecting = probe_->stage == Stage::Connecting;
    // Nothing left to close.
    probe_->stage = Stage::Unreachable;
    if (cause == CloseCause::OwnFault) {
        give_up(now_s);
        return;
    }
    if (cause == CloseCause::Unreachable) {
        return;  // it counts as lost, but not before its time: losses stay a timeout apart
    }
    if (cause == CloseCause::EndOfStream) {
        if (auto verdict = dialogue_->on_end()) {
            verdict->keep = false;
            conclude(std::move(*verdict), now_s);
            return;
        }
    }
    if (!dialogue_->silence_counts()) {
        finish(ProbeOutcome::Silent, now_s, connecting ? "connection refused" : "no answer");
    } else if (cause == CloseCause::Reset) {
        finish(
            ProbeOutcome::Refused, now_s, connecting ? "connection refused" : "connection reset");
    } else {
        finish(ProbeOutcome::BadBanner, now_s, "closed without an answer");
    }
}

void ProbeMachine::on_bytes(ConnectionId connection, std::string_view bytes, double now_s) {
    if (kept_ == connection) {
        if (dialogue_->after() == AfterProbe::Tripwire) {
            return;  // "421 timeout": the close that follows is what counts
        }
        // Nobody asked: the connection is out of step.
        close(connection);
        kept_.reset();
        probe_soon(now_s);
        return;
    }
    if (!probe_ || probe_->connection != connection || probe_->stage != Stage::Talking) {
        return;
    }
    std::string next;
    auto verdict = dialogue_->on_bytes(bytes, next);
    if (verdict) {
        conclude(std::move(*verdict), now_s);
    } else {
        say(std::move(next));
    }
}

}  // namespace dns::probe
