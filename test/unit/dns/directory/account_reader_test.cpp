#include "dns/directory/account_reader.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/directory/directory_database.h"

using dns::AccountsRead;
using dns::AccountView;

namespace {

using Shared = std::shared_ptr<const AccountView>;

struct Reading {
    Reading() : connection(database_.open("roundtable_dnsd")) { database_.fill(); }

    AccountsRead read(Shared known = nullptr) const {
        auto done = dns::read_accounts(*connection, std::move(known));
        BOOST_REQUIRE_MESSAGE(bool(done), (done ? "" : done.error().detail));
        return std::move(done).take_value();
    }

    // Reads on, which must have gone by changes, and by them alone.
    Shared follow(const Shared& known) const {
        const AccountsRead next = read(known);
        BOOST_TEST(!next.whole);
        BOOST_REQUIRE(next.update);
        const AccountView applied = known->with(*next.update);
        BOOST_TEST((applied.position() == next.view->position()));
        BOOST_TEST(read(next.view).view == next.view, "nothing more");
        BOOST_TEST(same(applied, *next.view));
        BOOST_TEST(same(*read().view, *next.view), "as if all had been read");
        return next.view;
    }

    static bool same(const AccountView& left, const AccountView& right) {
        return std::ranges::equal(
            left.domains(), right.domains(), [](const auto& a, const auto& b) {
                std::vector<dns::AccountEntry> one;
                std::vector<dns::AccountEntry> other;
                a->entries.for_each([&one](const auto& entry) { one.push_back(entry); });
                b->entries.for_each([&other](const auto& entry) { other.push_back(entry); });
                return a->domain == b->domain && one == other;
            });
    }

    static const dns::AccountEntry* find(const AccountView& view,
                                         std::string_view local_part,
                                         std::string_view domain = "mail.test") {
        const auto* found = view.find(dns::Name::from_text(domain).take_value().wire());
        BOOST_REQUIRE(found != nullptr);
        return found->find(dns::account_digest(local_part));
    }

    void sql(std::string_view text) { database_.sql(text); }

    void add(const std::string& local_part) { database_.add_account(local_part); }

    std::string one(std::string_view text) { return database_.sql(text)[0].string(0); }

