#include "ops/system_user.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <boost/test/unit_test.hpp>
#include <sys/stat.h>
#include <unistd.h>

using ops::SystemUser;

BOOST_AUTO_TEST_SUITE(system_user)

BOOST_AUTO_TEST_CASE(who_is_not_root_gives_nothing_away) {
    const SystemUser ourselves;
    BOOST_TEST(ourselves.name.empty());
    BOOST_TEST(bool(ourselves.own("/nonexistent")));
    if (::geteuid() != 0) {
        const auto found = SystemUser::for_daemons("nobody");
        BOOST_REQUIRE(found);
        BOOST_TEST(found.value().name.empty());
    }
}

BOOST_AUTO_TEST_CASE(root_needs_a_user_who_is_there_and_is_not_root) {
    if (::geteuid() != 0) {
        return;  // needs root: continuous integration is
    }
    for (const char* name : {"no-such-user-here", "root", ""}) {
        const auto found = SystemUser::for_daemons(name);
        BOOST_REQUIRE(!found);
        BOOST_CHECK(found.error().code == base::Errc::NotFound);
        BOOST_TEST(found.error().detail.find("useradd") != std::string::npos);
    }
    const auto nobody = SystemUser::for_daemons("nobody");
    BOOST_REQUIRE(nobody);
    BOOST_TEST(nobody.value().uid != 0U);
}

BOOST_AUTO_TEST_CASE(a_link_is_given_away_and_not_what_it_leads_to) {
    if (::geteuid() != 0) {
        return;  // needs root
    }
    const std::string directory =
        (std::filesystem::temp_directory_path() / ("own-" + std::to_string(::getpid()))).string();
    std::filesystem::create_directories(directory);
    std::ofstream(directory + "/file") << "x";
    std::filesystem::create_symlink(directory + "/file", directory + "/link");
    const SystemUser nobody = SystemUser::for_daemons("nobody").take_value();
    BOOST_TEST(bool(nobody.own(directory + "/link")));

    struct stat of_file {};

    struct stat of_link {};

    BOOST_REQUIRE(::lstat((directory + "/file").c_str(), &of_file) == 0);
    BOOST_REQUIRE(::lstat((directory + "/link").c_str(), &of_link) == 0);
    BOOST_TEST(of_file.st_uid == 0U);
    BOOST_TEST(of_link.st_uid == nobody.uid);
    const base::Status missing = nobody.own(directory + "/missing");
    BOOST_REQUIRE(!missing);
    BOOST_CHECK(missing.error().code == base::Errc::NotFound);
    std::filesystem::remove_all(directory);
}

BOOST_AUTO_TEST_SUITE_END()
