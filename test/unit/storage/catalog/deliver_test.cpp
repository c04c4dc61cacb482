#include <boost/test/unit_test.hpp>

#include "storage/catalog/catalog.h"
#include "test/unit/storage/catalog/deliver_fixture.h"

using storage::Acknowledged;
using storage::DeliveryOutcome;
using test_support::DeliverFixture;
using test_support::kFirstFrame;
using test_support::kFrame;

BOOST_FIXTURE_TEST_SUITE(deliver_test, DeliverFixture)

BOOST_AUTO_TEST_CASE(places_each_recipient_in_a_new_inbox) {
    const auto report = deliver(batch({message(0, {to(ann), to(bob)}), message(1, {to(ann)})}));
    BOOST_REQUIRE(report.deliveries.size() == 2U);
    BOOST_REQUIRE(report.deliveries[0].size() == 2U);
    BOOST_CHECK(report.deliveries[0][0].outcome == DeliveryOutcome::Delivered);
    BOOST_TEST(report.deliveries[0][0].uid == 1U);
    BOOST_TEST(report.deliveries[0][1].uid == 1U);
    BOOST_TEST(report.deliveries[1][0].uid == 2U);
    BOOST_CHECK(report.deliveries[0][0].mailbox != report.deliveries[0][1].mailbox);
    BOOST_TEST(report.deliveries[0][0].uid_validity != 0U);
    BOOST_TEST(report.commit_sequence > 0);
    BOOST_TEST(inbox(ann, "uid_next") == "3");
    BOOST_TEST(inbox(ann, "messages") == "2");
    BOOST_TEST(inbox(ann, "unseen") == "2");
    BOOST_TEST(inbox(ann, "bytes") == "1400");
    BOOST_TEST(value("SELECT internal_date = '2026-11-18T11:06:40.123456Z' "
                     "FROM catalog.mailbox_message LIMIT 1") == "t");
}

BOOST_AUTO_TEST_CASE(a_second_delivery_changes_nothing) {
    const auto once = batch({message(0, {to(ann), to(bob)})});
    const auto first = deliver(once);
    const std::string modseq = inbox(ann, "highest_modseq");
    const auto second = deliver(once);
    BOOST_CHECK(second.deliveries[0][0].outcome == DeliveryOutcome::Already);
    BOOST_CHECK(second.deliveries[0][0].mailbox == first.deliveries[0][0].mailbox);
    BOOST_TEST(second.deliveries[0][0].uid == first.deliveries[0][0].uid);
    BOOST_TEST(second.deliveries[0][0].uid_validity == first.deliveries[0][0].uid_validity);
    BOOST_TEST(inbox(ann, "uid_next") == "2");
    BOOST_TEST(inbox(ann, "highest_modseq") == modseq);
    BOOST_TEST(value("SELECT count(*) FROM catalog.mailbox_message") == "2");
}

BOOST_AUTO_TEST_CASE(a_repeat_with_one_more_recipient_delivers_only_that_one) {
    auto some = batch({message(0, {to(ann)})});
    deliver(some);
    some.deliveries[0].recipients.push_back(to(bob));
    const auto report = deliver(some);
    BOOST_CHECK(report.deliveries[0][0].outcome == DeliveryOutcome::Already);
    BOOST_CHECK(report.deliveries[0][1].outcome == DeliveryOutcome::Delivered);
    BOOST_TEST(inbox(ann, "messages") == "1");
}

BOOST_AUTO_TEST_CASE(two_addresses_of_an_account_get_one_copy) {
    sql("INSERT INTO directory.address (domain_id, local_part, account_id) "
        "SELECT domain_id, 'alias', id FROM directory.account WHERE id = $1",
        {ann});
    const auto report = deliver(
        batch({message(0, {to(0, "Ann@Example.test"), to(ann), to(0, "alias@example.test")})}));
    for (const auto& placed : report.deliveries[0]) {
        BOOST_CHECK(placed.outcome == DeliveryOutcome::Delivered);
        BOOST_TEST(placed.uid == 1U);
    }
    BOOST_TEST(inbox(ann, "messages") == "1");
}

