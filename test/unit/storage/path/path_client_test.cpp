#include "storage/path/path_client.h"

#include <csignal>

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/path/hanging_fs.h"
#include "test/unit/storage/path/loop_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

bool has_stuck_thread(pid_t pid) {
    return thread_states(pid).find('D') != std::string::npos;
}

}  // namespace

// A helper is small; a sanitizer's own memory is not its fault.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr long kHelperKib = 65'536;
#else
constexpr long kHelperKib = 2'048;
#endif

BOOST_AUTO_TEST_SUITE(storage_path_client)

BOOST_AUTO_TEST_CASE(a_hung_mount_holds_two_helpers_and_never_the_daemon) {
    run_in_fiber([](base::Loop& loop) {
        TempDir dir;
        write_identity(dir.path(), store_id(1));
        PathClient path(loop, {"p1", dir.path()}, store_id(1), quick_options());
        path.start();
        BOOST_REQUIRE(eventually([&] { return path.health().is_healthy(); }));
        const pid_t first = path.helper_pid();

        // The loop goes on all the time.
        base::Instant last = base::monotonic_now();
        base::Duration longest{};
        const base::Timer beat = base::Timer::every(loop, milliseconds(5), [&] {
            const base::Instant now = base::monotonic_now();
            longest = std::max<base::Duration>(longest, now - std::exchange(last, now));
        });
        {
            HangingFs hung(dir.path());
            BOOST_REQUIRE(eventually([&] { return path.counters().helpers_abandoned == 1; }));
            BOOST_REQUIRE(eventually([&] { return has_stuck_thread(first); }));
            BOOST_REQUIRE(eventually([&] { return path.counters().helpers_abandoned == 2; }));
            BOOST_CHECK(path.health().state == StoreState::Out);
            BOOST_TEST(path.health().reason == "hung");
            BOOST_TEST(path.helper_pid() == 0);
            // SIGKILL has not freed them, and a third is not started.
            BOOST_TEST(!eventually([&] { return path.counters().helpers_started > 2; },
                                   milliseconds(1'000)));
            BOOST_TEST(path.helpers_alive() == 2U);
            BOOST_TEST(::kill(first, 0) == 0);
            // Requests fail at once.
            bool refused = false;
            helper::Request request;
            request.type = helper::RequestType::Stat;
            request.path = "a";
            path.call(request, {}, in(5'000), [&](const base::Result<PathAnswer>& answer) {
                refused = code_of(answer) == base::Errc::Unavailable;
            });
            BOOST_TEST(eventually([&] { return refused; }, milliseconds(200)));
        }
        BOOST_REQUIRE(eventually([&] { return path.health().is_healthy(); }));
        BOOST_TEST(path.counters().helpers_started == 3U);
        BOOST_TEST(path.helpers_alive() == 1U);
        BOOST_TEST(::kill(first, 0) != 0);
        const auto gap = std::chrono::duration_cast<milliseconds>(longest).count();
        BOOST_TEST_MESSAGE("longest pause of the loop: " << gap << " ms");
        BOOST_TEST(gap < 500);
    });
}

BOOST_AUTO_TEST_CASE(a_client_of_a_hung_mount_is_destroyed_without_a_wait) {
    run_in_fiber([](base::Loop& loop) {
        TempDir dir;
        write_identity(dir.path(), store_id(1));
        auto path = std::make_unique<PathClient>(
            loop, StoragePathConfig{"p1", dir.path()}, store_id(1), quick_options());
        path->start();
        BOOST_REQUIRE(eventually([&] { return path->health().is_healthy(); }));
        const pid_t helper = path->helper_pid();
        HangingFs hung(dir.path());
        BOOST_REQUIRE(eventually([&] { return has_stuck_thread(helper); }));
        const base::Instant start = base::monotonic_now();
        path.reset();
        BOOST_TEST((base::monotonic_now() - start < milliseconds(200)));
        // Another client of that path, as of a new daemon, is not kept from starting.
        PathClient next(loop, {"p1", dir.path()}, store_id(1), quick_options());
        next.start();
        BOOST_TEST(next.helper_pid() > 0);
        hung.release();
        BOOST_REQUIRE(eventually([&] { return next.health().is_healthy(); }));
        BOOST_REQUIRE(eventually([&] {
            (void)base::reap_abandoned();
            return ::kill(helper, 0) != 0;
        }));
    });
}

BOOST_AUTO_TEST_CASE(a_helper_holds_nothing_of_the_daemon) {
    run_in_fiber([](base::Loop& loop) {
        TempDir dir;
        write_identity(dir.path(), store_id(1));
        const base::Fd secret(::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY));  // no O_CLOEXEC
        PathClient path(loop, {"p1", dir.path()}, store_id(1), quick_options());
        path.start();
        BOOST_REQUIRE(eventually([&] { return path.health().is_healthy(); }));
        const std::string process = "/proc/" + std::to_string(path.helper_pid());
        std::vector<std::string> open;
        for (const auto& entry : std::filesystem::directory_iterator(process + "/fd")) {
            open.push_back(std::filesystem::read_symlink(entry).string());
        }
        std::ranges::sort(open);
        BOOST_REQUIRE_EQUAL(open.size(), 4U);
        BOOST_TEST(open[0] == "/dev/null");
        BOOST_TEST(open[2] == "/dev/null");
        BOOST_TEST(open[3].starts_with("socket:"));
        BOOST_TEST(std::filesystem::read_symlink(process + "/cwd") == "/");
        // Small: it is there once per daemon and path.
        const std::string status = file_text(process + "/status");
        const std::size_t at = status.find("RssAnon:");
        BOOST_REQUIRE(at != std::string::npos);
        BOOST_TEST_MESSAGE("helper " << status.substr(at, status.find('\n', at) - at));
        BOOST_TEST(std::stol(status.substr(at + 8)) < kHelperKib);
    });
}

BOOST_AUTO_TEST_SUITE_END()
