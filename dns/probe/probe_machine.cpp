#include "dns/probe/probe_machine.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/load_report.h"

namespace dns::probe {
namespace {

constexpr std::string_view kQuit = "QUIT\r\n";

/// A line ends with CRLF, or for SMTP servers that are careless with LF. Empty while incomplete.
std::optional<std::string_view> first_line(std::string_view input, ProbeKind kind) {
    const std::size_t end = input.find('\n');
    if (end == std::string_view::npos) {
        return std::nullopt;
    }
    std::string_view line = input.substr(0, end);
    if (line.ends_with('\r')) {
        line.remove_suffix(1);
    } else if (kind == ProbeKind::LoadReport) {
        return std::string_view("\n");  // no line of the protocol: refused by its parser
    }
    return line;
}

/// For logs: what a peer sent, shortened, without control characters.
std::string printable(std::string_view text) {
    std::string word(text.substr(0, 60));
    std::ranges::replace_if(
        word, [](char c) { return c < ' ' || c > '~'; }, '?');
    return word;
}

}  // namespace

ProbeMachine::ProbeMachine(steering::ServerId server,
                           ProbeKind kind,
                           ProbeTiming timing,
                           double first_s,
                           std::string expected_name)
    : server_(server),
      kind_(kind),
      timing_(timing),
      first_s_(first_s),
      expected_name_(std::move(expected_name)),
      next_s_(first_s),
      last_begin_s_(-std::numeric_limits<double>::infinity()) {
}

double ProbeMachine::slot_after(double now_s) const {
    const double slots = std::floor((now_s - first_s_) / timing_.interval_s) + 1;
    return first_s_ + std::max(slots, 0.0) * timing_.interval_s;
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

void ProbeMachine::drop_kept() {
    if (!kept_) {
        return;
    }
    if (kind_ == ProbeKind::SmtpBanner) {
        actions_.push_back({ProbeAction::Kind::Send, *kept_, kQuit});
    }
    close(*kept_);
    kept_.reset();
}

void ProbeMachine::begin(double now_s) {
    last_begin_s_ = now_s;
    Probe probe;
    probe.deadline_s = now_s + timing_.timeout_s;
    if (kind_ == ProbeKind::LoadReport && kept_) {
        probe.connection = *std::exchange(kept_, std::nullopt);
        probe.stage = Stage::Report;
        probe.fresh = false;
        actions_.push_back({ProbeAction::Kind::Send, probe.connection, base::kLoadCommand});
    } else {
        probe.connection = next_connection_++;
        actions_.push_back({ProbeAction::Kind::Connect, probe.connection, {}});
    }
    probe_ = std::move(probe);
}

void ProbeMachine::finish(ProbeOutcome outcome, double now_s, std::string reason) {
    const bool good = outcome == ProbeOutcome::Reply || outcome == ProbeOutcome::Unfit;
    if (good) {
        drop_kept();
        kept_ = probe_->connection;
    } else if (probe_->stage != Stage::Unreachable) {
        close(probe_->connection);
    }
    probe_.reset();
    next_s_ = slot_after(now_s);
    last_outcome_ = outcome;
    if (!result_) {
        result_.emplace();
    }
    result_->server = server_;
    result_->time_s = now_s;
    result_->outcome = outcome;
    result_->reason = std::move(reason);
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
    if (probe_ && now_s >= probe_->deadline_s) {
        finish(ProbeOutcome::Lost, now_s, "");
    } else if (!probe_ && now_s >= next_s_) {
        begin(now_s);
    }
}

void ProbeMachine::on_connected(ConnectionId connection, double /*now_s*/) {
    if (probe_ && probe_->connection == connection && probe_->stage == Stage::Connecting) {
        probe_->stage = Stage::Greeting;
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
    if (cause == CloseCause::Unreachable) {
        return;  // it counts as lost, but not before its time: losses stay a timeout apart
    }
    if (cause == CloseCause::Reset) {
        finish(
            ProbeOutcome::Refused, now_s, connecting ? "connection refused" : "connection reset");
        return;
    }
    finish(ProbeOutcome::BadBanner, now_s, "closed without an answer");
}

void ProbeMachine::on_bytes(ConnectionId connection, std::string_view bytes, double now_s) {
    if (kept_ == connection) {
        if (kind_ == ProbeKind::SmtpBanner) {
            return;  // "421 timeout": the close that follows is what counts
        }
        // Nobody asked: the connection is out of step.
        close(connection);
        kept_.reset();
        probe_soon(now_s);
        return;
    }
    if (!probe_ || probe_->connection != connection || probe_->stage == Stage::Unreachable) {
        return;
    }
    const std::size_t most = kind_ == ProbeKind::LoadReport ? base::kLoadLineMax : kGreetingMax;
    if (bytes.size() > most - probe_->received) {
        finish(ProbeOutcome::BadBanner, now_s, "line too long");
        return;
    }
    probe_->received += bytes.size();
    probe_->input.append(bytes);
    if (kind_ == ProbeKind::LoadReport) {
        read_load(now_s);
    } else {
        read_smtp(now_s);
    }
}

void ProbeMachine::read_load(double now_s) {
    const auto line = first_line(probe_->input, kind_);
    if (!line) {
        return;
    }
    // One line is all that may come before our next word.
    if (probe_->input.find('\n') + 1 != probe_->input.size()) {
        finish(ProbeOutcome::BadBanner, now_s, "more than one line");
        return;
    }
    const std::string text(*line);
    probe_->input.clear();
    probe_->received = 0;
    if (probe_->stage == Stage::Report) {
        read_report(text, now_s);
    } else {
        read_greeting(text, now_s);
    }
}

void ProbeMachine::read_greeting(std::string_view line, double now_s) {
    const auto greeting = base::parse_load_greeting(line);
    if (!greeting) {
        finish(ProbeOutcome::BadBanner, now_s, "greeting: " + printable(line));
        return;
    }
    if (!expected_name_.empty() && greeting.value().name != expected_name_) {
        finish(ProbeOutcome::BadBanner, now_s, "another server: " + greeting.value().name);
        return;
    }
    probe_->stage = Stage::Report;
    actions_.push_back({ProbeAction::Kind::Send, probe_->connection, base::kLoadCommand});
}

void ProbeMachine::read_report(std::string_view line, double now_s) {
    const auto report = base::parse_load_report(line);
    if (!report) {
        finish(ProbeOutcome::BadBanner, now_s, "report: " + printable(line));
        return;
    }
    const base::LoadReport& load = report.value();
    result_.emplace();
    result_->counters =
        LoadCounters{load.start_id, load.busy_us, load.arrivals, load.refused, load.accepted};
    finish(
        load.fit ? ProbeOutcome::Reply : ProbeOutcome::Unfit, now_s, load.fit ? "" : load.reason);
}

void ProbeMachine::read_smtp(double now_s) {
    while (const auto line = first_line(probe_->input, kind_)) {
        const std::string text(*line);
        probe_->input.erase(0, probe_->input.find('\n') + 1);
        const bool alive = text.starts_with("220") || text.starts_with("421");
        const bool is_last = text.size() == 3 || (text.size() > 3 && text[3] == ' ');
        const bool goes_on = text.size() > 3 && text[3] == '-';
        if (!alive || (!is_last && !goes_on)) {
            finish(ProbeOutcome::BadBanner, now_s, "greeting: " + printable(text));
            return;
        }
        if (is_last) {
            finish(ProbeOutcome::Reply, now_s, "");
            if (text.starts_with("421")) {
                drop_kept();  // it is about to close; that would tell us nothing
            }
            return;
        }
    }
}

}  // namespace dns::probe
