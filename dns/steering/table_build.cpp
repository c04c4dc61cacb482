// build_table(): from what is known about the servers to rows. table.h has the contract.

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "dns/steering/nested_rows.h"
#include "dns/steering/table.h"

namespace dns::steering {
namespace {

constexpr std::uint64_t kLastEnd = std::numeric_limits<std::uint64_t>::max();

/// Shares that differ by less than this are ties: they come from sums in floating point.
constexpr double kShareTie = 1e-12;

/// Servers of one tier that are in the answers, in answer order.
struct Tier {
    std::uint8_t number = 0;
    std::vector<ServerIndex> servers;
};

base::Status check_input(const TableInput& input) {
    TRY(check_settings(input.settings));
    if (input.servers.empty() || input.servers.size() > kServersMax) {
        return base::Error{base::Errc::Invalid, "steering table: no server, or too many"};
    }
    for (const ServerInput& server : input.servers) {
        const bool weight_ok = server.weight >= kWeightMin && server.weight <= kWeightMax;
        const bool ramp_ok = server.ramp > 0 && server.ramp <= 1;
        if (!weight_ok || !ramp_ok || !(std::abs(server.trim) <= 10) || server.tier >= kTiersMax) {
            return base::Error{base::Errc::Invalid,
                               "steering table: weight, trim, ramp or tier of " + server.name};
        }
    }
    return base::Done{};
}

bool is_allowed(ForcedState forced) {
    return forced != ForcedState::Down && forced != ForcedState::Drained;
}

bool is_up(const ServerInput& server) {
    return server.forced == ForcedState::Up || (is_allowed(server.forced) && server.healthy);
}

/// c e^z. A pinned server has no trim; neither has any under a policy that does not look at load.
double capacity(const TableInput& input, const ServerInput& server) {
    const bool trimmed = input.policy == Policy::Load && !server.pin;
    return trimmed ? server.weight * std::exp(server.trim) : server.weight;
}

/// Servers that an operator took out are not counted on either side: panic asks whether the
/// *probes* can be believed.
bool is_panic(const TableInput& input, const std::vector<ServerInput>& servers) {
    double up = 0;
    double all = 0;
    for (const ServerInput& server : servers) {
        if (is_allowed(server.forced)) {
            all += capacity(input, server);
            up += is_up(server) ? capacity(input, server) : 0;
        }
    }
    return up < input.settings.panic * all;
}

/// Fills in table.servers and table.basis: who is in the answers, and with what weight.
void weigh_servers(const TableInput& input,
                   const std::vector<ServerInput>& servers,
                   SteeringTable& table) {
    const bool panic = is_panic(input, servers);
    bool any_allowed = false;
    bool any_weight = false;
    for (const ServerInput& server : servers) {
        const bool in = is_up(server) || (panic && is_allowed(server.forced));
        TableServer entry;
        entry.id = server.id;
        entry.name = server.name;
        entry.weight = in ? capacity(input, server) * server.ramp : 0;
        entry.trim = server.trim;
        entry.up = is_up(server);
        entry.forced = server.forced;
        entry.pin = server.pin;
        entry.preference = server.preference;
        entry.tier = server.tier;
        table.servers.push_back(std::move(entry));
        any_weight = any_weight || in;
        any_allowed = any_allowed || is_allowed(server.forced);
    }
    table.basis = panic ? TableBasis::Panic : TableBasis::Healthy;
    if (any_weight) {
        return;
    }
    table.basis = any_allowed ? TableBasis::AllAllowed : TableBasis::AllConfigured;
    for (TableServer& server : table.servers) {
        server.weight = !any_allowed || is_allowed(server.forced) ? 1 : 0;
    }
}

/// The unpinned servers in the answers, tier by tier, each tier by weight, then id.
std::vector<Tier> collect_tiers(const SteeringTable& table) {
    std::vector<ServerIndex> order;
    for (std::size_t i = 0; i < table.servers.size(); ++i) {
        if (table.servers[i].weight > 0 && !table.servers[i].pin) {
            order.push_back(static_cast<ServerIndex>(i));
        }
    }
    const auto by_weight = [&](ServerIndex a, ServerIndex b) {
        const TableServer& left = table.servers[a];
        const TableServer& right = table.servers[b];
        return left.weight != right.weight ? left.weight > right.weight : a < b;
    };
    std::ranges::sort(order, by_weight);
    std::vector<Tier> tiers;
    for (std::uint8_t number = 0; number < kTiersMax; ++number) {
        Tier tier{number, {}};
        std::ranges::copy_if(order, std::back_inserter(tier.servers), [&](ServerIndex server) {
            return table.servers[server].tier == number;
        });
        if (!tier.servers.empty()) {
            tiers.push_back(std::move(tier));
        }
    }
    // Two servers must stand at the best preference while two are there. A main site with a single
    // server left shares the best tier with the next site.
    if (tiers.size() >= 2 && tiers[0].servers.size() == 1) {
        std::ranges::copy(tiers[1].servers, std::back_inserter(tiers[0].servers));
        tiers.erase(tiers.begin() + 1);
        std::ranges::sort(tiers[0].servers, by_weight);
    }
    return tiers;
}

std::uint16_t level_preference(const Tier& tier, bool at_level0) {
    const int level = at_level0 ? kLevel0Preference : kLevel1Preference;
    return static_cast<std::uint16_t>(kTierStep * tier.number + level);
}

/// Makes a row of the unpinned servers' entries: adds the pinned ones and splits by preference.
Row finish_row(const SteeringTable& table, std::vector<RowEntry> entries, double share) {
    for (std::size_t i = 0; i < table.servers.size(); ++i) {
        const TableServer& server = table.servers[i];
        if (server.weight > 0 && server.pin) {
            entries.push_back({static_cast<ServerIndex>(i), *server.pin});
        }
    }
    std::ranges::stable_sort(entries, {}, &RowEntry::preference);
    Row row;
    row.share = share;
    for (const RowEntry& entry : entries) {
        const bool best = entry.preference == entries.front().preference;
        (best ? row.level0 : row.level1).push_back(entry);
        if (best && !table.servers[entry.server].pin) {
            row.level0_by_id.push_back(entry.server);
        }
    }
    std::ranges::sort(row.level0_by_id);
    return row;
}

/// Rows of all tiers together: each tier has its own nested rows, cut by the same hash, so a row of
/// the table is a stretch of the hash in which no tier changes its row.
std::vector<Row> nested_table_rows(const SteeringTable& table, const Settings& settings) {
    const std::vector<Tier> tiers = collect_tiers(table);
    std::vector<std::vector<NestedRow>> nested;
    std::vector<double> ends = {1.0};
    for (const Tier& tier : tiers) {
        std::vector<double> weights;
        for (const ServerIndex server : tier.servers) {
            weights.push_back(table.servers[server].weight);
        }
        nested.push_back(nested_rows(weights, settings.quant, settings.row_min));
        for (const NestedRow& row : nested.back()) {
            ends.push_back(row.end);
        }
    }
    std::ranges::sort(ends);
    // Not std::ranges::unique: clang 14, which builds the fuzzers, does not take it.
    ends.erase(std::unique(ends.begin(), ends.end()), ends.end());

    std::vector<std::size_t> at(tiers.size(), 0);  // the row that each tier is in
    std::vector<Row> rows;
    double begin = 0;
    for (const double end : ends) {
        std::vector<RowEntry> entries;
        for (std::size_t t = 0; t < tiers.size(); ++t) {
            while (at[t] + 1 < nested[t].size() && nested[t][at[t]].end <= begin) {
                ++at[t];
            }
            for (std::size_t i = 0; i < tiers[t].servers.size(); ++i) {
                const bool at_level0 = i < nested[t][at[t]].width;
                entries.push_back({tiers[t].servers[i], level_preference(tiers[t], at_level0)});
            }
        }
        rows.push_back(finish_row(table, std::move(entries), end - begin));
        begin = end;
    }
    return rows;
}

/// One row for each server of the best tier, which stands on top with the next one in id order.
std::vector<Row> rotating_rows(const SteeringTable& table, PolicyForm form) {
    std::vector<Tier> tiers = collect_tiers(table);
    if (tiers.empty()) {
        std::vector<Row> rows;
        rows.push_back(finish_row(table, {}, 1));
        return rows;
    }
    for (Tier& tier : tiers) {
        std::ranges::sort(tier.servers);
    }
    const std::size_t count = tiers[0].servers.size();
    const std::size_t on_top = form == PolicyForm::Strict ? 1 : 2;
    std::vector<Row> rows;
    for (std::size_t turn = 0; turn < count; ++turn) {
        std::vector<RowEntry> entries;
        for (std::size_t i = 0; i < count; ++i) {
            entries.push_back(
                {tiers[0].servers[(turn + i) % count], level_preference(tiers[0], i < on_top)});
        }
        for (std::size_t t = 1; t < tiers.size(); ++t) {
            for (const ServerIndex server : tiers[t].servers) {
                entries.push_back({server, level_preference(tiers[t], true)});
            }
        }
        rows.push_back(finish_row(table, std::move(entries), 1.0 / static_cast<double>(count)));
    }
    return rows;
}

/// The configured preferences of the servers that are there.
std::vector<Row> static_rows(const SteeringTable& table) {
    std::vector<RowEntry> entries;
    for (const Tier& tier : collect_tiers(table)) {
        for (const ServerIndex server : tier.servers) {
            entries.push_back({server, table.servers[server].preference});
        }
    }
    std::vector<Row> rows;
    rows.push_back(finish_row(table, std::move(entries), 1));
    return rows;
}

void set_ends(std::vector<Row>& rows) {
    double sum = 0;
    for (Row& row : rows) {
        sum += row.share;
        const double end = std::ldexp(std::min(sum, 1.0), 64);
        row.upper_end = end >= 0x1p64 ? kLastEnd : static_cast<std::uint64_t>(end);
    }
    rows.back().upper_end = kLastEnd;
}

std::uint16_t canonical_row(const std::vector<Row>& rows) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < rows.size(); ++i) {
        if (rows[i].share > rows[best].share + kShareTie) {
            best = i;
        }
    }
    return static_cast<std::uint16_t>(best);
}

