#include "ops/mail_domain.h"

#include <algorithm>

#include "base/clock.h"
#include "ops/mail_keys.h"

namespace ops {

namespace {

constexpr std::int64_t kDayS = 86'400;
constexpr std::int64_t kMicroseconds = 1'000'000;

DkimState state_of(std::string_view text) {
    if (text == "published") {
        return DkimState::Published;
    }
    if (text == "active") {
        return DkimState::Active;
    }
    return text == "retired" ? DkimState::Retired : DkimState::Removed;
}

std::optional<std::vector<std::string>> optional_array(const base::Row& row, int column) {
    return row.is_null(column) ? std::nullopt : std::optional(row.string_array(column));
}

base::Param param_of(const std::optional<std::vector<std::string>>& list) {
    return list ? base::Param(*list) : base::Param(nullptr);
}

base::Status make_key(base::Tx& tx,
                      std::int64_t domain_id,
                      const std::vector<DkimKey>& keys,
                      const std::string& algorithm) {
    const KeyPair pair = TRY(make_dkim_key(algorithm));
    const std::string selector = new_selector(keys, base::wall_us() / kMicroseconds);
    const base::Rows made =
        TRY(tx.query("INSERT INTO directory.dkim_key (domain_id, selector, algorithm, public_key) "
                     "VALUES ($1, $2, $3, $4) RETURNING id",
                     {domain_id, selector, algorithm, pair.public_key}));
    (void)TRY(tx.query("INSERT INTO directory.dkim_secret (key_id, private_key) VALUES ($1, $2)",
                       {made[0].int64(0), pair.private_pem}));
    return base::Done{};
}

const char* next_state(DkimStep step) {
    switch (step) {
        case DkimStep::Activate:
            return "active";
        case DkimStep::Retire:
            return "retired";
        case DkimStep::Make:
        case DkimStep::Remove:
            break;
    }
    return "removed";
}

}  // namespace

base::Result<MailWishes> load_wishes(base::Tx& tx, std::int64_t domain_id) {
    const base::Rows rows =
        TRY(tx.query("SELECT spf, dmarc, tls_reports, mta_sts_host, mta_sts_mode, submission, "
                     "submissions, imaps, pop3s, autoconfig, autodiscover, tlsa, caa, dkim, "
                     "dkim_rotate_days FROM directory.mail_records WHERE domain_id = $1",
                     {domain_id}));
    MailWishes wishes;
    for (const base::Row row : rows) {
        wishes.spf = row.optional_string(0);
        wishes.dmarc = row.optional_string(1);
        wishes.tls_reports = row.optional_string(2);
        wishes.mta_sts_host = row.optional_string(3);
        wishes.mta_sts_mode = row.string(4);
        wishes.submission = row.optional_string(5);
        wishes.submissions = row.optional_string(6);
        wishes.imaps = row.optional_string(7);
        wishes.pop3s = row.optional_string(8);
        wishes.autoconfig = row.optional_string(9);
        wishes.autodiscover = row.optional_string(10);
        wishes.tlsa = optional_array(row, 11);
        wishes.caa = optional_array(row, 12);
        wishes.dkim = row.string(13);
        wishes.dkim_rotate_days = row.optional_int64(14);
    }
    return wishes;
}

base::Status save_wishes(base::Tx& tx, std::int64_t domain_id, const MailWishes& wishes) {
    (void)TRY(tx.query(
        "INSERT INTO directory.mail_records AS m (domain_id, spf, dmarc, tls_reports, "
        "mta_sts_host, mta_sts_mode, submission, submissions, imaps, pop3s, autoconfig, "
        "autodiscover, tlsa, caa, dkim, dkim_rotate_days) VALUES ($1, $2, $3, $4, $5, $6, "
        "$7, $8, $9, $10, $11, $12, $13::text[], $14::text[], $15, $16) "
        "ON CONFLICT (domain_id) DO UPDATE SET spf = excluded.spf, dmarc = "
        "excluded.dmarc, tls_reports = excluded.tls_reports, mta_sts_host = "
        "excluded.mta_sts_host, mta_sts_mode = excluded.mta_sts_mode, submission = "
        "excluded.submission, submissions = excluded.submissions, imaps = excluded.imaps, "
        "pop3s = excluded.pop3s, autoconfig = excluded.autoconfig, autodiscover = "
        "excluded.autodiscover, tlsa = excluded.tlsa, caa = excluded.caa, dkim = "
        "excluded.dkim, dkim_rotate_days = excluded.dkim_rotate_days, applied_at = now()",
        {domain_id,
         wishes.spf,
         wishes.dmarc,
         wishes.tls_reports,
         wishes.mta_sts_host,
         wishes.mta_sts_mode,
         wishes.submission,
         wishes.submissions,
         wishes.imaps,
         wishes.pop3s,
         wishes.autoconfig,
         wishes.autodiscover,
         param_of(wishes.tlsa),
         param_of(wishes.caa),
         wishes.dkim,
         wishes.dkim_rotate_days ? base::Param(*wishes.dkim_rotate_days) : base::Param(nullptr)}));
    return base::Done{};
}

base::Result<std::vector<DkimKey>> load_keys(base::Tx& tx, std::int64_t domain_id) {
    const base::Rows rows =
        TRY(tx.query("SELECT id, selector, algorithm, public_key, state, "
                     "floor(extract(epoch FROM changed_at))::bigint FROM directory.dkim_key "
                     "WHERE domain_id = $1 ORDER BY id",
                     {domain_id}));
    std::vector<DkimKey> keys;
    for (const base::Row row : rows) {
        keys.push_back({row.int64(0),
                        row.string(1),
                        row.string(2),
                        row.string(3),
                        state_of(row.text(4)),
                        row.int64(5)});
    }
    return keys;
}

base::Status step_keys(base::Tx& tx, std::int64_t domain_id, const MailWishes& wishes, Roll roll) {
    const std::vector<DkimKey> keys = TRY(load_keys(tx, domain_id));
    DkimPolicy policy;
    policy.algorithm = wishes.dkim;
    policy.rotate_s = wishes.dkim_rotate_days.value_or(0) * kDayS;
    policy.roll_now = roll == Roll::Now;
    for (const DkimAction& action :
         due_dkim_actions(keys, policy, base::wall_us() / kMicroseconds)) {
        if (action.step == DkimStep::Make) {
            TRY(make_key(tx, domain_id, keys, wishes.dkim));
            continue;
        }
        (void)TRY(
            tx.query("UPDATE directory.dkim_key SET state = $2, changed_at = now() WHERE id = $1",
                     {action.key_id, next_state(action.step)}));
    }
    return base::Done{};
}

base::Result<std::vector<MailFinding>> find_mail_records(base::Tx& tx,
                                                         const ZoneState& state,
                                                         const MailWishes& wishes) {
    MailRecordInput input;
    input.domain = state.domain.name;
    input.ttl = state.domain.ttl;
    input.own = state.own;
    input.steered = state.steered;
    input.mail_hosts = mail_hosts_of(state);
    input.keys = TRY(load_keys(tx, state.domain.id));
    input.wishes = wishes;
    return judge_mail_records(input);
}

base::Status mend(base::Tx& tx, const ZoneState& state, const MailFinding& finding) {
    for (const std::size_t place : finding.removed) {
        const dns::DirectoryRecordView record = state.domain.records[place];
        (void)TRY(
            tx.query("DELETE FROM directory.record WHERE domain_id = $1 AND owner = $2 "
                     "AND type = $3 AND rdata = $4",
                     {state.domain.id, record.owner, record.type, record.data}));
    }
    for (const dns::RecordRow& row : finding.added) {
        // As its set states it, or not at all: then it follows the domain's.
        std::optional<std::uint32_t> ttl;
        for (const dns::DirectoryRecordView& record : state.domain.records) {
            if (record.owner == row.owner && record.type == row.type) {
                ttl = record.ttl;
            }
        }
        (void)TRY(
            tx.query("INSERT INTO directory.record (domain_id, owner, type, ttl, rdata) "
                     "VALUES ($1, $2, $3, $4, $5)",
                     {state.domain.id,
                      row.owner,
                      row.type,
                      ttl ? base::Param(static_cast<std::int64_t>(*ttl)) : base::Param(nullptr),
                      row.data}));
    }
    return base::Done{};
}

std::vector<std::string> mail_hosts_of(const ZoneState& state) {
    std::vector<std::string> hosts;
    for (const dns::DirectoryServer& server : state.directory.mail_servers) {
        const bool serves = std::ranges::any_of(
            state.domain.mail,
            [&server](const dns::MailExchange& exchange) { return exchange.server == server.id; });
        if (serves && server.state == dns::ServerState::InService) {
            hosts.push_back(server.host.host_name);
        }
    }
    return hosts;
}

}  // namespace ops
