#include "dns/probe/load_dialogue.h"

#include "base/load_report.h"

namespace dns::probe {

std::string LoadDialogue::start(bool fresh) {
    greeted_ = !fresh;
    input_.clear();
    return fresh ? std::string() : std::string(base::kLoadCommand);
}

std::optional<Verdict> LoadDialogue::on_bytes(std::string_view bytes, std::string& out) {
    if (bytes.size() > base::kLoadLineMax - input_.size()) {
        return bad_banner("line too long");
    }
    input_.append(bytes);
    const std::size_t end = input_.find('\n');
    if (end == std::string::npos) {
        return std::nullopt;
    }
    // One line is all that may come before our next word.
    if (end + 1 != input_.size()) {
        return bad_banner("more than one line");
    }
    std::string line = std::exchange(input_, {});
    if (!line.ends_with("\r\n")) {
        return bad_banner("line without CRLF: " + printable(line));
    }
    line.resize(line.size() - 2);
    return greeted_ ? read_report(line) : read_greeting(line, out);
}

std::optional<Verdict> LoadDialogue::read_greeting(std::string_view line, std::string& out) {
    const auto greeting = base::parse_load_greeting(line);
    if (!greeting) {
        return bad_banner("greeting: " + printable(line));
    }
    if (!expected_name_.empty() && greeting.value().name != expected_name_) {
        return bad_banner("another server: " + greeting.value().name);
    }
    greeted_ = true;
    out += base::kLoadCommand;
    return std::nullopt;
}

Verdict LoadDialogue::read_report(std::string_view line) {
    const auto report = base::parse_load_report(line);
    if (!report) {
        return bad_banner("report: " + printable(line));
    }
    const base::LoadReport& load = report.value();
    Verdict verdict;
    verdict.outcome = load.fit ? ProbeOutcome::Reply : ProbeOutcome::Unfit;
    verdict.reason = load.fit ? "" : load.reason;
    verdict.counters =
        LoadCounters{load.start_id, load.busy_us, load.arrivals, load.refused, load.accepted};
    return verdict;
}

}  // namespace dns::probe
