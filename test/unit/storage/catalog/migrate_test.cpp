#include "storage/catalog/migrate.h"

#include <filesystem>
#include <fstream>

#include <boost/test/unit_test.hpp>

#include "test/support/catalog_database.h"

namespace {

using test_support::PostgresServer;

std::vector<storage::Migration> ours() {
    auto migrations = storage::load_migrations(SOURCE_DIR "/schema");
    BOOST_REQUIRE(migrations);
    return std::move(migrations).take_value();
}

std::unique_ptr<base::Connection> empty_database() {
    PostgresServer& server = PostgresServer::shared();
    auto connection = base::Connection::open(server.conninfo(server.create_database()), "test");
    BOOST_REQUIRE(connection);
    return std::move(connection).take_value();
}

storage::Migration migration(int number, const std::string& sql) {
    return {number, "000" + std::to_string(number) + "_x.sql", sql, "sum of " + sql};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(migrate_test)

BOOST_AUTO_TEST_CASE(applies_each_once) {
    const auto connection = empty_database();
    const auto pending = storage::pending_migrations(*connection, ours());
    BOOST_REQUIRE(pending);
    BOOST_TEST(pending.value().applied.size() == ours().size());
    const auto first = storage::migrate(*connection, ours());
    BOOST_REQUIRE_MESSAGE(first, test_support::why(first));
    BOOST_TEST(first.value().applied.size() == ours().size());
    BOOST_TEST(first.value().version == static_cast<int>(ours().size()));
    const auto second = storage::migrate(*connection, ours());
    BOOST_REQUIRE(second);
    BOOST_TEST(second.value().applied.empty());
    BOOST_TEST(storage::pending_migrations(*connection, ours()).value().applied.empty());
}

BOOST_AUTO_TEST_CASE(refuses_a_file_that_was_changed) {
    const auto connection = empty_database();
    BOOST_REQUIRE(storage::migrate(*connection, {migration(1, "CREATE TABLE a (x integer)")}));
    const auto changed = storage::migrate(*connection, {migration(1, "CREATE TABLE a (x bigint)")});
    BOOST_REQUIRE(!changed);
    BOOST_TEST((changed.error().code == base::Errc::Refused));
    BOOST_TEST(changed.error().detail.find("0001_x.sql was changed") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(refuses_a_database_that_is_newer) {
    const auto connection = empty_database();
    const auto one = migration(1, "CREATE TABLE a (x integer)");
    BOOST_REQUIRE(storage::migrate(*connection, {one, migration(2, "SELECT 1")}));
    const auto older = storage::migrate(*connection, {one});
    BOOST_REQUIRE(!older);
    BOOST_TEST((older.error().code == base::Errc::Refused));
}

BOOST_AUTO_TEST_CASE(a_failing_file_changes_nothing_and_is_named) {
    const auto connection = empty_database();
    const auto failed = storage::migrate(*connection,
                                         {migration(1, "CREATE TABLE a (x integer)"),
                                          migration(2, "CREATE TABLE b (); SELECT nope")});
    BOOST_REQUIRE(!failed);
    BOOST_TEST(failed.error().detail.find("0002_x.sql") != std::string::npos);
    const auto rows =
        connection->query("SELECT to_regclass('a') IS NOT NULL, to_regclass('b') IS NULL");
    BOOST_REQUIRE(rows);
    BOOST_TEST(rows.value()[0].boolean(0));
    BOOST_TEST(rows.value()[0].boolean(1));
}

BOOST_AUTO_TEST_CASE(the_catalog_is_made_anew_and_the_directory_stays) {
    const auto connection = empty_database();
    BOOST_REQUIRE(storage::migrate(*connection, ours()));
    BOOST_REQUIRE(connection->query(
        "INSERT INTO directory.domain (name) VALUES ('x.test');"
        "INSERT INTO catalog.mailbox (dead_letter_of, name) VALUES ('x.test', 'Dead letters')"));
    const auto kept = storage::remake_catalog(*connection, ours(), storage::OldCatalog::Keep, {});
    BOOST_REQUIRE(!kept);
    BOOST_CHECK(kept.error().code == base::Errc::Exists);
    const auto made =
        storage::remake_catalog(*connection, ours(), storage::OldCatalog::Drop, {"s1", "s2"});
    BOOST_REQUIRE_MESSAGE(made, test_support::why(made));
    const auto rows = connection->query(
        "SELECT (SELECT count(*) FROM directory.domain), (SELECT count(*) FROM catalog.mailbox), "
        "(SELECT phase || ' ' || array_to_string(without, ',') FROM report.rebuild "
        "NATURAL JOIN (SELECT without FROM catalog.rebuild) AS r), "
        "(SELECT count(*) FROM public.schema_migration), "
        "has_function_privilege('roundtable_mtad', 'catalog.note_segments(jsonb)', 'EXECUTE'), "
        "has_function_privilege('public', 'catalog.note_segments(jsonb)', 'EXECUTE')");
    BOOST_REQUIRE_MESSAGE(rows, test_support::why(rows));
    BOOST_TEST(rows.value()[0].int64(0) == 1);
    BOOST_TEST(rows.value()[0].int64(1) == 0);
    BOOST_TEST(rows.value()[0].string(2) == "requested s1,s2");
    BOOST_TEST(rows.value()[0].int64(3) == static_cast<std::int64_t>(ours().size()));
    BOOST_TEST(rows.value()[0].boolean(4));
    BOOST_TEST(!rows.value()[0].boolean(5));
    // Also when the schemas are gone altogether; and a failure leaves what there was.
    BOOST_REQUIRE(connection->query("DROP SCHEMA catalog CASCADE"));
    BOOST_REQUIRE(storage::remake_catalog(*connection, ours(), storage::OldCatalog::Keep, {}));
    std::vector<storage::Migration> broken = ours();
    broken.push_back(migration(static_cast<int>(broken.size()) + 1, "SELECT nope"));
    BOOST_TEST(!storage::remake_catalog(*connection, broken, storage::OldCatalog::Drop, {}));
    const auto left = connection->query("SELECT count(*) FROM catalog.rebuild");
    BOOST_REQUIRE_MESSAGE(left, test_support::why(left));
    BOOST_TEST(left.value()[0].int64(0) == 1);
}

BOOST_AUTO_TEST_CASE(refuses_a_folder_with_a_gap) {
    std::string folder = (std::filesystem::temp_directory_path() / "rt-mig-XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(folder.data()) != nullptr);
    std::ofstream(folder + "/0001_a.sql") << "SELECT 1";
    std::ofstream(folder + "/0003_c.sql") << "SELECT 1";
    std::ofstream(folder + "/README.md") << "no migration";
    const auto loaded = storage::load_migrations(folder);
    BOOST_REQUIRE(!loaded);
    BOOST_TEST((loaded.error().code == base::Errc::Invalid));
    std::filesystem::remove(folder + "/0003_c.sql");
    BOOST_TEST(storage::load_migrations(folder).value().size() == 1U);
    std::filesystem::remove_all(folder);
    BOOST_TEST((storage::load_migrations(folder).error().code == base::Errc::NotFound));
}

BOOST_AUTO_TEST_SUITE_END()
