#include <string>

#include <boost/test/unit_test.hpp>

#include "storage/catalog/catalog.h"
#include "storage/catalog/compaction.h"
#include "test/unit/storage/catalog/deliver_fixture.h"

using storage::Acknowledged;
using storage::DeliveryOutcome;
using test_support::DeliverFixture;
using test_support::why;

namespace {

struct QuarantineFixture : DeliverFixture {
    static mail::Recipient held(std::int64_t account, const std::string& address) {
        mail::Recipient recipient = to(account, address);
        recipient.mailbox = "/quarantine";
        return recipient;
    }

    std::string release(const storage::Delivery& delivery, const std::string& domain = "NULL") {
        return value(
            "SELECT coalesce(string_agg(recipient || ' ' || mailbox || ' ' || uid, ', ' "
            "ORDER BY recipient), '') FROM catalog.release_quarantined($1, " +
                domain + ", 'eve')",
            {base::Uuid(delivery.id.bytes())});
    }

    // The state of release_quarantined() or delete_quarantined() of a message that is not held.
    std::string error_of(const std::string& call, const storage::Delivery& delivery) {
        const auto rows =
            admin().query("SELECT * FROM catalog." + call, {base::Uuid(delivery.id.bytes())});
        return rows ? "" : rows.error().detail.substr(0, 200);
    }

    std::string in_quarantine() {
        return value(
            "SELECT coalesce(string_agg(domain || ':' || array_to_string(recipients, '+'), ' ' "
            "ORDER BY domain), '') FROM report.quarantine");
    }

    std::string state_of(const storage::Delivery& delivery) {
        return value("SELECT quarantine FROM report.scan WHERE message_id = $1",
                     {base::Uuid(delivery.id.bytes())});
    }

