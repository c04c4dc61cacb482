#include "dns/answer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "base/clock.h"
#include "dns/answer_walk.h"
#include "dns/limits.h"
#include "dns/steering/source_hash.h"
#include "dns/transfer/transfer_answer.h"
#include "dns/update/update_gate.h"

namespace dns {
namespace {

constexpr AnswerClass answer_class(AnswerKind kind) noexcept {
    switch (kind) {
        case AnswerKind::NoData:
        case AnswerKind::NoName:
            return AnswerClass::Denial;
        case AnswerKind::Referral:
            return AnswerClass::Referral;
        case AnswerKind::OutsideZones:
        case AnswerKind::InternalName:
        case AnswerKind::Failed:
            return AnswerClass::Error;
        case AnswerKind::Positive:
        case AnswerKind::Steered:
        case AnswerKind::Alias:
        case AnswerKind::Minimal:
            break;
    }
    return AnswerClass::Records;
}

// A look into a table is cheaper than a switch.
constexpr std::array<AnswerClass, kAnswerKinds> kAnswerClassOf = [] {
    std::array<AnswerClass, kAnswerKinds> classes{};
    for (std::size_t kind = 0; kind < kAnswerKinds; ++kind) {
        classes[kind] = answer_class(static_cast<AnswerKind>(kind));
    }
    return classes;
}();

// A packet and what the parser made of it.
struct Parsed {
    std::span<const std::byte> packet;
    const Query& query;
    QueryOutcome outcome;
};

// Signed, or about transfers: off the common path, which is one comparison here.
bool is_special(const transfer::TransferView& view,
                QueryOutcome outcome,
                const Query& query) noexcept {
    if (outcome == QueryOutcome::Ok) {
        return query.type == RrType::Soa && !view.rights().catalog().is_root() &&
               std::ranges::equal(query.name.wire(), view.rights().catalog().wire());
    }
    return outcome == QueryOutcome::RefusedSignature ||
           (outcome == QueryOutcome::RefusedType && query.type == RrType::Ixfr);
}

std::size_t respond(const Snapshot& snapshot,
                    const Parsed& parsed,
                    const Client& client,
                    ThreadState& state,
                    std::span<std::byte> out) noexcept {
    state.waits = false;
    if (!state.holds) {
        state.counters.outcomes[static_cast<std::size_t>(parsed.outcome)].add();
    }
    const bool walks = parsed.outcome == QueryOutcome::Ok;
    const OutcomeAction action = walks ? OutcomeAction{} : outcome_action(parsed.outcome);
    if (!action.answered) {
        return 0;
    }
    Message message(parsed.query, parsed.packet, client.transport, out);
    const CookieVerdict cookie =
        state.guard.greet(snapshot.key(), parsed.query, parsed.packet, client, message);
    AnswerClass kind_class = AnswerClass::Error;
    if (walks) {
        const AnswerKind kind = walk_answer(snapshot, parsed.query, client, state, message);
        kind_class = kAnswerClassOf.data()[static_cast<std::size_t>(kind)];
        if (state.waits) {
            return 0;  // counted when it is answered
        }
        // Limited as any answer is: nobody waits for a network that is beyond its rate.
        if (state.deferred == DeferReason::Signature) {
            if (state.guard.within_rate(kind_class, cookie, client)) {
                return 0;
            }
            state.deferred = DeferReason::None;
            return state.guard.slip(cookie, message) ? message.finish() : 0;
        }
        state.counters.answers[static_cast<std::size_t>(kind)].add();
        if (message.truncated()) {
            state.counters.truncated.add();
        }
    } else if (!explain::answer_chaos(state.guard.chaos(), parsed.query, client, message)) {
        message.set_rcode(action.rcode);
        message.set_extended_error(action.error);
    }
    return state.guard.admit(kind_class, cookie, client, message) ? message.finish() : 0;
}

}  // namespace

std::string_view answer_kind_name(AnswerKind kind) noexcept {
    static constexpr std::array<std::string_view, kAnswerKinds> kNames = {"positive",
                                                                          "steered",
                                                                          "nodata",
                                                                          "nxdomain",
                                                                          "referral",
                                                                          "alias",
                                                                          "minimal",
                                                                          "outside-zones",
                                                                          "internal-name",
                                                                          "failed"};
    return kNames[static_cast<std::size_t>(kind)];
}

std::string_view online_denial_name(OnlineDenial denial) noexcept {
    static constexpr std::array<std::string_view, kOnlineDenials> kNames = {
        "kept", "asked", "refused", "late"};
    return kNames[static_cast<std::size_t>(denial)];
}

SipWords source_hash(const SipKey& key,
                     const Client& client,
                     std::span<const std::byte> zone) noexcept {
    const std::span<const std::byte, 16> address(client.address);
    const steering::SourcePrefix prefix = client.family == Family::V4
                                              ? steering::ipv4_source(address.first<4>())
                                              : steering::ipv6_source(address);
    return steering::hash_source(key, prefix, zone);
}

// All that is in this translation unit (CMakeLists.txt) becomes one function: calls between small
// functions were a third of a query's instructions.
[[gnu::flatten]] std::size_t answer(const Snapshot& snapshot,
                                    std::span<const std::byte> packet,
                                    const Client& client,
                                    ThreadState& state,
                                    std::span<std::byte> out) noexcept {
    Query query;
    QueryOutcome outcome = parse_query(packet, query);
    if (snapshot.transfer() != nullptr && is_special(*snapshot.transfer(), outcome, query)) {
        const auto now_s = static_cast<std::uint64_t>(base::wall_us() / 1'000'000);
        const auto size = transfer::answer_special(snapshot, packet, client, state, now_s, out);
        if (size) {
            return *size;
        }
    }
    if (outcome == QueryOutcome::NotImpOpcode && update::is_update(packet)) {
        const auto size = update::answer_update(snapshot, packet, state, outcome, out);
        if (size) {
            return *size;
        }
    }
    return respond(snapshot, {packet, query, outcome}, client, state, out);
}

std::size_t answer_plain(const Snapshot& snapshot,
                         std::span<const std::byte> packet,
                         const Client& client,
                         ThreadState& state,
                         std::span<std::byte> out) noexcept {
    Query query;
    const QueryOutcome outcome = parse_query(packet, query);
    return respond(snapshot, {packet, query, outcome}, client, state, out);
}

}  // namespace dns
