#include "storage/catalog/upkeep.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/upkeep/upkeep_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

class Fixture : public UpkeepFixture {
  public:
    Fixture() : connection(open("roundtable_trackerd")) {}

    [[nodiscard]] UpkeepClaim claim(std::size_t most = 8) const {
        return {"t", {store_id(1), store_id(2), store_id(3)}, most, std::chrono::seconds(60)};
    }

    std::vector<OwedClaim> owed_claims(const UpkeepClaim& request) {
        auto claimed = claim_owed(*connection, request);
        BOOST_REQUIRE_MESSAGE(claimed, why(claimed));
        return std::move(claimed).take_value();
    }

    std::unique_ptr<base::Connection> connection;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_catalog_upkeep, Fixture)

BOOST_AUTO_TEST_CASE(a_claim_of_an_owed_copy_says_where_to_read_and_what_to_expect) {
    const SealedSegment segment = make_sealed();
    tell_sealed(segment, {1, 3}, {2});
    sql("UPDATE catalog.segment_replica r SET state = 'suspect' FROM directory.storage_server v "
        "WHERE v.id = r.storage_server_id AND v.name = 's1'");
    const std::vector<OwedClaim> claims = owed_claims(claim());
    BOOST_REQUIRE(claims.size() == 1U);
    BOOST_TEST(claims[0].segment.text() == segment.id.text());
    BOOST_TEST(claims[0].target.text() == store_id(2).text());
    BOOST_TEST(claims[0].shape.length == segment.seal.file_size);
    BOOST_TEST(!claims[0].shape.digest.has_value());
    BOOST_TEST(claims[0].generation_above == 1U);
    BOOST_REQUIRE(claims[0].sources.size() == 2U);
    BOOST_TEST(claims[0].sources[0].store.text() == store_id(3).text());
    UpkeepClaim other = claim();
    other.tracker = "u";
    BOOST_TEST(owed_claims(other).empty());         // the lease holds
    BOOST_TEST(owed_claims(claim()).size() == 1U);  // the answer may have been lost
}

