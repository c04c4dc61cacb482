#include "storage/catalog/claims.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/tracking/cluster_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

class ClaimsFixture : public ClusterFixture {
  public:
    ClaimsFixture() : tracker(open("roundtable_trackerd")) {}

    SegmentNote note(std::uint8_t number, SegmentState state = SegmentState::Open) {
        SegmentHeader header = make_header(7, number);
        header.writer = "a";
        header.replicas = {store_id(1), store_id(2)};
        SegmentNote made = note_of(header, 128);
        made.state = state;
        made.length = state == SegmentState::Open ? 0 : 500;
        BOOST_REQUIRE(note_segments(admin(), std::vector{made}));
        return made;
    }

    std::vector<ClaimedSegment> claim(const std::string& name,
                                      std::size_t most = 8,
                                      int pause_ms = 0) {
        auto claimed = claim_segments(
            *tracker, {name, most, std::chrono::seconds(60), milliseconds(pause_ms)});
        BOOST_REQUIRE_MESSAGE(claimed, why(claimed));
        return std::move(claimed).take_value();
    }

    static SegmentSeen seen(std::int64_t unread) { return {unread, base::monotonic_now()}; }

    bool is_read() {
        const auto answer = admin().query("SELECT catalog.require_read()");
        BOOST_REQUIRE((answer || answer.error().detail.find("RT008") != std::string::npos));
        return bool(answer);
    }

    std::unique_ptr<base::Connection> tracker;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_claims, ClaimsFixture)

