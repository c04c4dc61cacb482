#include "mta/scan/scan_gate.h"

#include <array>
#include <utility>

#include "base/log.h"
#include "base/metrics.h"
#include "mail/address.h"

namespace mta {

namespace {

constexpr std::string_view kReturnPath = "Return-Path:";
constexpr std::string_view kFieldName = "X-Virus-Status: ";

void set(mail::Attributes& attributes, std::string_view name, std::string_view value) {
    // Values are sanitised and short, names are ours: it cannot fail but for too many, and a
    // message is not refused for lack of a note about it.
    (void)attributes.set(name, value);
}

ScanPolicy policy_of(const PolicyList& policies, const mail::Recipient& recipient) {
    const base::Result<mail::Address> address = mail::parse_mailbox(recipient.address);
    return address ? policies.find(mail::normalised(address.value()).domain) : policies.cluster();
}

ScanJudgement judge_infected(const ScanVerdict& verdict,
                             const PolicyList& policies,
                             mail::Envelope& envelope) {
    ScanJudgement judgement;
    judgement.signature = verdict.signature;
    for (const mail::Recipient& recipient : envelope.recipients) {
        if (policy_of(policies, recipient).virus == VirusPolicy::Reject) {
            judgement.kind = ScanJudgement::Kind::Refuse;
            return judgement;
        }
    }
    for (mail::Recipient& recipient : envelope.recipients) {
        if (policy_of(policies, recipient).virus == VirusPolicy::Quarantine) {
            recipient.mailbox = kQuarantineMailbox;
        }
    }
    judgement.field = std::string(kFieldName) + "Infected, " + verdict.signature + "\r\n";
    return judgement;
}

ScanJudgement judge_unscanned(const PolicyList& policies, const mail::Envelope& envelope) {
    ScanJudgement judgement;
    for (const mail::Recipient& recipient : envelope.recipients) {
        if (policy_of(policies, recipient).no_scanner == NoScannerPolicy::TempFail) {
            judgement.kind = ScanJudgement::Kind::PutOff;
            return judgement;
        }
    }
    judgement.field = std::string(kFieldName) + "Unscanned\r\n";
    return judgement;
}

// What was done: a word for the log and the counter.
std::string_view action_of(const ScanJudgement& judgement, const mail::Envelope& envelope) {
    switch (judgement.kind) {
        case ScanJudgement::Kind::Refuse:
            return "reject";
        case ScanJudgement::Kind::PutOff:
            return "tempfail";
        case ScanJudgement::Kind::Take:
            break;
    }
    if (judgement.signature.empty()) {
        return "accept";
    }
    for (const mail::Recipient& recipient : envelope.recipients) {
        if (recipient.mailbox == kQuarantineMailbox) {
            return "quarantine";
        }
    }
    return "tag";
}

void count_action(std::string_view action) {
    static const std::array<std::string_view, 5> names = {
        "reject", "quarantine", "tag", "tempfail", "accept"};
    static const auto counters = [] {
        std::array<base::Counter*, names.size()> all{};
        for (std::size_t i = 0; i < all.size(); ++i) {
            all[i] = &base::counter("roundtable_scan_actions_total",
                                    "Infected and unscanned messages, by what was done",
                                    {{"folder", "mta"}, {"action", names[i]}});
        }
        return all;
    }();
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (names[i] == action) {
            counters[i]->add();
        }
    }
}

}  // namespace

ScanJudgement judge_scan(const ScanVerdict& verdict,
                         const PolicyList& policies,
                         mail::Envelope& envelope) {
    // Whoever handed the message in has no say in it.
    for (const std::string_view name : {"signature", "scanner"}) {
        envelope.attributes.erase(name);
    }
    set(envelope.attributes, "verdict", verdict_name(verdict.kind));
    if (!verdict.scanner.empty()) {
        set(envelope.attributes, "scanner", verdict.scanner);
    }
    switch (verdict.kind) {
        case ScanVerdict::Kind::Infected:
            set(envelope.attributes, "signature", verdict.signature);
            return judge_infected(verdict, policies, envelope);
        case ScanVerdict::Kind::Unscanned:
            return judge_unscanned(policies, envelope);
        case ScanVerdict::Kind::Clean:
            break;
    }
    return {};
}

void add_trace_field(std::string& message, std::string_view field) {
    std::size_t at = 0;
    if (message.starts_with(kReturnPath)) {
        const std::size_t end = message.find("\r\n");
        at = end == std::string::npos ? 0 : end + 2;
    }
    message.insert(at, field);
}

std::unique_ptr<Scan> ScanGate::begin(base::Loop& loop, Scan::Source source) {
    return std::make_unique<Scan>(loop, scanner_, std::move(source));
}

ScanJudgement ScanGate::judge(const ScanVerdict& verdict,
                              mail::Envelope& envelope,
                              std::string& message,
                              std::string_view about) {
    ScanJudgement judgement = judge_scan(verdict, *policies_.list(), envelope);
    if (verdict.kind == ScanVerdict::Kind::Clean) {
        return judgement;
    }
    const std::string_view action = action_of(judgement, envelope);
    count_action(action);
    base::log::warning("mta",
                       verdict.kind == ScanVerdict::Kind::Infected ? "virus found" : "not scanned",
                       {{"message", about},
                        {"action", action},
                        {"signature", verdict.signature},
                        {"scanner", verdict.scanner},
                        {"reason", verdict.reason}});
    if (judgement.kind == ScanJudgement::Kind::Take) {
        add_trace_field(message, judgement.field);
    }
    return judgement;
}

ScanJudgement ScanGate::check(base::Loop& loop,
                              mail::Envelope& envelope,
                              std::string& message,
                              std::string_view about) {
    const ScanVerdict verdict = Scan::whole(loop, scanner_, message);
    return judge(verdict, envelope, message, about);
}

std::string_view ScanGate::unfit_reason() const {
    return policies_.list()->any_tempfail() ? scanner_.unfit_reason() : std::string_view();
}

}  // namespace mta