BOOST_AUTO_TEST_CASE(a_vanished_account_refuses_its_message_and_no_other) {
    const auto report = deliver(
        batch({message(0, {to(ann)}), message(1, {to(ann), to(999)}), message(2, {to(bob)})}));
    BOOST_CHECK(report.deliveries[0][0].outcome == DeliveryOutcome::Delivered);
    BOOST_CHECK(report.deliveries[1][0].outcome == DeliveryOutcome::Refused);
    BOOST_TEST(report.deliveries[1][0].reason.empty());
    BOOST_CHECK(report.deliveries[1][1].outcome == DeliveryOutcome::Refused);
    BOOST_TEST(report.deliveries[1][1].reason == "no_account");
    BOOST_CHECK(report.deliveries[2][0].outcome == DeliveryOutcome::Delivered);
    BOOST_TEST(value("SELECT count(*) FROM catalog.message") == "2");
    BOOST_TEST(value("SELECT count(*) FROM directory.event") == "0");
}

BOOST_AUTO_TEST_CASE(the_mark_stops_before_a_refused_frame) {
    deliver(batch({message(0, {to(ann)}), message(1, {to(999)}), message(2, {to(ann)})}));
    BOOST_TEST(catalogued_to() == static_cast<std::int64_t>(kFirstFrame + kFrame));
}

BOOST_AUTO_TEST_CASE(over_quota_is_refused_before_250_and_stored_after_it) {
    sql("UPDATE directory.account SET quota_bytes = 1000 WHERE id = $1", {ann});
    deliver(batch({message(0, {to(ann)})}));
    auto second = message(1, {to(ann)});
    const auto refused = deliver(batch({second}));
    BOOST_CHECK(refused.deliveries[0][0].outcome == DeliveryOutcome::Refused);
    BOOST_TEST(refused.deliveries[0][0].reason == "over_quota");
    second.acknowledged = Acknowledged::Yes;
    const auto stored = deliver(batch({second}));
    BOOST_CHECK(stored.deliveries[0][0].outcome == DeliveryOutcome::Delivered);
    BOOST_TEST(inbox(ann, "bytes") == "1400");
}

BOOST_AUTO_TEST_CASE(messages_of_one_call_count_against_one_another) {
    sql("UPDATE directory.account SET quota_bytes = 1500 WHERE id = $1", {ann});
    const auto report = deliver(batch({message(0, {to(ann)}),
                                       message(1, {to(ann), to(ann, "y@example.test")}),
                                       message(2, {to(ann)}),
                                       message(3, {to(bob)})}));
    BOOST_CHECK(report.deliveries[0][0].outcome == DeliveryOutcome::Delivered);
    BOOST_CHECK(report.deliveries[1][0].outcome == DeliveryOutcome::Delivered);
    BOOST_CHECK(report.deliveries[2][0].outcome == DeliveryOutcome::Refused);
    BOOST_TEST(report.deliveries[2][0].reason == "over_quota");
    BOOST_CHECK(report.deliveries[3][0].outcome == DeliveryOutcome::Delivered);
    BOOST_TEST(inbox(ann, "bytes") == "1400");
}

BOOST_AUTO_TEST_CASE(a_message_that_is_refused_uses_up_nobodys_quota) {
    sql("UPDATE directory.account SET quota_bytes = 1000 WHERE id = $1", {ann});
    sql("UPDATE directory.account SET quota_bytes = 100 WHERE id = $1", {bob});
    const auto report = deliver(batch({message(0, {to(ann), to(bob)}), message(1, {to(ann)})}));
    BOOST_CHECK(report.deliveries[0][0].outcome == DeliveryOutcome::Refused);
    BOOST_TEST(report.deliveries[0][1].reason == "over_quota");
    BOOST_CHECK(report.deliveries[1][0].outcome == DeliveryOutcome::Delivered);
    BOOST_TEST(inbox(ann, "bytes") == "700");
}

BOOST_AUTO_TEST_CASE(an_append_goes_to_its_mailbox_with_flags_and_keywords) {
    value("SELECT catalog.create_mailbox($1, 'Archive/2026', NULL)", {ann});
    auto append = message(0, {to(ann, "")});
    append.recipients[0].mailbox = "Archive/2026";
    append.recipients[0].flags = mail::Flags::Seen | mail::Flags::Deleted;
    append.recipients[0].keywords = {"$Junk", "work"};
    const auto report = deliver(batch({append}));
    BOOST_CHECK(report.deliveries[0][0].outcome == DeliveryOutcome::Delivered);
    BOOST_TEST(value("SELECT name FROM catalog.mailbox WHERE id = $1",
                     {storage::number(report.deliveries[0][0].mailbox)}) == "Archive/2026");
    BOOST_TEST(value("SELECT flags || ' ' || keywords::text FROM catalog.mailbox_message") ==
               "9 {$Junk,work}");
    BOOST_TEST(value("SELECT messages || ' ' || unseen || ' ' || deleted FROM catalog.mailbox "
                     "WHERE name = 'Archive/2026'") == "1 0 1");
}