BOOST_AUTO_TEST_CASE(a_claim_is_one_trackers_until_it_is_released_or_lapses) {
    const SegmentNote segment = note(1);
    BOOST_REQUIRE(claim("t").size() == 1U);
    BOOST_TEST(claim("u").empty());
    BOOST_TEST(claim("t").size() == 1U);  // the answer to the first may have been lost
    BOOST_REQUIRE(release_segment(*tracker, segment.id, "u"));  // not u's to release
    BOOST_TEST(claim("u").empty());
    BOOST_REQUIRE(release_segment(*tracker, segment.id, "t"));
    BOOST_TEST(claim("u", 8, 60'000).empty());  // read a moment ago
    BOOST_TEST(claim("u").size() == 1U);
    sql("UPDATE catalog.segment SET claimed_until = now() - interval '1 second'");
    BOOST_TEST(claim("t").size() == 1U);
}

BOOST_AUTO_TEST_CASE(nothing_is_known_of_what_a_silent_writer_left_until_it_was_read) {
    BOOST_TEST(is_read());
    const SegmentNote segment = note(1);
    sql("UPDATE catalog.segment SET opened_at = now()");
    BOOST_TEST(is_read());  // its writer has time to say that it lives
    sql("UPDATE catalog.segment SET opened_at = now() - interval '1 minute'");
    BOOST_TEST(!is_read());
    // As long as it does, it is the one to know.
    const auto agent = open("roundtable_mtad");
    BOOST_REQUIRE(note_alive(*agent, "mail a", "a", segment.boot_epoch));
    BOOST_TEST(is_read());
    BOOST_REQUIRE(note_alive(*agent, "mail a", "a", segment.boot_epoch + 1));  // its successor
    BOOST_TEST(is_read());
    sql("UPDATE catalog.writer SET alive_at = now() - interval '1 minute'");
    BOOST_TEST(!is_read());
    // Two of the copies may have it; one cannot.
    const auto read = [&](std::optional<SegmentSeen> seen) {
        BOOST_REQUIRE(claim("t").size() == 1U);
        BOOST_REQUIRE(release_segment(*tracker, segment.id, "t", seen));
        return is_read();
    };
    BOOST_TEST(!read(std::nullopt));
    BOOST_TEST(!read(seen(2)));
    // Begun when it may have written.
    BOOST_TEST(!read(SegmentSeen{0, base::monotonic_now() - milliseconds(59'000)}));
    BOOST_TEST(!read(seen(1)));
    // And there may be segments that nobody has found yet.
    BOOST_REQUIRE(note_listed(*tracker, seen(2)));
    BOOST_TEST(!is_read());
    BOOST_REQUIRE(note_listed(*tracker, seen(1)));
    BOOST_TEST(is_read());
    BOOST_TEST(read(seen(3)));  // it was read once since
    // A life without segments to be read is forgotten.
    sql("UPDATE catalog.segment SET state = 'sealed', length = catalogued_to");
    BOOST_REQUIRE(note_alive(*agent, "mail a", "a", segment.boot_epoch + 1));
    BOOST_TEST(value("SELECT count(*) FROM catalog.writer") == "1");
}

BOOST_AUTO_TEST_CASE(a_silent_writer_may_have_written_since_it_was_read) {
    const SegmentNote segment = note(1);
    const auto agent = open("roundtable_mtad");
    BOOST_REQUIRE(note_alive(*agent, "mail a", "a", segment.boot_epoch));
    sql("UPDATE catalog.writer SET alive_at = now() - interval '1 day'");
    const auto look = [&] {
        BOOST_REQUIRE(claim("t").size() == 1U);
        BOOST_REQUIRE(release_segment(*tracker, segment.id, "t", seen(0)));
        BOOST_REQUIRE(note_listed(*tracker, seen(0)));
    };
    look();
    BOOST_TEST(is_read());
    // Before PostgreSQL was away for the last time, or too long ago.
    for (const std::string since : {"pg_postmaster_start_time()", "now() - interval '1 min'"}) {
        sql("UPDATE catalog.segment SET seen_at = " + since + " - interval '1 ms'");
        BOOST_TEST(!is_read());
        look();
        BOOST_TEST(is_read());
        sql("UPDATE catalog.listing SET listed_at = " + since + " - interval '1 ms'");
        BOOST_TEST(!is_read());
        look();
        BOOST_TEST(is_read());
    }
    // Nobody writes to what has an end.
    sql("UPDATE catalog.segment SET seen_at = now() - interval '1 hour'");
    BOOST_TEST(!is_read());
    sql("UPDATE catalog.segment SET state = 'sealed', length = catalogued_to + 1");
    BOOST_TEST(is_read());
}

BOOST_AUTO_TEST_CASE(what_may_hold_more_is_due_the_longest_unread_first) {
    (void)note(1);
    (void)note(2, SegmentState::Sealed);  // catalogued short of its length
    (void)note(3, SegmentState::Sealed);
    sql("UPDATE catalog.segment SET catalogued_to = length WHERE id = $1", {uuid_of(1, 3)});
    sql("UPDATE catalog.segment SET read_at = now() - interval '1 minute' WHERE id = $1",
        {uuid_of(1, 1)});
    const auto first = claim("t", 1);
    BOOST_REQUIRE(first.size() == 1U);
    BOOST_CHECK(first[0].id == SegmentId(uuid_of(1, 2)));
    BOOST_CHECK(first[0].state == SegmentState::Sealed);
    BOOST_TEST(first[0].length == 500U);
    BOOST_TEST(first[0].catalogued_to == 128U);
    const auto second = claim("u");
    BOOST_REQUIRE(second.size() == 1U);
    BOOST_REQUIRE(second[0].replicas.size() == 2U);
    BOOST_CHECK(second[0].replicas[0].store == store_id(1));
}

BOOST_AUTO_TEST_CASE(a_writer_is_retired_when_every_server_of_its_name_is) {
    (void)note(1);
    const auto is_retired = [&] {
        sql("UPDATE catalog.segment SET claimed_until = NULL");
        return claim("t").at(0).writer_retired;
    };
    BOOST_TEST(!is_retired());
    sql("UPDATE directory.mail_server SET retired_at = now() WHERE name = 'a'");
    BOOST_TEST(is_retired());
    sql("INSERT INTO directory.access_server (name, host_name, address) "
        "VALUES ('a', 'x.example.test', '127.0.0.1')");
    BOOST_TEST(!is_retired());  // the segment may be the access server's
    sql("UPDATE directory.access_server SET retired_at = now()");
    BOOST_TEST(is_retired());
    sql("UPDATE catalog.segment SET writer = 'nobody'");
    BOOST_TEST(!is_retired());
}

BOOST_AUTO_TEST_CASE(segments_that_are_not_known_are_named) {
    (void)note(1);
    const std::vector<SegmentId> asked{SegmentId(uuid_of(1, 1)), SegmentId(uuid_of(1, 2))};
    BOOST_CHECK(unknown_segments(*tracker, asked).value() == std::vector{asked[1]});
    BOOST_TEST(unknown_segments(*tracker, {}).value().empty());
}

BOOST_AUTO_TEST_CASE(open_segments_of_a_writer_before_an_epoch) {
    (void)note(1);  // of epoch 41
    (void)note(2, SegmentState::Sealed);
    const auto agent = open("roundtable_mtad");
    BOOST_CHECK(open_segments(*agent, "a", 42).value() == std::vector{SegmentId(uuid_of(1, 1))});
    BOOST_TEST(open_segments(*agent, "a", 41).value().empty());
    BOOST_TEST(open_segments(*agent, "b", 42).value().empty());
}

BOOST_AUTO_TEST_CASE(owed_copies_are_counted_and_settled) {
    SegmentNote segment = note(1);
    segment.owed = {{store_id(1), "late"}, {store_id(3), "unhealthy"}};
    BOOST_REQUIRE(note_segments(admin(), std::vector{segment}));
    (void)note(2, SegmentState::Sealed);
    const CatchUpState before = catch_up_state(*tracker).value();
    BOOST_TEST(before.copies_owed == 2U);
    BOOST_TEST(before.segments_open == 1U);
    BOOST_TEST(before.segments_behind == 1U);
    BOOST_REQUIRE(settle_owed(*tracker, segment.id, std::vector{store_id(3)}));
    BOOST_TEST(catch_up_state(*tracker).value().copies_owed == 1U);
    BOOST_TEST(value("SELECT reason FROM catalog.copy_owed") == "late");
}

BOOST_AUTO_TEST_CASE(partitions_are_made_once) {
    (void)ensure_partitions(*tracker);
    BOOST_TEST(ensure_partitions(*tracker).value() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
