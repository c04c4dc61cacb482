#include "dns/directory/account_reader.h"

#include <algorithm>
#include <map>
#include <span>
#include <string>
#include <utility>

namespace dns {
namespace {

// Numbers of the feed read at once, each a change.
constexpr std::int64_t kNumbersPerRead = 20'000;

constexpr std::string_view kSnapshot = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";

// The last column: what is known up to $1 is a part of this database's history, and what came after
// it is still there.
constexpr base::Statement kPosition{
    "dns_feed_position",
    "SELECT v.version - v.account_changes, f.number, f.mark::text, "
    "EXISTS (SELECT FROM directory.account_change c WHERE c.number = $1 AND c.mark = $2::uuid) "
    "FROM directory.version v, directory.account_feed f"};

constexpr base::Statement kDomains{"dns_feed_domains", "SELECT id, name FROM directory.domain"};

constexpr base::Statement kChanges{
    "dns_feed_changes",
    "SELECT c.domain_id, c.digest, a.account_id, s.state = 'disabled' "
    "FROM (SELECT DISTINCT domain_id, digest FROM directory.account_change "
    "WHERE number > $1 AND number <= $2) c "
    "LEFT JOIN directory.address a ON a.domain_id = c.domain_id AND a.digest = c.digest "
    "LEFT JOIN directory.account s ON s.id = a.account_id ORDER BY c.domain_id, c.digest"};

// In the order of the index address_in_order, whatever the planner knows of the tables: sorting ten
// million rows would need the room of all of them.
constexpr std::string_view kInOrder =
    "SET LOCAL enable_sort = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = "
    "off";

constexpr std::string_view kOpenAddresses =
    "DECLARE addresses NO SCROLL CURSOR FOR SELECT domain_id, digest, account_id "
    "FROM directory.address ORDER BY domain_id, digest";

constexpr std::string_view kOpenDisabled =
    "DECLARE disabled NO SCROLL CURSOR FOR SELECT id FROM directory.account "
    "WHERE state = 'disabled' ORDER BY id";

constexpr std::string_view kNoMark = "00000000-0000-0000-0000-000000000000";

base::Error malformed(std::string what) {
    return {base::Errc::Invalid, "directory: " + std::move(what)};
}

// Where the feed stands, and whether it goes on from where we are.
struct Feed {
    FeedPosition position;
    bool goes_on = false;
};

base::Params position_params(const AccountView* known) {
    if (known == nullptr || known->position().number < 0) {
        return {std::int64_t{-1}, kNoMark};
    }
    return {known->position().number, known->position().mark};
}

template <typename Database>
base::Result<Feed> read_feed(Database& database, const AccountView* known) {
    const base::Rows rows = TRY(database.query(kPosition, position_params(known)));
    if (rows.size() != 1) {
        return malformed("version or account_feed");
    }
    return Feed{{rows[0].int64(0), rows[0].int64(1), rows[0].string(2)}, rows[0].boolean(3)};
}

base::Result<std::vector<AccountDomain>> read_domains(base::Tx& tx) {
    const base::Rows rows = TRY(tx.query(kDomains));
    std::vector<AccountDomain> domains;
    domains.reserve(rows.size());
    for (const base::Row row : rows) {
        domains.push_back({row.int64(0), TRY(Name::from_text(row.text(1)))});
    }
    return domains;
}

base::Result<AccountDigest> digest_of(const base::Row& row, int column) {
    const base::Bytes bytes = row.bytes(column);
    AccountDigest digest{};
    if (bytes.size() != digest.size()) {
        return malformed("digest of an address");
    }
    std::ranges::copy(bytes, digest.begin());
    return digest;
}

base::Result<std::uint64_t> account_of(const base::Row& row, int column) {
    const std::int64_t account = row.int64(column);
    if (account < 0) {
        return malformed("number of an account");
    }
    return static_cast<std::uint64_t>(account);
}

// What the addresses are now that the feed names between two numbers.
base::Result<std::vector<AccountChange>> read_changes(base::Tx& tx,
                                                      std::int64_t after,
                                                      std::int64_t to) {
    const base::Rows rows = TRY(tx.query(kChanges, {after, to}));
    std::vector<AccountChange> changes;
    changes.reserve(rows.size());
    for (const base::Row row : rows) {
        const AccountDigest digest = TRY(digest_of(row, 1));
        if (row.is_null(2)) {
            changes.push_back(
                {row.int64(0), AccountEntry(digest, 0, AccountState::Active), Presence::Gone});
            continue;
        }
        const AccountState state = row.boolean(3) ? AccountState::Disabled : AccountState::Active;
        changes.push_back(
            {row.int64(0), AccountEntry(digest, TRY(account_of(row, 2)), state), Presence::There});
    }
    return changes;
}

base::Result<AccountsRead> read_on(base::Tx& tx, const AccountView& known, const Feed& feed) {
    AccountUpdate all;
    if (feed.position.configuration != known.position().configuration) {
        all = known.domains_to(TRY(read_domains(tx)));
    }
    all.position = feed.position;
    AccountUpdate part = all;  // the domains with the first changes, which may be in new ones
    AccountView view = known;
    bool too_many = false;
    std::int64_t at = known.position().number;
    do {
        const std::int64_t to = std::min(at + kNumbersPerRead, feed.position.number);
        part.changes = TRY(read_changes(tx, at, to));
        view = view.with(part);
        part.domains.clear();
        part.gone.clear();
        too_many = too_many || all.size() + part.changes.size() > kUpdateMax;
        if (!too_many) {
            all.add(std::move(part));
            part = {{}, {}, {}, feed.position};
        }
        at = to;
    } while (at < feed.position.number);
    AccountsRead read;
    read.view = std::make_shared<const AccountView>(std::move(view));
    if (!too_many) {
        read.update = std::move(all);
    }
    return read;
}

base::Result<std::vector<std::int64_t>> read_disabled(base::Tx& tx) {
    TRY(tx.query(kOpenDisabled));
    std::vector<std::int64_t> disabled;
    const std::string fetch = "FETCH " + std::to_string(kRowsPerFetch) + " FROM disabled";
    while (true) {
        const base::Rows rows = TRY(tx.query(fetch));
        if (rows.empty()) {
            return disabled;
        }
        for (const base::Row row : rows) {
            disabled.push_back(row.int64(0));
        }
    }
}

// Takes addresses in order and makes the lists of the domains that they are in.
class Lists {
  public:
    Lists(const AccountView* known, std::vector<std::int64_t> disabled)
        : known_(known), disabled_(std::move(disabled)) {}

