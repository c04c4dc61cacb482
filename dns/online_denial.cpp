#include "dns/online_denial.h"

#include <cstring>

#include "dns/compact_denial.h"

namespace dns {
namespace {

void count(ThreadState& state, OnlineDenial denial) noexcept {
    state.counters.denials[static_cast<std::size_t>(denial)].add();
}

bool ask(const OnlineName& denied, ThreadState& state) noexcept {
    dnssec::DenialAsk wanted;  // NOLINT: its name is written to its size
    wanted.zone = denied.parts.variants;
    wanted.index = denied.zone_index;
    wanted.signer = denied.parts.signatures->signer();
    wanted.size = denied.name.size;
    std::memcpy(wanted.name.data(), denied.name.octets.data(), denied.name.size);
    return state.denials->ask(wanted);
}

}  // namespace

OnlineAnswer deny_online(const OnlineName& denied,
                         const Query& query,
                         const Client& client,
                         ThreadState& state,
                         Message& message) noexcept {
    const dnssec::ZoneSignatures& zone = *denied.parts.signatures;
    const dnssec::DenialCache* const kept = state.denials;
    dnssec::DenialSignatures signatures;
    if (kept != nullptr &&
        kept->find(zone.signer(), denied.name.wire(), state.guard.time().wall_s, signatures)) {
        count(state, OnlineDenial::Kept);
        const CompactDenial denial{
            denied.name, denied.owner, denied.zone.apex().wire(), zone.negative_ttl(), signatures};
        const Section section = query.type == RrType::Nsec ? Section::Answer : Section::Authority;
        return !message.truncated() && write_compact_denial(denial, section, message)
                   ? OnlineAnswer::Given
                   : OnlineAnswer::Cut;
    }
    // Who holds a query has asked for it before.
    const bool asked = state.holds || (kept != nullptr && state.guard.admit_signature(client) &&
                                       ask(denied, state));
    if (!state.holds) {
        count(state, asked ? OnlineDenial::Asked : OnlineDenial::Refused);
    }
    if (asked && wait_for_signature(client, state)) {
        return OnlineAnswer::Waits;
    }
    if (state.holds) {
        count(state, OnlineDenial::Late);
    }
    return client.transport == Transport::Udp ? OnlineAnswer::Cut : OnlineAnswer::None;
}

bool wait_for_signature(const Client& client, ThreadState& state) noexcept {
    if (client.transport == Transport::Tcp) {
        state.waits = !state.waited;
        return state.waits;
    }
    if (!state.may_defer(DeferReason::Signature)) {
        return false;
    }
    state.deferred = DeferReason::Signature;
    return true;
}

}  // namespace dns
