// Delivery by kind and by key: the parts of the delivery statement that 0016_kinds.sql adds.

#include <atomic>
#include <barrier>
#include <thread>

#include <boost/test/unit_test.hpp>

#include "storage/catalog/catalog.h"
#include "storage/catalog/compaction.h"
#include "test/unit/storage/catalog/deliver_fixture.h"

using storage::Acknowledged;
using storage::Delivery;
using storage::DeliveryOutcome;
using test_support::DeliverFixture;
using test_support::kFirstFrame;
using test_support::kFrame;

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

Delivery with(Delivery delivery, mail::Kind kind, const Pairs& attributes) {
    delivery.kind = kind;
    for (const auto& [name, value] : attributes) {
        BOOST_REQUIRE(delivery.attributes.set(name, value));
    }
    return delivery;
}

Delivery keyed(Delivery delivery, const std::string& key, Acknowledged acknowledged) {
    delivery.acknowledged = acknowledged;
    return with(std::move(delivery), mail::Kind::Fax, {{"key", key}});
}

class KindsFixture : public DeliverFixture {
  public:
    std::string shown(const std::string& where = "true") {
        return value("SELECT count(*) FROM catalog.mailbox_message WHERE " + where);
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(deliver_kinds, KindsFixture)

BOOST_AUTO_TEST_CASE(attributes_become_columns) {
    const auto fax = with(message(0, {to(ann)}),
                          mail::Kind::Fax,
                          {{"called", "+49 30 1"},
                           {"caller", "\"; DROP"},
                           {"subaddress", "17"},
                           {"sender-id", "ACME"},
                           {"pages", "3"},
                           {"damaged-pages", "1"},
                           {"duration", "61"},
                           {"device", "ttyACM0"},
                           {"verdict", "infected"},
                           {"signature", "Eicar"},
                           {"scanner", "clamd"}});
    const auto voicemail = with(message(1, {to(bob)}),
                                mail::Kind::Voicemail,
                                {{"called", "12"},
                                 {"caller", "34"},
                                 {"caller-name", "J\xc3\xbcrgen"},
                                 {"duration", "9"},
                                 {"urgent", "1"}});
    deliver(batch({fax, voicemail, message(2, {to(ann)})}));
    BOOST_TEST(value("SELECT concat_ws('|', caller, called, subaddress, sender_id, pages, "
                     "damaged_pages, duration_s, device, recipients) FROM report.fax") ==
               "\"; DROP|+49 30 1|17|ACME|3|1|61|ttyACM0|x@example.test");
    BOOST_TEST(value("SELECT concat_ws('|', caller, caller_name, called, duration_s, urgent) "
                     "FROM report.voicemail") == "34|J\xc3\xbcrgen|12|9|t");
    BOOST_TEST(value("SELECT concat_ws('|', message_id = $1, verdict, signature, scanner) "
                     "FROM catalog.scan",
                     {base::Uuid(fax.id.bytes())}) == "t|infected|Eicar|clamd");
    BOOST_TEST(value("SELECT string_agg(concat_ws(' ', kind, login, messages, octets), ', ' "
                     "ORDER BY kind, login) FROM report.messages_by_kind") ==
               "email ann@example.test 1 700, fax ann@example.test 1 700, "
               "voicemail bob@example.test 1 700");
}

BOOST_AUTO_TEST_CASE(absurd_values_are_null_and_never_an_error) {
    const auto fax = with(message(0, {to(ann)}),
                          mail::Kind::Fax,
                          {{"pages", "-1"},
                           {"damaged-pages", "999999999"},
                           {"duration", "99999999999999999999"},
                           {"called", std::string(1'000, '9')},
                           {"caller", ""},
                           {"verdict", "perhaps"}});
    auto voicemail = with(message(1, {to(ann)}), mail::Kind::Voicemail, {{"duration", "1.5"}});
    deliver(batch({fax, voicemail, with(message(2, {to(ann)}), mail::Kind::Fax, {})}));
    BOOST_TEST(value("SELECT concat_ws('|', pages, damaged_pages, duration_s, caller, "
                     "length(called)) FROM catalog.fax WHERE called IS NOT NULL") == "255");
    BOOST_TEST(value("SELECT count(*) FROM catalog.fax") == "2");
    BOOST_TEST(value("SELECT concat_ws('|', duration_s, urgent) FROM catalog.voicemail") == "f");
    BOOST_TEST(value("SELECT count(*) FROM catalog.scan WHERE verdict IS NULL") == "1");
}

BOOST_AUTO_TEST_CASE(keywords_name_the_kind_and_flags_stay) {
    auto fax = with(message(0, {to(ann), to(bob)}), mail::Kind::Fax, {});
    fax.recipients[0].flags = mail::Flags::Seen;
    fax.recipients[0].keywords = {"$fax", "x"};
    fax.recipients[1].keywords.assign(64, "k");
    for (std::size_t n = 0; n < 64; ++n) {
        fax.recipients[1].keywords[n] += std::to_string(n);
    }
    deliver(batch(
        {fax, with(message(1, {to(ann)}), mail::Kind::Voicemail, {}), message(2, {to(ann)})}));
    BOOST_TEST(value("SELECT string_agg(flags || ':' || array_to_string(keywords, ' '), ', ' "
                     "ORDER BY uid) FROM catalog.mailbox_message m JOIN catalog.mailbox b "
                     "ON b.id = m.mailbox_id WHERE b.account_id = $1",
                     {ann}) == "1:$fax x, 0:$Voicemail, 0:");
    BOOST_TEST(shown("cardinality(keywords) = 64") == "1");
}

BOOST_AUTO_TEST_CASE(a_kind_goes_to_the_folder_that_the_account_wants) {
    sql("UPDATE directory.account SET fax_folder = 'Office/Fax' WHERE id = $1", {ann});
    auto named = with(message(1, {to(ann)}), mail::Kind::Fax, {});
    named.recipients[0].mailbox = "INBOX";
    deliver(batch({with(message(0, {to(ann), to(bob)}), mail::Kind::Fax, {}),
                   named,
                   with(message(2, {to(ann)}), mail::Kind::Voicemail, {}),
                   message(3, {to(ann)})}));
    const auto where = [this](std::int64_t account) {
        return value(
            "SELECT string_agg(name || ' ' || messages, ', ' ORDER BY name) "
            "FROM catalog.mailbox WHERE account_id = $1",
            {account});
    };
    BOOST_TEST(where(ann) == "INBOX 3, Office 0, Office/Fax 1");
    BOOST_TEST(where(bob) == "INBOX 1");
    BOOST_TEST(value("SELECT name FROM catalog.subscription") == "Office/Fax");
    // Removed by the user, and made again by the next fax.
    sql("SELECT catalog.delete_mailbox($1, 'Office/Fax')", {ann});
    deliver(batch({with(message(4, {to(ann)}), mail::Kind::Fax, {})}));
    BOOST_TEST(where(ann) == "INBOX 3, Office 0, Office/Fax 1");
}

BOOST_AUTO_TEST_CASE(names_that_cannot_be_folders_are_refused) {
    for (const char* name : {"", "/x", "x/", "a//b", "inbox", "Inbox/x", "a\nb", "a*", "a%"}) {
        const auto set =
            admin().query("UPDATE directory.account SET fax_folder = $1", {std::string_view(name)});
        BOOST_TEST(!set, name);
    }
    sql("UPDATE directory.account SET fax_folder = 'INBOX/Faxe', voicemail_folder = 'INBOX'");
}

BOOST_AUTO_TEST_CASE(a_second_message_with_a_key_is_never_delivered) {
    const auto first = keyed(message(0, {to(ann)}), "k1", Acknowledged::No);
    const auto placed = deliver(batch({first})).deliveries[0][0];
    for (const Acknowledged acknowledged : {Acknowledged::No, Acknowledged::Yes}) {
        const auto second = keyed(message(1, {to(ann), to(bob)}), "k1", acknowledged);
        for (int again = 0; again < 2; ++again) {
            const auto report = deliver(batch({second}));
            for (const auto& to : report.deliveries[0]) {
                BOOST_CHECK(to.outcome == DeliveryOutcome::Already);
                BOOST_REQUIRE(to.first);
                BOOST_CHECK(*to.first == first.id);
            }
            BOOST_CHECK(report.deliveries[0][0].mailbox == placed.mailbox);
            BOOST_TEST(report.deliveries[0][0].uid == placed.uid);
        }
    }
    BOOST_TEST(shown() == "1");
    BOOST_TEST(value("SELECT count(*) FROM catalog.message") == "1");
    BOOST_TEST(value("SELECT count(*) FROM catalog.aborted") == "2");
    // The frames of both are dealt with.
    BOOST_TEST(catalogued_to() == static_cast<std::int64_t>(test_support::kFirstFrame) + 2'000);
    // A repetition of the first one is what it always was.
    const auto repeated = deliver(batch({first})).deliveries[0][0];
    BOOST_CHECK(repeated.outcome == DeliveryOutcome::Already);
    BOOST_TEST(!repeated.first);
    // An empty key is none.
    deliver(batch({keyed(message(2, {to(ann)}), "", Acknowledged::No),
                   keyed(message(3, {to(ann)}), "", Acknowledged::No)}));
    BOOST_TEST(shown() == "3");
}

BOOST_AUTO_TEST_CASE(a_refused_message_does_not_use_up_its_key) {
    sql("UPDATE directory.account SET quota_bytes = 1000 WHERE id = $1", {ann});
    deliver(batch({message(0, {to(ann)})}));
    const auto refused = deliver(batch({keyed(message(1, {to(ann)}), "k", Acknowledged::No)}));
    BOOST_CHECK(refused.deliveries[0][0].outcome == DeliveryOutcome::Refused);
    BOOST_TEST(value("SELECT count(*) FROM catalog.ingest_key") == "0");
    const auto other = deliver(batch({keyed(message(2, {to(bob)}), "k", Acknowledged::No)}));
    BOOST_CHECK(other.deliveries[0][0].outcome == DeliveryOutcome::Delivered);
}

BOOST_AUTO_TEST_CASE(of_two_in_one_call_one_is_delivered_or_told_to_try_again) {
    // Nobody knows yet whether the first one will be refused.
    auto report = deliver(batch({keyed(message(0, {to(ann)}), "a", Acknowledged::No),
                                 keyed(message(1, {to(ann)}), "a", Acknowledged::No)}));
    BOOST_CHECK(report.deliveries[0][0].outcome == DeliveryOutcome::Delivered);
    BOOST_CHECK(report.deliveries[1][0].outcome == DeliveryOutcome::Refused);
    BOOST_TEST(report.deliveries[1][0].reason == "same_key");
    // The acknowledged one wins, wherever it stands.
    const auto late = keyed(message(3, {to(ann)}), "b", Acknowledged::Yes);
    report = deliver(batch({keyed(message(2, {to(ann)}), "b", Acknowledged::No), late}));
    BOOST_CHECK(report.deliveries[0][0].outcome == DeliveryOutcome::Already);
    BOOST_CHECK(*report.deliveries[0][0].first == late.id);
    BOOST_CHECK(report.deliveries[1][0].outcome == DeliveryOutcome::Delivered);
    report = deliver(batch({keyed(message(4, {to(bob)}), "c", Acknowledged::Yes),
                            keyed(message(5, {to(bob)}), "c", Acknowledged::Yes)}));
    BOOST_CHECK(report.deliveries[0][0].outcome == DeliveryOutcome::Delivered);
    BOOST_CHECK(report.deliveries[1][0].outcome == DeliveryOutcome::Already);
    BOOST_TEST(shown() == "3");
}

// Each committer comes first with another message of the same keys, at the same moment.
BOOST_AUTO_TEST_CASE(concurrent_deliveries_of_a_key_deliver_one) {
    constexpr std::size_t kKeys = 40;
    constexpr std::size_t kKeysOfCall = 4;
    constexpr std::size_t kCommitters = 4;
    std::vector<Delivery> messages;
    for (std::size_t n = 0; n < kKeys * kCommitters; ++n) {
        messages.push_back(keyed(message(n, {to(ann), to(bob)}),
                                 "key " + std::to_string(n / kCommitters),
                                 Acknowledged::Yes));
    }
    deliver(batch({}));
    std::atomic<int> delivered = 0;
    std::atomic<int> failures = 0;
    std::barrier together(kCommitters);
    std::vector<std::thread> committers;
    for (std::size_t c = 0; c < kCommitters; ++c) {
        committers.emplace_back([&, c] {
            const auto connection = open("postgres");
            for (std::size_t call = 0; call < kKeys / kKeysOfCall * kCommitters; ++call) {
                const std::size_t first_key = call / kCommitters * kKeysOfCall;
                storage::DeliveryBatch work;
                work.committer = "tracker " + std::to_string(c);
                for (std::size_t m = 0; m < kKeysOfCall; ++m) {
                    // In both directions: locks are taken in one order all the same.
                    const std::size_t key = first_key + (c % 2 == 0 ? m : kKeysOfCall - 1 - m);
                    work.deliveries.push_back(
                        messages[key * kCommitters + (c + call) % kCommitters]);
                }
                together.arrive_and_wait();
                const auto report = storage::deliver(*connection, work);
                failures += report ? 0 : 1;
                for (std::size_t m = 0; report && m < work.deliveries.size(); ++m) {
                    const auto& first = report.value().deliveries[m][0];
                    delivered += first.outcome == DeliveryOutcome::Delivered ? 1 : 0;
                }
            }
        });
    }
    for (std::thread& committer : committers) {
        committer.join();
    }
    BOOST_TEST(failures == 0);
    BOOST_TEST(delivered == static_cast<int>(kKeys));
    BOOST_TEST(shown() == std::to_string(2 * kKeys));
    BOOST_TEST(value("SELECT count(*) FROM catalog.aborted") ==
               std::to_string(kKeys * (kCommitters - 1)));
}

BOOST_AUTO_TEST_CASE(rows_go_with_their_message_and_keys_stay) {
    auto fax = keyed(message(0, {to(ann)}), "k", Acknowledged::Yes);
    BOOST_REQUIRE(fax.attributes.set("verdict", "clean"));
    auto voicemail = with(message(1, {to(ann)}), mail::Kind::Voicemail, {});
    deliver(batch({fax, voicemail}));
    sql("DELETE FROM catalog.mailbox_message");
    sql("UPDATE catalog.segment SET state = 'sealed', superseded_at = now() - interval '1 day'");
    BOOST_CHECK(storage::begin_removal(admin(), segment.id, 10).value() ==
                storage::RemovalStep::Clear);
    for (const char* table : {"message", "fax", "voicemail", "scan"}) {
        BOOST_TEST(value(std::string("SELECT count(*) FROM catalog.") + table) == "0", table);
    }
    sql("DELETE FROM catalog.segment");
    sql("UPDATE catalog.forgotten SET forgotten_at = now() - interval '8 days'");
    BOOST_TEST(storage::purge_forgotten(admin(), 10).value() == 2U);
    const auto rows =
        "SELECT (SELECT count(*) FROM catalog.ingest_key) || ' ' || "
        "(SELECT count(*) FROM catalog.delivery)";
    BOOST_TEST(value(rows) == "1 1");
    segment = new_segment();
    const auto late = deliver(batch({keyed(message(0, {to(ann)}), "k", Acknowledged::Yes)}));
    BOOST_CHECK(*late.deliveries[0][0].first == fax.id);
    sql("UPDATE catalog.ingest_key SET removed_at = removed_at - interval '89 days'");
    BOOST_TEST(storage::purge_forgotten(admin(), 10).value() == 0U);
    BOOST_TEST(value(rows) == "1 1");
    sql("UPDATE directory.cluster SET ingest_key_retention = '88 days'");
    BOOST_TEST(storage::purge_forgotten(admin(), 10).value() == 0U);
    BOOST_TEST(value(rows) == "0 0");
}

BOOST_AUTO_TEST_CASE(agents_may_ask_for_a_key) {
    const auto fax = keyed(message(0, {to(ann)}), "k", Acknowledged::No);
    deliver(batch({fax}));
    const auto agent = open("roundtable_mtad");
    const auto known = storage::message_of_key(*agent, "k");
    BOOST_REQUIRE_MESSAGE(known, test_support::why(known));
    BOOST_CHECK(known.value() == std::optional(storage::KeyHolder{fax.id, true}));
    BOOST_CHECK(!storage::message_of_key(*agent, "other").value());
    BOOST_TEST(!agent->query("SELECT * FROM catalog.ingest_key"));
}

// Who hands a message in forgets it once it is called safe.
BOOST_AUTO_TEST_CASE(a_message_of_a_key_is_safe_where_its_copies_are_known_to_be_good) {
    const auto is_safe = [this] { return storage::message_of_key(admin(), "k").value()->safe; };
    const auto end = kFirstFrame + kFrame;
    const auto note = [&](storage::SegmentState state, std::uint64_t second) {
        segment.state = state;
        segment.length = end + 100;
        segment.replicas[0].durable_length = segment.length;
        segment.replicas[1].state = storage::ReplicaState::Behind;
        segment.replicas[1].durable_length = second;
        BOOST_REQUIRE(storage::note_segments(admin(), std::vector{segment}));
    };
    // A tracker finds it in an open segment: on one storage server, as far as is known.
    auto found = batch({keyed(message(0, {to(ann)}), "k", Acknowledged::Yes)});
    found.committer = "tracker t";
    deliver(found);
    BOOST_TEST(!is_safe());
    // Its writer has it durable, and comes late.
    found.committer = "mail a";
    deliver(found);
    BOOST_TEST(is_safe());
    // Its seal says that the second copy ends before it, whoever delivered it.
    note(storage::SegmentState::Sealed, end - 1);
    BOOST_TEST(!is_safe());
    sql("SELECT catalog.note_copy($1, $2, 2, $3, sha256('x'))",
        {segment.id.uuid(),
         segment.replicas[1].store.uuid(),
         static_cast<std::int64_t>(segment.length)});
    BOOST_TEST(is_safe());
    sql("UPDATE directory.storage_server SET failure_domain = 'h1'");
    BOOST_TEST(!is_safe());
    sql("UPDATE directory.cluster SET min_copies = 1");
    BOOST_TEST(is_safe());
    sql("UPDATE catalog.segment_replica SET state = 'lost'");
    BOOST_TEST(!is_safe());
    // Its owner removed it, and nobody wants it again.
    sql("DELETE FROM catalog.message");
    sql("UPDATE catalog.ingest_key SET removed_at = now()");
    BOOST_TEST(is_safe());
    sql("INSERT INTO catalog.rebuild (phase) VALUES ('cataloguing')");
    BOOST_TEST(!is_safe());
}

BOOST_AUTO_TEST_CASE(a_copy_that_ends_behind_the_message_is_good_for_it) {
    auto found = batch({keyed(message(0, {to(ann)}), "k", Acknowledged::Yes)});
    found.committer = "tracker t";
    found.segments[0].replicas[0].durable_length = kFirstFrame + kFrame;
    found.segments[0].replicas[1].state = storage::ReplicaState::Behind;
    found.segments[0].replicas[1].durable_length = kFirstFrame + kFrame;
    deliver(found);
    BOOST_TEST(storage::message_of_key(admin(), "k").value()->safe);
}

BOOST_AUTO_TEST_CASE(a_key_that_is_asked_for_is_kept) {
    deliver(batch({keyed(message(0, {to(ann)}), "asked", Acknowledged::No),
                   keyed(message(1, {to(ann)}), "not", Acknowledged::No)}));
    sql("DELETE FROM catalog.message");
    for (int month = 0; month < 6; ++month) {
        sql("UPDATE catalog.ingest_key SET removed_at = coalesce(removed_at, now()) - "
            "interval '31 days'");
        BOOST_TEST(storage::message_of_key(admin(), "asked").value()->safe);
        BOOST_REQUIRE(storage::purge_forgotten(admin(), 10));
    }
    BOOST_TEST(value("SELECT string_agg(key, ' ') FROM catalog.ingest_key") == "asked");
    // What is there is not marked as gone.
    deliver(batch({keyed(message(2, {to(ann)}), "here", Acknowledged::No)}));
    BOOST_TEST(storage::message_of_key(admin(), "here").value()->safe);
    BOOST_TEST(value("SELECT count(*) FROM catalog.ingest_key WHERE removed_at IS NULL") == "1");
}

BOOST_AUTO_TEST_SUITE_END()
