#include "base/unix_socket.h"

#include <filesystem>
#include <fstream>
#include <optional>

#include <boost/test/unit_test.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fiber.h"
#include "test/support/loop_runner.h"

using base::Deadline;
using base::Errc;
using namespace std::chrono_literals;
using test_support::run_in_fiber;

namespace {

class Place {
  public:
    Place()
        : directory_(std::filesystem::temp_directory_path() /
                     ("unix-" + std::to_string(::getpid()))) {
        std::filesystem::create_directories(directory_);
    }

    ~Place() { std::filesystem::remove_all(directory_); }

    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    [[nodiscard]] std::string path() const { return (directory_ / "socket").string(); }

  private:
    std::filesystem::path directory_;
};

auto listen(base::Loop& loop, const std::string& path, base::UnixListener::OnAccept on_accept) {
    return base::UnixListener::create(loop, path, 0620, 4, std::move(on_accept));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(unix_socket)

BOOST_AUTO_TEST_CASE(accepts_and_says_who_it_is) {
    const Place place;
    run_in_fiber([&](base::Loop& loop) {
        std::optional<base::UnixPeer> peer;
        base::FiberEvent accepted;
        const mode_t umask_before = ::umask(0);
        auto listener = listen(loop, place.path(), [&](base::Fd, const base::UnixPeer& who) {
            peer = who;
            accepted.notify();
        });
        ::umask(umask_before);
        BOOST_REQUIRE(listener);
        struct stat found {};
        BOOST_REQUIRE(::stat(place.path().c_str(), &found) == 0);
        BOOST_TEST((found.st_mode & 0777U) == 0620U);
        BOOST_TEST(bool(base::connect_unix(place.path(), Deadline::after(1s))));
        BOOST_REQUIRE(accepted.wait(Deadline::after(10s)));
        BOOST_TEST(peer->uid == ::getuid());
        BOOST_TEST(peer->pid == ::getpid());
    });
    BOOST_TEST(!std::filesystem::exists(place.path()));
}

BOOST_AUTO_TEST_CASE(replaces_only_what_was_abandoned) {
    const Place place;
    run_in_fiber([&](base::Loop& loop) {
        const auto ignore = [](base::Fd, const base::UnixPeer&) {};
        auto first = listen(loop, place.path(), ignore);
        BOOST_REQUIRE(first);
        const auto second = listen(loop, place.path(), ignore);
        BOOST_REQUIRE(!second);
        BOOST_TEST((second.error().code == Errc::Exists));
        BOOST_TEST(bool(base::connect_unix(place.path(), Deadline::after(1s))));
        // As a killed process leaves it.
        const std::string aside = place.path() + ".aside";
        std::filesystem::rename(place.path(), aside);
        first = base::Error{Errc::Closed, "gone"};
        std::filesystem::rename(aside, place.path());
        BOOST_TEST((base::connect_unix(place.path(), Deadline::after(1s)).error().code ==
                    Errc::Unavailable));
        BOOST_TEST(bool(listen(loop, place.path(), ignore)));
        std::ofstream(place.path()) << "a file";
        BOOST_TEST((listen(loop, place.path(), ignore).error().code == Errc::Exists));
        BOOST_TEST(std::filesystem::file_size(place.path()) == 6U);
    });
}

BOOST_AUTO_TEST_CASE(says_what_is_wrong_with_a_path) {
    run_in_fiber([](base::Loop& loop) {
        const auto ignore = [](base::Fd, const base::UnixPeer&) {};
        const std::string too_long = "/" + std::string(107, 'x');
        BOOST_TEST((listen(loop, too_long, ignore).error().code == Errc::TooLarge));
        BOOST_TEST((base::connect_unix("", Deadline::after(1s)).error().code == Errc::TooLarge));
        const std::string missing = "/nonexistent/socket";
        BOOST_TEST((listen(loop, missing, ignore).error().code == Errc::NotFound));
        BOOST_TEST(
            (base::connect_unix(missing, Deadline::after(1s)).error().code == Errc::NotFound));
    });
}

BOOST_AUTO_TEST_SUITE_END()
