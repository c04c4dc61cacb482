#include "dns/steering/table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <utility>

namespace dns::steering {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::array<std::string_view, 4> kPolicyNames = {"load", "roundtable", "rotate", "static"};
constexpr std::array<std::string_view, 4> kBasisNames = {
    "healthy", "panic", "all-allowed", "all-configured"};

bool is_pinned(const SteeringTable& table, const RowEntry& entry) {
    return table.servers[entry.server].pin.has_value();
}

std::size_t count_pinned(const SteeringTable& table, std::span<const RowEntry> entries) {
    return static_cast<std::size_t>(std::ranges::count_if(
        entries, [&](const RowEntry& entry) { return is_pinned(table, entry); }));
}

/// How many unpinned servers of level 0 an answer of `limit` records has room for. Pinned servers
/// of either level come first, but never push the last unpinned server of level 0 out.
std::size_t level0_room(const SteeringTable& table, const Row& row, std::size_t limit) {
    const std::size_t unpinned = row.level0_by_id.size();
    if (unpinned <= 1 || row.level0.size() + row.level1.size() <= limit) {
        return unpinned;
    }
    const std::size_t pinned = count_pinned(table, row.level0) + count_pinned(table, row.level1);
    return std::min(unpinned, limit > pinned + 1 ? limit - pinned : 1);
}

}  // namespace

std::string_view policy_name(Policy policy) noexcept {
    return kPolicyNames[static_cast<std::size_t>(policy)];
}

std::string_view basis_name(TableBasis basis) noexcept {
    return kBasisNames[static_cast<std::size_t>(basis)];
}

std::optional<Policy> parse_policy(std::string_view name) noexcept {
    const auto found = std::ranges::find(kPolicyNames, name);
    if (found == kPolicyNames.end()) {
        return std::nullopt;
    }
    return static_cast<Policy>(found - kPolicyNames.begin());
}

std::uint16_t choose_row(const SteeringTable& table, std::uint64_t x) noexcept {
    const auto found = std::ranges::upper_bound(table.rows, x, {}, &Row::upper_end);
    // The last end is 2^64-1, so only x = 2^64-1 passes it; that source is in the last row too.
    const auto index = std::min<std::size_t>(static_cast<std::size_t>(found - table.rows.begin()),
                                             table.rows.size() - 1);
    return static_cast<std::uint16_t>(index);
}

AnswerKey choose_answer(const SteeringTable& table,
                        std::uint64_t x,
                        std::uint64_t y,
                        std::uint16_t limit) noexcept {
    const std::uint16_t row_index = choose_row(table, x);
    const Row& row = table.rows[row_index];
    if (row.level0_by_id.size() <= level0_room(table, row, std::max<std::uint16_t>(limit, 1))) {
        return {row_index, 0};
    }
    const auto first = static_cast<ServerIndex>((Wide{y} * table.servers.size()) >> 64);
    const auto found = std::ranges::lower_bound(row.level0_by_id, first);
    // Starts between two members walk the same servers; they share one ready-made answer.
    const auto start = found == row.level0_by_id.end() ? 0 : found - row.level0_by_id.begin();
    return {row_index, static_cast<std::uint16_t>(start)};
}

AnswerKey choose_turn(const SteeringTable& table, std::uint64_t turn) noexcept {
    if (table.policy != Policy::Rotate) {
        return canonical_answer(table);
    }
    return {static_cast<std::uint16_t>(turn % table.rows.size()), 0};
}

AnswerKey canonical_answer(const SteeringTable& table) noexcept {
    return {table.canonical, 0};
}

std::vector<RowEntry> answer_entries(const SteeringTable& table,
                                     AnswerKey key,
                                     std::uint16_t limit) {
    const Row& row = table.rows[std::min<std::size_t>(key.row, table.rows.size() - 1)];
    const std::size_t most = std::max<std::uint16_t>(limit, 1);
    const std::size_t room = level0_room(table, row, most);
    const std::size_t members = row.level0_by_id.size();

    const auto is_walked = [&](ServerIndex server) {
        const auto found = std::ranges::lower_bound(row.level0_by_id, server);
        const auto place = static_cast<std::size_t>(found - row.level0_by_id.begin());
        return (place + members - key.start % members) % members < room;
    };
    std::size_t pinned_left = count_pinned(table, row.level1);
    std::vector<RowEntry> answer;
    for (const RowEntry& entry : row.level0) {
        if (answer.size() < most && (is_pinned(table, entry) || is_walked(entry.server))) {
            answer.push_back(entry);
        }
    }
    for (const RowEntry& entry : row.level1) {
        const bool pinned = is_pinned(table, entry);
        // An unpinned server may not take the place of a pinned one further down.
        if (answer.size() + (pinned ? 0 : pinned_left) < most) {
            answer.push_back(entry);
        }
        pinned_left -= pinned ? 1 : 0;
    }
    return answer;
}

std::vector<ServerIndex> address_servers(const SteeringTable& table,
                                         AnswerKey key,
                                         std::uint16_t limit) {
    const std::vector<RowEntry> entries =
        answer_entries(table, key, std::max<std::uint16_t>(limit, 1));
    std::vector<ServerIndex> servers;
    for (const RowEntry& entry : entries) {
        if (servers.size() < 2 || entry.preference == entries.front().preference) {
            servers.push_back(entry.server);
        }
    }
    return servers;
}

std::uint16_t srv_weight(const SteeringTable& table, ServerIndex server) noexcept {
    double top = 0;
    for (const TableServer& each : table.servers) {
        top = std::max(top, each.weight);
    }
    if (top <= 0 || server >= table.servers.size()) {
        return 1;
    }
    const double scaled = std::round(100 * table.servers[server].weight / top);
    return static_cast<std::uint16_t>(std::max(1.0, scaled));
}

}  // namespace dns::steering
