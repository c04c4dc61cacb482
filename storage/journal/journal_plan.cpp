#include "storage/journal/journal_plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace storage {
namespace {

struct Round {
    JournalHead first;                             // any head of it
    std::map<std::uint64_t, std::uint64_t> parts;  // part -> sequence
    std::map<std::uint64_t, SegmentId> segments;   // by first part
    std::uint64_t last_part = 0;                   // 0: no end was seen
    std::uint64_t last_sequence = 0;

    [[nodiscard]] bool is_complete() const {
        return last_part != 0 && parts.size() == last_part && parts.rbegin()->first == last_part;
    }
};

using RoundKey = std::pair<JournalKind, std::uint64_t>;

std::map<RoundKey, Round> rounds_of(const std::vector<JournalContents>& journal) {
    std::map<RoundKey, Round> rounds;
    for (const JournalContents& contents : journal) {
        for (const JournalHead& head : contents.heads) {
            Round& round = rounds[{head.kind, head.round}];
            round.first = head;
            round.parts[head.part] = head.sequence;
            round.last_sequence = std::max(round.last_sequence, head.sequence);
            if (head.end == JournalEnd::Yes) {
                round.last_part = head.part;
            }
        }
        if (!contents.heads.empty()) {
            const JournalHead& head = contents.heads.front();
            rounds[{head.kind, head.round}].segments.emplace(head.part, contents.segment);
        }
    }
    return rounds;
}

void take(JournalPlan& plan, const Round& round) {
    for (const auto& [part, segment] : round.segments) {
        plan.segments.push_back(segment);
    }
    plan.at_us = std::max(plan.at_us, round.first.at_us);
}

}  // namespace

JournalPlan plan_replay(const std::vector<JournalContents>& journal) {
    const std::map<RoundKey, Round> rounds = rounds_of(journal);
    JournalPlan plan;
    std::uint64_t after = 0;
    const Round* checkpoint = nullptr;
    for (const auto& [key, round] : rounds) {
        if (!round.is_complete()) {
            ++plan.incomplete;
        } else if (key.first == JournalKind::Checkpoint) {
            checkpoint = &round;  // the map ends with the newest
        }
    }
    if (checkpoint != nullptr) {
        plan.checkpoint = checkpoint->first.round;
        after = checkpoint->first.after;
        take(plan, *checkpoint);
    }
    for (const auto& [key, round] : rounds) {
        if (key.first == JournalKind::Delta && round.is_complete() && round.last_sequence > after) {
            take(plan, round);
        }
    }
    return plan;
}

}  // namespace storage