    base::Status take(const base::Rows& rows) {
        for (const base::Row row : rows) {
            const std::int64_t domain = row.int64(0);
            if (domain != domain_) {
                close();
                open(domain);
            }
            const AccountDigest digest = TRY(digest_of(row, 1));
            const std::uint64_t account = TRY(account_of(row, 2));
            const bool off =
                std::ranges::binary_search(disabled_, static_cast<std::int64_t>(account));
            if (builder_.last() != nullptr && builder_.last()->digest() >= digest) {
                return malformed("addresses come in another order than that of their digests");
            }
            builder_.add(
                AccountEntry(digest, account, off ? AccountState::Disabled : AccountState::Active));
        }
        return base::Done{};
    }

    // All of them, by number of the domain.
    std::map<std::int64_t, AccountList> finish() {
        close();
        return std::move(lists_);
    }

  private:
    void open(std::int64_t domain) {
        domain_ = domain;
        const DomainAccounts* const old = known_ == nullptr ? nullptr : known_->find(domain);
        builder_ = AccountListBuilder(old == nullptr ? nullptr : &old->entries);
    }

    void close() {
        if (builder_.last() != nullptr) {
            lists_[domain_] = builder_.finish();
        }
    }

    const AccountView* known_;
    const std::vector<std::int64_t> disabled_;  // ascending
    std::int64_t domain_ = -1;
    AccountListBuilder builder_;
    std::map<std::int64_t, AccountList> lists_;
};

base::Result<AccountsRead> read_all(base::Tx& tx, const AccountView* known, const Feed& feed) {
    std::vector<AccountDomain> domains = TRY(read_domains(tx));
    TRY(tx.query(kInOrder));
    Lists reading(known, TRY(read_disabled(tx)));
    TRY(tx.query(kOpenAddresses));
    const std::string fetch = "FETCH " + std::to_string(kRowsPerFetch) + " FROM addresses";
    while (true) {
        const base::Rows rows = TRY(tx.query(fetch));
        if (rows.empty()) {
            break;
        }
        TRY(reading.take(rows));
    }
    auto lists = reading.finish();
    AccountView::Domains made;
    made.reserve(domains.size());
    for (AccountDomain& domain : domains) {
        AccountList& list = lists[domain.id];
        made.push_back(std::make_shared<const DomainAccounts>(
            DomainAccounts{std::move(domain), std::move(list)}));
    }
    AccountsRead read;
    read.whole = true;
    read.view = std::make_shared<const AccountView>(std::move(made), feed.position);
    if (known != nullptr && known->same_content(*read.view)) {
        read.update = AccountUpdate{{}, {}, {}, feed.position};
    }
    return read;
}

}  // namespace

base::Result<AccountsRead> read_accounts(base::Connection& connection,
                                         std::shared_ptr<const AccountView> known) {
    // Most of the time nothing has changed.
    const Feed seen = TRY(read_feed(connection, known.get()));
    if (known != nullptr && seen.position == known->position()) {
        return AccountsRead{std::move(known), std::nullopt, false};
    }
    base::Tx tx = TRY(connection.begin());
    TRY(tx.query(kSnapshot));
    const Feed feed = TRY(read_feed(tx, known.get()));
    AccountsRead read =
        feed.goes_on ? TRY(read_on(tx, *known, feed)) : TRY(read_all(tx, known.get(), feed));
    TRY(tx.commit());
    return read;
}

}  // namespace dns
