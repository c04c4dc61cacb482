#include "storage/catalog/compaction.h"

#include <thread>

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/upkeep/retention_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

class Retaining : public RetentionFixture {
  public:
    base::Uuid id(std::uint8_t number) { return base::Uuid(message_id(number).bytes()); }

    // As an operator. Empty: it worked.
    std::string restore(std::uint8_t number,
                        std::optional<std::int64_t> account = std::nullopt,
                        const std::optional<std::string>& mailbox = std::nullopt) {
        const auto operators = open("roundtable_operator");
        const auto rows = operators->query(
            "SELECT mailbox || ' ' || uid || ' ' || over_quota FROM "
            "catalog.restore_message($1::uuid, $2, $3)",
            {id(number), account, mailbox});
        restored = rows ? rows.value()[0].string(0) : "";
        return why(rows);
    }

    std::string retained() { return value("SELECT count(*) FROM catalog.retained"); }

    void create(const std::string& name) {
        sql("SELECT catalog.create_mailbox($1, $2, NULL)", {ann, name});
    }

    std::int64_t box(const std::string& name) {
        return std::stoll(value(
            "SELECT id FROM catalog.mailbox WHERE account_id = $1 AND name = $2", {ann, name}));
    }

    void copy(std::uint8_t number, const std::string& to, bool move) {
        sql("SELECT catalog.copy_messages(x.mailbox_id, ARRAY[x.uid], ARRAY[x.uid], $2, $3) "
            "FROM catalog.mailbox_message x WHERE x.message_id = $1 AND x.mailbox_id <> $2",
            {id(number), box(to), move});
    }

    // Counts of the mailbox, as its row has them and as they are.
    void check_counts(const std::string& name) {
        BOOST_TEST(value("SELECT b.messages = count(x.uid) AND b.bytes = coalesce(sum(x.size), 0) "
                         "AND b.unseen = count(x.uid) FILTER (WHERE x.flags & 1 = 0) "
                         "AND b.deleted = count(x.uid) FILTER (WHERE x.flags & 8 <> 0) "
                         "AND b.uid_next > coalesce(max(x.uid), 0) "
                         "AND b.highest_modseq >= coalesce(max(x.modseq), 0) "
                         "FROM catalog.mailbox b LEFT JOIN catalog.mailbox_message x "
                         "ON x.mailbox_id = b.id WHERE b.id = $1 GROUP BY b.id",
                         {box(name)}) == "t");
    }

    std::string restored;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_retention_sql, Retaining)

