#pragma once

// Child processes: for the supervisor (`roundtable up`) and for helper processes. A child gets
// exactly the descriptors, environment and rights it is given, and dies with SIGTERM when its
// parent does.
//
// Owner: a Child object owns the pid until the exit was reaped. Destroying one that still runs
// abandons it (a helper stuck in the kernel cannot be waited for): it is killed with SIGKILL, and
// reaped by the next spawn_process() or reap_abandoned() after it died.
// Thread rule: any thread; on_exit on the loop's thread.
// Errors: Errc::NotFound no such program, Errc::Refused no right, else Errc::Io.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/result.h"

namespace base {

struct ProcessOptions {
    std::string program;                   ///< path; no search in PATH
    std::vector<std::string> arguments;    ///< without the program's own name
    std::vector<std::string> environment;  ///< "NAME=value"; nothing is inherited
    /// (ours, number in the child). All others are closed. 0 is /dev/null unless given; 1 and 2 are
    /// ours unless given.
    std::vector<std::pair<int, int>> descriptors;
    std::string directory;  ///< working directory; empty: ours
    /// Become this user (name) before exec; needs root. Empty: stay.
    std::string user;
    /// Keep the right to bind ports below 1024 (ambient CAP_NET_BIND_SERVICE) when the user
    /// changes.
    bool keep_bind_service = false;
    /// A process group of its own, so that a terminal's ^C reaches only us.
    bool own_group = false;
};

/// How a child ended.
struct ExitStatus {
    int code = 0;    ///< exit code, or
    int signal = 0;  ///< the signal that killed it, else 0

    [[nodiscard]] bool is_clean() const noexcept { return code == 0 && signal == 0; }

    /// "exit 1", "signal 9".
    [[nodiscard]] std::string to_text() const;
};

/// One child. Owned by whoever started it; one thread at a time. A moved-from one names no process.
class Child {
  public:
    ~Child();
    Child(Child&& other) noexcept;
    Child& operator=(Child&& other) noexcept;
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    [[nodiscard]] pid_t pid() const noexcept;

    /// Sends a signal; nothing if it has ended already (never to a reused pid: by pidfd).
    void signal(int number) const noexcept;

    /// Calls back once, when it has ended and was reaped. Destroying the Child before: never.
    void on_exit(Loop& loop, std::function<void(ExitStatus)> on_exit);

    /// Reaps without waiting: the status if it has ended (then again and again).
    [[nodiscard]] std::optional<ExitStatus> poll();

    /// Blocks up to the deadline. Errc::Timeout. Not on a loop thread.
    [[nodiscard]] Result<ExitStatus> wait(Deadline deadline);

  private:
    friend Result<Child> spawn_process(const ProcessOptions& options);
    struct State;

    explicit Child(std::unique_ptr<State> state) noexcept;

    void abandon() noexcept;

    std::unique_ptr<State> state_;  ///< null: moved from
};

/// Starts a program; returns when exec has succeeded or failed.
[[nodiscard]] Result<Child> spawn_process(const ProcessOptions& options);

/// Reaps abandoned children that have died since. Returns how many are still stuck.
std::size_t reap_abandoned() noexcept;

}  // namespace base
