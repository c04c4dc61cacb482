#include "ops/seed.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <boost/test/unit_test.hpp>
#include <unistd.h>

#include "test/support/catalog_database.h"

namespace {

using test_support::CatalogDatabase;
using test_support::why;

// An empty directory of the database, a layout, and a place for its storage directories.
class Fixture {
  public:
    Fixture()
        : root_((std::filesystem::temp_directory_path() / ("seed-" + std::to_string(::getpid())))
                    .string()) {
        std::filesystem::remove_all(root_);
        std::filesystem::create_directories(root_);
        auto made = ops::default_layout(root_, ops::Ports::High);
        BOOST_REQUIRE(made);
        layout = std::move(made).take_value();
    }

    ~Fixture() { std::filesystem::remove_all(root_); }

    Fixture(const Fixture&) = delete;
    Fixture& operator=(const Fixture&) = delete;

    base::Status seed() { return ops::seed_directory(database.admin(), layout); }

    // Every row of the servers' tables as one text.
    std::string rows() {
        std::string all;
        for (const char* table : {"storage_server",
                                  "storage_path",
                                  "mail_server",
                                  "mirroring",
                                  "access_server",
                                  "name_server"}) {
            all += database.value(
                       "SELECT coalesce(string_agg(t::text, ' ' ORDER BY t::text), '') "
                       "FROM directory." +
                       std::string(table) + " AS t") +
                   "\n";
        }
        return all;
    }

    std::string peers() {
        return database.value(
            "SELECT string_agg(m.name || '>' || p.name, ' ' ORDER BY m.name, x.position)"
            " FROM directory.mirroring x JOIN directory.mail_server m ON m.id = x.mail_server_id"
            " JOIN directory.mail_server p ON p.id = x.peer_id");
    }

    CatalogDatabase database;
    ops::ClusterLayout layout;

  private:
    std::string root_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(seed)

BOOST_AUTO_TEST_CASE(an_empty_directory_gets_the_whole_layout) {
    Fixture f;
    const base::Status done = f.seed();
    BOOST_REQUIRE_MESSAGE(bool(done), why(done));
    BOOST_TEST(f.peers() == "mail1>mail2 mail2>mail3 mail3>mail1");
    BOOST_TEST(f.database.value("SELECT string_agg(name || ' ' || host(address) || ' ' || "
                                "smtp_port, ', ' ORDER BY name) FROM directory.mail_server") ==
               "mail1 127.0.1.1 2525, mail2 127.0.1.2 2525, mail3 127.0.1.3 2525");
    BOOST_TEST(f.database.value("SELECT count(*)::text FROM directory.access_server") == "2");
    BOOST_TEST(f.database.value("SELECT count(*)::text FROM directory.name_server") == "1");
    BOOST_TEST(f.database.value("SELECT count(DISTINCT failure_domain)::text "
                                "FROM directory.storage_server") == "3");
    // Each storage directory carries the identity of its own row.
    for (const ops::StorageServerLayout& server : f.layout.storage_servers) {
        std::ifstream file(server.directories.at(0) + "/roundtable-store");
        std::string identity;
        std::getline(file, identity);
        BOOST_TEST(identity == f.database.value("SELECT store_id::text FROM "
                                                "directory.storage_server WHERE name = $1",
                                                {server.name}));
    }
}

BOOST_AUTO_TEST_CASE(a_second_start_changes_nothing) {
    Fixture f;
    BOOST_REQUIRE(f.seed());
    const std::string before = f.rows();
    BOOST_REQUIRE(f.seed());
    BOOST_TEST(f.rows() == before);
}

BOOST_AUTO_TEST_CASE(addresses_and_ports_follow_the_layout) {
    Fixture f;
    BOOST_REQUIRE(f.seed());
    f.layout.mail_servers[0].smtp_port = 2526;
    f.layout.access_servers[1].imap_port = 1144;
    BOOST_REQUIRE(f.seed());
    BOOST_TEST(f.database.value("SELECT smtp_port::text FROM directory.mail_server "
                                "WHERE name = 'mail1'") == "2526");
    BOOST_TEST(f.database.value("SELECT imap_port::text FROM directory.access_server "
                                "WHERE name = 'access2'") == "1144");
}

BOOST_AUTO_TEST_CASE(what_operators_made_of_the_mirroring_table_stays) {
    Fixture f;
    BOOST_REQUIRE(f.seed());
    f.database.sql(
        "UPDATE directory.mirroring SET peer_id = (SELECT id FROM directory.mail_server"
        " WHERE name = 'mail3') WHERE mail_server_id ="
        " (SELECT id FROM directory.mail_server WHERE name = 'mail1')");
    BOOST_REQUIRE(f.seed());
    BOOST_TEST(f.peers() == "mail1>mail3 mail2>mail3 mail3>mail1");
}

BOOST_AUTO_TEST_CASE(a_storage_directory_with_other_things_stops_all_of_it) {
    Fixture f;
    const std::string directory = f.layout.storage_servers[1].directories.at(0);
    std::filesystem::create_directories(directory);
    std::ofstream(directory + "/notes.txt") << "mine";
    const base::Status done = f.seed();
    BOOST_REQUIRE(!done);
    BOOST_CHECK(done.error().code == base::Errc::Refused);
    BOOST_TEST(f.database.value("SELECT count(*)::text FROM directory.storage_server") == "0");
}

BOOST_AUTO_TEST_SUITE_END()
