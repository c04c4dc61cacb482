#include "storage/catalog/rows.h"

#include <boost/test/unit_test.hpp>

#include "test/support/catalog_database.h"

using namespace storage;
using test_support::CatalogDatabase;

BOOST_FIXTURE_TEST_SUITE(storage_rows, CatalogDatabase)

BOOST_AUTO_TEST_CASE(states_are_read_as_they_are_written) {
    for (const ReplicaState state :
         {ReplicaState::Active, ReplicaState::Behind, ReplicaState::Suspect, ReplicaState::Lost}) {
        BOOST_CHECK(replica_state_of(replica_state_name(state)) == state);
    }
    BOOST_CHECK(replica_state_of("of another version") == ReplicaState::Lost);
}

BOOST_AUTO_TEST_CASE(arrays_become_places) {
    const base::Rows rows =
        sql("SELECT 0, ARRAY['00000000-0000-7000-8000-000000000001', "
            "'00000000-0000-7000-8000-000000000002'], ARRAY[1, 4], ARRAY['active', 'behind'], "
            "ARRAY[0, 4294967296]");
    const auto places = replica_places(rows[0], 1);
    BOOST_REQUIRE(places);
    BOOST_REQUIRE(places.value().size() == 2U);
    BOOST_TEST(places.value()[1].store.text() == "00000000-0000-7000-8000-000000000002");
    BOOST_TEST(places.value()[1].generation == 4U);
    BOOST_CHECK(places.value()[1].state == ReplicaState::Behind);
    BOOST_TEST(places.value()[1].durable_length == 4'294'967'296U);
}

BOOST_AUTO_TEST_CASE(null_is_none_and_nonsense_is_corrupt) {
    const base::Rows none = sql("SELECT NULL::text[], NULL::int[], NULL::text[], NULL::bigint[]");
    BOOST_TEST(replica_places(none[0], 0).value().empty());
    for (const char* text : {"SELECT ARRAY['x'], ARRAY[1], ARRAY['active'], ARRAY[0]",
                             "SELECT ARRAY['00000000-0000-7000-8000-000000000001'], ARRAY[1, 2], "
                             "ARRAY['active'], ARRAY[0]"}) {
        const base::Rows rows = sql(text);
        BOOST_TEST(!replica_places(rows[0], 0));
    }
}

BOOST_AUTO_TEST_SUITE_END()
