#include "dns/explain/explain_report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "dns/answer.h"
#include "dns/directory/pools.h"
#include "dns/explain/server_reason.h"

namespace dns::explain {
namespace {

using steering::ForcedState;
using steering::SteeringTable;

// What a report of one pool is made from; one zone's, or the pool's own with an empty name.
struct View {
    const ExplainSource& source;
    const PoolSource& pool;
    const SteeringTable& table;
    std::string_view zone;
};

CommitReport report_commit(const steering::SteeringCommit& commit) {
    CommitReport report{commit.id, commit.when.unix_us, commit.cause, {}};
    for (const steering::ServerDiff& diff : commit.diff) {
        report.changes.push_back((diff.zone.empty() ? "" : diff.zone + " ") + diff.name + ": " +
                                 diff.text);
    }
    return report;
}

RowReport report_row(const SteeringTable& table, steering::AnswerKey key) {
    RowReport report;
    const steering::Row& row = table.rows[key.row];
    report.index = key.row;
    report.width = row.level0.size();
    report.share = row.share;
    report.canonical = key.row == table.canonical;
    for (const steering::RowEntry& entry : steering::answer_entries(table, key, table.list_max)) {
        report.entries.push_back({entry.preference, table.servers[entry.server].name});
    }
    return report;
}

const steering::ServerStatus* status_of(const std::vector<steering::ServerStatus>& all,
                                        steering::ServerId id) {
    const auto found = std::ranges::find(all, id, &steering::ServerStatus::id);
    return found == all.end() ? nullptr : &*found;
}

std::optional<std::int64_t> quiet_from(const ExplainSource& source, std::uint64_t override_id) {
    return source.drains == nullptr ? std::nullopt : source.drains->quiet_from(override_id);
}

ServerReport report_server(const View& view,
                           const steering::ServerStatus& status,
                           steering::ServerIndex index) {
    const steering::TableServer& server = view.table.servers[index];
    ServerReport report;
    report.name = server.name;
    report.load = status.load;
    report.accepted_rate = status.accepted_rate;
    report.ill = status.ill;
    report.tier = server.tier;
    report.trim = std::exp(server.trim);
    report.ramp = status.ramp;
    report.weight = server.weight;
    report.first_share = server.first_share;
    report.pin = server.pin;
    report.configured_preference = server.preference;
    report.preference = steering::canonical_preference(view.table, index);
    ServerFacts facts{status, server, view.table, nullptr, nullptr, std::nullopt, view.source.now};
    const auto& overrides = view.pool.engine->overrides();
    const auto zone = view.zone.empty() ? std::nullopt : std::optional(view.zone);
    const auto holding = steering::holding_overrides(
        overrides, pool_name(view.pool.pool), zone, server.id, view.source.now.unix_us);
    report.capacity = status.capacity;
    for (const steering::Override* entry : holding) {
        if (entry->kind == steering::OverrideKind::Weight) {
            report.capacity = entry->value;
        }
        if (steering::is_state(entry->kind)) {
            facts.state = entry;
            facts.quiet_us = quiet_from(view.source, entry->id);
        } else if (entry->kind == steering::OverrideKind::Pin) {
            facts.pin = entry;
        }
    }
    if (const ProbeNote* note = view.pool.probes->find(server.id)) {
        report.probe = outcome_word(note->outcome);
        report.probe_age_s = view.source.now.monotonic_s - note->time_s;
        if (note->changed) {
            report.since_s = view.source.now.monotonic_s - note->since_s;
            facts.since_s = report.since_s;
        }
    }
    report.state = server_state(facts);
    report.why = server_reason(facts);
    return report;
}

// Of an override that a pattern spread over servers there are several with one id: it is one.
std::vector<OverrideReport> report_overrides(const View& view) {
    std::vector<OverrideReport> reports;
    for (const steering::Override& entry : view.pool.engine->overrides()) {
        const auto& scope = entry.scope;
        const bool here = !scope.zone || view.zone.empty() || *scope.zone == view.zone;
        const auto server =
            std::ranges::find_if(view.table.servers, [&scope](const steering::TableServer& one) {
                return scope.server && one.id == *scope.server;
            });
        if (!here || steering::has_expired(entry, view.source.now.unix_us) ||
            (scope.server && server == view.table.servers.end())) {
            continue;
        }
        if (!reports.empty() && reports.back().id == entry.id) {
            reports.back().text.insert(std::string(steering::override_kind_name(entry.kind)).size(),
                                       " " + server->name + ",");
            continue;
        }
        reports.push_back(
            {entry.id,
             steering::describe_override(entry, scope.server ? server->name : "all servers"),
             entry.author,
             entry.reason,
             entry.created_us,
             entry.expires_us,
             quiet_from(view.source, entry.id)});
    }
    return reports;
}

PoolReport report_pool(const View& view) {
    const steering::SteeringCommit& commit = *view.pool.engine->last_commit();
    PoolReport report;
    report.pool = pool_name(view.pool.pool);
    report.policy = steering::policy_name(view.table.policy);
    report.form = view.table.form == steering::PolicyForm::Strict ? "strict" : "paired";
    report.ttl_s = view.table.ttl_s;
    report.basis = steering::basis_name(view.table.basis);
    report.commit = report_commit(commit);
    for (auto at = view.pool.commits->rbegin(); at != view.pool.commits->rend(); ++at) {
        report.commits.push_back(report_commit(**at));
    }
    const steering::PoolStatus judged = view.pool.engine->pool_status();
    report.loss_rate = judged.loss_rate;
    report.losses_to_down = judged.losses_to_down;
    report.mean_load = judged.mean_load;
    const auto status = view.pool.engine->status(view.source.now);
    for (std::size_t i = 0; i < view.table.servers.size(); ++i) {
        if (const auto* found = status_of(status, view.table.servers[i].id)) {
            report.servers.push_back(
                report_server(view, *found, static_cast<steering::ServerIndex>(i)));
        }
    }
    report.overrides = report_overrides(view);
    return report;
}

void add_rows(PoolReport& report, const SteeringTable& table) {
    for (std::size_t i = 0; i < table.rows.size(); ++i) {
        report.rows.push_back(report_row(table, {static_cast<std::uint16_t>(i), 0}));
    }
}

Client client_of(const base::IpAddress& address) {
    Client client;
    client.family = address.family() == base::IpFamily::V4 ? Family::V4 : Family::V6;
    std::ranges::copy(address.bytes(), client.address.begin());
    return client;
}

std::string network_of(const base::IpAddress& address) {
    std::array<std::byte, 16> octets{};
    const std::size_t kept = address.family() == base::IpFamily::V4 ? 3 : 6;
    std::copy_n(address.bytes().begin(), kept, octets.begin());
    if (kept == 3) {
        return base::IpAddress::v4({octets[0], octets[1], octets[2], octets[3]}).to_text() + "/24";
    }
    return base::IpAddress::v6(octets).to_text() + "/48";
}

ExplainReport head_of(const ExplainSource& source) {
    ExplainReport report;
    report.name_server = source.name_server;
    report.now_us = source.now.unix_us;
    report.snapshot = source.snapshot->id();
    report.directory = source.directory->version;
    return report;
}

base::Status check_ready(const ExplainSource& source) {
    if (source.directory == nullptr || source.snapshot == nullptr) {
        return base::Error{base::Errc::Unavailable,
                           "the name server " + source.name_server +
                               " has nothing to answer from yet; is the database there?"};
    }
    return base::Done{};
}

std::string plain_name(std::string_view domain) {
    std::string name(domain.substr(0, domain.ends_with('.') ? domain.size() - 1 : domain.size()));
    std::ranges::transform(name, name.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return name;
}

}  // namespace

base::Result<ExplainReport> explain_domain(const ExplainSource& source,
                                           std::string_view domain,
                                           const std::optional<base::IpAddress>& asker) {
    TRY(check_ready(source));
    const std::string name = plain_name(domain);
    const auto& domains = source.directory->domains;
    const auto found = std::ranges::lower_bound(domains, name, {}, &DirectoryDomain::name);
    if (found == domains.end() || found->name != name) {
        return base::Error{base::Errc::NotFound, "there is no domain " + name};
    }
    ExplainReport report = head_of(source);
    report.domain = name;
    report.pool_policy = !found->policy;
    const Name apex = TRY(Name::from_text(name));
    const NameTable::Found at = source.snapshot->names().lookup(apex);
    const bool is_zone =
        at.node != nullptr && source.snapshot->names().zone(at.zone).apex() == apex;
    if (is_zone) {
        report.serial = source.snapshot->serial(at.zone);
    }
    if (asker) {
        report.source = network_of(*asker);
    }
    for (const PoolSource& pool : source.pools) {
        const bool served =
            pool.pool == PoolName::Mail ? !found->mail.empty() : !found->access.empty();
        if (!served || pool.engine == nullptr || pool.engine->last_commit() == nullptr) {
            continue;
        }
        const auto& table = pool.engine->last_commit()->table_for(name);
        PoolReport made = report_pool({source, pool, *table, name});
        add_rows(made, *table);
        const SteeredSet* const set =
            !is_zone ? nullptr
                     : (pool.pool == PoolName::Mail ? source.snapshot->parts(at.zone).mail
                                                    : source.snapshot->parts(at.zone).access);
        made.in_force = set != nullptr && set->table() == *table;
        if (asker && table->policy != steering::Policy::Rotate) {
            const SipWords words =
                source_hash(source.snapshot->key(), client_of(*asker), apex.wire());
            made.source_row = report_row(
                *table, steering::choose_answer(*table, words.x, words.y, table->list_max));
        }
        report.pools.push_back(std::move(made));
    }
    return report;
}

base::Result<ExplainReport> explain_pools(const ExplainSource& source) {
    TRY(check_ready(source));
    ExplainReport report = head_of(source);
    for (const PoolSource& pool : source.pools) {
        if (pool.engine != nullptr && pool.engine->last_commit() != nullptr) {
            report.pools.push_back(
                report_pool({source, pool, *pool.engine->last_commit()->table(), {}}));
        }
    }
    return report;
}

}  // namespace dns::explain
