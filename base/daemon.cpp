#include "base/daemon.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/version.h"

namespace base {

namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

struct CommandLine {
    std::string config_path;
    std::optional<int> exit_code;  // nothing to run
};

CommandLine parse_command_line(int argc, char** argv, const char* name) {
    constexpr const char* kUsage = "usage: %s --config FILE\n       %s --version | --help\n";
    CommandLine line;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--version") {
            (void)std::printf("%s %s\n", name, kVersion.data());
            line.exit_code = 0;
            return line;
        }
        if (argument == "--help") {
            (void)std::printf(kUsage, name, name);
            line.exit_code = 0;
            return line;
        }
        if (argument == "--config" && i + 1 < argc) {
            line.config_path = argv[++i];
        } else if (argument.starts_with("--config=")) {
            line.config_path = argument.substr(9);
        } else {
            (void)std::fprintf(stderr, "%s: unknown argument %s\n", name, argv[i]);
            line.exit_code = kExitUsage;
        }
    }
    if (line.config_path.empty() || line.exit_code) {
        (void)std::fprintf(stderr, kUsage, name, name);
        line.exit_code = kExitUsage;
    }
    return line;
}

int report_usage(const char* name, const Error& error) {
    (void)std::fprintf(stderr, "%s: %s\n", name, error.detail.c_str());
    return kExitUsage;
}

Result<log::Level> log_level(const Config& config) {
    return log::parse_level(config.root().section("log").text("level", "info"));
}

sigset_t handled_signals() noexcept {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

}  // namespace

struct DaemonContext::State {
    std::string name;
    Config config;
    Fd signals;  // signalfd
    Fd end;      // eventfd: the signal thread is to end
    // Guards the callbacks and the flag: set by the body, used by the signal thread.
    mutable std::mutex mutex;
    std::function<void()> on_stop;
    std::string config_path;
    std::function<void()> on_reload;
    bool stop_requested = false;
    std::thread thread;

    State(std::string daemon_name, Config daemon_config)
        : name(std::move(daemon_name)), config(std::move(daemon_config)) {}

    void start() {
        const sigset_t set = handled_signals();
        // Before any thread is made, so that all inherit it.
        CHECK(::pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
        signals = Fd(::signalfd(-1, &set, SFD_CLOEXEC));
        end = Fd(::eventfd(0, EFD_CLOEXEC));
        CHECK(signals && end);
        thread = std::thread([this] { watch_signals(); });
    }

    void finish() {
        const std::uint64_t one = 1;
        CHECK(::write(end.get(), &one, sizeof one) == sizeof one);
        thread.join();
    }

    void watch_signals() noexcept {
        while (true) {
            pollfd waited[2] = {{end.get(), POLLIN, 0}, {signals.get(), POLLIN, 0}};
            if (::poll(waited, 2, -1) < 0) {
                continue;  // EINTR
            }
            if (waited[0].revents != 0) {
                return;
            }
            signalfd_siginfo info{};
            if (::read(signals.get(), &info, sizeof info) == sizeof info) {
                on_signal(static_cast<int>(info.ssi_signo));
            }
        }
    }

    void on_signal(int number) noexcept {
        const std::lock_guard lock(mutex);
        if (number == SIGHUP) {
            if (on_reload) {
                on_reload();
            }
            return;
        }
        if (stop_requested) {
            log::error("base", "stopped-at-once", {{"daemon", name}, {"signal", number}});
            ::_exit(128 + number);
        }
        stop_requested = true;
        log::info("base", "stopping", {{"daemon", name}, {"signal", number}});
        if (on_stop) {
            std::exchange(on_stop, nullptr)();
        }
    }
};

DaemonContext::DaemonContext(std::unique_ptr<State> state) : state_(std::move(state)) {
}

DaemonContext::~DaemonContext() = default;

const Config& DaemonContext::config() const noexcept {
    return state_->config;
}

void DaemonContext::set_on_stop(std::function<void()> on_stop) {
    const std::lock_guard lock(state_->mutex);
    if (state_->stop_requested) {
        on_stop();
        return;
    }
    state_->on_stop = std::move(on_stop);
}

void DaemonContext::set_on_reload(std::function<void()> on_reload) {
    const std::lock_guard lock(state_->mutex);
    state_->on_reload = std::move(on_reload);
}

Result<Config> DaemonContext::load_config() const {
    Config config = TRY(Config::load(state_->config_path));
    const auto level = log_level(config);
    if (!level) {
        return Error{level.error().code, "log.level: " + level.error().detail};
    }
    return config;
}

void DaemonContext::use_log_level(const Config& config) {
    const auto level = log_level(config);
    if (level) {
        log::set_level(level.value());
    }
}

bool DaemonContext::stop_requested() const noexcept {
    const std::lock_guard lock(state_->mutex);
    return state_->stop_requested;
}

void DaemonContext::ready() {
    log::info("base", "ready", {{"daemon", state_->name}, {"version", kVersion}});
    notify_supervisor("READY=1");
}

void DaemonContext::status(std::string_view text) {
    notify_supervisor("STATUS=" + std::string(text));
}

int run_daemon(int argc,
               char** argv,
               const char* name,
               const std::function<Status(DaemonContext&)>& body) {
    const CommandLine line = parse_command_line(argc, argv, name);
    if (line.exit_code) {
        return *line.exit_code;
    }
    auto loaded = Config::load(line.config_path);
    if (!loaded) {
        return report_usage(name, loaded.error());
    }
    Config config = std::move(loaded).take_value();
    const auto level = log_level(config);
    if (!level) {
        config.root().section("log").problem("level", level.error().detail);
        return report_usage(name, config.finish().error());
    }
    log::set_level(level.value());
    (void)::umask(077);
    (void)std::signal(SIGPIPE, SIG_IGN);
    DaemonContext context(std::make_unique<DaemonContext::State>(name, std::move(config)));
    context.state_->config_path = line.config_path;
    context.state_->start();
    Status status = body(context);
    notify_supervisor("STOPPING=1");
    context.state_->finish();
    if (status) {
        log::info("base", "ended", {{"daemon", name}});
        return 0;
    }
    Status settings = context.config().finish();
    if (!settings && settings.error().detail == status.error().detail) {
        return report_usage(name, settings.error());
    }
    log::error("base", "failed", {{"daemon", name}, {"error", status.error()}});
    return kExitFailed;
}

void notify_supervisor(std::string_view message) noexcept {
    const char* path =
        std::getenv("NOTIFY_SOCKET");  // NOLINT(concurrency-mt-unsafe): never set by us
    if (path == nullptr) {
        return;
    }
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::size_t length = std::strlen(path);
    if (length == 0 || length >= sizeof address.sun_path) {
        return;
    }
    std::memcpy(address.sun_path, path, length);
    if (address.sun_path[0] == '@') {
        address.sun_path[0] = '\0';  // an abstract socket, as sd_notify(3) writes it
    }
    const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
    (void)::sendto(socket.get(),
                   message.data(),
                   message.size(),
                   MSG_NOSIGNAL,
                   reinterpret_cast<const sockaddr*>(&address),
                   size);
}

}  // namespace base
