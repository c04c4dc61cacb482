#include "dns/probe/probe_dialogue.h"

#include <algorithm>
#include <utility>

#include "dns/probe/agent_dialogue.h"
#include "dns/probe/http_dialogue.h"
#include "dns/probe/load_dialogue.h"
#include "dns/probe/mail_dialogue.h"

namespace dns::probe {

std::unique_ptr<ProbeDialogue> make_dialogue(const DialogueConfig& config) {
    switch (config.kind) {
        case ProbeKind::LoadReport:
            break;
        case ProbeKind::Smtp:
            return std::make_unique<SmtpDialogue>();
        case ProbeKind::Imap:
            return std::make_unique<ImapDialogue>();
        case ProbeKind::Pop3:
            return std::make_unique<Pop3Dialogue>();
        case ProbeKind::Http:
            return std::make_unique<HttpDialogue>(config.host, config.path);
        case ProbeKind::Agent:
            return std::make_unique<AgentDialogue>();
    }
    return std::make_unique<LoadDialogue>(config.expected_name);
}

std::string printable(std::string_view text) {
    std::string word(text.substr(0, 60));
    std::ranges::replace_if(
        word, [](char c) { return c < ' ' || c > '~'; }, '?');
    return word;
}

Verdict bad_banner(std::string reason) {
    Verdict verdict;
    verdict.reason = std::move(reason);
    return verdict;
}

}  // namespace dns::probe
