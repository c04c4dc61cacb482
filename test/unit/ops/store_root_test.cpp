#include "ops/store_root.h"

#include <filesystem>
#include <fstream>

#include <boost/test/unit_test.hpp>

namespace {

struct Directory {
    std::string path =
        (std::filesystem::temp_directory_path() / ("store-root-" + std::to_string(::getpid())))
            .string();

    Directory() { std::filesystem::remove_all(path); }

    ~Directory() { std::filesystem::remove_all(path); }

    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
};

const base::Uuid kStore = base::Uuid::parse("0190b6c1-7f3a-7c2e-9d51-0123456789ab").take_value();
const base::Uuid kOther = base::Uuid::parse("0190b6c1-7f3a-7c2e-9d51-0123456789ac").take_value();

}  // namespace

BOOST_AUTO_TEST_CASE(makes_a_root_and_keeps_its_identity) {
    const Directory directory;
    BOOST_REQUIRE(ops::mark_store_roots({directory.path}, kStore));
    BOOST_REQUIRE(ops::mark_store_roots({directory.path}, kStore));
    std::ifstream file(directory.path + "/roundtable-store");
    std::string line;
    std::getline(file, line);
    BOOST_TEST(line == kStore.to_text());
}

BOOST_AUTO_TEST_CASE(refuses_a_root_of_another_store) {
    const Directory directory;
    BOOST_REQUIRE(ops::mark_store_roots({directory.path}, kStore));
    const auto status = ops::mark_store_roots({directory.path}, kOther);
    BOOST_REQUIRE(!status);
    BOOST_TEST((status.error().code == base::Errc::Refused));
}

// A mount point that is not mounted may hold old files: an identity there would let mail fall
// beside the mount.
BOOST_AUTO_TEST_CASE(refuses_a_directory_that_holds_other_things) {
    const Directory directory;
    std::filesystem::create_directories(directory.path + "/lost+found");
    BOOST_REQUIRE(ops::mark_store_roots({directory.path}, kStore));
    std::filesystem::remove(directory.path + "/roundtable-store");
    std::ofstream(directory.path + "/notes.txt") << "mine";
    BOOST_TEST(!ops::mark_store_roots({directory.path}, kStore));
    BOOST_TEST(!std::filesystem::exists(directory.path + "/roundtable-store"));
}

BOOST_AUTO_TEST_CASE(refuses_a_relative_path) {
    BOOST_TEST(!ops::mark_store_roots({"stores/one"}, kStore));
}
