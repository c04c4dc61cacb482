#include "dns/steering/commit.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace dns::steering {
namespace {

/// First shares that differ by less are not worth a line of history.
constexpr double kShareShown = 5e-5;

std::string fixed4(double value) {
    std::array<char, 32> text{};
    const auto end =
        std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, 4);
    return {text.data(), end.ptr};
}

std::string preference_text(std::optional<std::uint16_t> preference) {
    return preference ? std::to_string(*preference) : "none";
}

std::string state_text(const TableServer& server) {
    switch (server.forced) {
        case ForcedState::Up:
            return "forced-up";
        case ForcedState::Down:
            return "forced-down";
        case ForcedState::Drained:
            return "drained";
        case ForcedState::None:
            break;
    }
    return server.up ? "up" : "down";
}

void add_change(std::string& text,
                const char* what,
                const std::string& from,
                const std::string& to) {
    if (from != to) {
        text.append(text.empty() ? "" : ", ").append(what).append(" ");
        text.append(from).append(" -> ").append(to);
    }
}

/// Same rows, shares aside. Rows are compared by server id, since places may have shifted.
bool same_entries(const SteeringTable& a,
                  const std::vector<RowEntry>& left,
                  const SteeringTable& b,
                  const std::vector<RowEntry>& right) {
    return std::ranges::equal(left, right, [&](const RowEntry& x, const RowEntry& y) {
        return x.preference == y.preference && a.servers[x.server].id == b.servers[y.server].id;
    });
}

bool same_answer(const SteeringTable& a,
                 const Row& left,
                 const SteeringTable& b,
                 const Row& right) {
    return same_entries(a, left.level0, b, right.level0) &&
           same_entries(a, left.level1, b, right.level1);
}

bool has_answer(const SteeringTable& table, const SteeringTable& other, const Row& row) {
    return std::ranges::any_of(
        table.rows, [&](const Row& each) { return same_answer(table, each, other, row); });
}

Reach reach_of(const SteeringTable& before, const SteeringTable& after) {
    if (before.ttl_s != after.ttl_s || before.list_max != after.list_max ||
        !same_answer(before, before.rows[before.canonical], after, after.rows[after.canonical])) {
        return Reach::Canonical;
    }
    const bool known = std::ranges::all_of(
        after.rows, [&](const Row& row) { return has_answer(before, after, row); });
    return known ? Reach::Shares : Reach::Rows;
}

bool same_shares(const SteeringTable& before, const SteeringTable& after) {
    return std::ranges::equal(before.rows, after.rows, {}, &Row::upper_end, &Row::upper_end);
}

std::string describe(const SteeringTable& before,
                     std::size_t old_place,
                     const SteeringTable& after,
                     std::size_t new_place) {
    const TableServer& was = before.servers[old_place];
    const TableServer& now = after.servers[new_place];
    std::string text;
    add_change(text, "state", state_text(was), state_text(now));
    add_change(text,
               "preference",
               preference_text(canonical_preference(before, static_cast<ServerIndex>(old_place))),
               preference_text(canonical_preference(after, static_cast<ServerIndex>(new_place))));
    if (was.pin != now.pin) {
        add_change(text, "pin", preference_text(was.pin), preference_text(now.pin));
    }
    if (std::abs(was.first_share - now.first_share) >= kShareShown) {
        add_change(text, "first share", fixed4(was.first_share), fixed4(now.first_share));
    }
    return text;
}

bool is_urgent(const TableServer& was, const TableServer& now) {
    return (was.weight > 0) != (now.weight > 0) || was.forced != now.forced || was.pin != now.pin;
}

std::size_t place_of(const SteeringTable& table, ServerId id) {
    const auto found = std::ranges::lower_bound(table.servers, id, {}, &TableServer::id);
    const bool is_there = found != table.servers.end() && found->id == id;
    return is_there ? static_cast<std::size_t>(found - table.servers.begin())
                    : table.servers.size();
}

void compare_servers(const SteeringTable& before,
                     const SteeringTable& after,
                     const std::string& zone,
                     TableChange& change) {
    for (std::size_t i = 0; i < after.servers.size(); ++i) {
        const TableServer& now = after.servers[i];
        const std::size_t old_place = place_of(before, now.id);
        if (old_place == before.servers.size()) {
            change.urgency = Urgency::AtOnce;
            change.diff.push_back({zone, now.id, now.name, "added"});
            continue;
        }
        const TableServer& was = before.servers[old_place];
        if (is_urgent(was, now)) {
            change.urgency = Urgency::AtOnce;
        }
        change.any = change.any || state_text(was) != state_text(now) || was.name != now.name;
        std::string text = describe(before, old_place, after, i);
        if (!text.empty()) {
            change.diff.push_back({zone, now.id, now.name, std::move(text)});
        }
    }
    for (const TableServer& was : before.servers) {
        if (place_of(after, was.id) == after.servers.size()) {
            change.urgency = Urgency::AtOnce;
            change.diff.push_back({zone, was.id, was.name, "removed"});
        }
    }
}

}  // namespace

const std::shared_ptr<const SteeringTable>& SteeringCommit::table_for(std::string_view zone) const {
    const auto found = zones->find(zone);
    return tables[found == zones->end() ? 0 : found->second];
}

std::optional<std::uint16_t> canonical_preference(const SteeringTable& table, ServerIndex server) {
    const Row& row = table.rows[table.canonical];
    for (const auto* level : {&row.level0, &row.level1}) {
        const auto found = std::ranges::find(*level, server, &RowEntry::server);
        if (found != level->end()) {
            return found->preference;
        }
    }
    return std::nullopt;
}

TableChange compare_tables(const SteeringTable* before,
                           const SteeringTable& after,
                           const std::string& zone) {
    TableChange change;
    if (before == nullptr) {
        change.any = true;
        change.urgency = Urgency::AtOnce;
        change.reach = Reach::Canonical;
        for (const TableServer& server : after.servers) {
            change.diff.push_back({zone, server.id, server.name, "added"});
        }
        return change;
    }
    compare_servers(*before, after, zone, change);
    change.reach = reach_of(*before, after);
    change.any = change.any || change.urgency == Urgency::AtOnce || change.reach != Reach::Shares ||
                 !same_shares(*before, after) || before->basis != after.basis ||
                 before->policy != after.policy || before->form != after.form;
    return change;
}

}  // namespace dns::steering
