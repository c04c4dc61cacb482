#include "ops/supervisor.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"

namespace ops {

namespace {

constexpr base::Duration kDelayMin = std::chrono::milliseconds(200);
constexpr base::Duration kDelayMax = std::chrono::seconds(30);
constexpr base::Duration kQuickEnd = std::chrono::seconds(10);
constexpr base::Duration kReadyPoll = std::chrono::milliseconds(50);
constexpr std::size_t kNoticeMax = 512;

base::Result<base::Fd> make_notify_socket(const std::string& path, const std::string& user) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) {
        return base::Error{base::Errc::TooLarge, path + " is too long for a socket's name"};
    }
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    base::Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ::unlink(path.c_str());
    if (!socket ||
        ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
        return base::errno_error("make " + path, errno);
    }
    if (!user.empty()) {
        std::array<char, 4096> buffer{};
        passwd entry{};
        passwd* found = nullptr;
        ::getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found);
        if (found == nullptr || ::chown(path.c_str(), found->pw_uid, found->pw_gid) != 0) {
            return base::errno_error("give " + path + " to " + user, errno);
        }
    }
    return socket;
}

}  // namespace

struct Supervisor::Daemon {
    DaemonSpec spec;
    DaemonState state = DaemonState::Stopped;
    bool wanted = true;  ///< an operator has not stopped it
    std::optional<base::Child> child;
    base::Fd notify;
    base::FdWatch notify_watch;
    base::Timer timer;  ///< readiness poll, restart delay or stop limit
    base::Duration delay = kDelayMin;
    base::Instant started{};
    std::uint64_t restarts = 0;
    std::string last_end;
};

std::string_view daemon_state_name(DaemonState state) noexcept {
    constexpr std::array<std::string_view, 5> kNames = {
        "stopped", "starting", "ready", "delayed", "stopping"};
    return kNames[static_cast<std::size_t>(state)];
}

Supervisor::Supervisor(base::Loop& loop, Options options)
    : loop_(loop), options_(std::move(options)) {
}

Supervisor::~Supervisor() = default;

base::Status Supervisor::add(DaemonSpec spec) {
    auto daemon = std::make_unique<Daemon>();
    if (!spec.is_ready) {
        const std::string path = options_.run_directory + "/" + spec.name + ".notify";
        daemon->notify = TRY(make_notify_socket(path, options_.user));
        spec.process.environment.push_back("NOTIFY_SOCKET=" + path);
        Daemon* raw = daemon.get();
        daemon->notify_watch =
            base::FdWatch::create(loop_, daemon->notify.get(), base::Interest::Read, [this, raw] {
                std::array<char, kNoticeMax> notice{};
                const ssize_t size =
                    ::recv(raw->notify.get(), notice.data(), notice.size(), MSG_DONTWAIT);
                if (size > 0 && std::string_view(notice.data(), static_cast<std::size_t>(size))
                                        .find("READY=1") != std::string_view::npos) {
                    on_ready(*raw);
                }
            });
    }
    daemon->spec = std::move(spec);
    daemons_.push_back(std::move(daemon));
    return base::Done{};
}

void Supervisor::start(std::function<void()> on_all_ready) {
    on_all_ready_ = std::move(on_all_ready);
    starting_stage_.reset();
    start_stage();
}

// Starts the lowest stage that is not all ready, or reports that there is none.
void Supervisor::start_stage() {
    std::optional<int> stage;
    for (const auto& daemon : daemons_) {
        if (daemon->wanted && daemon->state != DaemonState::Ready) {
            stage = std::min(stage.value_or(daemon->spec.stage), daemon->spec.stage);
        }
    }
    starting_stage_ = stage;
    if (!stage) {
        if (auto callback = std::exchange(on_all_ready_, nullptr)) {
            callback();
        }
        return;
    }
    for (const auto& daemon : daemons_) {
        if (daemon->spec.stage == *stage && daemon->wanted &&
            daemon->state == DaemonState::Stopped) {
            launch(*daemon);
        }
    }
}

void Supervisor::launch(Daemon& daemon) {
    const int log = ::open(daemon.spec.log_file.c_str(),
                           O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                           S_IRUSR | S_IWUSR | S_IRGRP);
    const base::Fd log_file(log);
    base::ProcessOptions options = daemon.spec.process;
    if (log_file) {
        options.descriptors.emplace_back(log_file.get(), 1);
        options.descriptors.emplace_back(log_file.get(), 2);
    }
    options.own_group = true;
    daemon.started = base::monotonic_now();
    auto child = base::spawn_process(options);
    if (!child) {
        base::log::error(
            "up", "start-failed", {{"daemon", daemon.spec.name}, {"error", child.error()}});
        schedule_restart(daemon);
        return;
    }
    daemon.child.emplace(std::move(child).take_value());
    daemon.state = DaemonState::Starting;
    const pid_t pid = daemon.child->pid();
    (void)base::write_file_atomic(options_.run_directory + "/" + daemon.spec.name + ".pid",
                                  std::to_string(pid) + "\n",
                                  0644);  // for people; the truth is the pidfd
    base::log::info("up", "started", {{"daemon", daemon.spec.name}, {"pid", pid}});
    daemon.child->on_exit(loop_,
                          [this, &daemon](base::ExitStatus status) { on_end(daemon, status); });
    if (daemon.spec.is_ready) {
        daemon.timer = base::Timer::every(loop_, kReadyPoll, [this, &daemon] {
            if (daemon.state == DaemonState::Starting && daemon.spec.is_ready()) {
                on_ready(daemon);
            }
        });
    }
}