    dns_test::DirectoryDatabase database_;
    std::unique_ptr<base::Connection> connection;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(dns_account_reader, Reading)

BOOST_AUTO_TEST_CASE(reads_addresses_as_digests_with_the_daemon_s_own_rights) {
    add("alice");
    add("bob");
    sql("UPDATE directory.account SET state = 'disabled' WHERE login = 'bob@mail.test'");
    const AccountsRead all = read();
    BOOST_TEST(all.whole);
    BOOST_TEST(!all.update);
    BOOST_TEST(all.view->addresses() == 2U);
    BOOST_TEST(all.view->domains().size() == 2U);
    const auto* alice = find(*all.view, "alice");
    BOOST_REQUIRE(alice != nullptr);
    BOOST_TEST((alice->state() == dns::AccountState::Active));
    BOOST_TEST((find(*all.view, "bob")->state() == dns::AccountState::Disabled));
    BOOST_TEST(std::to_string(alice->account()) ==
               one("SELECT directory.account_of('alice@mail.test')"));
    BOOST_TEST(read(all.view).view == all.view, "nothing has changed");
}

BOOST_AUTO_TEST_CASE(follows_every_kind_of_change) {
    add("alice");
    Shared view = read().view;
    add("bob");
    view = follow(view);
    BOOST_TEST(view->addresses() == 2U);
    sql("UPDATE directory.account SET state = 'disabled' WHERE login = 'bob@mail.test'");
    view = follow(view);
    BOOST_TEST((find(*view, "bob")->state() == dns::AccountState::Disabled));
    // An alias, then another name for it, then another owner, then another domain.
    sql("INSERT INTO directory.address (domain_id, local_part, account_id) "
        "SELECT domain_id, 'alias', id FROM directory.account WHERE login = 'alice@mail.test'");
    view = follow(view);
    BOOST_TEST(find(*view, "alias")->account() == find(*view, "alice")->account());
    sql("UPDATE directory.address SET local_part = 'other' WHERE local_part = 'alias'");
    view = follow(view);
    BOOST_TEST(find(*view, "alias") == nullptr);
    sql("UPDATE directory.address SET account_id = "
        "(SELECT id FROM directory.account WHERE login = 'bob@mail.test') "
        "WHERE local_part = 'other'");
    view = follow(view);
    BOOST_TEST(find(*view, "other")->account() == find(*view, "bob")->account());
    BOOST_TEST((find(*view, "other")->state() == dns::AccountState::Disabled));
    sql("UPDATE directory.address SET domain_id = "
        "(SELECT id FROM directory.domain WHERE name = 'hosts.test') WHERE local_part = 'other'");
    view = follow(view);
    BOOST_TEST(find(*view, "other") == nullptr);
    BOOST_TEST(find(*view, "other", "hosts.test") != nullptr);
    sql("DELETE FROM directory.account WHERE login = 'bob@mail.test'");
    view = follow(view);
    BOOST_TEST(view->addresses() == 1U);
}

BOOST_AUTO_TEST_CASE(follows_domains_with_their_first_addresses) {
    Shared view = read().view;
    sql("WITH d AS (INSERT INTO directory.domain (name) VALUES ('new.test') RETURNING id), "
        "a AS (INSERT INTO directory.account (login, domain_id) SELECT 'eve@new.test', id FROM d "
        "RETURNING id, domain_id) INSERT INTO directory.address (domain_id, local_part, "
        "account_id) "
        "SELECT domain_id, 'eve', id FROM a");
    view = follow(view);
    BOOST_TEST(find(*view, "eve", "new.test") != nullptr);
    sql("UPDATE directory.domain SET name = 'newer.test' WHERE name = 'new.test'");
    const Shared renamed = follow(view);
    BOOST_TEST(find(*renamed, "eve", "newer.test") == find(*view, "eve", "new.test"), "shared");
    sql("DELETE FROM directory.account WHERE login = 'eve@new.test'");
    sql("DELETE FROM directory.domain WHERE name = 'newer.test'");
    view = follow(renamed);
    BOOST_TEST(view->domains().size() == 2U);
}

BOOST_AUTO_TEST_CASE(what_changed_nothing_of_an_address_is_not_in_the_feed) {
    add("alice");
    const Shared view = read().view;
    sql("UPDATE directory.account SET password_hash = 'x', quota_bytes = 5");
    sql("UPDATE directory.address SET local_part = local_part");
    BOOST_TEST(read(view).view == view);
}

BOOST_AUTO_TEST_CASE(who_knows_too_little_or_another_history_reads_everything) {
    add("alice");
    const Shared view = read().view;
    sql("UPDATE directory.account_feed SET kept = 3");
    for (const char* name : {"b", "c", "d", "e"}) {
        add(name);
    }
    AccountsRead late = read(view);
    BOOST_TEST(late.whole, "pruned");
    BOOST_TEST(late.view->addresses() == 5U);
    BOOST_TEST(one("SELECT count(*)::text FROM directory.account_change") == "4");
    // A number that is right, of a commit that this database never had.
    auto position = late.view->position();
    position.mark = "00000000-0000-4000-8000-000000000001";
    const auto foreign =
        std::make_shared<const AccountView>(late.view->domains(), std::move(position));
    const AccountsRead back = read(foreign);
    BOOST_TEST(back.whole);
    BOOST_TEST(back.view->same_content(*late.view));
    BOOST_REQUIRE(back.update);
    BOOST_TEST(back.update->changes.empty());
}

BOOST_AUTO_TEST_CASE(a_new_database_is_followed_from_its_first_change) {
    const Shared view = read().view;
    add("alice");
    BOOST_TEST(follow(view)->addresses() == 1U);
}

BOOST_AUTO_TEST_CASE(a_statement_with_more_changes_than_are_kept_leaves_none) {
    add("alice");
    sql("UPDATE directory.account_feed SET kept = 100");
    const Shared view = read().view;
    sql("INSERT INTO directory.address (domain_id, local_part, account_id) "
        "SELECT domain_id, 'a' || i, id FROM directory.account, generate_series(1, 100) i");
    BOOST_TEST(!read(view).whole);
    sql("INSERT INTO directory.address (domain_id, local_part, account_id) "
        "SELECT domain_id, 'b' || i, id FROM directory.account, generate_series(1, 101) i");
    BOOST_TEST(one("SELECT count(*)::text FROM directory.account_change") == "1");
    const AccountsRead bulk = read(view);
    BOOST_TEST(bulk.whole);
    BOOST_TEST(bulk.view->addresses() == 202U);
    add("bob");
    BOOST_TEST(!read(bulk.view).whole, "from where it begins again");
    sql("TRUNCATE directory.address");
    const AccountsRead empty = read(bulk.view);
    BOOST_TEST(empty.whole);
    BOOST_TEST(empty.view->addresses() == 0U);
}

// More than one fetch and more than one batch of changes, and chunks that stay shared.
BOOST_AUTO_TEST_CASE(reads_many_in_pieces_and_shares_what_is_the_same) {
    sql("INSERT INTO directory.account (login, domain_id) "
        "SELECT 'all@mail.test', id FROM directory.domain WHERE name = 'mail.test'");
    const auto add_many = [this](const char* prefix) {
        sql("INSERT INTO directory.address (domain_id, local_part, account_id) "
            "SELECT domain_id, '" +
            std::string(prefix) + "' || i, id FROM directory.account, generate_series(1, 45000) i");
    };
    add_many("a");
    const Shared view = read().view;
    BOOST_TEST(view->addresses() == 45'000U);
    BOOST_TEST(read(std::make_shared<const AccountView>(view->domains(), dns::FeedPosition()))
                   .view->same_content(*view));
    add_many("b");
    const Shared next = follow(view);
    BOOST_TEST(next->addresses() == 90'000U);
    sql("UPDATE directory.account SET state = 'disabled'");
    const Shared disabled = follow(next);
    BOOST_TEST((find(*disabled, "a77")->state() == dns::AccountState::Disabled));
    sql("DELETE FROM directory.address WHERE local_part = 'a1'");
    const Shared less = follow(disabled);
    const auto* before = disabled->find(dns::Name::from_text("mail.test").take_value().wire());
    const auto* after = less->find(dns::Name::from_text("mail.test").take_value().wire());
    BOOST_TEST(after->entries.shared_chunks(before->entries) + 2 >= after->entries.chunk_count());
}

// Numbers are in the order of commits: nobody can read past a change that is still to come.
BOOST_AUTO_TEST_CASE(a_change_that_commits_late_is_not_missed) {
    add("alice");
    const auto slow = database_.open("postgres");
    auto transaction = slow->begin().take_value();
    BOOST_REQUIRE(transaction.query(
        "INSERT INTO directory.address (domain_id, local_part, account_id) "
        "SELECT domain_id, 'slow', id FROM directory.account WHERE login = 'alice@mail.test'"));
    const Shared view = read().view;
    BOOST_TEST(find(*view, "slow") == nullptr);
    sql("SET lock_timeout = '200ms'");
    BOOST_CHECK_THROW(add("overtaking"), std::runtime_error);
    BOOST_REQUIRE(transaction.commit());
    add("later");
    BOOST_TEST(find(*follow(view), "slow") != nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
