#include "storage/upkeep/writer_table.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/tracking/cluster_fixture.h"

using namespace storage;
using namespace storage_test;

BOOST_FIXTURE_TEST_SUITE(storage_writer_table, ClusterFixture)

BOOST_AUTO_TEST_CASE(frames_go_where_their_server_writes) {
    sql("UPDATE directory.cluster SET accept_degraded = true");
    sql("INSERT INTO directory.access_server (name, agent_id, host_name, address) "
        "VALUES ('b', $1, 'imap.example.test', '127.0.0.1')",
        {uuid_of(2, 7)});
    const auto tracker = open("roundtable_trackerd");
    const auto mail = table_of_writer(*tracker, "b", MailServerId(uuid_of(2, 2)));
    BOOST_REQUIRE(mail);
    BOOST_CHECK((mail.value().table == MirrorTable{store_id(2), {store_id(1)}}));
    BOOST_TEST(mail.value().policy.min_copies == 2);
    BOOST_TEST(!mail.value().policy.accept_degraded);
    // The access server of that name has the table of a mail server.
    const auto access = table_of_writer(*tracker, "b", MailServerId(uuid_of(2, 7)));
    BOOST_REQUIRE(access);
    BOOST_TEST(!access.value().table.own.is_nil());
    // One that is gone has none.
    const auto gone = table_of_writer(*tracker, "z", MailServerId(uuid_of(2, 9)));
    BOOST_REQUIRE(gone);
    BOOST_TEST(gone.value().table.own.is_nil());
    BOOST_TEST(gone.value().policy.min_copies == 2);
}

BOOST_AUTO_TEST_SUITE_END()
