#include "dns/control/steering_journal.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"

namespace dns {
namespace {

constexpr base::Duration kWriteDeadline = std::chrono::seconds(30);
constexpr base::Duration kRetryAfter = std::chrono::seconds(1);
constexpr base::Duration kIdle = std::chrono::hours(1);
constexpr std::size_t kCauseMax = 1000;  // octets

constexpr base::Statement kCommit{
    "dns_steering_commit",
    "INSERT INTO directory.steering_commit (at, name_server, pool, cause, diff) "
    "SELECT to_timestamp($1::double precision), $2, $3, $4, "
    "coalesce((SELECT jsonb_agg(jsonb_build_object('zone', d.zone, 'server', d.server, "
    "'change', d.change)) FROM unnest($5::text[], $6::text[], $7::text[]) "
    "AS d(zone, server, change)), '[]'::jsonb)"};

// What another name server wrote already is no change. The cause is of the priority index: a share
// that moves leaves it.
constexpr base::Statement kPriorities{
    "dns_priorities",
    "UPDATE directory.mail_exchange e SET priority_index = v.priority::integer, "
    "first_share = v.share::real, "
    "cause = CASE WHEN e.priority_index <> v.priority THEN v.cause ELSE e.cause END "
    "FROM unnest($2::bigint[], $3::bigint[], $4::double precision[], $5::text[]) "
    "AS v(server_id, priority, share, cause) "
    "WHERE e.domain_id = ANY ($1::bigint[]) AND e.mail_server_id = v.server_id "
    "AND (e.priority_index <> v.priority OR abs(e.first_share - v.share) >= 0.005)"};

// Name servers write the same rows of domains, each in an order of its own. Held until the end of
// the transaction; the number is "RTmx".
constexpr base::Statement kOneWriter{"dns_one_writer", "SELECT pg_advisory_xact_lock(1381264760)"};

// Only forward (RFC 1982 3.2): another name server may have written a newer one in the meantime.
constexpr base::Statement kSerials{
    "dns_serials",
    "UPDATE directory.domain d SET serial = v.serial "
    "FROM unnest($1::bigint[], $2::bigint[]) AS v(id, serial) WHERE d.id = v.id "
    "AND (v.serial - d.serial + 4294967296) % 4294967296 BETWEEN 1 AND 2147483647"};

constexpr base::Statement kRefused{
    "dns_zone_problems",
    "SELECT directory.note_zone_problems($1, $2::text[], $3::text[], $4::boolean[])"};

constexpr base::Statement kQuiet{
    "dns_note_quiet",
    "SELECT count(*) FROM unnest($1::bigint[]) AS o(id) WHERE directory.note_quiet(o.id, $2)"};
constexpr base::Statement kEvent{
    "dns_event",
    "SELECT directory.raise_event($1, $2, $3, $4, jsonb_build_object('age_s', $5::bigint))"};

// The head of a text of UTF-8, not cut within a character: the server takes no half of one.
std::string head(const std::string& text) {
    std::size_t size = std::min(text.size(), kCauseMax);
    while (size < text.size() && size > 0 && (static_cast<unsigned char>(text[size]) >> 6) == 2) {
        --size;
    }
    return text.substr(0, size);
}

// A reason may quote a record, cut anywhere: only what is ASCII and can be printed is kept.
std::string plain(std::string text) {
    text.resize(std::min(text.size(), kCauseMax));
    std::ranges::replace_if(
        text, [](char c) { return c < ' ' || c > '~'; }, '?');
    return text;
}

// `reason`: away (for long) or refused (by the database).
base::Counter& dropped_commits(std::string_view reason) {
    return base::counter("roundtable_dns_commits_dropped_total",
                         "Steering commits that were never written to the database",
                         {{"folder", "dns"}, {"reason", reason}});
}

base::Status write_commit(base::Tx& tx,
                          const std::string& name_server,
                          const steering::SteeringCommit& commit) {
    std::vector<std::string> zones;
    std::vector<std::string> servers;
    std::vector<std::string> changes;
    for (const steering::ServerDiff& diff : commit.diff) {
        zones.push_back(diff.zone);
        servers.push_back(diff.name);
        changes.push_back(diff.text);
    }
    TRY(tx.query(kCommit,
                 {static_cast<double>(commit.when.unix_us) / 1e6,
                  name_server,
                  commit.pool,
                  head(commit.cause),
                  zones,
                  servers,
                  changes}));
    return base::Done{};
}

base::Status write_priorities(base::Tx& tx, const PriorityBatch& batch) {
    std::vector<std::int64_t> servers;
    std::vector<std::int64_t> priorities;
    std::vector<double> shares;
    std::vector<std::string> causes;
    for (const ServerPriority& row : batch.rows) {
        servers.push_back(static_cast<std::int64_t>(row.server.value));
        priorities.push_back(row.priority_index);
        shares.push_back(row.first_share);
        causes.push_back(head(*row.cause));
    }
    TRY(tx.query(kPriorities, {batch.domains, servers, priorities, shares, causes}));
    return base::Done{};
}

base::Status write_serials(base::Tx& tx, const JournalEntries& entries) {
    std::vector<std::int64_t> domains;
    std::vector<std::int64_t> numbers;
    for (const auto& [domain, serial] : entries.serials) {
        domains.push_back(domain);
        numbers.push_back(serial);
    }
    TRY(tx.query(kSerials, {domains, numbers}));
    return base::Done{};
}

base::Status write_quiet(base::Tx& tx,
                         const std::string& name_server,
                         const std::vector<std::uint64_t>& overrides) {
    const std::vector<std::int64_t> ids(overrides.begin(), overrides.end());
    TRY(tx.query(kQuiet, {ids, name_server}));
    return base::Done{};
}

base::Status write_refused(base::Tx& tx,
                           const std::string& name_server,
                           const std::vector<RefusedDomain>& refused) {
    std::vector<std::string> domains;
    std::vector<std::string> reasons;
    std::vector<bool> serves_old;
    for (const RefusedDomain& domain : refused) {
        domains.push_back(domain.name);
        reasons.push_back(plain(domain.reason));
        serves_old.push_back(domain.serves_old);
    }
    TRY(tx.query(kRefused, {name_server, domains, reasons, serves_old}));
    return base::Done{};
}

}  // namespace

base::Status write_journal(base::Connection& connection,
                           const std::string& name_server,
                           const JournalEntries& entries) {
    base::Tx tx = TRY(connection.begin());
    for (const auto& commit : entries.commits) {
        TRY(write_commit(tx, name_server, *commit));
    }
    if (entries.priorities || !entries.serials.empty()) {
        TRY(tx.query(kOneWriter, {}));
    }
    if (entries.priorities) {
        TRY(write_priorities(tx, *entries.priorities));
    }
    if (!entries.serials.empty()) {
        TRY(write_serials(tx, entries));
    }
    if (entries.refused) {
        TRY(write_refused(tx, name_server, *entries.refused));
    }
    if (!entries.quiet.empty()) {
        TRY(write_quiet(tx, name_server, entries.quiet));
    }
    for (const JournalEvent& event : entries.events) {
        TRY(tx.query(kEvent,
                     {event.severity, event.kind, name_server, event.subject, event.age_s}));
    }
    return tx.commit();
}

SteeringJournal::SteeringJournal(base::DbPool& pool,
                                 std::string name_server,
                                 PriorityReport& priorities)
    : pool_(pool), name_server_(std::move(name_server)), priorities_(priorities) {
}

base::Status SteeringJournal::start(base::Loop& loop) {
    TRY(base::spawn(loop, "steering journal", [this] { run(); }));
    return base::Done{};
}

void SteeringJournal::add_commit(std::shared_ptr<const steering::SteeringCommit> commit) {
    waiting_.commits.push_back(std::move(commit));
    limit();
    news_.notify();
}

void SteeringJournal::look_for_priorities() {
    more_priorities_ = true;
    news_.notify();
}

void SteeringJournal::add_serials(const std::vector<SerialMove>& moves) {
    if (moves.empty()) {
        return;
    }
    for (const SerialMove& move : moves) {
        waiting_.serials[move.domain_id] = move.serial;
    }
    news_.notify();
}

void SteeringJournal::set_refused(std::vector<RefusedDomain> refused) {
    waiting_.refused = std::move(refused);
    news_.notify();
}

void SteeringJournal::add_quiet(const std::vector<std::uint64_t>& overrides) {
    if (overrides.empty()) {
        return;
    }
    waiting_.quiet.insert(waiting_.quiet.end(), overrides.begin(), overrides.end());
    news_.notify();
}

void SteeringJournal::add_event(JournalEvent event) {
    waiting_.events.push_back(std::move(event));
    limit();
    news_.notify();
}

// A large directory has many batches, and the database has other work: it rests for three times as
// long as each took.
void SteeringJournal::take_priorities() {
    if (!waiting_.priorities && more_priorities_ && next_batch_.passed()) {
        waiting_.priorities = priorities_.next(kPriorityRowsMax);
        more_priorities_ = waiting_.priorities.has_value();
    }
}

void SteeringJournal::run() {
    while (!base::fiber_cancelled()) {
        take_priorities();
        if (waiting_.empty()) {
            const base::Deadline idle = base::Deadline::after(kIdle);
            // Its end is seen above.
            (void)news_.wait(more_priorities_ ? idle.sooner(next_batch_) : idle);
            continue;
        }
        auto entries = std::make_shared<JournalEntries>(std::exchange(waiting_, {}));
        const base::Instant begun = base::monotonic_now();
        const base::Status written = pool_.run(
            [entries, name = name_server_](base::Connection& connection) {
                return write_journal(connection, name, *entries);
            },
            base::Deadline::after(kWriteDeadline));
        if (written) {
            if (entries->priorities) {
                next_batch_ = base::Deadline::after(3 * (base::monotonic_now() - begun));
            }
            if (std::exchange(away_, false)) {
                base::log::info("dns", "journal-written");
            }
            continue;
        }
        if (written.error().code == base::Errc::Cancelled) {
            return;
        }
        if (!std::exchange(away_, true)) {
            base::log::warning("dns", "journal-waits", {{"error", written.error()}});
        }
        if (!base::is_temporary(written.error().code) && !entries->commits.empty()) {
            drop_commits(*entries, written.error());
        }
        put_back(std::move(*entries));
        (void)base::sleep_until(base::Deadline::after(kRetryAfter));
    }
}

/// What the database refuses for good must not hold back what comes after it. Priorities and
/// serials stay: they are a few columns of ours, and wrong until they are written.
void SteeringJournal::drop_commits(JournalEntries& entries, const base::Error& why) {
    base::log::error(
        "dns", "commits-refused", {{"commits", entries.commits.size()}, {"error", why}});
    dropped_commits("refused").add(entries.commits.size());
    entries.commits.clear();
}

/// What came in the meantime is newer and stays.
void SteeringJournal::put_back(JournalEntries entries) {
    waiting_.commits.insert(
        waiting_.commits.begin(), entries.commits.begin(), entries.commits.end());
    if (!waiting_.priorities) {
        waiting_.priorities = std::move(entries.priorities);
    }
    waiting_.serials.merge(entries.serials);
    waiting_.quiet.insert(waiting_.quiet.begin(), entries.quiet.begin(), entries.quiet.end());
    if (!waiting_.refused) {
        waiting_.refused = std::move(entries.refused);
    }
    waiting_.events.insert(waiting_.events.begin(), entries.events.begin(), entries.events.end());
    limit();
}

void SteeringJournal::limit() {
    while (waiting_.commits.size() > kCommitsKept) {
        waiting_.commits.pop_front();
        dropped_commits("away").add();
    }
    while (waiting_.events.size() > kEventsKept) {
        waiting_.events.pop_front();
    }
}

}  // namespace dns
