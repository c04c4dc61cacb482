#include "ops/commands/mx_watch.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <optional>

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fd.h"

namespace ops {

namespace {

constexpr base::Duration kInterval = std::chrono::seconds(1);
constexpr std::size_t kRows = 24;
constexpr std::size_t kColumns = 80;

constexpr const char* kOtherScreen = "\x1b[?1049h\x1b[?25l";  // and no cursor
constexpr const char* kOwnScreen = "\x1b[?25h\x1b[?1049l";

// SIGINT and SIGTERM are taken from a descriptor while it lives: a look is never left half drawn.
class Signals {
  public:
    Signals() {
        sigemptyset(&set_);
        sigaddset(&set_, SIGINT);
        sigaddset(&set_, SIGTERM);
        pthread_sigmask(SIG_BLOCK, &set_, &before_);
        fd_ = base::Fd(::signalfd(-1, &set_, SFD_CLOEXEC));
    }

    ~Signals() {
        // One that waits has been heard: it must not end the process now.
        signalfd_siginfo heard{};
        pollfd waiting{fd_.get(), POLLIN, 0};
        while (::poll(&waiting, 1, 0) > 0 && ::read(fd_.get(), &heard, sizeof heard) > 0) {
        }
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    [[nodiscard]] bool good() const { return bool(fd_); }

    /// True: a signal came before `until`.
    [[nodiscard]] bool wait(base::Instant until) const {
        pollfd waiting{fd_.get(), POLLIN, 0};
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(until - base::monotonic_now());
        return ::poll(&waiting,
                      1,
                      static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1'000))) > 0;
    }

  private:
    sigset_t set_{};
    sigset_t before_{};
    base::Fd fd_;
};

// The other screen of a terminal while it lives; nothing elsewhere.
class Screen {
  public:
    explicit Screen(bool is_terminal) : is_terminal_(is_terminal) { put(kOtherScreen); }

    ~Screen() { put(kOwnScreen); }

    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    void show(const std::string& text) const {
        if (!is_terminal_) {
            (void)std::fputs(text.c_str(), stdout);
            (void)std::fflush(stdout);
            return;
        }
        winsize size{};
        if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) {
            size.ws_row = kRows;
            size.ws_col = kColumns;
        }
        put(screen_of(text, size.ws_row, size.ws_col).c_str());
    }

  private:
    void put(const char* text) const {
        if (is_terminal_) {
            (void)std::fputs(text, stdout);
            (void)std::fflush(stdout);
        }
    }

    bool is_terminal_;
};

// What stands of `line` in `columns` columns.
std::string cropped(std::string_view line, std::size_t columns) {
    std::string text;
    std::size_t used = 0;
    for (const char c : line) {
        const auto octet = static_cast<unsigned char>(c);
        const bool begins = (octet >> 6) != 2;
        if (begins && used == columns) {
            break;
        }
        used += begins ? 1 : 0;
        text += octet < ' ' || octet == 0x7f ? '?' : c;
    }
    return text;
}

}  // namespace

std::string screen_of(std::string_view text, std::size_t rows, std::size_t columns) {
    std::string screen = "\x1b[H";
    for (std::size_t row = 0; row < rows && !text.empty(); ++row) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        screen += (row == 0 ? "" : "\r\n") + cropped(text.substr(0, end), columns) + "\x1b[K";
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return screen + "\x1b[J";
}

base::Status watch_steering(const std::vector<SteeringTarget>& targets,
                            const WatchOptions& options) {
    dns::explain::ExplainRequest request;
    request.format = options.json ? dns::explain::Format::Json : dns::explain::Format::Text;
    const Signals signals;
    if (!signals.good()) {
        return base::errno_error("signalfd", errno);
    }
    std::optional<base::Error> problem;
    bool answered = false;
    const Screen screen(!options.json && ::isatty(STDOUT_FILENO) == 1);
    for (std::int64_t round = 0; options.rounds == 0 || round < options.rounds; ++round) {
        const base::Instant next = base::monotonic_now() + kInterval;
        std::string look;
        for (const SteeringTarget& target : targets) {
            const auto answer = ask_steering(target, request);
            look += look.empty() || options.json ? "" : "\n";
            if (answer) {
                look += answer.value();
                answered = true;
            } else {
                problem =
                    base::Error{answer.error().code, target.name() + ": " + answer.error().detail};
                look += options.json ? "" : problem->detail + "\n";
            }
        }
        screen.show(look);
        const bool is_last = round + 1 == options.rounds;
        if (!is_last && signals.wait(next)) {
            break;
        }
    }
    if (!answered && problem) {
        return *problem;
    }
    return base::Done{};
}

}  // namespace ops