BOOST_AUTO_TEST_CASE(a_missing_mailbox_refuses_an_append_but_not_acknowledged_mail) {
    auto append = message(0, {to(ann, "")});
    append.recipients[0].mailbox = "gone";
    const auto refused = deliver(batch({append}));
    BOOST_CHECK(refused.deliveries[0][0].outcome == DeliveryOutcome::Refused);
    BOOST_TEST(refused.deliveries[0][0].reason == "no_mailbox");
    append.acknowledged = Acknowledged::Yes;
    deliver(batch({append}));
    BOOST_TEST(inbox(ann, "messages") == "1");
}

BOOST_AUTO_TEST_CASE(acknowledged_mail_for_a_vanished_account_is_a_dead_letter) {
    auto late = message(0, {to(999, "old@Example.test"), to(0, "never@example.test"), to(ann)});
    late.acknowledged = Acknowledged::Yes;
    const auto first = deliver(batch({late}));
    BOOST_CHECK(first.deliveries[0][0].outcome == DeliveryOutcome::DeadLetter);
    BOOST_CHECK(first.deliveries[0][1].outcome == DeliveryOutcome::DeadLetter);
    BOOST_CHECK(first.deliveries[0][2].outcome == DeliveryOutcome::Delivered);
    BOOST_TEST(value("SELECT dead_letter_of || ' ' || messages FROM catalog.mailbox "
                     "WHERE account_id IS NULL") == "example.test 2");
    BOOST_TEST(value("SELECT count(*) FROM directory.event WHERE kind = 'dead_letter'") == "2");
    deliver(batch({late}));
    BOOST_TEST(value("SELECT messages FROM catalog.mailbox WHERE account_id IS NULL") == "2");
    BOOST_TEST(value("SELECT count(*) FROM directory.event") == "2");
}

BOOST_AUTO_TEST_CASE(a_delivery_outlives_the_account_that_got_it) {
    auto once = message(0, {to(ann)});
    deliver(batch({once}));
    sql("DELETE FROM directory.account WHERE id = $1", {ann});
    BOOST_TEST(value("SELECT count(*) FROM catalog.mailbox_message") == "0");
    once.acknowledged = Acknowledged::Yes;
    const auto again = deliver(batch({once}));
    BOOST_CHECK(again.deliveries[0][0].outcome == DeliveryOutcome::Already);
    BOOST_TEST(value("SELECT count(*) FROM directory.event") == "0");
}

BOOST_AUTO_TEST_CASE(an_aborted_message_is_never_delivered) {
    auto refused = message(0, {to(999)});
    deliver(batch({refused}));
    storage::DeliveryBatch abort;
    abort.committer = "mail a";
    abort.aborted = {refused.id};
    abort.covered = {{segment.id, kFirstFrame, kFirstFrame + 2 * kFrame}};
    deliver(abort);
    BOOST_TEST(catalogued_to() == static_cast<std::int64_t>(kFirstFrame + 2 * kFrame));
    refused.acknowledged = Acknowledged::Yes;
    const auto again = deliver(batch({refused}));
    BOOST_CHECK(again.deliveries[0][0].outcome == DeliveryOutcome::Aborted);
    BOOST_TEST(value("SELECT count(*) FROM catalog.message") == "0");
    BOOST_TEST(value("SELECT count(*) FROM catalog.mailbox WHERE account_id IS NULL") == "0");
}

BOOST_AUTO_TEST_CASE(the_mark_moves_only_over_what_is_contiguous) {
    deliver(batch({message(0, {to(ann)})}));
    BOOST_TEST(catalogued_to() == static_cast<std::int64_t>(kFirstFrame + kFrame));
    deliver(batch({message(2, {to(ann)})}));  // frame 1 is missing
    BOOST_TEST(catalogued_to() == static_cast<std::int64_t>(kFirstFrame + kFrame));
    deliver(batch({message(1, {to(ann)}), message(2, {to(ann)})}));
    BOOST_TEST(catalogued_to() == static_cast<std::int64_t>(kFirstFrame + 3 * kFrame));
    deliver(batch({message(0, {to(ann)})}));  // never back
    BOOST_TEST(catalogued_to() == static_cast<std::int64_t>(kFirstFrame + 3 * kFrame));
}

BOOST_AUTO_TEST_CASE(an_unknown_segment_is_an_error_and_nothing_is_delivered) {
    auto unknown = batch({message(0, {to(ann)})});
    unknown.segments.clear();
    const auto report = storage::deliver(admin(), unknown);
    BOOST_REQUIRE(!report);
    BOOST_TEST(report.error().detail.find("RT001") != std::string::npos);
    BOOST_TEST(value("SELECT count(*) FROM catalog.delivery") == "0");
}

