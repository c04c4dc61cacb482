#include "base/process.h"

#include <csignal>

#include <boost/test/unit_test.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fiber.h"
#include "test/support/loop_runner.h"

using base::Child;
using base::Deadline;
using base::Errc;
using base::ExitStatus;
using base::Fd;
using base::FiberEvent;
using base::Loop;
using base::ProcessOptions;
using base::Result;
using namespace std::chrono_literals;
using test_support::run_in_fiber;

namespace {

Deadline later() {
    return Deadline::after(30s);
}

ProcessOptions shell(const std::string& script) {
    ProcessOptions options;
    options.program = "/bin/sh";
    options.arguments = {"-c", script};
    options.environment = {"PATH=/usr/bin:/bin"};
    return options;
}

struct Pipe {
    Fd read;
    Fd write;

    Pipe() {
        int ends[2] = {-1, -1};
        BOOST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        read = Fd(ends[0]);
        write = Fd(ends[1]);
    }

    std::string read_all() {
        write.reset();
        std::string all;
        char piece[256];
        ssize_t count = 0;
        while ((count = ::read(read.get(), piece, sizeof piece)) > 0) {
            all.append(piece, static_cast<std::size_t>(count));
        }
        return all;
    }
};

ExitStatus run(const ProcessOptions& options) {
    auto child = base::spawn_process(options);
    BOOST_REQUIRE_MESSAGE(bool(child), (child ? std::string() : child.error().detail));
    auto status = child.value().wait(later());
    BOOST_REQUIRE(status);
    return status.value();
}

std::string output_of(ProcessOptions options) {
    Pipe pipe;
    options.descriptors.emplace_back(pipe.write.get(), 1);
    auto child = base::spawn_process(options);
    BOOST_REQUIRE_MESSAGE(bool(child), (child ? std::string() : child.error().detail));
    std::string all = pipe.read_all();
    BOOST_TEST(bool(child.value().wait(later())));
    return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(process)

BOOST_AUTO_TEST_CASE(exit_codes_and_signals_are_told) {
    BOOST_TEST(run(shell("exit 0")).is_clean());
    BOOST_TEST(run(shell("exit 7")).to_text() == "exit 7");
    BOOST_TEST(run(shell("kill -9 $$")).to_text() == "signal 9");
}

BOOST_AUTO_TEST_CASE(a_program_that_cannot_start_is_an_error) {
    ProcessOptions options;
    options.program = "/nonexistent/program";
    auto missing = base::spawn_process(options);
    BOOST_REQUIRE(!missing);
    BOOST_CHECK(missing.error().code == Errc::NotFound);
    options.program = "/etc/passwd";
    auto no_right = base::spawn_process(options);
    BOOST_REQUIRE(!no_right);
    BOOST_CHECK(no_right.error().code == Errc::Refused);
    options = shell("exit 0");
    options.directory = "/nonexistent";
    BOOST_TEST(!base::spawn_process(options));
    options.directory = "";
    options.user = "no-such-user";
    auto no_user = base::spawn_process(options);
    BOOST_REQUIRE(!no_user);
    BOOST_CHECK(no_user.error().code == Errc::NotFound);
}

BOOST_AUTO_TEST_CASE(the_child_gets_only_what_it_is_given) {
    BOOST_REQUIRE(::setenv("BASE_TEST_SECRET", "x", 1) == 0);
    const Fd leaky(::open("/dev/null", O_RDONLY));  // without close-on-exec
    ProcessOptions options = shell("env; ls /proc/self/fd; pwd");
    options.environment.emplace_back("GIVEN=yes");
    options.directory = "/usr";
    const std::string seen = output_of(options);
    BOOST_TEST(seen.find("GIVEN=yes\n") != std::string::npos);
    BOOST_TEST(seen.find("BASE_TEST_SECRET") == std::string::npos);
    // 3 is ls's own.
    BOOST_TEST(seen.find("\n0\n1\n2\n3\n/usr\n") != std::string::npos, seen);
}

BOOST_AUTO_TEST_CASE(descriptors_are_placed_also_when_they_cross) {
    Pipe one;
    Pipe two;
    ProcessOptions options = shell("echo one >&5; echo two >&6");
    // Each source is likely to be the other's target or close to it.
    const Fd five(::fcntl(two.write.get(), F_DUPFD_CLOEXEC, 5));
    const Fd six(::fcntl(one.write.get(), F_DUPFD_CLOEXEC, 5));
    options.descriptors = {{six.get(), 5}, {five.get(), 6}};
    BOOST_TEST(run(options).is_clean());
    const_cast<Fd&>(five).reset();
    const_cast<Fd&>(six).reset();
    BOOST_TEST(one.read_all() == "one\n");
    BOOST_TEST(two.read_all() == "two\n");
}

BOOST_AUTO_TEST_CASE(a_blocked_or_ignored_signal_is_not_inherited) {
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    BOOST_REQUIRE(::pthread_sigmask(SIG_BLOCK, &term, nullptr) == 0);
    const auto old = std::signal(SIGPIPE, SIG_IGN);
    auto child = base::spawn_process(shell("kill -PIPE $$; exit 3"));
    BOOST_REQUIRE(child);
    BOOST_TEST(child.value().wait(later()).value().signal == SIGPIPE);
    auto sleeper = base::spawn_process(shell("exec sleep 1000"));
    BOOST_REQUIRE(sleeper);
    sleeper.value().signal(SIGTERM);
    BOOST_TEST(sleeper.value().wait(later()).value().signal == SIGTERM);
    BOOST_REQUIRE(::pthread_sigmask(SIG_UNBLOCK, &term, nullptr) == 0);
    (void)std::signal(SIGPIPE, old);
}

BOOST_AUTO_TEST_CASE(a_wait_has_a_deadline) {
    auto child = base::spawn_process(shell("exec sleep 1000"));
    BOOST_REQUIRE(child);
    BOOST_TEST(!child.value().poll());
    auto early = child.value().wait(Deadline::after(10ms));
    BOOST_REQUIRE(!early);
    BOOST_CHECK(early.error().code == Errc::Timeout);
    child.value().signal(SIGKILL);
    BOOST_TEST(child.value().wait(later()).value().signal == SIGKILL);
    BOOST_TEST(child.value().poll()->signal == SIGKILL);
    child.value().signal(SIGKILL);  // has ended: nothing
}

BOOST_AUTO_TEST_CASE(a_loop_is_told_of_the_exit_also_after_a_move) {
    run_in_fiber([](Loop& loop) {
        auto spawned = base::spawn_process(shell("exit 5"));
        BOOST_REQUIRE(spawned);
        FiberEvent ended;
        ExitStatus seen;
        spawned.value().on_exit(loop, [&](ExitStatus status) {
            seen = status;
            ended.notify();
        });
        std::optional<Child> moved(std::move(spawned).take_value());
        BOOST_TEST(bool(ended.wait(later())));
        BOOST_TEST(seen.code == 5);
        moved.reset();
    });
}

BOOST_AUTO_TEST_CASE(the_callback_may_destroy_the_child) {
    run_in_fiber([](Loop& loop) {
        auto spawned = base::spawn_process(shell("exit 0"));
        BOOST_REQUIRE(spawned);
        std::optional<Child> child(std::move(spawned).take_value());
        FiberEvent ended;
        child->on_exit(loop, [&](ExitStatus) {
            child.reset();
            ended.notify();
        });
        BOOST_TEST(bool(ended.wait(later())));
        BOOST_TEST(!child);
    });
}

BOOST_AUTO_TEST_CASE(a_dropped_child_is_killed_and_reaped) {
    pid_t pid = -1;
    {
        auto child = base::spawn_process(shell("trap '' TERM; exec sleep 1000"));
        BOOST_REQUIRE(child);
        pid = child.value().pid();
    }
    const Deadline deadline = later();
    while (base::reap_abandoned() > 0 && !deadline.passed()) {
        ::usleep(1000);
    }
    BOOST_TEST(::kill(pid, 0) != 0);
}

BOOST_AUTO_TEST_CASE(a_user_is_dropped_to_and_may_keep_low_ports) {
    if (::geteuid() != 0) {
        return;
    }
    ProcessOptions options = shell("id -un; grep CapEff /proc/self/status");
    options.user = "nobody";
    BOOST_TEST(output_of(options) == "nobody\nCapEff:\t0000000000000000\n");
    options.keep_bind_service = true;
    BOOST_TEST(output_of(options) == "nobody\nCapEff:\t0000000000000400\n");
}

BOOST_AUTO_TEST_SUITE_END()
