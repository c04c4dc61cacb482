#pragma once

// What the mains of all daemons have in common: command line (--config FILE, --version, --help),
// signals, umask, log level, readiness notice to the supervisor.
//
//     int main(int argc, char** argv) {
//         return base::run_daemon(argc, argv, "roundtable-mtad", [](base::DaemonContext& context) {
//             ... read context.config, finish(), open, listen ...
//             context.set_on_stop([&] { loop->stop(); });
//             context.ready();
//             loop->run();
//             return base::Status(base::Done{});
//         });
//     }
//
// Signals: SIGPIPE ignored; SIGTERM and SIGINT call on_stop once, on a thread of its own (a second
// one ends the process at once); SIGHUP calls on_reload if set. Blocked in all other threads.
// Exit codes: 0 ended cleanly, 1 the body answered an error (logged), 2 command line or
// configuration wrong (on stderr), 128+n ended by a second signal n.
// The configuration key `log.level` (debug, info, warning, error; default info) is read here.

#include <functional>
#include <memory>
#include <string>

#include "base/config.h"
#include "base/result.h"

namespace base {

class DaemonContext {
  public:
    ~DaemonContext();
    DaemonContext(const DaemonContext&) = delete;
    DaemonContext& operator=(const DaemonContext&) = delete;

    [[nodiscard]] const Config& config() const noexcept;

    /// The file as it is now, for on_reload. Its log level is known to be good, and not in force:
    /// use_log_level(). Errors of Config::load(); Invalid.
    [[nodiscard]] Result<Config> load_config() const;
    static void use_log_level(const Config& config);

    /// Called at most once, on the signal thread; if the signal came before, at once. It must be
    /// quick and safe from another thread (Loop::stop is).
    void set_on_stop(std::function<void()> on_stop);
    void set_on_reload(std::function<void()> on_reload);
    [[nodiscard]] bool stop_requested() const noexcept;

    /// Tells the supervisor (NOTIFY_SOCKET) that we serve: READY=1.
    void ready();
    /// STATUS=text, for people.
    void status(std::string_view text);

  private:
    friend int run_daemon(int argc,
                          char** argv,
                          const char* name,
                          const std::function<Status(DaemonContext&)>& body);
    struct State;

    explicit DaemonContext(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

/// Runs `body`; returns the exit code for main. The body calls config().finish() itself, after it
/// has read its settings: return that error as it is (exit code 2).
[[nodiscard]] int run_daemon(int argc,
                             char** argv,
                             const char* name,
                             const std::function<Status(DaemonContext&)>& body);

/// Sends `message` ("READY=1") as a datagram to $NOTIFY_SOCKET; nothing if that is not set.
void notify_supervisor(std::string_view message) noexcept;

}  // namespace base
