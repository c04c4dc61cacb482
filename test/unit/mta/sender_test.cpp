#include "mta/sender.h"

#include <filesystem>
#include <string>

#include <boost/test/unit_test.hpp>

#include "base/file.h"
#include "base/random.h"
#include "test/support/catalog_database.h"

namespace {

using base::Errc;
using test_support::why;

mail::Address address(const std::string& text) {
    return mail::parse_mailbox(text).value();
}

struct Fixture {
    Fixture()
        : directory(std::filesystem::temp_directory_path() /
                    ("mta-test-" + std::to_string(base::random_u64()))) {
        std::filesystem::create_directories(directory);
    }

    ~Fixture() { std::filesystem::remove_all(directory); }

    [[nodiscard]] std::string path() const { return directory / "sender_block.bin"; }

    bool blocked(mta::SenderPolicy& policy, const std::string& sender) {
        const base::Status verdict = policy.check(address(sender));
        return !verdict && verdict.error().code == Errc::Refused;
    }

    std::filesystem::path directory;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(sender, Fixture)

BOOST_AUTO_TEST_CASE(before_it_knows_the_list_it_blocks_nobody) {
    mta::SenderPolicy policy(path());
    BOOST_TEST(bool(policy.load()));
    BOOST_TEST(!policy.is_known());
    BOOST_TEST(!blocked(policy, "spam@bad.example"));
}

BOOST_AUTO_TEST_CASE(follows_the_directory_and_counts_hits) {
    test_support::CatalogDatabase database;
    const auto connection = database.open("roundtable_mtad");
    mta::SenderPolicy policy(path());
    BOOST_TEST(why(policy.refresh(*connection)) == "");
    BOOST_TEST(policy.is_known());
    BOOST_TEST(!blocked(policy, "spam@bad.example"));

    database.sql(
        "INSERT INTO directory.sender_block (kind, pattern, reason, author) VALUES"
        " ('subtree', 'bad.example', 'test', 'test'), ('address', 'a@b.example', 'test', 'test')");
    BOOST_TEST(why(policy.refresh(*connection)) == "");
    BOOST_TEST(policy.size() == 2U);
    BOOST_TEST(blocked(policy, "spam@bad.example"));
    BOOST_TEST(blocked(policy, "spam@sub.bad.example"));
    BOOST_TEST(blocked(policy, "A@B.example"));
    BOOST_TEST(!blocked(policy, "c@b.example"));
    BOOST_TEST(bool(policy.check(std::nullopt)));

    BOOST_TEST(why(policy.refresh(*connection)) == "");
    BOOST_TEST(database.value("SELECT sum(hits) FROM directory.sender_block_hit h"
                              "  JOIN directory.sender_block b ON b.id = h.block_id"
                              " WHERE b.pattern = 'bad.example'") == "2");
    BOOST_TEST(why(policy.refresh(*connection)) == "");
    BOOST_TEST(database.value("SELECT sum(hits) FROM directory.sender_block_hit") == "3");

    database.sql("DELETE FROM directory.sender_block WHERE kind = 'subtree'");
    BOOST_TEST(why(policy.refresh(*connection)) == "");
    BOOST_TEST(!blocked(policy, "spam@bad.example"));
    BOOST_TEST(blocked(policy, "a@b.example"));
}

BOOST_AUTO_TEST_CASE(keeps_its_copy_for_a_start_without_the_database) {
    test_support::CatalogDatabase database;
    const auto connection = database.open("roundtable_mtad");
    database.sql(
        "INSERT INTO directory.sender_block (kind, pattern, reason, author)"
        " VALUES ('domain', 'bad.example', 'test', 'test')");
    {
        mta::SenderPolicy policy(path());
        BOOST_TEST(why(policy.refresh(*connection)) == "");
    }
    mta::SenderPolicy policy(path());
    BOOST_TEST(bool(policy.load()));
    BOOST_TEST(policy.is_known());
    BOOST_TEST(blocked(policy, "x@bad.example"));
}

BOOST_AUTO_TEST_CASE(a_damaged_copy_is_an_error_and_blocks_nobody) {
    BOOST_REQUIRE(bool(base::write_file_atomic(path(), "RTSENDR1 nonsense", 0600)));
    mta::SenderPolicy policy(path());
    BOOST_TEST((policy.load().error().code == Errc::Corrupt));
    BOOST_TEST(!policy.is_known());
}

BOOST_AUTO_TEST_CASE(hits_that_could_not_be_written_are_written_later) {
    test_support::CatalogDatabase database;
    database.sql(
        "INSERT INTO directory.sender_block (kind, pattern, reason, author)"
        " VALUES ('domain', 'bad.example', 'test', 'test')");
    mta::SenderPolicy policy(path());
    const auto connection = database.open("roundtable_mtad");
    BOOST_TEST(why(policy.refresh(*connection)) == "");
    BOOST_TEST(blocked(policy, "x@bad.example"));
    const auto stranger = database.open("roundtable_report");
    BOOST_TEST(!policy.refresh(*stranger));
    BOOST_TEST(why(policy.refresh(*connection)) == "");
    BOOST_TEST(database.value("SELECT sum(hits) FROM directory.sender_block_hit") == "1");
}

BOOST_AUTO_TEST_SUITE_END()