BOOST_AUTO_TEST_CASE(what_is_expunged_can_be_restored_with_a_new_uid) {
    put_delivered(1, {1, 2});
    sql("UPDATE catalog.mailbox_message SET internal_date = '2020-02-02 02:02:02+00'");
    sql("SELECT catalog.store_flags($1, ARRAY[1], ARRAY[1], 'add', 13::smallint, ARRAY['work'], "
        "9223372036854775807)",
        {inbox(ann)});
    expunge(1);
    BOOST_TEST(retained() == "1");
    const std::string modseq =
        value("SELECT highest_modseq FROM catalog.mailbox WHERE id = $1", {inbox(ann)});
    BOOST_TEST(restore(1) == "");
    BOOST_TEST(restored == "INBOX 3 false");
    BOOST_TEST(retained() == "0");
    const base::Rows row = sql(
        "SELECT flags, array_to_string(keywords, ','), internal_date = '2020-02-02 02:02:02+00', "
        "modseq > $2::bigint, size FROM catalog.mailbox_message WHERE uid = 3 AND mailbox_id = $1",
        {inbox(ann), modseq});
    BOOST_REQUIRE(row.size() == 1U);
    BOOST_TEST(row[0].int64(0) == 5);  // \Seen, \Flagged; \Deleted would take it away again
    BOOST_TEST(row[0].string(1) == "work");
    BOOST_TEST(row[0].boolean(2));
    BOOST_TEST(row[0].boolean(3));
    BOOST_TEST(row[0].int64(4) == static_cast<std::int64_t>(text_of(1).size()));
    check_counts("INBOX");
    BOOST_TEST(restore(1).find("RT004") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_move_retains_nothing_and_a_copy_survives) {
    put_delivered(1, {1});
    create("Archive");
    copy(1, "Archive", true);
    BOOST_TEST(retained() == "0");
    check_counts("INBOX");
    check_counts("Archive");
    copy(1, "INBOX", false);
    BOOST_TEST(value("SELECT count(*) FROM catalog.mailbox_message") == "2");
}

BOOST_AUTO_TEST_CASE(a_deleted_mailbox_is_retained_and_goes_to_the_inbox) {
    put_delivered(1, {1});
    create("Work");
    copy(1, "Work", true);
    sql("SELECT catalog.delete_mailbox($1, 'Work')", {ann});
    BOOST_TEST(value("SELECT mailbox FROM catalog.retained") == "Work");
    BOOST_TEST(restore(1, std::nullopt, "Gone").find("RT004") != std::string::npos);
    BOOST_TEST(retained() == "1");
    BOOST_TEST(restore(1) == "");
    BOOST_TEST(restored.starts_with("INBOX "));
    check_counts("INBOX");
}

BOOST_AUTO_TEST_CASE(a_named_mailbox_gets_it) {
    put_delivered(1, {1});
    create("Work");
    expunge(1);
    BOOST_TEST(restore(1, ann, "Work") == "");
    BOOST_TEST(restored == "Work 1 false");
    check_counts("Work");
}

BOOST_AUTO_TEST_CASE(over_quota_is_restored_and_said) {
    put_delivered(1, {1});
    expunge(1);
    sql("UPDATE directory.account SET quota_bytes = 10 WHERE id = $1", {ann});
    BOOST_TEST(restore(1) == "");
    BOOST_TEST(restored == "INBOX 2 true");
}

BOOST_AUTO_TEST_CASE(of_several_accounts_one_must_be_named) {
    const SealedFile file = put_sealed(1, {1});
    deliver_to(1, file.frames[0], {ann, bob});
    expunge(1);
    BOOST_TEST(retained() == "2");
    BOOST_TEST(restore(1).find("RT006") != std::string::npos);
    BOOST_TEST(restore(1, bob) == "");
    BOOST_TEST(in_inbox(bob) == "1");
    BOOST_TEST(in_inbox(ann) == "0");
    // What ann removed is not bob's.
    BOOST_TEST(restore(1, bob).find("RT004") != std::string::npos);
    BOOST_TEST(restore(1) == "");
    BOOST_TEST(in_inbox(ann) == "1");
}

BOOST_AUTO_TEST_CASE(what_a_deleted_account_had_is_kept_and_can_be_given_away) {
    put_delivered(1, {1, 2});
    expunge(1);
    sql("DELETE FROM directory.address");
    sql("DELETE FROM directory.account WHERE id = $1", {ann});
    BOOST_TEST(retained() == "2");
    BOOST_TEST(restore(1).find("RT004") != std::string::npos);
    BOOST_TEST(restore(1, bob) == "");
    BOOST_TEST(in_inbox(bob) == "1");
    check_readable(1);
}

BOOST_AUTO_TEST_CASE(retention_ends_after_its_time_and_not_before) {
    const SealedFile file = put_delivered(1, {1, 2});
    expunge(1);
    sql("UPDATE directory.cluster SET expunged_retention = '1 hour'");
    BOOST_TEST(purge_retained(admin(), 10).value().rows == 0U);
    sql("UPDATE catalog.retained SET removed_at = now() - interval '2 hours'");
    const Purged purged = purge_retained(*open("roundtable_trackerd"), 10).value();
    BOOST_TEST(purged.rows == 1U);
    BOOST_TEST(purged.messages == 1U);
    BOOST_TEST(purged.dead_bytes == file.frames[0].length + 32U);
    BOOST_TEST(dead_bytes(file.id) == std::to_string(file.frames[0].length + 32U));
    BOOST_TEST(restore(1).find("RT004") != std::string::npos);
    // The message and its delivery are known still: no second delivery.
    BOOST_TEST(value("SELECT count(*) FROM catalog.message") == "2");
    deliver_to(1, file.frames[0], {ann});
    BOOST_TEST(in_inbox(ann) == "1");
}

BOOST_AUTO_TEST_CASE(a_message_that_is_somewhere_else_is_not_dead) {
    const SealedFile file = put_sealed(1, {1, 2});
    deliver_to(1, file.frames[0], {ann, bob});
    deliver_to(2, file.frames[1], {ann});
    set_catalogued(file);
    sql("SELECT catalog.expunge($1, ARRAY[1], ARRAY[2], false)", {inbox(ann)});
    BOOST_TEST(purge_retained(admin(), 10).value().messages == 1U);
    BOOST_TEST(survey_segments(admin(), 10).value() == 1U);
    BOOST_TEST(dead_bytes(file.id) == std::to_string(file.frames[1].length + 32U));
    BOOST_TEST(live_frames(admin(), file.id, 0, 10).value().size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_survey_finds_what_no_purge_counts) {
    const SealedFile first = put_delivered(1, {1});
    // The same message again, as a batch that was written twice leaves it; and a refused one.
    const SealedFile second = put_sealed(2, {1, 3}, {{message_id(3), first.id, 0}});
    deliver_to(1, second.frames[0], {ann});
    set_catalogued(second);
    purge();
    BOOST_TEST(dead_bytes(first.id) == "0");
    BOOST_TEST(dead_bytes(second.id) ==
               std::to_string(second.bytes.size() - second.first_frame - 168));
}

// Two purges, each of one of the two rows that keep a message.
BOOST_AUTO_TEST_CASE(two_purges_of_one_message_count_it_once) {
    const SealedFile file = put_sealed(1, {1});
    deliver_to(1, file.frames[0], {ann, bob});
    set_catalogued(file);
    expunge(1);
    auto first = open("postgres");
    auto second = open("postgres");
    auto begun = first->begin();
    BOOST_REQUIRE(begun);
    std::optional<base::Tx> tx(std::move(begun).take_value());
    BOOST_TEST(tx->query("SELECT dead FROM catalog.purge_retained(1)").value()[0].int64(0) == 0);
    std::int64_t dead = -1;
    std::thread other([&] {
        const auto rows = second->query("SELECT dead FROM catalog.purge_retained(2)");
        dead = rows ? rows.value()[0].int64(0) : -2;
    });
    const base::Deadline deadline = base::Deadline::after(std::chrono::seconds(10));
    while (!are_hanging() && !deadline.passed()) {
    }
    const bool committed = tx->commit().operator bool();
    other.join();
    BOOST_TEST(committed);
    BOOST_TEST(dead == 1);
    BOOST_TEST(dead_bytes(file.id) == std::to_string(file.frames[0].length + 32U));
}

// A restore holds the row that a purge wants: the purge passes it over.
BOOST_AUTO_TEST_CASE(a_restore_under_way_wins_over_a_purge) {
    const SealedFile file = put_delivered(1, {1});
    expunge(1);
    auto restoring = open("postgres");
    auto begun = restoring->begin();
    BOOST_REQUIRE(begun);
    std::optional<base::Tx> tx(std::move(begun).take_value());
    BOOST_REQUIRE(tx->query("SELECT catalog.restore_message($1::uuid, NULL, NULL)", {id(1)}));
    BOOST_TEST(purge_retained(admin(), 10).value().rows == 0U);
    BOOST_REQUIRE(tx->commit());
    BOOST_TEST(purge_retained(admin(), 10).value().rows == 0U);
    BOOST_TEST(live_frames(admin(), file.id, 0, 10).value().size() == 1U);
    BOOST_TEST(in_inbox(ann) == "1");
}

// A message in two mailboxes is expunged from one while it is copied from the other.
BOOST_AUTO_TEST_CASE(a_copy_under_way_keeps_its_message_alive) {
    const SealedFile file = put_delivered(1, {1});
    create("Work");
    create("Third");
    copy(1, "Work", false);
    sql("SELECT catalog.expunge($1, ARRAY[1], ARRAY[1], false)", {inbox(ann)});
    auto copying = open("postgres");
    auto begun = copying->begin();
    BOOST_REQUIRE(begun);
    std::optional<base::Tx> tx(std::move(begun).take_value());
    BOOST_REQUIRE(tx->query("SELECT catalog.copy_messages($1, ARRAY[1], ARRAY[1], $2, true)",
                            {box("Work"), box("Third")}));
    const Purged purged = purge_retained(admin(), 10).value();
    BOOST_TEST(purged.rows == 1U);
    BOOST_TEST(purged.messages == 0U);
    BOOST_TEST(live_frames(admin(), file.id, 0, 10).value().size() == 1U);
    BOOST_REQUIRE(tx->commit());
    BOOST_TEST(live_frames(admin(), file.id, 0, 10).value().size() == 1U);
    check_counts("Third");
}

BOOST_AUTO_TEST_CASE(nothing_is_claimed_while_the_catalog_is_behind) {
    const SealedFile file = put_delivered(1, {1});
    expunge(1);
    purge();
    sql("CREATE OR REPLACE FUNCTION catalog.may_remove_files() RETURNS boolean LANGUAGE sql STABLE "
        "RETURN false");
    const bool claimed =
        !claim_compaction(admin(), "t", 10, std::chrono::seconds(60)).value().empty();
    sql("UPDATE catalog.segment SET superseded_at = now() - interval '1 hour'");
    const bool removing =
        !claim_removal(admin(), "t", 10, std::chrono::seconds(60)).value().empty();
    const bool live = begin_removal(admin(), file.id, 10).value() == RemovalStep::Live;
    sql("CREATE OR REPLACE FUNCTION catalog.may_remove_files() RETURNS boolean LANGUAGE sql STABLE "
        "SET search_path = pg_catalog RETURN true");
    BOOST_TEST(!claimed);
    BOOST_TEST(!removing);
    BOOST_TEST(live);
    BOOST_TEST(claim_removal(admin(), "t", 10, std::chrono::seconds(60)).value().size() == 1U);
}

BOOST_AUTO_TEST_CASE(claims_go_by_share_and_by_request) {
    const SealedFile file = put_delivered(1, {1, 2, 3});
    expunge(1);
    purge();
    const auto claim = [&](const std::string& who) {
        return claim_compaction(admin(), who, 10, std::chrono::seconds(60)).value().size();
    };
    BOOST_TEST(claim("t1") == 0U);  // a third of it
    BOOST_TEST(open("roundtable_operator")
                   ->query("SELECT segments FROM catalog.request_compaction()")
                   .value()[0]
                   .int64(0) == 1);
    BOOST_TEST(claim("t1") == 1U);
    BOOST_TEST(claim("t2") == 0U);
    // A tracker that failed puts it off; an operator's request ends that.
    BOOST_REQUIRE(put_off_upkeep(admin(), file.id, "t1", std::chrono::seconds(600)));
    BOOST_TEST(claim("t2") == 0U);
    sql("SELECT catalog.request_compaction()");
    BOOST_TEST(claim("t2") == 1U);
    sql("SELECT catalog.request_compaction()");
    BOOST_TEST(claim("t1") == 0U);  // t2 is at it
    BOOST_REQUIRE(release_upkeep(admin(), "t2"));
    BOOST_TEST(claim("t1") == 1U);
}

BOOST_AUTO_TEST_CASE(delivery_rows_go_a_week_after_the_last_file) {
    const SealedFile file = put_delivered(1, {1});
    expunge(1);
    purge();
    sql("UPDATE catalog.segment SET superseded_at = now() - interval '1 hour'");
    BOOST_CHECK(begin_removal(admin(), file.id, 10).value() == RemovalStep::Clear);
    const std::vector<StorageServerId> two{store_id(1), store_id(2)};
    BOOST_TEST(!finish_removal(admin(), file.id, two).value());
    const std::vector<StorageServerId> all{store_id(1), store_id(2), store_id(3)};
    BOOST_TEST(finish_removal(admin(), file.id, all).value());
    BOOST_TEST(value("SELECT count(*) FROM catalog.message") == "0");
    BOOST_TEST(purge_forgotten(admin(), 10).value() == 0U);
    sql("UPDATE catalog.forgotten SET forgotten_at = now() - interval '8 days', "
        "received_at = now() - interval '20 days'");
    // A segment of that time is not catalogued: a second frame of the message may be in it.
    const SealedFile other = put_sealed(2, {2});
    sql("UPDATE catalog.segment SET opened_at = now() - interval '20 days'");
    BOOST_TEST(purge_forgotten(admin(), 10).value() == 0U);
    BOOST_TEST(value("SELECT count(*) FROM catalog.delivery") == "1");
    set_catalogued(other);
    BOOST_TEST(purge_forgotten(admin(), 10).value() == 1U);
    BOOST_TEST(value("SELECT count(*) FROM catalog.delivery") == "0");
}

BOOST_AUTO_TEST_CASE(roles_have_what_they_need_and_no_more) {
    for (const auto& [role, text] : std::vector<std::pair<std::string, std::string>>{
             {"roundtable_accessd", "SELECT catalog.take_out(1, '{}', '{}', false, false)"},
             {"roundtable_accessd", "SELECT catalog.restore_message(gen_random_uuid(), 1, NULL)"},
             {"roundtable_operator", "SELECT catalog.purge_retained(1)"},
             {"roundtable_operator", "DELETE FROM catalog.retained"},
             {"roundtable_trackerd", "DELETE FROM catalog.message"},
             {"roundtable_report", "SELECT catalog.request_compaction()"}}) {
        const auto connection = open(role);
        const auto rows = connection->query(text);
        BOOST_TEST(!rows, role + ": " + text);
        BOOST_TEST(why(rows).find("denied") != std::string::npos, why(rows));
    }
    put_delivered(1, {1});
    expunge(1);
    BOOST_TEST(open("roundtable_report")
                   ->query("SELECT login FROM report.removed_message")
                   .value()[0]
                   .string(0) == "ann@example.test");
}

BOOST_AUTO_TEST_SUITE_END()
