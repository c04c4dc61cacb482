#pragma once

// Supervisor: starts daemons in order, restarts the one that ends (with a growing delay), stops
// them in the reverse order, and logs one line an event. Operators reach it by a datagram socket
// (ops/control.h): list, stop, start, restart.
//
// A daemon is ready when it says so (READY=1 to its NOTIFY_SOCKET) or when its own check answers
// true. All of one stage must be ready before the next stage is started; in a restart the order
// does not matter, since daemons wait for each other by themselves. Restart delay: 200 ms, doubled
// for each end within 10 s of the start, at most 30 s. A daemon that does not stop within its time
// gets SIGKILL.
//
// Owner: `up`. Thread rule: the loop's thread.
// Files: RUN/NAME.pid (current process id), RUN/NAME.notify (its notify socket), LOG/NAME.log.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/process.h"
#include "base/result.h"

namespace ops {

struct DaemonSpec {
    std::string name;
    int stage = 0;  ///< started in rising, stopped in falling order
    base::ProcessOptions process;
    std::string log_file;
    int stop_signal = 15;
    base::Duration stop_timeout = std::chrono::seconds(20);
    /// Empty: ready by notice. Else polled until true.
    std::function<bool()> is_ready;
};

enum class DaemonState : std::uint8_t { Stopped, Starting, Ready, Delayed, Stopping };

/// "stopped", "starting", "ready", "delayed" (waits to be restarted), "stopping".
[[nodiscard]] std::string_view daemon_state_name(DaemonState state) noexcept;

/// What an operator sees of a daemon.
struct DaemonStatus {
    std::string name;
    DaemonState state = DaemonState::Stopped;
    pid_t pid = 0;               ///< 0 when none runs
    std::uint64_t restarts = 0;  ///< ends that were not asked for
    std::string last_end;        ///< "signal 9", "exit 1"; empty if it never ended
};

/// The supervisor; see the top for what it does, its owner and its files. Destroying it kills the
/// daemons that still run.
class Supervisor {
  public:
    struct Options {
        std::string run_directory;
        std::string log_directory;
        /// Owner of the notify sockets; empty: us.
        std::string user;
    };

    Supervisor(base::Loop& loop, Options options);
    ~Supervisor();
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;
    Supervisor(Supervisor&&) = delete;
    Supervisor& operator=(Supervisor&&) = delete;

    /// Before start(). Errc::Io when the notify socket cannot be made.
    base::Status add(DaemonSpec spec);

    /// Starts stage by stage; calls back once when all are ready.
    void start(std::function<void()> on_all_ready);

    /// Stops stage by stage; calls back once when all have ended.
    void stop(std::function<void()> on_all_stopped);

    // For operators. Errc::NotFound: no daemon of that name.
    base::Status stop_daemon(const std::string& name);
    base::Status start_daemon(const std::string& name);

    [[nodiscard]] std::vector<DaemonStatus> list() const;

  private:
    struct Daemon;

    void launch(Daemon& daemon);
    void on_end(Daemon& daemon, base::ExitStatus status);
    void on_ready(Daemon& daemon);
    void end(Daemon& daemon);
    void schedule_restart(Daemon& daemon);
    void start_stage();
    void stop_stage();
    Daemon* find(const std::string& name);

    base::Loop& loop_;
    Options options_;
    std::vector<std::unique_ptr<Daemon>> daemons_;  ///< in the order of add()
    std::optional<int> starting_stage_;             ///< while start() is under way
    bool stopping_ = false;
    std::function<void()> on_all_ready_;
    std::function<void()> on_all_stopped_;
};

}  // namespace ops