/// Adds a row's part to the first shares: a source tries each server of level 0 first with equal
/// chance. A row wider than the answer is walked from every start.
void add_first_shares(SteeringTable& table, std::size_t row_index) {
    const Row& row = table.rows[row_index];
    const std::size_t total = table.servers.size();
    std::vector<std::pair<AnswerKey, double>> answers;
    if (row.level0.size() <= table.list_max) {
        answers.push_back({{static_cast<std::uint16_t>(row_index), 0}, row.share});
    } else {
        // A start stands for the gap of ids before it, which all walk the same servers.
        for (std::size_t i = 0; i < row.level0_by_id.size(); ++i) {
            const std::size_t last = row.level0_by_id.back();
            const std::size_t before = i == 0 ? last : row.level0_by_id[i - 1];
            const std::size_t gap = (row.level0_by_id[i] + total - before) % total;
            const double part =
                static_cast<double>(gap == 0 ? total : gap) / static_cast<double>(total);
            answers.push_back(
                {{static_cast<std::uint16_t>(row_index), static_cast<std::uint16_t>(i)},
                 row.share * part});
        }
    }
    for (const auto& [key, share] : answers) {
        const std::vector<RowEntry> entries = answer_entries(table, key, table.list_max);
        const auto best = static_cast<double>(
            std::ranges::count(entries, entries.front().preference, &RowEntry::preference));
        for (const RowEntry& entry : entries) {
            if (entry.preference == entries.front().preference) {
                table.servers[entry.server].first_share += share / best;
            }
        }
    }
}

}  // namespace

base::Result<SteeringTable> build_table(const TableInput& input) {
    TRY(check_input(input));
    std::vector<ServerInput> servers = input.servers;
    std::ranges::sort(servers, {}, &ServerInput::id);
    if (std::ranges::adjacent_find(servers, {}, &ServerInput::id) != servers.end()) {
        return base::Error{base::Errc::Invalid, "steering table: repeated server id"};
    }
    SteeringTable table;
    table.policy = input.policy;
    table.form = input.form;
    table.ttl_s =
        input.ttl_s.value_or(static_cast<std::uint32_t>(std::lround(input.settings.ttl_s)));
    table.list_max = input.settings.list_max;
    weigh_servers(input, servers, table);
    switch (input.policy) {
        case Policy::Load:
        case Policy::Roundtable:
            table.rows = nested_table_rows(table, input.settings);
            break;
        case Policy::Rotate:
            table.rows = rotating_rows(table, input.form);
            break;
        case Policy::Static:
            table.rows = static_rows(table);
            break;
    }
    set_ends(table.rows);
    table.canonical = canonical_row(table.rows);
    for (std::size_t i = 0; i < table.rows.size(); ++i) {
        add_first_shares(table, i);
    }
    return table;
}

}  // namespace dns::steering
