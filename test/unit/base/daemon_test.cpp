#include "base/daemon.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <boost/test/unit_test.hpp>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/loop.h"

using base::DaemonContext;
using base::Done;
using base::Errc;
using base::Error;
using base::Fd;
using base::Loop;
using base::Status;

namespace {

// A daemon in a process of its own, with a configuration file and a supervisor's socket.
class Daemon {
  public:
    using Body = std::function<Status(DaemonContext&)>;

    Daemon() {
        BOOST_REQUIRE(::mkdtemp(directory_.data()) != nullptr);
        notify_ = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const std::string path = directory_ + "/notify";
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        BOOST_REQUIRE(::bind(notify_.get(),
                             reinterpret_cast<const sockaddr*>(&address),
                             sizeof address) == 0);
        write_config("");
    }

    ~Daemon() {
        if (pid_ > 0) {
            (void)::kill(pid_, SIGKILL);
            (void)::waitpid(pid_, nullptr, 0);
        }
        std::filesystem::remove_all(directory_);
    }

    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    void write_config(const std::string& yaml) const { std::ofstream(config_path()) << yaml; }

    [[nodiscard]] std::string config_path() const { return directory_ + "/test.yaml"; }

    void start(const Body& body) { start({"test", "--config", config_path()}, body); }

    void start(std::vector<std::string> arguments, const Body& body) {
        pid_ = ::fork();
        BOOST_REQUIRE(pid_ >= 0);
        if (pid_ == 0) {
            const int null = ::open("/dev/null", O_RDWR);
            (void)::dup2(null, 1);
            (void)::dup2(null, 2);
            (void)::setenv("NOTIFY_SOCKET", (directory_ + "/notify").c_str(), 1);
            std::vector<char*> argv;
            for (std::string& argument : arguments) {
                argv.push_back(argument.data());
            }
            ::_exit(base::run_daemon(static_cast<int>(argv.size()), argv.data(), "test", body));
        }
    }

    // The next message to the supervisor; empty after 30 s.
    [[nodiscard]] std::string notice() const {
        pollfd waited{notify_.get(), POLLIN, 0};
        char buffer[256];
        if (::poll(&waited, 1, 30'000) <= 0) {
            return {};
        }
        const ssize_t count = ::recv(notify_.get(), buffer, sizeof buffer, 0);
        return count > 0 ? std::string(buffer, static_cast<std::size_t>(count)) : std::string();
    }

    void signal(int number) const { BOOST_REQUIRE(::kill(pid_, number) == 0); }

    [[nodiscard]] int exit_code() {
        int status = 0;
        BOOST_REQUIRE(::waitpid(pid_, &status, 0) == pid_);
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }

  private:
    std::string directory_ = "/tmp/base_daemon_XXXXXX";
    Fd notify_;
    pid_t pid_ = -1;
};

Status run_loop(DaemonContext& context) {
    TRY(context.config().finish());
    const std::unique_ptr<Loop> loop = TRY(Loop::create("test"));
    context.set_on_stop([&loop] { loop->stop(); });
    context.ready();
    loop->run();
    return context.stop_requested() ? Status(Done{}) : Status(Error{Errc::Io, "stopped alone"});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(daemon_main)

BOOST_AUTO_TEST_CASE(tells_that_it_is_ready_and_ends_cleanly) {
    for (const int number : {SIGTERM, SIGINT}) {
        Daemon daemon;
        daemon.start(&run_loop);
        BOOST_TEST(daemon.notice() == "READY=1");
        daemon.signal(number);
        BOOST_TEST(daemon.notice() == "STOPPING=1");
        BOOST_TEST(daemon.exit_code() == 0);
    }
}

BOOST_AUTO_TEST_CASE(a_second_signal_ends_it_at_once) {
    Daemon daemon;
    daemon.start([](DaemonContext& context) -> Status {
        context.set_on_stop([] { base::notify_supervisor("STATUS=stopping"); });
        context.ready();
        ::pause();  // deaf to the first
        return Done{};
    });
    BOOST_TEST(daemon.notice() == "READY=1");
    daemon.signal(SIGTERM);
    BOOST_TEST(daemon.notice() == "STATUS=stopping");
    daemon.signal(SIGTERM);
    BOOST_TEST(daemon.exit_code() == 128 + SIGTERM);
}

BOOST_AUTO_TEST_CASE(reload_is_called_and_a_broken_pipe_is_ignored) {
    Daemon daemon;
    daemon.start([](DaemonContext& context) -> Status {
        context.set_on_reload([&context] { context.status("reloaded"); });
        const Status status = run_loop(context);
        return ::raise(SIGPIPE) == 0 ? status : Status(Error{Errc::Io, "raise"});
    });
    BOOST_TEST(daemon.notice() == "READY=1");
    daemon.signal(SIGHUP);
    BOOST_TEST(daemon.notice() == "STATUS=reloaded");
    daemon.signal(SIGTERM);
    BOOST_TEST(daemon.notice() == "STOPPING=1");
    BOOST_TEST(daemon.exit_code() == 0);
}

BOOST_AUTO_TEST_CASE(a_failure_is_exit_code_1) {
    Daemon daemon;
    daemon.start([](DaemonContext&) -> Status { return Error{Errc::Io, "no disk"}; });
    BOOST_TEST(daemon.exit_code() == 1);
}

BOOST_AUTO_TEST_CASE(a_wrong_configuration_is_exit_code_2) {
    for (const char* yaml : {"unknown: 1\n", "log:\n  level: loud\n", "a: [\n"}) {
        Daemon daemon;
        daemon.write_config(yaml);
        daemon.start(&run_loop);
        BOOST_TEST(daemon.exit_code() == 2, yaml);
    }
}

BOOST_AUTO_TEST_CASE(a_wrong_command_line_is_exit_code_2) {
    const std::vector<std::vector<std::string>> lines{{"test"},
                                                      {"test", "--config"},
                                                      {"test", "--config", "/nonexistent"},
                                                      {"test", "--confg=x"},
                                                      {"test", "x"}};
    for (const auto& line : lines) {
        Daemon daemon;
        daemon.start(line, &run_loop);
        BOOST_TEST(daemon.exit_code() == 2);
    }
    for (const char* argument : {"--version", "--help"}) {
        Daemon daemon;
        daemon.start({"test", argument}, &run_loop);
        BOOST_TEST(daemon.exit_code() == 0);
    }
}

BOOST_AUTO_TEST_CASE(files_are_private) {
    Daemon daemon;
    const std::string path = daemon.config_path() + ".state";
    daemon.start([&path](DaemonContext&) -> Status {
        const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT, 0666));
        return Done{};
    });
    BOOST_TEST(daemon.exit_code() == 0);

    struct stat about {};

    BOOST_REQUIRE(::stat(path.c_str(), &about) == 0);
    BOOST_TEST((about.st_mode & 0777U) == 0600U);
}

BOOST_AUTO_TEST_SUITE_END()
