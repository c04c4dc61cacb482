#include "dns/probe/agent_dialogue.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "dns/limits.h"

namespace dns::probe {
namespace {

constexpr std::string_view kBetween = " \t,";
constexpr std::array<std::string_view, 4> kDown = {"down", "failed", "fail", "stopped"};

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_word(std::string_view text, std::string_view word) {
    return std::ranges::equal(text, word, {}, lower);
}

// "75%" as a share. Bounded before it is multiplied by anything.
std::optional<double> percentage(std::string_view text) {
    if (!text.ends_with('%')) {
        return std::nullopt;
    }
    text.remove_suffix(1);
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return std::min(value / 100.0, kAgentWeightMax);
}

// No news: its last word stands.
Verdict unheard(std::string reason) {
    Verdict verdict;
    verdict.outcome = ProbeOutcome::Silent;
    verdict.reason = std::move(reason);
    return verdict;
}

bool take_word(AgentWords& words, std::string_view word) {
    if (const auto share = percentage(word)) {
        words.weight = share;
    } else if (is_word(word, "ready")) {
        words.admin = AgentWords::Admin::Ready;
    } else if (is_word(word, "drain")) {
        words.admin = AgentWords::Admin::Drain;
    } else if (is_word(word, "maint")) {
        words.admin = AgentWords::Admin::Maintenance;
    } else if (is_word(word, "up")) {
        words.well = true;
        words.why.clear();
    } else {
        return is_word(word.substr(0, word.find(':') + 1), "maxconn:");
    }
    return true;
}

// Everything from the sharp on is a description, spaces and all.
bool take_down(AgentWords& words, std::string_view text) {
    const std::string_view word = text.substr(0, text.find_first_of("#"));
    const bool found =
        std::ranges::any_of(kDown, [word](std::string_view known) { return is_word(word, known); });
    if (found) {
        words.well = false;
        words.why = printable(text);
    }
    return found;
}

}  // namespace

bool take_agent_line(AgentWords& words, std::string_view line) {
    bool known = false;
    while (true) {
        const std::size_t begin = line.find_first_not_of(kBetween);
        if (begin == std::string_view::npos) {
            return known;
        }
        line.remove_prefix(begin);
        const std::string_view word = line.substr(0, line.find_first_of(kBetween));
        if (word.find('#') != std::string_view::npos) {
            return take_down(words, line) || known;
        }
        known = take_down(words, word) || take_word(words, word) || known;
        line.remove_prefix(word.size());
    }
}

std::string AgentDialogue::start(bool /*fresh*/) {
    line_.clear();
    return {};
}

std::optional<Verdict> AgentDialogue::on_bytes(std::string_view bytes, std::string& /*out*/) {
    const std::size_t end = bytes.find_first_of("\r\n");
    const std::string_view part = bytes.substr(0, end);
    if (part.size() > kProbeAgentMax - line_.size()) {
        return unheard("agent: line too long");
    }
    line_.append(part);
    return end == std::string_view::npos ? std::nullopt : std::optional(judge());
}

// HAProxy wants a line's end; agents that only close are read as well, since nothing else can
// follow.
std::optional<Verdict> AgentDialogue::on_end() {
    return line_.empty() ? std::nullopt : std::optional(judge());
}

Verdict AgentDialogue::judge() {
    if (!take_agent_line(words_, line_)) {
        return unheard("agent: " + printable(line_));
    }
    Verdict verdict;
    verdict.outcome = ProbeOutcome::Unfit;
    verdict.weight = words_.weight;
    verdict.keep = false;
    if (words_.admin == AgentWords::Admin::Maintenance) {
        verdict.reason = "agent: maint";
    } else if (words_.well == false) {
        verdict.reason = "agent: " + words_.why;
    } else if (words_.admin == AgentWords::Admin::Drain) {
        verdict.reason = "agent: drain";
    } else if (words_.weight == 0.0) {
        verdict.reason = "agent: 0%";
    } else {
        verdict.outcome = ProbeOutcome::Reply;
    }
    return verdict;
}

}  // namespace dns::probe
