#include "storage/mailbox/mailboxes.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/catalog/deliver_fixture.h"

using base::Errc;
using mail::Flags;
using storage::AccountId;
using storage::FlagChange;
using storage::Mailboxes;
using storage::MailboxId;
using test_support::why;

namespace {

constexpr auto kLong = std::chrono::seconds(60);

class MailboxFixture : public test_support::DeliverFixture {
  public:
    MailboxFixture() : pool(conninfo("roundtable_accessd"), "test"), boxes(pool) {}

    static base::Deadline soon() { return base::Deadline::after(kLong); }

    [[nodiscard]] AccountId account() const { return AccountId{ann}; }

    // `count` messages in ann's INBOX, UIDs from 1 on.
    MailboxId fill(std::uint64_t count) {
        std::vector<storage::Delivery> messages;
        for (std::uint64_t n = 0; n < count; ++n) {
            messages.push_back(message(n, {to(ann)}));
        }
        deliver(batch(messages));
        sql("UPDATE catalog.segment SET opened_at = now() + interval '1 hour'");  // its agent lives
        return inbox_id();
    }

    MailboxId inbox_id() { return must(boxes.status(account(), "INBOX", soon())).id; }

    template <typename T>
    static T must(base::Result<T> result) {
        BOOST_REQUIRE_MESSAGE(result, why(result));
        return std::move(result).take_value();
    }

    static mail::UidSet uids(std::vector<mail::UidRange> ranges) {
        return mail::UidSet::from_ranges(std::move(ranges));
    }