void Supervisor::on_ready(Daemon& daemon) {
    if (daemon.state != DaemonState::Starting) {
        return;
    }
    daemon.state = DaemonState::Ready;
    daemon.timer = {};
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(base::monotonic_now() -
                                                                            daemon.started);
    base::log::info("up", "ready", {{"daemon", daemon.spec.name}, {"ms", took.count()}});
    if (starting_stage_ && !stopping_) {
        start_stage();
    }
}

void Supervisor::on_end(Daemon& daemon, base::ExitStatus status) {
    daemon.child.reset();
    daemon.timer = {};
    daemon.last_end = status.to_text();
    const bool asked = daemon.state == DaemonState::Stopping;
    daemon.state = DaemonState::Stopped;
    if (asked) {
        base::log::info("up", "stopped", {{"daemon", daemon.spec.name}, {"end", daemon.last_end}});
        if (stopping_) {
            stop_stage();
        } else if (daemon.wanted) {
            launch(daemon);
        }
        return;
    }
    if (base::monotonic_now() - daemon.started >= kQuickEnd) {
        daemon.delay = kDelayMin;
    }
    ++daemon.restarts;
    base::log::warning(
        "up",
        "ended",
        {{"daemon", daemon.spec.name}, {"end", daemon.last_end}, {"log", daemon.spec.log_file}});
    schedule_restart(daemon);
}

void Supervisor::schedule_restart(Daemon& daemon) {
    daemon.state = DaemonState::Delayed;
    const auto delay = std::chrono::duration_cast<std::chrono::milliseconds>(daemon.delay);
    base::log::info(
        "up", "restart-scheduled", {{"daemon", daemon.spec.name}, {"in_ms", delay.count()}});
    daemon.timer = base::Timer::after(loop_, daemon.delay, [this, &daemon] {
        daemon.state = DaemonState::Stopped;
        launch(daemon);
    });
    daemon.delay = std::min(daemon.delay * 2, kDelayMax);
}

// Asks a daemon to end; on_end() follows. One that only waits for its restart is stopped at once.
void Supervisor::end(Daemon& daemon) {
    if (!daemon.child) {
        daemon.timer = {};
        daemon.state = DaemonState::Stopped;
        return;
    }
    if (daemon.state == DaemonState::Stopping) {
        return;
    }
    daemon.state = DaemonState::Stopping;
    daemon.child->signal(daemon.spec.stop_signal);
    daemon.timer = base::Timer::after(loop_, daemon.spec.stop_timeout, [&daemon] {
        base::log::warning("up", "killed", {{"daemon", daemon.spec.name}, {"why", "did not stop"}});
        daemon.child->signal(SIGKILL);
    });
}

void Supervisor::stop(std::function<void()> on_all_stopped) {
    on_all_stopped_ = std::move(on_all_stopped);
    stopping_ = true;
    starting_stage_.reset();
    on_all_ready_ = nullptr;
    stop_stage();
}

void Supervisor::stop_stage() {
    for (const auto& daemon : daemons_) {
        if (daemon->state == DaemonState::Delayed) {
            end(*daemon);
        }
    }
    std::optional<int> stage;
    for (const auto& daemon : daemons_) {
        if (daemon->state != DaemonState::Stopped) {
            stage = std::max(stage.value_or(daemon->spec.stage), daemon->spec.stage);
        }
    }
    if (!stage) {
        if (auto callback = std::exchange(on_all_stopped_, nullptr)) {
            callback();
        }
        return;
    }
    for (const auto& daemon : daemons_) {
        if (daemon->spec.stage == *stage) {
            end(*daemon);
        }
    }
}

Supervisor::Daemon* Supervisor::find(const std::string& name) {
    for (const auto& daemon : daemons_) {
        if (daemon->spec.name == name) {
            return daemon.get();
        }
    }
    return nullptr;
}

base::Status Supervisor::stop_daemon(const std::string& name) {
    Daemon* daemon = find(name);
    if (daemon == nullptr) {
        return base::Error{base::Errc::NotFound, "no daemon is called '" + name + "'"};
    }
    daemon->wanted = false;
    end(*daemon);
    return base::Done{};
}

base::Status Supervisor::start_daemon(const std::string& name) {
    Daemon* daemon = find(name);
    if (daemon == nullptr) {
        return base::Error{base::Errc::NotFound, "no daemon is called '" + name + "'"};
    }
    daemon->wanted = true;
    if (daemon->state == DaemonState::Stopped || daemon->state == DaemonState::Delayed) {
        daemon->delay = kDelayMin;
        launch(*daemon);
    }
    return base::Done{};
}

std::vector<DaemonStatus> Supervisor::list() const {
    std::vector<DaemonStatus> statuses;
    statuses.reserve(daemons_.size());
    for (const auto& daemon : daemons_) {
        statuses.push_back({daemon->spec.name,
                            daemon->state,
                            daemon->child ? daemon->child->pid() : 0,
                            daemon->restarts,
                            daemon->last_end});
    }
    return statuses;
}

}  // namespace ops
