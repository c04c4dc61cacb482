#include "dns/probe/mail_dialogue.h"

#include <algorithm>

#include "dns/limits.h"

namespace dns::probe {
namespace {

// A domain as far as RFC 5321 4.1.1.1 goes; who probes is not to be looked up.
constexpr std::string_view kHello = "EHLO roundtable-probe\r\n";
constexpr std::string_view kCapability = "a CAPABILITY\r\n";
constexpr std::string_view kCapa = "CAPA\r\n";

char upper(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

/// Takes `word` (upper case) and the space behind it from the front; words have no case.
bool take_word(std::string_view& line, std::string_view word) {
    const bool found = line.size() >= word.size() &&
                       std::ranges::equal(line.substr(0, word.size()), word, {}, upper);
    if (!found || (line.size() > word.size() && line[word.size()] != ' ')) {
        return false;
    }
    line.remove_prefix(std::min(line.size(), word.size() + 1));
    return true;
}

}  // namespace

std::string LineDialogue::start(bool /*fresh*/) {
    stage_ = Stage::Greeting;
    input_.clear();
    received_ = 0;
    return {};
}

std::nullopt_t LineDialogue::ask(std::string_view command, std::string& out) {
    stage_ = Stage::Command;
    out += command;
    return std::nullopt;
}

Verdict LineDialogue::alive() {
    Verdict verdict;
    verdict.outcome = ProbeOutcome::Reply;
    return verdict;
}

std::optional<Verdict> LineDialogue::on_bytes(std::string_view bytes, std::string& out) {
    if (bytes.size() > kProbeInputMax - received_) {
        return bad_banner("too long an answer");
    }
    received_ += bytes.size();
    input_.append(bytes);
    std::size_t begin = 0;
    while (true) {
        const std::size_t end = input_.find('\n', begin);
        if (end == std::string::npos) {
            input_.erase(0, begin);
            return std::nullopt;
        }
        std::string_view line = std::string_view(input_).substr(begin, end - begin);
        if (line.ends_with('\r')) {
            line.remove_suffix(1);
        }
        if (auto verdict = on_line(line, out)) {
            return verdict;
        }
        begin = end + 1;
    }
}

std::optional<Verdict> SmtpDialogue::on_line(std::string_view line, std::string& out) {
    const std::string_view code = line.substr(0, 3);
    const bool is_last = line.size() == 3 || (line.size() > 3 && line[3] == ' ');
    const bool goes_on = line.size() > 3 && line[3] == '-';
    const bool busy = code == "421";
    const std::string_view wanted = stage() == Stage::Greeting ? "220" : "250";
    if ((code != wanted && !busy) || (!is_last && !goes_on)) {
        return bad_banner((stage() == Stage::Greeting ? "greeting: " : "EHLO: ") + printable(line));
    }
    if (!is_last) {
        return std::nullopt;
    }
    if (stage() == Stage::Greeting && !busy) {
        return ask(kHello, out);
    }
    Verdict verdict = alive();
    verdict.keep = !busy;  // it is about to close; that would tell us nothing
    return verdict;
}

std::optional<Verdict> ImapDialogue::on_line(std::string_view line, std::string& out) {
    std::string_view rest = line;
    if (stage() == Stage::Greeting) {
        knows_imap_ = false;
        if (take_word(rest, "*") && (take_word(rest, "OK") || take_word(rest, "PREAUTH"))) {
            return ask(kCapability, out);
        }
        return bad_banner("greeting: " + printable(line));
    }
    if (take_word(rest, "A")) {
        if (take_word(rest, "OK") && knows_imap_) {
            return alive();
        }
        return bad_banner("CAPABILITY: " + printable(line));
    }
    if (!take_word(rest, "*") || take_word(rest, "BYE")) {
        return bad_banner("CAPABILITY: " + printable(line));
    }
    if (take_word(rest, "CAPABILITY")) {
        while (!rest.empty() && !knows_imap_) {
            knows_imap_ = take_word(rest, "IMAP4REV1") || take_word(rest, "IMAP4REV2");
            rest.remove_prefix(std::min(rest.size(), std::min(rest.find(' '), rest.size()) + 1));
        }
    }
    return std::nullopt;
}

std::optional<Verdict> Pop3Dialogue::on_line(std::string_view line, std::string& out) {
    std::string_view rest = line;
    if (stage() == Stage::Greeting) {
        listing_ = false;
        if (take_word(rest, "+OK")) {
            return ask(kCapa, out);
        }
        return bad_banner("greeting: " + printable(line));
    }
    if (listing_) {
        return line == "." ? std::optional(alive()) : std::nullopt;
    }
    if (take_word(rest, "-ERR")) {
        return alive();
    }
    if (!take_word(rest, "+OK")) {
        return bad_banner("CAPA: " + printable(line));
    }
    listing_ = true;
    return std::nullopt;
}

}  // namespace dns::probe
