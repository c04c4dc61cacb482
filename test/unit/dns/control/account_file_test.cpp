#include "dns/control/account_file.h"

#include <filesystem>
#include <fstream>

#include <boost/test/unit_test.hpp>

#include "base/file.h"
#include "test/unit/dns/accounts.h"
#include "test/unit/dns/control/control_fixture.h"

using dns::AccountFile;
using dns::AccountUpdate;
using dns::AccountView;
using dns_test::LogCapture;

namespace {

AccountUpdate update(std::int64_t number, std::string_view user) {
    AccountUpdate made;
    made.changes = {
        {1, {dns::account_digest(user), 77, dns::AccountState::Active}, dns::Presence::There}};
    made.position = {7, number, "mark"};
    return made;
}

struct Files {
    Files() { BOOST_REQUIRE(base::ensure_dir(dir.path() + "/snapshot")); }

    [[nodiscard]] AccountFile file() const { return AccountFile(dir.path() + "/snapshot"); }

    dns_test::StateDir dir;
    AccountView view = dns_test::account_view({{"alice", 42}});
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(account_file, Files)

BOOST_AUTO_TEST_CASE(what_was_written_and_appended_is_found_again) {
    AccountFile first = file();
    BOOST_CHECK(first.load().error().code == base::Errc::NotFound);
    // Nothing to append to.
    BOOST_REQUIRE(first.append(update(9, "bob"), view));
    BOOST_TEST(first.rewrites() == 1U);
    const std::size_t whole = first.written();
    view = view.with(update(10, "carol"));
    BOOST_REQUIRE(first.append(update(10, "carol"), view));
    BOOST_TEST(first.rewrites() == 1U);
    BOOST_TEST(first.written() - whole < 150U);

    AccountFile second = file();
    const auto loaded = second.load();
    BOOST_REQUIRE(loaded);
    BOOST_TEST(loaded.value().addresses() == 2U);
    BOOST_TEST(loaded.value().position().number == 10);
    // It goes on where the other one ended.
    BOOST_REQUIRE(second.append(update(11, "dave"), view.with(update(11, "dave"))));
    BOOST_TEST(second.rewrites() == 0U);
    BOOST_TEST(file().load().value().addresses() == 3U);
    using std::filesystem::perms;
    BOOST_TEST((std::filesystem::status(dir.file("accounts")).permissions() ==
                (perms::owner_read | perms::owner_write)));
}

BOOST_AUTO_TEST_CASE(behind_a_cut_tail_nothing_is_appended) {
    AccountFile first = file();
    BOOST_REQUIRE(first.write(view));
    BOOST_REQUIRE(first.append(update(9, "bob"), view));
    std::filesystem::resize_file(dir.file("accounts"),
                                 std::filesystem::file_size(dir.file("accounts")) - 3);
    const LogCapture log;
    AccountFile second = file();
    const auto loaded = second.load();
    BOOST_REQUIRE(loaded);
    BOOST_TEST(loaded.value().addresses() == 1U);
    BOOST_TEST(log.count("accounts-file-cut") == 1U);
    BOOST_REQUIRE(second.append(update(9, "bob"), view.with(update(9, "bob"))));
    BOOST_TEST(second.rewrites() == 1U);
    BOOST_TEST(file().load().value().addresses() == 2U);
}

BOOST_AUTO_TEST_CASE(updates_that_outgrow_the_view_are_written_with_it) {
    AccountFile one = file();
    BOOST_REQUIRE(one.write(view));
    std::size_t most = 0;
    for (std::int64_t i = 0; i < 30'000 && one.rewrites() < 2; ++i) {
        BOOST_REQUIRE(one.append(update(i, "u" + std::to_string(i)), view));
        most = std::max<std::size_t>(most, std::filesystem::file_size(dir.file("accounts")));
    }
    BOOST_TEST(one.rewrites() == 2U);
    BOOST_TEST(most > 1'000'000U);
    BOOST_TEST(most < 1'100'000U);
}

BOOST_AUTO_TEST_CASE(after_a_failure_the_next_one_is_whole) {
    AccountFile one = file();
    BOOST_REQUIRE(one.write(view));
    std::filesystem::remove(dir.file("accounts"));
    const auto failed = one.append(update(9, "bob"), view);
    BOOST_REQUIRE(!failed);
    BOOST_CHECK(failed.error().code == base::Errc::NotFound);
    BOOST_REQUIRE(one.append(update(10, "carol"), view));
    BOOST_TEST(one.rewrites() == 2U);
    std::filesystem::remove_all(dir.path() + "/snapshot");
    BOOST_TEST(!one.write(view));
}

BOOST_AUTO_TEST_CASE(another_format_is_refused) {
    std::ofstream(dir.file("accounts")) << "RTDNSNP1 and more";
    BOOST_CHECK(file().load().error().code == base::Errc::Corrupt);
}

BOOST_AUTO_TEST_SUITE_END()
