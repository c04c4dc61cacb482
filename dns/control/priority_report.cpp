#include "dns/control/priority_report.h"

#include <algorithm>
#include <cmath>

namespace dns {
namespace {

using steering::SteeringTable;

// What the table says of each server that it has.
std::map<steering::ServerId, ExchangePriority> rows_of(const SteeringTable& table) {
    std::map<steering::ServerId, ExchangePriority> rows;
    for (std::size_t i = 0; i < table.servers.size(); ++i) {
        const auto preference =
            steering::canonical_preference(table, static_cast<steering::ServerIndex>(i));
        ExchangePriority row;
        row.server = table.servers[i].id;
        row.priority_index = preference.value_or(kWithdrawnPriority);
        row.first_share = preference ? table.servers[i].first_share : 0;
        rows[row.server] = row;
    }
    return rows;
}

bool is_news(const ExchangePriority& before, const ExchangePriority& now) {
    return before.priority_index != now.priority_index ||
           std::abs(before.first_share - now.first_share) >= kShareStep;
}

}  // namespace

std::vector<ExchangePriority> PriorityReport::changes(const Directory& directory,
                                                      const steering::SteeringCommit& commit) {
    std::map<const SteeringTable*, std::map<steering::ServerId, ExchangePriority>> tables;
    std::map<Key, ExchangePriority> reported;
    std::vector<ExchangePriority> changed;
    for (const DirectoryDomain& domain : directory.domains) {
        if (domain.mail.empty()) {
            continue;
        }
        const auto& table = commit.table_for(domain.name);
        const auto [place, fresh] = tables.try_emplace(table.get());
        if (fresh) {
            place->second = rows_of(*table);
        }
        for (const MailExchange& exchange : domain.mail) {
            const auto found = place->second.find(exchange.server);
            ExchangePriority row{domain.id, exchange.server, kWithdrawnPriority, 0};
            if (found != place->second.end()) {
                row = found->second;
                row.domain_id = domain.id;
            }
            const Key key{domain.id, exchange.server};
            const auto before = reported_.find(key);
            if (before == reported_.end() || is_news(before->second, row)) {
                changed.push_back(row);
                reported[key] = row;
            } else {
                reported[key] = before->second;
            }
        }
    }
    reported_ = std::move(reported);
    return changed;
}

}  // namespace dns
