#include "storage/mailbox/mailboxes.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "storage/catalog/lineage.h"
#include "storage/mailbox/mailbox_rows.h"

namespace storage {
namespace {

using base::Connection;
using base::Deadline;
using base::Errc;
using base::Error;
using base::Result;
using base::Statement;
using base::Status;

// While the catalog is being rebuilt each of these raises RT008 before it looks for rows: an empty
// catalog must not be taken for an account without mailboxes. See schema/0012_journal.sql.

// ---- Accounts.

constexpr Statement kFindAccount{
    "storage_find_account",
    "SELECT a.id, a.login, a.password_hash, a.state = 'active', "
    "coalesce(n.login, false), coalesce(n.logout, false) FROM directory.account a "
    "LEFT JOIN LATERAL (SELECT bool_or('Login' = ANY (r.events)) AS login, "
    "bool_or('Logout' = ANY (r.events)) AS logout FROM directory.notification r "
    "WHERE r.account_id = a.id AND r.state = 'active') AS n ON true "
    "WHERE a.login = lower($1)"};
constexpr Statement kUsage{
    "storage_usage",
    "SELECT coalesce(sum(b.bytes), 0)::bigint, coalesce(sum(b.messages), 0)::bigint, "
    "a.quota_bytes FROM directory.account a "
    "LEFT JOIN catalog.mailbox b ON b.account_id = a.id "
    "WHERE a.id = $1 AND catalog.require_open() GROUP BY a.id"};

// ---- Names.

constexpr Statement kList{
    "storage_list_mailboxes",
    "SELECT coalesce(b.id, 0), s.name IS NOT NULL, b.uid_validity, b.uid_next, b.highest_modseq, "
    "b.messages, b.unseen, b.deleted, b.bytes, coalesce(b.name, s.name), b.special_use "
    "FROM (SELECT * FROM catalog.mailbox WHERE account_id = $1) AS b "
    "FULL JOIN (SELECT name FROM catalog.subscription WHERE account_id = $1) AS s "
    "ON s.name = b.name WHERE catalog.require_open() ORDER BY 10"};
constexpr Statement kStatus{
    "storage_mailbox_status",
    "SELECT b.id, b.uid_validity, b.uid_next, b.highest_modseq, b.messages, b.unseen, b.deleted, "
    "b.bytes, b.name, b.special_use FROM catalog.mailbox b "
    "WHERE b.account_id = $1 AND b.name = $2 AND catalog.require_open() "
    "AND catalog.require_whole(b.id)"};
constexpr Statement kEnsureInbox{"storage_ensure_inbox",
                                 "SELECT catalog.ensure_inbox($1) WHERE catalog.require_open()"};
constexpr Statement kCreate{"storage_create_mailbox",
                            "SELECT catalog.create_mailbox($1, $2, nullif($3, '')) "
                            "WHERE catalog.require_open()"};
constexpr Statement kDelete{"storage_delete_mailbox",
                            "SELECT catalog.delete_mailbox($1, $2) WHERE catalog.require_open()"};
constexpr Statement kRename{
    "storage_rename_mailbox",
    "SELECT catalog.rename_mailbox($1, $2, $3) WHERE catalog.require_open()"};
constexpr Statement kSubscribe{"storage_subscribe",
                               "SELECT catalog.subscribe($1, $2) WHERE catalog.require_open()"};
constexpr Statement kUnsubscribe{"storage_unsubscribe",
                                 "SELECT catalog.unsubscribe($1, $2) WHERE catalog.require_open()"};

// ---- One mailbox.

constexpr Statement kTakeRecent{"storage_take_recent",
                                "SELECT catalog.take_recent($1) WHERE catalog.require_open()"};
constexpr const char* kMessageColumns =
    "1, m.uid, m.flags, m.modseq, m.size, (date_part('epoch', m.internal_date) * 1000000)::bigint, "
    "0, 0, m.message_id::text, CASE WHEN m.keywords <> '{}' THEN m.keywords::text END ";
constexpr Statement kStoreFlags{
    "storage_store_flags",
    "SELECT uid, flags, keywords, modseq, outcome "
    "FROM catalog.store_flags($1, $2::bigint[], $3::bigint[], $4, $5::smallint, $6::text[], $7)"};
constexpr Statement kExpunge{
    "storage_expunge",
    "SELECT uid, modseq FROM catalog.expunge($1, $2::bigint[], $3::bigint[], $4)"};
constexpr Statement kCopy{"storage_copy_messages",
                          "SELECT uid, new_uid, uid_validity, from_modseq, to_modseq "
                          "FROM catalog.copy_messages($1, $2::bigint[], $3::bigint[], $4, $5)"};

constexpr Statement kNoteCopyExceeded{
    "storage_note_copy_exceeded",
    "SELECT catalog.note_copy_exceeded($1, $2::bigint[], $3::bigint[], $4)"};

// ---- The POP3 lock.

constexpr Statement kLock{"storage_lock_maildrop", "SELECT catalog.take_maildrop($1, $2, $3)"};
constexpr Statement kRenew{"storage_renew_maildrop",
                           "SELECT catalog.renew_maildrop($1, $2::uuid, $3)"};
constexpr Statement kRelease{"storage_release_maildrop",
                             "SELECT catalog.release_maildrop($1, $2::uuid)"};

// The texts that are put together are made once, and live as long as the program.
const Statement& open_statement() {
    static const std::string sql = fmt::format(
        "{} AND catalog.require_whole($1) "
        "UNION ALL (SELECT {} FROM catalog.mailbox_message m "
        "WHERE m.mailbox_id = $1 ORDER BY m.mailbox_id, m.uid LIMIT {}) ",
        kMailboxPart,
        kMessageColumns,
        kMailboxMessagesMax + 1);
    static const Statement statement{"storage_open_mailbox", sql.c_str()};
    return statement;
}

// The order makes the index by MODSEQ the cheapest way for any plan.
const Statement& changes_statement() {
    static const std::string sql = fmt::format(
        "{0} AND catalog.require_open() "
        "UNION ALL (SELECT {1} FROM catalog.mailbox_message m "
        "WHERE m.mailbox_id = $1 AND m.modseq > $2 ORDER BY m.mailbox_id, m.modseq LIMIT {2}) "
        "UNION ALL (SELECT 2, e.uid, 0, e.modseq, 0, 0, 0, 0, NULL, NULL FROM catalog.expunged e "
        "WHERE e.mailbox_id = $1 AND e.modseq > $2 ORDER BY e.mailbox_id, e.modseq)",
        kMailboxPart,
        kMessageColumns,
        kMailboxMessagesMax + 1);
    static const Statement statement{"storage_mailbox_changes", sql.c_str()};
    return statement;
}

struct Ranges {
    std::vector<std::int64_t> first;
    std::vector<std::int64_t> last;
};

Ranges ranges_of(const mail::UidSet& uids) {
    Ranges ranges;
    for (const mail::UidRange& range : uids.ranges()) {
        ranges.first.push_back(range.first);
        ranges.last.push_back(range.last);
    }
    return ranges;
}

// One autocommit statement, with errors as this room's callers know them. A primary that was just
// promoted wants the jump first: whoever comes to it makes it.
Result<base::Rows> run(base::DbPool& pool,
                       const Statement& statement,
                       base::Params params,
                       Deadline deadline) {
    Result<base::Rows> rows = pool.run(
        [statement, params = std::move(params)](Connection& connection) -> Result<base::Rows> {
            Result<base::Rows> first = connection.query(statement, params);
            if (first || !wants_jump(first.error())) {
                return first;
            }
            (void)TRY(jump(connection, "access", 0));
            return connection.query(statement, params);
        },
        deadline);
    if (!rows) {
        return mailbox_error(std::move(rows).take_error());
    }
    return rows;
}

Status run_only(base::DbPool& pool,
                const Statement& statement,
                base::Params params,
                Deadline deadline) {
    (void)TRY(run(pool, statement, std::move(params), deadline));
    return base::Done{};
}

bool is_over_quota(const Error& error) {
    return error.code == Errc::TooLarge && error.detail.find("RT002") != std::string::npos;
}

std::string_view action_name(FlagChange change) {
    switch (change) {
        case FlagChange::Add:
            return "add";
        case FlagChange::Remove:
            return "remove";
        case FlagChange::Set:
            return "set";
    }
    return "add";
}

Result<StoredFlags> stored_flags(const base::Row& row) {
    StoredFlags stored;
    stored.uid = static_cast<std::uint32_t>(row.int64(0));
    stored.flags = TRY(mail::flags_from_bits(row.int64(1)));
    stored.keywords = row.string_array(2);
    stored.modseq = static_cast<std::uint64_t>(row.int64(3));
    const std::string_view outcome = row.text(4);
    stored.outcome = outcome == "changed"    ? StoredFlags::Outcome::Changed
                     : outcome == "modified" ? StoredFlags::Outcome::Modified
                                             : StoredFlags::Outcome::Same;
    return stored;
}

enum class CopyMode : std::uint8_t { Copy, Move };

struct CopyRequest {
    MailboxId from{};
    const mail::UidSet& uids;
    MailboxId to{};
    CopyMode mode = CopyMode::Copy;
};

Result<CopiedMessages> copy_messages(base::DbPool& pool,
                                     const CopyRequest& request,
                                     Deadline deadline) {
    const Ranges ranges = ranges_of(request.uids);
    const base::Result<base::Rows> rows = run(pool,
                                              kCopy,
                                              {number(request.from),
                                               ranges.first,
                                               ranges.last,
                                               number(request.to),
                                               request.mode == CopyMode::Move},
                                              deadline);
    if (!rows) {
        if (is_over_quota(rows.error())) {
            // The account may wish to know; the answer is the same if it cannot be told.
            (void)run(pool,
                      kNoteCopyExceeded,
                      {number(request.from), ranges.first, ranges.last, number(request.to)},
                      deadline);
        }
        return rows.error();
    }
    CopiedMessages copied;
    for (const base::Row row : rows.value()) {
        copied.from.push_back(static_cast<std::uint32_t>(row.int64(0)));
        copied.to.push_back(static_cast<std::uint32_t>(row.int64(1)));
        copied.uid_validity = static_cast<std::uint32_t>(row.int64(2));
        copied.from_modseq = static_cast<std::uint64_t>(row.int64(3));
        copied.to_modseq = static_cast<std::uint64_t>(row.int64(4));
    }
    return copied;
}

}  // namespace

std::string canonical_name(std::string_view name) {
    constexpr std::string_view kInbox = "INBOX";
    std::string result(name);
    const bool is_inbox =
        name.size() >= kInbox.size() &&
        (name.size() == kInbox.size() || name[kInbox.size()] == '/') &&
        std::equal(kInbox.begin(), kInbox.end(), name.begin(), [](char want, char have) {
            return want ==
                   (have >= 'a' && have <= 'z' ? static_cast<char>(have - 'a' + 'A') : have);
        });
    if (is_inbox) {
        result.replace(0, kInbox.size(), kInbox);
    }
    return result;
}

Result<AccountRecord> Mailboxes::find_account(std::string_view login, Deadline deadline) {
    const base::Rows rows = TRY(run(pool_, kFindAccount, {login}, deadline));
    if (rows.empty()) {
        return Error{Errc::NotFound, "no such account"};
    }
    const base::Row row = rows[0];
    return AccountRecord{AccountId{row.int64(0)},
                         row.string(1),
                         row.string(2),
                         row.boolean(3),
                         row.boolean(4),
                         row.boolean(5)};
}

Result<Mailboxes::Usage> Mailboxes::usage(AccountId account, Deadline deadline) {
    const base::Rows rows = TRY(run(pool_, kUsage, {number(account)}, deadline));
    if (rows.empty()) {
        return Error{Errc::NotFound, "the account is gone"};
    }
    Usage usage{static_cast<std::uint64_t>(rows[0].int64(0)),
                static_cast<std::uint64_t>(rows[0].int64(1)),
                std::nullopt};
    if (!rows[0].is_null(2)) {
        usage.quota_bytes = static_cast<std::uint64_t>(rows[0].int64(2));
    }
    return usage;
}

Result<std::vector<ListedMailbox>> Mailboxes::list(AccountId account, Deadline deadline) {
    (void)TRY(run(pool_, kEnsureInbox, {number(account)}, deadline));
    const base::Rows rows = TRY(run(pool_, kList, {number(account)}, deadline));
    std::vector<ListedMailbox> listed;
    listed.reserve(rows.size());
    for (const base::Row row : rows) {
        ListedMailbox& line = listed.emplace_back();
        line.info = mailbox_info(row, 2);
        line.info.id = MailboxId{row.int64(0)};
        line.subscribed = row.boolean(1);
    }
    return listed;
}

Result<MailboxInfo> Mailboxes::status(AccountId account, std::string_view name, Deadline deadline) {
    const std::string canonical = canonical_name(name);
    base::Rows rows = TRY(run(pool_, kStatus, {number(account), canonical}, deadline));
    if (rows.empty() && canonical == "INBOX") {
        (void)TRY(run(pool_, kEnsureInbox, {number(account)}, deadline));
        rows = TRY(run(pool_, kStatus, {number(account), canonical}, deadline));
    }
    if (rows.empty()) {
        return Error{Errc::NotFound, "no such mailbox"};
    }
    MailboxInfo info = mailbox_info(rows[0], 1);
    info.id = MailboxId{rows[0].int64(0)};
    return info;
}

Result<MailboxId> Mailboxes::create(AccountId account,
                                    std::string_view name,
                                    std::string_view special_use,
                                    Deadline deadline) {
    const base::Rows rows =
        TRY(run(pool_, kCreate, {number(account), canonical_name(name), special_use}, deadline));
    return MailboxId{rows[0].int64(0)};
}

Status Mailboxes::remove(AccountId account, std::string_view name, Deadline deadline) {
    return run_only(pool_, kDelete, {number(account), canonical_name(name)}, deadline);
}

Status Mailboxes::rename(AccountId account,
                         std::string_view from,
                         std::string_view to,
                         Deadline deadline) {
    return run_only(
        pool_, kRename, {number(account), canonical_name(from), canonical_name(to)}, deadline);
}

Status Mailboxes::subscribe(AccountId account, std::string_view name, Deadline deadline) {
    return run_only(pool_, kSubscribe, {number(account), canonical_name(name)}, deadline);
}

Status Mailboxes::unsubscribe(AccountId account, std::string_view name, Deadline deadline) {
    return run_only(pool_, kUnsubscribe, {number(account), canonical_name(name)}, deadline);
}

Result<MailboxView> Mailboxes::open(MailboxId mailbox, Recent recent, Deadline deadline) {
    std::uint64_t recent_from = 0;
    if (recent == Recent::Take) {
        const base::Rows rows = TRY(run(pool_, kTakeRecent, {number(mailbox)}, deadline));
        recent_from = static_cast<std::uint64_t>(rows[0].int64(0));
    }
    const base::Rows rows = TRY(run(pool_, open_statement(), {number(mailbox)}, deadline));
    MailboxRows collected(mailbox);
    TRY(collected.read(rows));
    MailboxView view = std::move(collected).take_view();
    view.recent_from = recent_from;
    return view;
}

Result<MailboxChanges> Mailboxes::changes_since(MailboxId mailbox,
                                                std::uint64_t modseq,
                                                Deadline deadline) {
    const base::Rows rows =
        TRY(run(pool_, changes_statement(), {number(mailbox), modseq}, deadline));
    MailboxRows collected(mailbox);
    TRY(collected.read(rows));
    MailboxChanges changes = std::move(collected).take_changes();
    std::sort(changes.messages.begin(), changes.messages.end(), [](const auto& a, const auto& b) {
        return a.uid < b.uid;
    });
    return changes;
}

Result<std::vector<StoredFlags>> Mailboxes::store_flags(MailboxId mailbox,
                                                        const StoreRequest& request,
                                                        Deadline deadline) {
    constexpr std::int64_t kAnyModseq = INT64_MAX;
    Ranges ranges = ranges_of(request.uids);
    const std::uint64_t unchanged_since = request.unchanged_since.value_or(kAnyModseq);
    const base::Rows rows = TRY(run(pool_,
                                    kStoreFlags,
                                    {number(mailbox),
                                     std::move(ranges.first),
                                     std::move(ranges.last),
                                     action_name(request.change),
                                     mail::flag_bits(request.flags),
                                     request.keywords,
                                     std::min<std::uint64_t>(unchanged_since, kAnyModseq)},
                                    deadline));
    std::vector<StoredFlags> stored;
    stored.reserve(rows.size());
    for (const base::Row row : rows) {
        stored.push_back(TRY(stored_flags(row)));
    }
    return stored;
}

Result<ExpungedMessages> Mailboxes::expunge(MailboxId mailbox,
                                            const mail::UidSet& uids,
                                            ExpungeWhich which,
                                            Deadline deadline) {
    Ranges ranges = ranges_of(uids);
    const base::Rows rows = TRY(run(pool_,
                                    kExpunge,
                                    {number(mailbox),
                                     std::move(ranges.first),
                                     std::move(ranges.last),
                                     which == ExpungeWhich::Deleted},
                                    deadline));
    ExpungedMessages expunged;
    for (const base::Row row : rows) {
        expunged.uids.add(static_cast<std::uint32_t>(row.int64(0)));
        expunged.modseq = static_cast<std::uint64_t>(row.int64(1));
    }
    return expunged;
}

Result<CopiedMessages> Mailboxes::copy(MailboxId from,
                                       const mail::UidSet& uids,
                                       MailboxId to,
                                       Deadline deadline) {
    return copy_messages(pool_, {from, uids, to, CopyMode::Copy}, deadline);
}

Result<CopiedMessages> Mailboxes::move(MailboxId from,
                                       const mail::UidSet& uids,
                                       MailboxId to,
                                       Deadline deadline) {
    return copy_messages(pool_, {from, uids, to, CopyMode::Move}, deadline);
}

Result<MaildropLease> Mailboxes::lock_maildrop(AccountId account,
                                               std::string_view holder,
                                               std::chrono::seconds lease,
                                               Deadline deadline) {
    const base::Rows rows =
        TRY(run(pool_, kLock, {number(account), holder, lease.count()}, deadline));
    if (rows.empty() || rows[0].is_null(0)) {
        return Error{Errc::Busy, "another session has the maildrop"};
    }
    return MaildropLease{account, rows[0].uuid(0)};
}

Status Mailboxes::renew_maildrop(const MaildropLease& lease,
                                 std::chrono::seconds span,
                                 Deadline deadline) {
    const base::Rows rows =
        TRY(run(pool_, kRenew, {number(lease.account), lease.token, span.count()}, deadline));
    if (!rows[0].boolean(0)) {
        return Error{Errc::Refused, "the lease has lapsed"};
    }
    return base::Done{};
}

Status Mailboxes::release_maildrop(const MaildropLease& lease, Deadline deadline) {
    return run_only(pool_, kRelease, {number(lease.account), lease.token}, deadline);
}

}  // namespace storage
