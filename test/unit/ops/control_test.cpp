#include "ops/control.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include <boost/test/unit_test.hpp>
#include <unistd.h>

#include "base/fiber.h"
#include "base/worker_pool.h"
#include "test/support/loop_runner.h"

namespace {

using namespace std::chrono_literals;

// A directory for the socket; goes when the test ends.
class Directory {
  public:
    Directory()
        : path_((std::filesystem::temp_directory_path() / ("control-" + std::to_string(::getpid())))
                    .string()) {
        std::filesystem::create_directories(path_);
    }

    ~Directory() { std::filesystem::remove_all(path_); }

    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;

    [[nodiscard]] std::string socket() const { return path_ + "/control"; }

    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
};

ops::DaemonSpec idle_daemon(const std::string& name) {
    ops::DaemonSpec spec;
    spec.name = name;
    spec.is_ready = [] { return true; };
    return spec;
}

// Runs `body` with a supervisor of one daemon that was not started, and a way to ask it, which
// blocks and so runs on a thread of its own.
using Ask = std::function<base::Result<std::string>(const std::string&)>;

void with_server(const std::function<void(const Ask&)>& body) {
    test_support::run_in_fiber([&](base::Loop& loop) {
        const Directory directory;
        ops::Supervisor supervisor(loop, {directory.path(), directory.path(), ""});
        BOOST_REQUIRE(supervisor.add(idle_daemon("one")));
        // What an earlier process left is replaced.
        std::ofstream(directory.socket()) << "stale";
        const auto server = ops::ControlServer::create(loop, directory.socket(), supervisor);
        BOOST_REQUIRE(server);
        base::WorkerPool threads("asker", 1, 4);
        body([&](const std::string& request) {
            return threads.run([&] { return ops::ask_control(directory.socket(), request); },
                               base::Deadline::after(20s));
        });
    });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(control)

BOOST_AUTO_TEST_CASE(a_question_over_the_socket_is_answered) {
    with_server([](const Ask& ask) {
        const auto listed = ask("list");
        BOOST_REQUIRE_MESSAGE(bool(listed), (listed ? "" : listed.error().detail));
        BOOST_TEST(listed.value() == "one\tstopped\t0\t0\t\n");
        BOOST_TEST(ask("stop one").value().empty());
    });
}

BOOST_AUTO_TEST_CASE(what_the_supervisor_refuses_is_refused_with_its_words) {
    with_server([](const Ask& ask) {
        const auto unknown = ask("stop nobody");
        BOOST_REQUIRE(!unknown);
        BOOST_CHECK(unknown.error().code == base::Errc::Refused);
        BOOST_TEST(unknown.error().detail.find("nobody") != std::string::npos);
        BOOST_TEST(!unknown.error().detail.ends_with('\n'));
        const auto nonsense = ask("reboot");
        BOOST_REQUIRE(!nonsense);
        BOOST_TEST(nonsense.error().detail == "requests are: list, stop NAME, start NAME");
    });
}

BOOST_AUTO_TEST_CASE(an_empty_or_long_request_is_refused_and_the_next_is_answered) {
    with_server([](const Ask& ask) {
        BOOST_TEST(!ask(""));
        BOOST_TEST(!ask(std::string(20'000, 'x')));
        BOOST_TEST(bool(ask("list")));
    });
}

BOOST_AUTO_TEST_CASE(requests_are_words_of_the_protocol_and_names_of_daemons) {
    test_support::run_in_fiber([](base::Loop& loop) {
        ops::Supervisor supervisor(loop, {"/nonexistent", "/nonexistent", ""});
        for (const char* request : {"", "stop", "stop nobody", "reboot one", "list all"}) {
            BOOST_TEST(ops::answer_control(supervisor, request).starts_with("error "), request);
        }
        BOOST_TEST(ops::answer_control(supervisor, "list") == "ok\n");
    });
}

BOOST_AUTO_TEST_CASE(asking_where_nobody_listens_says_what_to_do) {
    const auto answer = ops::ask_control("/nonexistent/control", "list");
    BOOST_REQUIRE(!answer);
    BOOST_CHECK(answer.error().code == base::Errc::Unavailable);
    BOOST_TEST(answer.error().detail.find("roundtable up") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_path_that_is_no_socket_name_is_too_large) {
    const std::string path = "/tmp/" + std::string(200, 'x');
    const auto answer = ops::ask_control(path, "list");
    BOOST_REQUIRE(!answer);
    BOOST_CHECK(answer.error().code == base::Errc::TooLarge);
    test_support::run_in_fiber([&](base::Loop& loop) {
        ops::Supervisor supervisor(loop, {"/nonexistent", "/nonexistent", ""});
        BOOST_TEST(!ops::ControlServer::create(loop, path, supervisor));
    });
}

BOOST_AUTO_TEST_SUITE_END()