    base::DbPool pool;
    Mailboxes boxes;
};

template <typename T>
Errc code(const base::Result<T>& result) {
    BOOST_REQUIRE(!result);
    return result.error().code;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(mailboxes_test, MailboxFixture)

BOOST_AUTO_TEST_CASE(finds_an_account_by_login_in_any_case) {
    sql("UPDATE directory.account SET password_hash = '$y$x' WHERE id = $1", {ann});
    const auto found = must(boxes.find_account("Ann@Example.test", soon()));
    BOOST_CHECK(found.id == account());
    BOOST_TEST(found.password_hash == "$y$x");
    BOOST_TEST(found.active);
    sql("UPDATE directory.account SET state = 'disabled' WHERE id = $1", {ann});
    BOOST_TEST(!must(boxes.find_account("ann@example.test", soon())).active);
    BOOST_CHECK(code(boxes.find_account("nobody@example.test", soon())) == Errc::NotFound);
}

BOOST_AUTO_TEST_CASE(an_account_says_whether_a_rule_hears_of_its_sessions) {
    const auto heard = [&] {
        const auto found = must(boxes.find_account("ann@example.test", soon()));
        return std::string(found.hears_login ? "in " : "") + (found.hears_logout ? "out" : "");
    };
    const auto rule = [&](std::int64_t whose, const std::string& events) {
        sql("INSERT INTO directory.notification (account_id, channel, target, events) "
            "VALUES ($1, 'webhook', 'https://x.test/h', $2::text[])",
            {whose, events});
    };
    rule(bob, "{Login,Logout}");
    rule(ann, "{MessageNew}");
    BOOST_TEST(heard().empty());
    rule(ann, "{MessageNew,Logout}");
    BOOST_TEST(heard() == "out");
    rule(ann, "{Login}");
    BOOST_TEST(heard() == "in out");
    sql("UPDATE directory.notification SET state = 'paused' WHERE 'Logout' = ANY (events)");
    BOOST_TEST(heard() == "in ");
}

BOOST_AUTO_TEST_CASE(inbox_is_there_before_any_mail) {
    BOOST_TEST(must(boxes.status(account(), "inbox", soon())).messages == 0U);
    const auto listed = must(boxes.list(account(), soon()));
    BOOST_REQUIRE(listed.size() == 1U);
    BOOST_TEST(listed[0].info.name == "INBOX");
    BOOST_CHECK(code(boxes.status(AccountId{999}, "INBOX", soon())) == Errc::NotFound);
}

BOOST_AUTO_TEST_CASE(a_change_on_a_promoted_primary_makes_it_jump) {
    must(boxes.create(account(), "x", "", soon()));
    sql("UPDATE catalog.lineage SET timeline = '00000000'");
    must(boxes.create(account(), "y", "", soon()));
    BOOST_TEST(value("SELECT jumps FROM catalog.lineage") == "1");
    BOOST_TEST(must(boxes.status(account(), "x", soon())).uid_next == 65'537U);
}

BOOST_AUTO_TEST_CASE(creates_levels_above_and_refuses_what_exists) {
    must(boxes.create(account(), "Work/2026/May", "", soon()));
    const auto listed = must(boxes.list(account(), soon()));
    BOOST_TEST(listed.size() == 4U);
    BOOST_CHECK(code(boxes.create(account(), "Work", "", soon())) == Errc::Exists);
    BOOST_CHECK(code(boxes.create(account(), "Inbox", "", soon())) != Errc::NotFound);
    BOOST_CHECK(code(boxes.create(account(), "a//b", "", soon())) == Errc::Refused);
    BOOST_CHECK(code(boxes.create(account(), std::string(1'001, 'x'), "", soon())) ==
                Errc::Refused);
    BOOST_CHECK(code(boxes.create(AccountId{999}, "x", "", soon())) == Errc::NotFound);
    must(boxes.create(account(), "Sent", "\\Sent", soon()));
    BOOST_TEST(must(boxes.status(account(), "Sent", soon())).special_use == "\\Sent");
}

BOOST_AUTO_TEST_CASE(a_name_used_again_has_another_uidvalidity) {
    must(boxes.create(account(), "x", "", soon()));
    const auto first = must(boxes.status(account(), "x", soon()));
    BOOST_REQUIRE(boxes.remove(account(), "x", soon()));
    BOOST_CHECK(code(boxes.remove(account(), "x", soon())) == Errc::NotFound);
    must(boxes.create(account(), "x", "", soon()));
    BOOST_TEST(must(boxes.status(account(), "x", soon())).uid_validity != first.uid_validity);
    BOOST_CHECK(code(boxes.remove(account(), "INBOX", soon())) == Errc::Refused);
}

BOOST_AUTO_TEST_CASE(renames_with_all_below_it) {
    must(boxes.create(account(), "a/b/c", "", soon()));
    must(boxes.create(account(), "ax", "", soon()));
    const auto before = must(boxes.status(account(), "a/b/c", soon()));
    BOOST_REQUIRE(boxes.rename(account(), "a", "z/y", soon()));
    const auto after = must(boxes.status(account(), "z/y/b/c", soon()));
    BOOST_CHECK(after.id == before.id);
    BOOST_TEST(after.uid_validity == before.uid_validity);
    BOOST_CHECK(code(boxes.status(account(), "a", soon())) == Errc::NotFound);
    BOOST_TEST(bool(boxes.status(account(), "ax", soon())));
    BOOST_CHECK(code(boxes.rename(account(), "ax", "z", soon())) == Errc::Exists);
    BOOST_CHECK(code(boxes.rename(account(), "z", "z/inside", soon())) == Errc::Refused);
    BOOST_CHECK(code(boxes.rename(account(), "none", "some", soon())) == Errc::NotFound);
}

BOOST_AUTO_TEST_CASE(renaming_inbox_moves_its_messages_and_leaves_it) {
    const MailboxId inbox = fill(3);
    must(boxes.create(account(), "INBOX/sub", "", soon()));
    BOOST_REQUIRE(boxes.rename(account(), "INBOX", "Old", soon()));
    BOOST_CHECK(inbox_id() == inbox);
    BOOST_TEST(must(boxes.status(account(), "INBOX", soon())).messages == 0U);
    BOOST_TEST(must(boxes.status(account(), "Old", soon())).messages == 3U);
    BOOST_TEST(bool(boxes.status(account(), "INBOX/sub", soon())));
}

BOOST_AUTO_TEST_CASE(subscriptions_outlive_their_mailbox) {
    must(boxes.create(account(), "x", "", soon()));
    BOOST_REQUIRE(boxes.subscribe(account(), "x", soon()));
    BOOST_REQUIRE(boxes.subscribe(account(), "x", soon()));
    BOOST_REQUIRE(boxes.subscribe(account(), "inbox", soon()));
    BOOST_REQUIRE(boxes.remove(account(), "x", soon()));
    auto listed = must(boxes.list(account(), soon()));
    BOOST_REQUIRE(listed.size() == 2U);
    BOOST_TEST(listed[0].subscribed);
    BOOST_TEST(listed[1].info.name == "x");
    BOOST_CHECK(listed[1].info.id == MailboxId{});
    BOOST_REQUIRE(boxes.unsubscribe(account(), "x", soon()));
    BOOST_TEST(must(boxes.list(account(), soon())).size() == 1U);
}

BOOST_AUTO_TEST_CASE(opens_a_mailbox_and_tells_recent_once) {
    const MailboxId inbox = fill(3);
    const auto view = must(boxes.open(inbox, Mailboxes::Recent::Take, soon()));
    BOOST_REQUIRE(view.messages.size() == 3U);
    BOOST_TEST(view.recent_from == 1U);
    BOOST_TEST(view.messages[0].uid == 1U);
    BOOST_TEST(view.messages[2].uid == 3U);
    BOOST_TEST(view.messages[0].size == 700U);
    BOOST_TEST(view.messages[0].internal_date_us == 1'795'000'000'123'456);
    BOOST_TEST(view.messages[0].modseq == view.info.highest_modseq);
    BOOST_TEST(must(boxes.open(inbox, Mailboxes::Recent::Take, soon())).recent_from == 4U);
    BOOST_CHECK(code(boxes.open(MailboxId{999'999}, Mailboxes::Recent::Leave, soon())) ==
                Errc::NotFound);
}

BOOST_AUTO_TEST_CASE(flags_are_changed_by_set_operations) {
    const MailboxId inbox = fill(3);
    Mailboxes::StoreRequest add{uids({{1, 2}}), FlagChange::Add, Flags::Seen, {"$Work"}, {}};
    const auto first = must(boxes.store_flags(inbox, add, soon()));
    BOOST_REQUIRE(first.size() == 2U);
    BOOST_CHECK(first[0].outcome == storage::StoredFlags::Outcome::Changed);
    BOOST_CHECK(first[0].flags == Flags::Seen);
    BOOST_TEST(first[0].keywords == std::vector<std::string>{"$Work"},
               boost::test_tools::per_element());
    // Again, and in another case: nothing changes, no MODSEQ moves.
    add.keywords = {"$WORK"};
    const auto again = must(boxes.store_flags(inbox, add, soon()));
    BOOST_CHECK(again[0].outcome == storage::StoredFlags::Outcome::Same);
    BOOST_TEST(again[0].modseq == first[0].modseq);
    Mailboxes::StoreRequest remove{
        uids({{2, 9}}), FlagChange::Remove, Flags::Seen | Flags::Deleted, {"$work"}, {}};
    must(boxes.store_flags(inbox, remove, soon()));
    Mailboxes::StoreRequest set{uids({{3, 3}}), FlagChange::Set, Flags::Deleted, {"a", "b"}, {}};
    must(boxes.store_flags(inbox, set, soon()));
    const auto view = must(boxes.open(inbox, Mailboxes::Recent::Leave, soon()));
    BOOST_CHECK(view.messages[0].flags == Flags::Seen);
    BOOST_TEST(view.keywords[view.messages[0].keywords].size() == 1U);
    BOOST_CHECK(view.messages[1].flags == Flags::None);
    BOOST_TEST(view.messages[1].keywords == 0U);
    BOOST_CHECK(view.messages[2].flags == Flags::Deleted);
    BOOST_TEST(view.info.unseen == 2U);
    BOOST_TEST(view.info.deleted == 1U);
}

BOOST_AUTO_TEST_CASE(unchangedsince_leaves_what_changed_since) {
    const MailboxId inbox = fill(2);
    const auto before = must(boxes.open(inbox, Mailboxes::Recent::Leave, soon()));
    Mailboxes::StoreRequest one{uids({{1, 1}}), FlagChange::Add, Flags::Flagged, {}, {}};
    must(boxes.store_flags(inbox, one, soon()));
    Mailboxes::StoreRequest both{
        uids({{1, 2}}), FlagChange::Add, Flags::Seen, {}, before.info.highest_modseq};
    const auto stored = must(boxes.store_flags(inbox, both, soon()));
    BOOST_CHECK(stored[0].outcome == storage::StoredFlags::Outcome::Modified);
    BOOST_CHECK(stored[0].flags == Flags::Flagged);
    BOOST_CHECK(stored[1].outcome == storage::StoredFlags::Outcome::Changed);
}

BOOST_AUTO_TEST_CASE(too_many_keywords_are_refused) {
    const MailboxId inbox = fill(1);
    Mailboxes::StoreRequest many{uids({{1, 1}}), FlagChange::Add, Flags::None, {}, {}};
    for (int n = 0; n < 60; ++n) {
        many.keywords.push_back("k" + std::to_string(n));
    }
    must(boxes.store_flags(inbox, many, soon()));
    many.keywords = {"x1", "x2", "x3", "x4", "x5"};
    BOOST_CHECK(code(boxes.store_flags(inbox, many, soon())) == Errc::TooLarge);
}

BOOST_AUTO_TEST_CASE(changes_tell_new_messages_flags_and_expunges_after_a_modseq) {
    const MailboxId inbox = fill(4);
    const auto view = must(boxes.open(inbox, Mailboxes::Recent::Leave, soon()));
    const std::uint64_t then = view.info.highest_modseq;
    BOOST_TEST(must(boxes.changes_since(inbox, then, soon())).messages.empty());
    Mailboxes::StoreRequest seen{uids({{4, 4}}), FlagChange::Add, Flags::Deleted, {"k"}, {}};
    must(boxes.store_flags(inbox, seen, soon()));
    const auto gone =
        must(boxes.expunge(inbox, uids({{1, 2}}), Mailboxes::ExpungeWhich::All, soon()));
    BOOST_TEST(gone.uids.text() == "1:2");
    deliver(batch({message(9, {to(ann)})}));
    const auto changes = must(boxes.changes_since(inbox, then, soon()));
    BOOST_TEST(changes.info.highest_modseq == then + 3);
    BOOST_TEST(changes.info.messages == 3U);
    BOOST_REQUIRE(changes.messages.size() == 2U);
    BOOST_TEST(changes.messages[0].uid == 4U);
    BOOST_TEST(changes.keywords[changes.messages[0].keywords].front() == "k");
    BOOST_TEST(changes.messages[1].uid == 5U);
    BOOST_TEST(changes.expunged.text() == "1:2");
    BOOST_TEST(gone.modseq == then + 2);
}

BOOST_AUTO_TEST_CASE(expunge_takes_deleted_ones_of_the_set_only) {
    const MailboxId inbox = fill(4);
    Mailboxes::StoreRequest mark{uids({{1, 3}}), FlagChange::Add, Flags::Deleted, {}, {}};
    must(boxes.store_flags(inbox, mark, soon()));
    const auto gone =
        must(boxes.expunge(inbox, uids({{2, 9}}), Mailboxes::ExpungeWhich::Deleted, soon()));
    BOOST_TEST(gone.uids.text() == "2:3");
    const auto view = must(boxes.open(inbox, Mailboxes::Recent::Leave, soon()));
    BOOST_TEST(view.messages.size() == 2U);
    BOOST_TEST(view.info.messages == 2U);
    BOOST_TEST(view.info.deleted == 1U);
    BOOST_TEST(view.info.bytes == 1'400U);
    const auto none =
        must(boxes.expunge(inbox, uids({{2, 3}}), Mailboxes::ExpungeWhich::Deleted, soon()));
    BOOST_TEST(none.modseq == 0U);
    BOOST_TEST(none.uids.empty());
    // A UID is never given again.
    deliver(batch({message(9, {to(ann)})}));
    BOOST_TEST(must(boxes.open(inbox, Mailboxes::Recent::Leave, soon())).messages.back().uid == 5U);
}

BOOST_AUTO_TEST_CASE(copies_keep_flags_and_date_and_leave_the_source) {
    const MailboxId inbox = fill(3);
    const MailboxId target = must(boxes.create(account(), "Kept", "", soon()));
    Mailboxes::StoreRequest mark{uids({{2, 2}}), FlagChange::Add, Flags::Seen, {"k"}, {}};
    must(boxes.store_flags(inbox, mark, soon()));
    const auto copied = must(boxes.copy(inbox, uids({{2, 7}}), target, soon()));
    BOOST_TEST(copied.from == (std::vector<std::uint32_t>{2, 3}), boost::test_tools::per_element());
    BOOST_TEST(copied.to == (std::vector<std::uint32_t>{1, 2}), boost::test_tools::per_element());
    const auto view = must(boxes.open(target, Mailboxes::Recent::Leave, soon()));
    BOOST_TEST(view.info.uid_validity == copied.uid_validity);
    BOOST_REQUIRE(view.messages.size() == 2U);
    BOOST_CHECK(view.messages[0].flags == Flags::Seen);
    BOOST_TEST(view.keywords[view.messages[0].keywords].front() == "k");
    BOOST_TEST(view.messages[0].internal_date_us == 1'795'000'000'123'456);
    BOOST_TEST(view.info.unseen == 1U);
    BOOST_TEST(must(boxes.status(account(), "INBOX", soon())).messages == 3U);
    BOOST_TEST(must(boxes.copy(inbox, uids({{50, 60}}), target, soon())).uid_validity == 0U);
}

BOOST_AUTO_TEST_CASE(a_message_may_be_in_a_mailbox_twice) {
    const MailboxId inbox = fill(1);
    const auto copied = must(boxes.copy(inbox, uids({{1, 1}}), inbox, soon()));
    BOOST_TEST(copied.to.front() == 2U);
    const auto view = must(boxes.open(inbox, Mailboxes::Recent::Leave, soon()));
    BOOST_REQUIRE(view.messages.size() == 2U);
    BOOST_CHECK(view.messages[0].id == view.messages[1].id);
}

BOOST_AUTO_TEST_CASE(move_is_atomic_and_logged) {
    const MailboxId inbox = fill(3);
    const MailboxId target = must(boxes.create(account(), "Kept", "", soon()));
    const auto before = must(boxes.status(account(), "INBOX", soon()));
    const auto moved = must(boxes.move(inbox, uids({{1, 2}}), target, soon()));
    BOOST_TEST(moved.to.size() == 2U);
    const auto changes = must(boxes.changes_since(inbox, before.highest_modseq, soon()));
    BOOST_TEST(changes.expunged.text() == "1:2");
    BOOST_TEST(changes.info.messages == 1U);
    BOOST_TEST(moved.from_modseq == changes.info.highest_modseq);
    BOOST_TEST(must(boxes.status(account(), "Kept", soon())).messages == 2U);
    BOOST_CHECK(code(boxes.move(inbox, uids({{3, 3}}), MailboxId{999'999}, soon())) ==
                Errc::NotFound);
    BOOST_TEST(must(boxes.status(account(), "INBOX", soon())).messages == 1U);
}

BOOST_AUTO_TEST_CASE(mailboxes_of_two_accounts_are_kept_apart) {
    const MailboxId inbox = fill(1);
    const MailboxId foreign = must(boxes.create(AccountId{bob}, "x", "", soon()));
    BOOST_CHECK(code(boxes.copy(inbox, uids({{1, 1}}), foreign, soon())) == Errc::Refused);
}

BOOST_AUTO_TEST_CASE(a_copy_over_quota_is_refused_and_a_move_is_not) {
    const MailboxId inbox = fill(2);
    const MailboxId target = must(boxes.create(account(), "Kept", "", soon()));
    sql("UPDATE directory.account SET quota_bytes = 1500 WHERE id = $1", {ann});
    BOOST_CHECK(code(boxes.copy(inbox, uids({{1, 1}}), target, soon())) == Errc::TooLarge);
    BOOST_TEST(bool(boxes.move(inbox, uids({{1, 1}}), target, soon())));
    const auto usage = must(boxes.usage(account(), soon()));
    BOOST_TEST(usage.bytes == 1'400U);
    BOOST_TEST(usage.quota_bytes.value() == 1'500U);
}

BOOST_AUTO_TEST_CASE(one_session_has_the_maildrop_until_its_lease_lapses) {
    const auto lease = must(boxes.lock_maildrop(account(), "i1", std::chrono::seconds(60), soon()));
    BOOST_CHECK(code(boxes.lock_maildrop(account(), "i2", std::chrono::seconds(60), soon())) ==
                Errc::Busy);
    BOOST_TEST(bool(boxes.renew_maildrop(lease, std::chrono::seconds(60), soon())));
    sql("UPDATE catalog.maildrop_lease SET expires_at = now() - interval '1 second'");
    const auto other = must(boxes.lock_maildrop(account(), "i2", std::chrono::seconds(60), soon()));
    BOOST_CHECK(code(boxes.renew_maildrop(lease, std::chrono::seconds(60), soon())) ==
                Errc::Refused);
    BOOST_REQUIRE(boxes.release_maildrop(lease, soon()));  // not ours any more: changes nothing
    BOOST_TEST(value("SELECT count(*) FROM catalog.maildrop_lease") == "1");
    BOOST_REQUIRE(boxes.release_maildrop(other, soon()));
    BOOST_TEST(bool(boxes.lock_maildrop(account(), "i1", std::chrono::seconds(60), soon())));
}

BOOST_AUTO_TEST_CASE(only_a_first_level_inbox_is_made_canonical) {
    BOOST_TEST(storage::canonical_name("iNbOx") == "INBOX");
    BOOST_TEST(storage::canonical_name("inbox/Sub") == "INBOX/Sub");
    BOOST_TEST(storage::canonical_name("inboxes") == "inboxes");
    BOOST_TEST(storage::canonical_name("x/inbox") == "x/inbox");
    BOOST_TEST(storage::canonical_name("inbo") == "inbo");
}

BOOST_AUTO_TEST_SUITE_END()
