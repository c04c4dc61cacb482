#include "dns/control/priority_report.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace dns {
namespace {

using steering::SteeringTable;

constexpr double kHoldMinS = 30;
constexpr double kHoldOfRowS = 0.001;

// What the table says of each server.
ServerPriority priority_of(const SteeringTable& table,
                           steering::ServerId server,
                           const std::shared_ptr<const std::string>& cause) {
    ServerPriority row{server, kWithdrawnPriority, 0, cause};
    const auto found = std::ranges::find(table.servers, server, &steering::TableServer::id);
    if (found != table.servers.end()) {
        const auto index = static_cast<steering::ServerIndex>(found - table.servers.begin());
        if (const auto preference = steering::canonical_preference(table, index)) {
            row.priority_index = *preference;
            row.first_share = found->first_share;
        }
    }
    return row;
}

bool is_news(const ServerPriority& before, const ServerPriority& now) {
    return before.priority_index != now.priority_index ||
           std::abs(before.first_share - now.first_share) >= kShareStep;
}

bool is_same(const ServerPriority& left, const ServerPriority& right) {
    return left.server == right.server && left.priority_index == right.priority_index &&
           left.first_share == right.first_share;
}

}  // namespace

double share_hold_s(std::size_t rows) {
    return std::max(kHoldMinS, kHoldOfRowS * static_cast<double>(rows));
}

// What the database was told of a domain goes with it into its new group.
void PriorityReport::arrange(const Directory& directory, const steering::SteeringCommit& commit) {
    std::unordered_map<std::int64_t, std::shared_ptr<const Rows>> reported;
    reported.reserve(domains_.size());
    for (Domain& domain : domains_) {
        reported.emplace(domain.id, std::move(domain.reported));
    }
    std::map<GroupKey, std::uint32_t> places;
    std::vector<Group> groups;
    domains_.clear();
    GroupKey key;  // reused: one for each domain is many
    for (const DirectoryDomain& domain : directory.domains) {
        if (domain.mail.empty()) {
            continue;
        }
        const auto view = commit.zones->find(domain.name);
        key.first = view == commit.zones->end() ? 0 : view->second;
        key.second.clear();
        for (const MailExchange& exchange : domain.mail) {
            key.second.push_back(exchange.server);
        }
        auto place = places.find(key);
        if (place == places.end()) {
            place = places.emplace(key, static_cast<std::uint32_t>(groups.size())).first;
            const auto old = places_.find(key);
            groups.push_back(old == places_.end() ? Group{} : groups_[old->second]);
            groups.back().domains = 0;
        }
        ++groups[place->second].domains;
        const auto known = reported.find(domain.id);
        domains_.push_back(
            {domain.id, place->second, known == reported.end() ? nullptr : known->second});
    }
    places_ = std::move(places);
    groups_ = std::move(groups);
}

// Each small step is compared with what is wanted, not with the step before, so that the sum of
// many is seen.
void PriorityReport::want(Group& group, double now_s) {
    if (group.wanted == nullptr) {
        group.wanted = std::make_shared<const Rows>(group.steered);
        group.reported_s = now_s;
        return;
    }
    Rows rows = *group.wanted;
    bool index = false;
    bool share = false;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (is_news(rows[i], group.steered[i])) {
            const bool moved = rows[i].priority_index != group.steered[i].priority_index;
            (moved ? index : share) = true;
            rows[i] = group.steered[i];
        }
    }
    const double hold_s = share_hold_s(group.domains * rows.size());
    if (index || (share && now_s >= group.reported_s + hold_s)) {
        group.wanted = std::make_shared<const Rows>(std::move(rows));
        group.reported_s = now_s;
    }
}

bool PriorityReport::same_exchanges(const Directory& directory) const {
    const auto same = [](const DirectoryDomain& a, const DirectoryDomain& b) {
        return &a == &b || (a.id == b.id && a.name == b.name && a.mail == b.mail);
    };
    return directory_ != nullptr &&
           std::ranges::equal(directory_->domains, directory.domains, same);
}

void PriorityReport::take(const std::shared_ptr<const Directory>& directory,
                          const std::shared_ptr<const steering::SteeringCommit>& commit,
                          double now_s) {
    if (views_ != commit->zones || !same_exchanges(*directory)) {
        arrange(*directory, *commit);
        views_ = commit->zones;
    }
    directory_ = directory;
    const auto cause = std::make_shared<const std::string>(commit->cause);
    for (const auto& [key, place] : places_) {
        Rows rows;
        for (const steering::ServerId server : key.second) {
            rows.push_back(priority_of(*commit->tables[key.first], server, cause));
        }
        groups_[place].steered = std::move(rows);
    }
    (void)poll(now_s);
    next_ = 0;
}

bool PriorityReport::poll(double now_s) {
    bool any = false;
    for (Group& group : groups_) {
        const auto before = group.wanted;
        want(group, now_s);
        any = any || group.wanted != before;
    }
    next_ = any ? 0 : next_;
    return any;
}

PriorityReport::Rows PriorityReport::missing(const Domain& domain, const Rows& wanted) {
    Rows rows;
    for (const ServerPriority& row : wanted) {
        const auto same = [&row](const ServerPriority& known) { return is_same(known, row); };
        if (domain.reported == nullptr || std::ranges::none_of(*domain.reported, same)) {
            rows.push_back(row);
        }
    }
    return rows;
}

std::optional<PriorityBatch> PriorityReport::next(std::size_t rows_max) {
    std::optional<PriorityBatch> batch;
    std::shared_ptr<const Rows> from;
    std::shared_ptr<const Rows> to;
    for (std::size_t i = next_; i < domains_.size(); ++i) {
        Domain& domain = domains_[i];
        const auto& wanted = groups_[domain.group].wanted;
        if (domain.reported == wanted) {
            next_ += next_ == i ? 1 : 0;
            continue;
        }
        if (!batch) {
            Rows rows = missing(domain, *wanted);
            if (rows.empty()) {
                domain.reported = wanted;
                ++next_;
                continue;
            }
            from = domain.reported;
            to = wanted;
            batch.emplace().rows = std::move(rows);
        } else if (domain.reported != from || wanted != to) {
            continue;  // it lacks other rows
        }
        batch->domains.push_back(domain.id);
        domain.reported = wanted;
        next_ += next_ == i ? 1 : 0;
        if ((batch->domains.size() + 1) * batch->rows.size() > rows_max) {
            break;
        }
    }
    return batch;
}

}  // namespace dns
