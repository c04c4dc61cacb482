#include "dns/control/snapshot_files.h"

#include <filesystem>

#include <boost/test/unit_test.hpp>

#include "base/file.h"
#include "test/unit/dns/control/control_fixture.h"
#include "test/unit/dns/directory/world.h"

namespace {

using dns_test::LogCapture;
using dns_test::StateDir;

struct Files {
    StateDir dir;
    dns::SnapshotFiles files{dir.path()};

    dns::SavedState load() const { return files.load().take_value(); }

    void save_all() const {
        BOOST_REQUIRE(files.save_directory(dns_test::directory(), {}));
        BOOST_REQUIRE(files.save_trims({{{{1}, 0.5}}, {}}));
        BOOST_REQUIRE(files.save_health({5, {{{1}, false, "why", 1}}, {}}));
    }

    void damage(const std::string& name) const {
        std::string bytes = base::read_file(dir.file(name), 1 << 20).take_value();
        bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
        BOOST_REQUIRE(base::write_file_atomic(dir.file(name), bytes, 0600));
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(snapshot_files, Files)

BOOST_AUTO_TEST_CASE(a_first_start_finds_nothing_and_says_nothing) {
    const LogCapture log;
    const auto state = load();
    BOOST_TEST(!state.directory);
    BOOST_TEST(state.trims.mail.empty());
    BOOST_TEST(log.text().empty());
    BOOST_TEST(std::filesystem::is_directory(dir.path() + "/snapshot"));
}

BOOST_AUTO_TEST_CASE(what_was_saved_is_found_again) {
    (void)load();
    save_all();
    const auto state = load();
    BOOST_REQUIRE(state.directory);
    BOOST_TEST((*state.directory == dns_test::directory()));
    BOOST_REQUIRE(state.trims.mail.size() == 1U);
    BOOST_TEST(state.trims.mail[0].z == 0.5);
    BOOST_TEST((state.health == dns::SavedPoolHealth{5, {{{1}, false, "why", 1}}, {}}));
}

BOOST_AUTO_TEST_CASE(serials_are_saved_as_they_were_published) {
    (void)load();
    BOOST_REQUIRE(files.save_directory(dns_test::directory(), {1, 99}));
    const auto state = load();
    BOOST_TEST(state.directory->domains[0].serial == 1U);
    BOOST_TEST(state.directory->domains[1].serial == 99U);
}

BOOST_AUTO_TEST_CASE(a_damaged_file_is_left_aside_and_the_others_are_used) {
    for (const std::string name : {"directory", "trims", "health"}) {
        (void)load();
        save_all();
        damage(name);
        const LogCapture log;
        const auto state = load();
        BOOST_TEST(bool(state.directory) == (name != "directory"));
        BOOST_TEST(state.trims.mail.empty() == (name == "trims"));
        BOOST_TEST(state.health.mail.empty() == (name == "health"));
        BOOST_TEST(log.count("snapshot-refused") == 1U);
        BOOST_TEST(log.count("snapshot/" + name) == 1U);
        BOOST_TEST(std::filesystem::exists(dir.file(name)), "for whoever looks into it");
    }
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_read_is_left_aside) {
    (void)load();
    save_all();
    std::filesystem::remove(dir.file("directory"));
    std::filesystem::create_directory(dir.file("directory"));
    const LogCapture log;
    const auto state = load();
    BOOST_TEST(!state.directory);
    BOOST_TEST(state.trims.mail.size() == 1U);
    BOOST_TEST(log.count("snapshot-unread") == 1U);
}

BOOST_AUTO_TEST_CASE(files_are_for_the_daemon_alone) {
    (void)load();
    save_all();
    using std::filesystem::perms;
    for (const char* name : {"directory", "trims"}) {
        BOOST_TEST((std::filesystem::status(dir.file(name)).permissions() ==
                    (perms::owner_read | perms::owner_write)));
    }
}

BOOST_AUTO_TEST_CASE(without_its_directory_nothing_is_saved_and_nothing_is_lost) {
    const auto saved = files.save_trims({});
    BOOST_REQUIRE(!saved);
    BOOST_CHECK(saved.error().code == base::Errc::NotFound);
    dns::SnapshotFiles nowhere("/dev/null/x");
    BOOST_TEST(!nowhere.load());
}

BOOST_AUTO_TEST_SUITE_END()
