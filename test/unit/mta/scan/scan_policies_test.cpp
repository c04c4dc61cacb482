#include "mta/scan/scan_policies.h"

#include <filesystem>
#include <string>

#include <boost/test/unit_test.hpp>

#include "base/random.h"
#include "test/support/catalog_database.h"

namespace {

using mta::NoScannerPolicy;
using mta::ScanPolicies;
using mta::ScanPolicy;
using mta::VirusPolicy;
using test_support::why;

struct Fixture {
    Fixture()
        : directory(std::filesystem::temp_directory_path() /
                    ("mta-test-" + std::to_string(base::random_u64()))) {
        std::filesystem::create_directories(directory);
    }

    ~Fixture() { std::filesystem::remove_all(directory); }

    [[nodiscard]] std::string path() const { return directory / "scan_policy.bin"; }

    std::filesystem::path directory;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(scan_policies, Fixture)

BOOST_AUTO_TEST_CASE(before_they_are_read_the_strict_ones_count) {
    ScanPolicies policies(path());
    BOOST_TEST(why(policies.load()) == "");
    BOOST_TEST((policies.list()->find("a.example") == ScanPolicy{}));
}

BOOST_AUTO_TEST_CASE(follow_the_directory_and_outlive_it_on_disk) {
    test_support::CatalogDatabase database;
    const auto connection = database.open("roundtable_mtad");
    ScanPolicies policies(path());
    database.sql(
        "INSERT INTO directory.domain (name, virus_policy, no_scanner_policy) VALUES"
        " ('a.example', 'quarantine', NULL), ('b.example', NULL, 'accept')");
    BOOST_TEST(why(policies.refresh(*connection)) == "");
    const ScanPolicy held{VirusPolicy::Quarantine, NoScannerPolicy::TempFail};
    const ScanPolicy accepted{VirusPolicy::Reject, NoScannerPolicy::Accept};
    BOOST_TEST((policies.list()->find("a.example") == held));
    BOOST_TEST((policies.list()->find("b.example") == accepted));

    // Each change of a policy is a new version of the directory.
    database.sql("UPDATE directory.domain SET virus_policy = 'tag' WHERE name = 'a.example'");
    BOOST_TEST(why(policies.refresh(*connection)) == "");
    BOOST_TEST((policies.list()->find("a.example").virus == VirusPolicy::Tag));
    database.sql("UPDATE directory.cluster SET virus_policy = 'quarantine'");
    BOOST_TEST(why(policies.refresh(*connection)) == "");
    BOOST_TEST((policies.list()->find("b.example").virus == VirusPolicy::Quarantine));
    BOOST_TEST((policies.list()->find("c.example").virus == VirusPolicy::Quarantine));

    ScanPolicies later(path());
    BOOST_TEST(why(later.load()) == "");
    BOOST_TEST((later.list()->domains() == policies.list()->domains()));
}

BOOST_AUTO_TEST_CASE(only_known_words_are_taken) {
    test_support::CatalogDatabase database;
    BOOST_CHECK_THROW(database.sql("UPDATE directory.cluster SET virus_policy = 'delete'"),
                      std::exception);
    BOOST_CHECK_THROW(database.sql("UPDATE directory.cluster SET no_scanner_policy = 'reject'"),
                      std::exception);
}

BOOST_AUTO_TEST_SUITE_END()