BOOST_AUTO_TEST_CASE(a_batch_may_hold_nothing_but_notes) {
    storage::DeliveryBatch notes;
    notes.committer = "mail a";
    notes.segments = {segment};
    deliver(notes);
    BOOST_TEST(value("SELECT count(*) FROM catalog.segment_replica") == "2");
}

BOOST_AUTO_TEST_CASE(text_that_looks_like_syntax_stays_text) {
    auto odd = message(0, {to(0, R"("a,b\"{}\\ c"@example.test)")});
    odd.sender = R"("o'brien",{}\"\\@x.test)";
    odd.acknowledged = Acknowledged::Yes;
    deliver(batch({odd}));
    BOOST_TEST(value("SELECT sender FROM catalog.message") == odd.sender);
    BOOST_TEST(value("SELECT recipient FROM catalog.delivery") == odd.recipients[0].address);
}

BOOST_AUTO_TEST_CASE(a_primary_that_lacks_a_commit_jumps_before_it_allots) {
    const auto first = deliver(batch({message(0, {to(ann)})}));
    auto next = batch({message(1, {to(ann)})});
    next.seen = first.commit_sequence + 1;  // what a lost commit had told us
    const auto report = deliver(next);
    BOOST_TEST(report.jumped);
    BOOST_TEST(report.commit_sequence > next.seen);
    BOOST_TEST(report.deliveries[0][0].uid == 2U + 65'536U);
    BOOST_TEST(inbox(ann, "highest_modseq > 4294967296") == "true");
    BOOST_TEST(value("SELECT severity FROM directory.event WHERE kind = 'uid_jump'") == "alarm");
    // Once is enough.
    next.seen = report.commit_sequence;
    next.deliveries = {message(2, {to(ann)})};
    BOOST_TEST(deliver(next).deliveries[0][0].uid == 3U + 65'536U);
}

BOOST_AUTO_TEST_CASE(a_promoted_primary_jumps_once_for_all_committers) {
    deliver(batch({message(0, {to(ann)})}));
    sql("UPDATE catalog.lineage SET timeline = '00000000'");  // as a promotion looks from here
    BOOST_TEST(deliver(batch({message(1, {to(ann)})})).deliveries[0][0].uid == 65'538U);
    auto other = batch({message(2, {to(ann)})});
    other.committer = "mail b";
    const auto report = deliver(other);
    BOOST_TEST(!report.jumped);
    BOOST_TEST(report.deliveries[0][0].uid == 65'539U);
}

BOOST_AUTO_TEST_CASE(one_jump_covers_what_several_committers_lost) {
    const auto first = deliver(batch({message(0, {to(ann)})}));
    auto next = batch({message(1, {to(ann)})});
    next.seen = first.commit_sequence + 50;
    BOOST_TEST(deliver(next).deliveries[0][0].uid == 2U + 65'536U);
    auto other = batch({message(2, {to(ann)})});
    other.committer = "mail b";
    other.seen = first.commit_sequence + 70;  // lost by the same primary
    const auto report = deliver(other);
    BOOST_TEST(report.deliveries[0][0].uid == 3U + 65'536U);
    BOOST_TEST(value("SELECT jumps FROM catalog.lineage") == "1");
    // What is lost after that jump is another loss.
    other.seen = report.commit_sequence + 1;
    other.deliveries = {message(3, {to(ann)})};
    BOOST_TEST(deliver(other).deliveries[0][0].uid == 4U + 2U * 65'536U);
}

BOOST_AUTO_TEST_CASE(a_mailbox_without_room_for_the_jump_gets_a_new_uidvalidity) {
    const auto before = deliver(batch({message(0, {to(ann)}), message(1, {to(ann)})}));
    sql("UPDATE catalog.mailbox_message SET uid = 4294967000 + uid");
    sql("UPDATE catalog.mailbox SET uid_next = 4294967003");
    sql("UPDATE catalog.lineage SET timeline = '00000000'");
    const auto after = deliver(batch({message(2, {to(ann)})}));
    BOOST_TEST(after.deliveries[0][0].uid == 3U);
    BOOST_TEST(after.deliveries[0][0].uid_validity != before.deliveries[0][0].uid_validity);
    BOOST_TEST(
        value("SELECT string_agg(uid::text, ' ' ORDER BY uid) FROM catalog.mailbox_message") ==
        "1 2 3");
}

BOOST_AUTO_TEST_SUITE_END()
