// Fuzzes the readers of what servers say to probes. Octet 0: which kind of probe, and into what
// pieces the rest is cut. The same text, in pieces or whole, must have the same verdict.

#include <cstdint>
#include <string>

#include "dns/probe/agent_dialogue.h"
#include "dns/probe/probe_dialogue.h"
#include "test/fuzz/dns_fuzz.h"

namespace {

using dns::probe::DialogueConfig;
using dns::probe::ProbeOutcome;
using dns::probe::Verdict;
using dns_fuzz::require;

void check(const Verdict& verdict) {
    require(verdict.reason.size() < 1000);
    for (const char c : verdict.reason) {
        require(c >= ' ' && c <= '~');
    }
    require(!verdict.gauge || (*verdict.gauge >= 0 && *verdict.gauge <= 1));
    require(!verdict.weight ||
            (*verdict.weight >= 0 && *verdict.weight <= dns::probe::kAgentWeightMax));
    require(verdict.outcome != ProbeOutcome::BadBanner || !verdict.reason.empty());
}

// The verdict on a text that comes in pieces and ends with the connection.
std::optional<Verdict> hear(const DialogueConfig& config,
                            std::string_view text,
                            std::size_t piece) {
    const auto dialogue = dns::probe::make_dialogue(config);
    std::string said = dialogue->start(true);
    while (!text.empty()) {
        if (auto verdict = dialogue->on_bytes(text.substr(0, piece), said)) {
            return verdict;
        }
        text.remove_prefix(std::min(piece, text.size()));
    }
    return dialogue->on_end();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string_view text(reinterpret_cast<const char*>(data) + 1,
                                size - 1);  // NOLINT(*-reinterpret-cast): text
    DialogueConfig config;
    config.kind = static_cast<dns::probe::ProbeKind>(data[0] % dns::probe::kProbeKinds);
    config.host = "mx1.example.org";
    const auto pieces = hear(config, text, 1U + data[0] / dns::probe::kProbeKinds);
    if (pieces) {
        check(*pieces);
    }
    if (const auto whole = hear(config, text, std::max<std::size_t>(text.size(), 1))) {
        check(*whole);
        // Where one piece has more than an answer may be, less of it may have been one.
        const bool out_of_step =
            whole->outcome == ProbeOutcome::BadBanner || whole->outcome == ProbeOutcome::Silent;
        require(out_of_step || (pieces && pieces->outcome == whole->outcome));
    }
    return 0;
}