    storage::Delivery infected(std::uint64_t n, std::vector<mail::Recipient> recipients) {
        storage::Delivery delivery = message(n, std::move(recipients));
        BOOST_REQUIRE(delivery.attributes.set("verdict", "infected"));
        BOOST_REQUIRE(delivery.attributes.set("signature", "Some.Name"));
        return delivery;
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(quarantine_test, QuarantineFixture)

BOOST_AUTO_TEST_CASE(holds_a_message_once_for_its_domain_and_shows_it_to_nobody) {
    const auto once = infected(
        0, {held(ann, "ann@example.test"), held(bob, "Bob@Example.test"), to(bob, "b@other.test")});
    const auto report = deliver(batch({once}));
    BOOST_CHECK(report.deliveries[0][0].outcome == DeliveryOutcome::Delivered);
    BOOST_TEST(in_quarantine() == "example.test:Bob@Example.test+ann@example.test");
    BOOST_TEST(state_of(once) == "held");
    BOOST_TEST(value("SELECT signature FROM report.quarantine") == "Some.Name");
    BOOST_TEST(inbox(ann, "messages") == "0");
    BOOST_TEST(inbox(bob, "messages") == "1");
    BOOST_TEST(value("SELECT count(*) FROM report.delivery WHERE dead_letter") == "0");
    BOOST_TEST(value("SELECT count(*) FROM directory.event WHERE kind = 'dead_letter'") == "0");
    // Again, by a retry, or acknowledged, by a tracker: nothing more.
    deliver(batch({once}));
    auto late = once;
    late.acknowledged = Acknowledged::Yes;
    deliver(batch({late}));
    BOOST_TEST(value("SELECT count(*) FROM catalog.mailbox_message") == "2");
}

BOOST_AUTO_TEST_CASE(neither_quota_nor_a_vanished_account_refuses_it) {
    sql("UPDATE directory.account SET quota_bytes = 1 WHERE id = $1", {ann});
    deliver(batch({infected(0, {held(ann, "ann@example.test"), held(999, "old@example.test")})}));
    BOOST_TEST(in_quarantine() == "example.test:ann@example.test+old@example.test");
}

BOOST_AUTO_TEST_CASE(an_append_to_that_name_is_no_quarantine) {
    auto append = message(0, {held(ann, "")});
    const auto report = deliver(batch({append}));
    BOOST_CHECK(report.deliveries[0][0].outcome == DeliveryOutcome::Refused);
    BOOST_TEST(value("SELECT count(*) FROM catalog.mailbox WHERE account_id IS NULL") == "0");
}

BOOST_AUTO_TEST_CASE(a_release_delivers_once_with_new_uids_and_the_old_date) {
    deliver(batch({message(0, {to(ann)})}));
    const auto once = infected(1,
                               {held(ann, "ann@example.test"),
                                held(ann, "a@example.test"),
                                held(bob, "bob@example.test"),
                                held(999, "old@example.test")});
    deliver(batch({once}));
    BOOST_TEST(release(once) ==
               "a@example.test INBOX 2, bob@example.test INBOX 1, old@example.test Dead letters 1");
    BOOST_TEST(in_quarantine() == "");
    BOOST_TEST(state_of(once) == "released");
    BOOST_TEST(inbox(ann, "messages || ' ' || unseen || ' ' || bytes || ' ' || uid_next") ==
               "2 2 1400 3");
    BOOST_TEST(value("SELECT count(DISTINCT internal_date) FROM catalog.mailbox_message") == "1");
    BOOST_TEST(value("SELECT detail ->> 'author' FROM directory.event "
                     "WHERE kind = 'quarantine_released'") == "eve");
    BOOST_TEST(error_of("release_quarantined($1, NULL, 'eve')", once).find("RT004") !=
               std::string::npos);
    // The frame is read again, by a tracker or a rebuild: it stays released.
    auto late = once;
    late.acknowledged = Acknowledged::Yes;
    deliver(batch({late}));
    BOOST_TEST(in_quarantine() == "");
    BOOST_TEST(inbox(ann, "messages") == "2");
    BOOST_TEST(inbox(bob, "messages") == "1");
    // Nobody restores it from the quarantine.
    BOOST_TEST(value("SELECT count(*) FROM catalog.retained") == "0");
}

BOOST_AUTO_TEST_CASE(what_is_for_nobody_that_is_known_stays) {
    const auto once = infected(0, {held(ann, "ann@example.test"), held(bob, "bob@other.test")});
    deliver(batch({once}));
    sql("DELETE FROM catalog.quarantined WHERE domain = 'other.test'");
    for (const std::string domain : {"NULL", "'other.test'"}) {
        BOOST_TEST(error_of("release_quarantined($1, " + domain + ", 'eve')", once)
                       .find("not known for whom") != std::string::npos);
    }
    BOOST_TEST(value("SELECT count(*) FROM report.quarantine") == "2");
    BOOST_TEST(value("SELECT count(*) FROM directory.event WHERE kind = 'quarantine_released'") ==
               "0");
    BOOST_TEST(release(once, "'example.test'") == "ann@example.test INBOX 1");
}

BOOST_AUTO_TEST_CASE(a_release_of_one_domain_leaves_the_others) {
    const auto once = infected(0, {held(ann, "ann@example.test"), held(bob, "bob@other.test")});
    deliver(batch({once}));
    BOOST_TEST(in_quarantine() == "example.test:ann@example.test other.test:bob@other.test");
    BOOST_TEST(release(once, "'Example.test'") == "ann@example.test INBOX 1");
    BOOST_TEST(in_quarantine() == "other.test:bob@other.test");
    BOOST_TEST(state_of(once) == "held");
    BOOST_TEST(release(once) == "bob@other.test INBOX 1");
}

BOOST_AUTO_TEST_CASE(a_deleted_one_is_gone_for_good) {
    const auto once = infected(0, {held(ann, "ann@example.test")});
    deliver(batch({once}));
    BOOST_TEST(error_of("delete_quarantined($1, NULL, 'eve')", once) == "");
    BOOST_TEST(in_quarantine() == "");
    BOOST_TEST(state_of(once) == "removed");
    BOOST_TEST(value("SELECT count(*) FROM catalog.retained") == "0");
    BOOST_TEST(value("SELECT count(*) FROM directory.event WHERE kind = 'quarantine_deleted'") ==
               "1");
    auto late = once;
    late.acknowledged = Acknowledged::Yes;
    deliver(batch({late}));
    BOOST_TEST(in_quarantine() == "");
    BOOST_TEST(error_of("delete_quarantined($1, NULL, 'eve')", once).find("RT004") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_old_enough_is_removed_and_its_octets_are_dead) {
    const auto old = infected(0, {held(ann, "ann@example.test")});
    const auto fresh = infected(1, {held(bob, "bob@example.test")});
    deliver(batch({old, fresh}));
    sql("UPDATE catalog.mailbox_message SET internal_date = now() - interval '31 days' "
        "WHERE message_id = $1",
        {base::Uuid(old.id.bytes())});
    sql("UPDATE catalog.mailbox_message SET internal_date = now() - interval '29 days' "
        "WHERE message_id = $1",
        {base::Uuid(fresh.id.bytes())});
    sql("UPDATE catalog.segment SET state = 'sealed', length = 3000, catalogued_to = 3000, "
        "surveyed_at = now()");
    BOOST_TEST(storage::purge_quarantine(admin(), 10).value() == 1U);
    BOOST_TEST(in_quarantine() == "example.test:bob@example.test");
    BOOST_TEST(value("SELECT surveyed_at IS NULL FROM catalog.segment") == "t");
    BOOST_TEST(storage::purge_quarantine(admin(), 10).value() == 0U);
    sql("UPDATE directory.cluster SET quarantine_retention = '0'");
    BOOST_TEST(storage::purge_quarantine(admin(), 10).value() == 1U);
    BOOST_TEST(in_quarantine() == "");
}

BOOST_AUTO_TEST_CASE(forgets_for_whom_a_message_was_that_is_gone) {
    const auto once = infected(0, {held(ann, "ann@example.test")});
    deliver(batch({once}));
    BOOST_TEST(storage::purge_quarantine(admin(), 10).value() == 0U);
    BOOST_TEST(value("SELECT count(*) FROM catalog.quarantined") == "1");
    sql("DELETE FROM catalog.message");
    BOOST_TEST(storage::purge_quarantine(admin(), 10).value() == 0U);
    BOOST_TEST(value("SELECT count(*) FROM catalog.quarantined") == "0");
}

BOOST_AUTO_TEST_CASE(each_role_may_do_its_own) {
    for (const char* role : {"roundtable_mtad", "roundtable_accessd", "roundtable_report"}) {
        const auto connection = open(role);
        BOOST_TEST(!connection->query("SELECT catalog.delete_quarantined($1, NULL, 'x')",
                                      {base::Uuid::time_ordered()}),
                   role);
        BOOST_TEST(!connection->query("SELECT catalog.purge_quarantine(1)"), role);
    }
    BOOST_TEST(why(open("roundtable_trackerd")->query("SELECT catalog.purge_quarantine(1)")) == "");
    for (const char* role : {"roundtable_report", "roundtable_operator"}) {
        const auto connection = open(role);
        for (const char* view : {"quarantine", "scan", "scans_by_day"}) {
            BOOST_TEST(why(connection->query("SELECT count(*) FROM report." + std::string(view))) ==
                       "");
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
