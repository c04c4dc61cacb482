#include "ops/supervisor.h"

#include <csignal>
#include <filesystem>
#include <fstream>

#include <boost/test/unit_test.hpp>

#include "ops/control.h"

namespace {

// A loop, a directory and a supervisor of shell scripts.
class Fixture {
  public:
    Fixture()
        : directory_(std::filesystem::temp_directory_path() /
                     ("supervisor-" + std::to_string(::getpid()))),
          loop(base::Loop::create("test").take_value()) {
        std::filesystem::create_directories(directory_);
        supervisor.emplace(*loop, ops::Supervisor::Options{directory_, directory_, ""});
        guard_ = base::Timer::after(*loop, std::chrono::seconds(20), [this] {
            BOOST_ERROR("the test took longer than 20 s");
            loop->stop();
        });
    }

    ~Fixture() { std::filesystem::remove_all(directory_); }

    Fixture(const Fixture&) = delete;
    Fixture& operator=(const Fixture&) = delete;

    // A daemon that is ready once its script has made the file NAME.ready.
    ops::DaemonSpec script(const std::string& name, int stage, const std::string& text) {
        ops::DaemonSpec spec;
        spec.name = name;
        spec.stage = stage;
        spec.process.program = "/bin/sh";
        spec.process.arguments = {"-c", text};
        spec.process.environment = {"PATH=/usr/bin:/bin"};
        spec.process.directory = directory_;
        spec.log_file = path(name + ".log");
        spec.is_ready = [file = path(name + ".ready")] { return std::filesystem::exists(file); };
        return spec;
    }

    [[nodiscard]] std::string path(const std::string& name) const {
        return (directory_ / name).string();
    }

    [[nodiscard]] std::string content(const std::string& name) const {
        std::ifstream file(path(name));
        return {std::istreambuf_iterator<char>(file), {}};
    }

    // Runs the loop until the condition holds, polled on the loop.
    void run_until(std::function<bool()> condition) {
        auto poll = base::Timer::every(*loop, std::chrono::milliseconds(5), [&] {
            if (condition()) {
                supervisor->stop([this] { loop->stop(); });
                condition = [] { return false; };
            }
        });
        loop->run();
    }

  private:
    std::filesystem::path directory_;

  public:
    std::unique_ptr<base::Loop> loop;
    std::optional<ops::Supervisor> supervisor;

  private:
    base::Timer guard_;
};

}  // namespace

BOOST_AUTO_TEST_CASE(starts_stage_by_stage_and_stops_in_reverse) {
    Fixture fixture;
    const auto loop_body = std::string("while :; do sleep 0.05; done");
    for (const auto& [name, stage] : {std::pair("late", 2), std::pair("early", 1)}) {
        const std::string text = "echo start-" + std::string(name) + " >> order; touch " + name +
                                 ".ready; trap 'echo stop-" + name + " >> order; exit 0' TERM; " +
                                 loop_body;
        BOOST_REQUIRE(fixture.supervisor->add(fixture.script(name, stage, text)));
    }
    bool ready = false;
    fixture.supervisor->start([&ready] { ready = true; });
    fixture.run_until([&ready] { return ready; });
    BOOST_TEST(fixture.content("order") == "start-early\nstart-late\nstop-late\nstop-early\n");
}

BOOST_AUTO_TEST_CASE(a_killed_daemon_is_started_again) {
    Fixture fixture;
    BOOST_REQUIRE(fixture.supervisor->add(
        fixture.script("one", 1, "touch one.ready; while :; do sleep 0.05; done")));
    pid_t first = 0;
    fixture.supervisor->start([&] {
        first = fixture.supervisor->list()[0].pid;
        ::kill(first, SIGKILL);
    });
    fixture.run_until([&] {
        const auto status = fixture.supervisor->list()[0];
        return status.restarts == 1 && status.pid != 0 && status.pid != first;
    });
    BOOST_TEST(fixture.supervisor->list()[0].restarts == 1U);
}

BOOST_AUTO_TEST_CASE(an_operator_stops_and_starts_a_daemon_through_the_socket) {
    Fixture fixture;
    BOOST_REQUIRE(fixture.supervisor->add(
        fixture.script("one", 1, "touch one.ready; while :; do sleep 0.05; done")));
    bool stopped = false;
    fixture.supervisor->start(
        [&] { BOOST_TEST(ops::answer_control(*fixture.supervisor, "stop one") == "ok\n"); });
    fixture.run_until([&] {
        const auto state = fixture.supervisor->list()[0].state;
        if (!stopped && state == ops::DaemonState::Stopped) {
            stopped = true;
            BOOST_TEST(ops::answer_control(*fixture.supervisor, "start one") == "ok\n");
        }
        return stopped && fixture.supervisor->list()[0].state == ops::DaemonState::Ready;
    });
    BOOST_TEST(stopped);
    BOOST_TEST(fixture.supervisor->list()[0].restarts == 0U);
}

BOOST_AUTO_TEST_CASE(a_daemon_that_does_not_stop_is_killed) {
    Fixture fixture;
    auto spec =
        fixture.script("deaf", 1, "trap '' TERM; touch deaf.ready; while :; do sleep 0.05; done");
    spec.stop_timeout = std::chrono::milliseconds(200);
    BOOST_REQUIRE(fixture.supervisor->add(std::move(spec)));
    bool ready = false;
    fixture.supervisor->start([&ready] { ready = true; });
    fixture.run_until([&ready] { return ready; });
    BOOST_TEST(fixture.supervisor->list()[0].last_end == "signal 9");
}
