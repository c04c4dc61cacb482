#include "storage/tracking/layout.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/tracking/cluster_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

class LayoutFixture : public ClusterFixture {
  public:
    Layout read(ServerRole role, std::string_view server) {
        auto layout = read_layout(admin(), role, server);
        BOOST_REQUIRE_MESSAGE(layout, why(layout));
        return std::move(layout).take_value();
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_layout, LayoutFixture)

BOOST_AUTO_TEST_CASE(a_mail_server_sees_its_store_its_peers_and_all_paths) {
    sql("UPDATE directory.cluster SET min_copies = 3, accept_degraded = true, "
        "compression = 'zstd'");
    sql("INSERT INTO directory.storage_path (storage_server_id, directory, preference, for_server) "
        "SELECT id, '/mnt/first', 1, 'a' FROM directory.storage_server WHERE name = 's2'");
    sql("INSERT INTO directory.storage_path (storage_server_id, directory, preference, for_server) "
        "SELECT id, '/mnt/other', 1, 'b' FROM directory.storage_server WHERE name = 's2'");
    const Layout layout = read(ServerRole::Mail, "a");
    BOOST_CHECK(layout.agent == MailServerId(uuid_of(2, 1)));
    BOOST_TEST(layout.policy.min_copies == 3);
    BOOST_TEST(layout.policy.accept_degraded);
    BOOST_CHECK(layout.compression == storage::Compression::Zstd);
    BOOST_CHECK((layout.table == MirrorTable{store_id(1), {store_id(2)}}));
    BOOST_REQUIRE(layout.servers.size() == 3U);
    BOOST_CHECK(layout.servers[1].config.id == store_id(2));
    BOOST_TEST(layout.servers[1].config.failure_domain == "h2");
    BOOST_REQUIRE(layout.servers[1].config.paths.size() == 2U);
    BOOST_TEST(layout.servers[1].config.paths[0].root == "/mnt/first");
    BOOST_TEST(layout.servers[1].config.paths[1].root == stores.root(2));
    BOOST_TEST(layout.agents.at(MailServerId(uuid_of(2, 2))) == "b");
    BOOST_TEST(layout.version == read_directory_version(admin()).value());
}

BOOST_AUTO_TEST_CASE(draining_and_retired_stores_are_not_asked_for) {
    sql("UPDATE directory.storage_server SET state = 'draining' WHERE name = 's2'");
    sql("UPDATE directory.storage_server SET state = 'retired' WHERE name = 's3'");
    const Layout layout = read(ServerRole::Mail, "a");
    BOOST_REQUIRE(layout.servers.size() == 2U);
    BOOST_CHECK(layout.servers[1].use == StorageServerUse::Draining);
    BOOST_TEST(layout.table.peers.empty());
}

BOOST_AUTO_TEST_CASE(access_servers_spread_over_the_tables_of_mail_servers) {
    for (const std::string name : {"x", "y", "z"}) {
        sql("INSERT INTO directory.access_server (name, host_name, address) "
            "VALUES ($1::text, $1::text || '.example.test', '127.0.0.1')",
            {name});
    }
    BOOST_CHECK(read(ServerRole::Access, "x").table.own == store_id(1));
    BOOST_CHECK(read(ServerRole::Access, "y").table.own == store_id(2));
    BOOST_CHECK(read(ServerRole::Access, "z").table.own == store_id(1));
    sql("UPDATE directory.mail_server SET retired_at = now() WHERE name = 'a'");
    BOOST_CHECK(read(ServerRole::Access, "x").table.own == store_id(2));
    const Layout layout = read(ServerRole::Access, "y");
    BOOST_CHECK(layout.retired == std::vector{MailServerId(uuid_of(2, 1))});
}

BOOST_AUTO_TEST_CASE(who_is_not_in_the_directory_is_not_found) {
    BOOST_CHECK(code_of(read_layout(admin(), ServerRole::Mail, "c")) == base::Errc::NotFound);
    BOOST_CHECK(code_of(read_layout(admin(), ServerRole::Access, "a")) == base::Errc::NotFound);
    const Layout layout = read(ServerRole::Tracker, "anything");
    BOOST_TEST(layout.agent.is_nil());
    BOOST_TEST(layout.servers.size() == 3U);
}

BOOST_AUTO_TEST_CASE(every_role_may_read_what_it_needs) {
    sql("INSERT INTO directory.access_server (name, host_name, address) "
        "VALUES ('x', 'x.example.test', '127.0.0.1')");
    BOOST_TEST(read_layout(*open("roundtable_mtad"), ServerRole::Mail, "a").operator bool());
    BOOST_TEST(read_layout(*open("roundtable_accessd"), ServerRole::Access, "x").operator bool());
    BOOST_TEST(read_layout(*open("roundtable_trackerd"), ServerRole::Tracker, "t").operator bool());
}

BOOST_AUTO_TEST_CASE(the_text_holds_all_of_it) {
    Layout layout = read(ServerRole::Mail, "a");
    BOOST_CHECK(decode_layout(encode(layout)).value() == layout);
    layout.servers[0].use = StorageServerUse::Draining;
    layout.servers[0].config.failure_domain = "rack\t1\nrow \\t 2\\";
    layout.servers[0].config.paths[0].root = "/mnt/a\tb\\n";
    layout.policy.accept_degraded = true;
    layout.compression = storage::Compression::Zstd;
    BOOST_CHECK(decode_layout(encode(layout)).value() == layout);
    const Layout empty;
    BOOST_CHECK(decode_layout(encode(empty)).value() == empty);
}

BOOST_AUTO_TEST_CASE(a_text_that_was_changed_is_corrupt) {
    const std::string text = encode(read(ServerRole::Mail, "a"));
    for (std::size_t n = 0; n < text.size(); n += 7) {
        std::string changed = text;
        changed[n] = static_cast<char>(changed[n] ^ 1);
        BOOST_CHECK(code_of(decode_layout(changed)) == base::Errc::Corrupt);
        BOOST_CHECK(code_of(decode_layout(text.substr(0, n))) == base::Errc::Corrupt);
    }
}

BOOST_AUTO_TEST_SUITE_END()
