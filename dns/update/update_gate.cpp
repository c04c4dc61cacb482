#include "dns/update/update_gate.h"

#include "base/clock.h"
#include "dns/deferred_queries.h"

namespace dns::update {

Gate judge_signature(const TsigKeys& keys,
                     std::span<const std::byte> packet,
                     std::uint64_t now_s,
                     std::span<std::byte> out) noexcept {
    TsigRecord record;
    const TsigVerdict verdict = verify_tsig(keys, packet, now_s, record);
    if (verdict == TsigVerdict::Absent) {
        return {GateVerdict::NotSigned, 0};
    }
    if (verdict == TsigVerdict::Good) {
        return {GateVerdict::Authentic, 0};
    }
    return {GateVerdict::Answered, answer_tsig_error(packet, verdict, record, now_s, out)};
}

std::optional<std::size_t> answer_update(const Snapshot& snapshot,
                                         std::span<const std::byte> packet,
                                         ThreadState& state,
                                         QueryOutcome& outcome,
                                         std::span<std::byte> out) noexcept {
    const transfer::TransferView* const view = snapshot.transfer();
    if (view == nullptr || view->rights().keys().empty()) {
        return std::nullopt;
    }
    const auto now_s = static_cast<std::uint64_t>(base::wall_us() / 1'000'000);
    const Gate gate = judge_signature(view->rights().keys(), packet, now_s, out);
    switch (gate.verdict) {
        case GateVerdict::Answered:
            return gate.size;
        case GateVerdict::Authentic:
            if (!state.may_defer(DeferReason::Update)) {
                return answer_not_ready(packet, out);
            }
            state.deferred = DeferReason::Update;
            return 0;
        case GateVerdict::NotSigned:
            break;
    }
    outcome = QueryOutcome::RefusedUpdate;
    return std::nullopt;
}

}  // namespace dns::update