BOOST_AUTO_TEST_CASE(pauses_after_failures_double_up_to_the_longest) {
    const SealedSegment segment = make_sealed();
    tell_sealed(segment, {1}, {2});
    const OwedClaim owed = owed_claims(claim()).at(0);
    const std::vector<std::string> seconds{"1", "2", "4", "8", "8"};
    for (const std::string& expected : seconds) {
        BOOST_REQUIRE(put_off_owed(*connection, owed, "full", milliseconds(8'000)));
        BOOST_TEST(value("SELECT round(extract(epoch FROM not_before - now()))::int "
                         "FROM catalog.copy_owed") == expected);
    }
    BOOST_TEST(value("SELECT attempts || problem FROM report.copy_owed") == "5full");
}

BOOST_AUTO_TEST_CASE(a_copy_is_noted_once_and_only_a_newer_one_counts) {
    const SealedSegment segment = make_sealed();
    tell_sealed(segment, {1}, {2});
    const OwedClaim owed = owed_claims(claim()).at(0);
    BOOST_TEST(note_copy(*connection, owed, 3, segment.seal.digest).value());
    BOOST_TEST(!note_copy(*connection, owed, 2, segment.seal.digest).value());
    BOOST_TEST(generation(segment, 2) == "3");
    BOOST_TEST(owed_count() == "0");
    sql("UPDATE catalog.segment SET superseded_at = now()");
    BOOST_TEST(!note_copy(*connection, owed, 4, segment.seal.digest).value());
    OwedClaim gone = owed;
    gone.segment = SegmentId(base::Uuid::time_ordered());
    BOOST_TEST(!note_copy(*connection, gone, 4, segment.seal.digest).value());
}

BOOST_AUTO_TEST_CASE(a_finding_about_a_copy_that_was_replaced_meanwhile_is_dropped) {
    const SealedSegment segment = make_sealed();
    tell_sealed(segment, {1, 2});
    age_copies("15 days");
    const auto claims = claim_scrubs(*connection, claim(1));
    BOOST_REQUIRE(claims && claims.value().size() == 1U);
    sql("UPDATE catalog.segment_replica SET generation = 5");
    const CopyFinding bad{CopyVerdict::Bad, 1, {}, "bad"};
    const auto outcome = note_scrub(*connection, claims.value()[0], bad, {});
    BOOST_REQUIRE_MESSAGE(outcome, why(outcome));
    BOOST_CHECK(outcome.value() == ScrubOutcome::Changed);
    BOOST_TEST(value("SELECT count(*) FROM catalog.segment_replica WHERE state <> 'active'") ==
               "0");
}

BOOST_AUTO_TEST_CASE(suspects_come_before_copies_whose_turn_it_is) {
    const SealedSegment old = make_sealed();
    tell_sealed(old, {1});
    age_copies("15 days");
    const SealedSegment suspected = make_sealed();
    tell_sealed(suspected, {1});
    BOOST_REQUIRE(suspect_replica(admin(), suspected.id, store_id(1), "CRC"));
    const auto claims = claim_scrubs(*connection, claim(1));
    BOOST_REQUIRE(claims && claims.value().size() == 1U);
    BOOST_TEST(claims.value()[0].segment.text() == suspected.id.text());
    BOOST_CHECK(claims.value()[0].state == ReplicaState::Suspect);
}

BOOST_AUTO_TEST_CASE(stores_that_do_not_answer_are_left_alone) {
    const SealedSegment segment = make_sealed();
    tell_sealed(segment, {1}, {2});
    age_copies("15 days");
    UpkeepClaim reached = claim();
    reached.stores = {store_id(3)};
    BOOST_TEST(owed_claims(reached).empty());
    BOOST_TEST(claim_scrubs(*connection, reached).value().empty());
}

BOOST_AUTO_TEST_CASE(the_state_has_the_cluster_s_rate_and_the_oldest_debt) {
    const SealedSegment segment = make_sealed();
    tell_sealed(segment, {1}, {2});
    sql("UPDATE catalog.copy_owed SET since = now() - interval '1 h'");
    sql("UPDATE directory.cluster SET upkeep_bytes_per_second = 70000");
    const auto state = upkeep_state(*connection);
    BOOST_REQUIRE_MESSAGE(state, why(state));
    BOOST_TEST(state.value().bytes_per_second == 70'000U);
    BOOST_TEST(state.value().oldest_owed_s >= 3'600);
}

BOOST_AUTO_TEST_CASE(requests_name_a_storage_server_that_there_is) {
    const auto asker = open("roundtable_operator");
    BOOST_CHECK(code_of(asker->query("SELECT catalog.request_upkeep('scrub', 's9')")) ==
                base::Errc::Invalid);
    BOOST_CHECK(code_of(asker->query("SELECT catalog.request_upkeep('retire', NULL)")) ==
                base::Errc::Invalid);
    BOOST_CHECK(code_of(asker->query("SELECT catalog.request_upkeep('paint', NULL)")) ==
                base::Errc::Invalid);
    BOOST_REQUIRE(asker->query("SELECT catalog.request_upkeep('verify', 's1')"));
    BOOST_TEST(finish_requests(*connection, milliseconds(0), milliseconds(0)).value().empty());
    BOOST_TEST(value("SELECT finished_at IS NOT NULL FROM catalog.upkeep_request") == "t");
}

BOOST_AUTO_TEST_CASE(operators_ask_and_do_not_do) {
    const auto asker = open("roundtable_operator");
    for (const std::string sql_text : {"SELECT catalog.tidy_copies(1)",
                                       "SELECT catalog.finish_requests(0, 0)",
                                       "DELETE FROM catalog.copy_owed",
                                       "UPDATE catalog.upkeep_request SET finished_at = now()"}) {
        BOOST_CHECK(code_of(asker->query(sql_text)) == base::Errc::Refused);
    }
    BOOST_CHECK(
        code_of(connection->query("UPDATE directory.storage_server SET state = 'retired'")) ==
        base::Errc::Refused);
}

BOOST_AUTO_TEST_SUITE_END()
