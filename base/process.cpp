#include "base/process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/guarded.h"

namespace base {

namespace {

// Killed children that have not died yet (stuck in the kernel). Shared by all who spawn.
Guarded<std::vector<pid_t>>& abandoned() {
    static Guarded<std::vector<pid_t>> list;
    return list;
}

struct UserIds {
    uid_t user = 0;
    gid_t group = 0;
};

// What the child needs, made before fork: afterwards only async-signal-safe calls are allowed,
// because another thread may have held the allocator's lock.
struct Plan {
    const ProcessOptions* options = nullptr;
    std::vector<char*> argv;
    std::vector<char*> envp;
    std::vector<std::pair<int, int>> descriptors;  // (number well above all targets, target)
    std::vector<Fd> copies;
    int descriptor_max = 2;
    std::optional<UserIds> ids;
    Fd null;
    int report = -1;  // the child writes errno here when it cannot exec
    pid_t parent = 0;
};

[[noreturn]] void give_up(const Plan& plan) noexcept {
    const int error_number = errno;
    (void)!::write(plan.report, &error_number, sizeof error_number);
    ::_exit(127);
}

void require(const Plan& plan, bool success) noexcept {
    if (!success) {
        give_up(plan);
    }
}

// The capability survives the change of user only as "permitted" (PR_SET_KEEPCAPS), must be made
// inheritable to become ambient, and ambient to survive exec: capabilities(7).
void keep_bind_service(const Plan& plan) noexcept {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> data{};
    data[0].effective = 1U << CAP_NET_BIND_SERVICE;
    data[0].permitted = data[0].effective;
    data[0].inheritable = data[0].effective;
    require(plan, ::syscall(SYS_capset, &header, data.data()) == 0);
    require(plan, ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0) == 0);
}

void change_user(const Plan& plan) noexcept {
    if (!plan.ids) {
        return;
    }
    if (plan.options->keep_bind_service) {
        require(plan, ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0);
    }
    require(plan,
            ::setgroups(0, nullptr) == 0 && ::setgid(plan.ids->group) == 0 &&
                ::setuid(plan.ids->user) == 0);
    if (plan.options->keep_bind_service) {
        keep_bind_service(plan);
    }
}

void reset_signals(const Plan& plan) noexcept {
    struct sigaction standard {};

    standard.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number) {
        (void)::sigaction(number, &standard, nullptr);  // some cannot be set, and need not be
    }
    sigset_t none;
    sigemptyset(&none);
    require(plan, ::sigprocmask(SIG_SETMASK, &none, nullptr) == 0);
}

void place_descriptors(const Plan& plan) noexcept {
    require(plan, ::dup2(plan.null.get(), 0) == 0);
    for (const auto& [from, to] : plan.descriptors) {
        require(plan, ::dup2(from, to) == to);
    }
    // All between and above the given ones, the report pipe excepted (close-on-exec).
    for (int fd = 3; fd <= plan.descriptor_max; ++fd) {
        const bool given = std::any_of(plan.descriptors.begin(),
                                       plan.descriptors.end(),
                                       [fd](const auto& pair) { return pair.second == fd; });
        if (!given && fd != plan.report) {
            (void)::close(fd);
        }
    }
    const auto above = static_cast<unsigned>(plan.descriptor_max) + 1;
    require(plan, ::syscall(SYS_close_range, above, ~0U, 1U << 2U /* CLOEXEC */) == 0);
}

[[noreturn]] void run_child(const Plan& plan) noexcept {
    reset_signals(plan);
    if (plan.options->own_group) {
        require(plan, ::setpgid(0, 0) == 0);
    }
    place_descriptors(plan);
    if (!plan.options->directory.empty()) {
        require(plan, ::chdir(plan.options->directory.c_str()) == 0);
    }
    change_user(plan);
    // After the change of user, which would clear it. The parent may be gone already.
    require(plan, ::prctl(PR_SET_PDEATHSIG, SIGTERM) == 0);
    if (::getppid() != plan.parent) {
        ::_exit(127);
    }
    ::execve(plan.options->program.c_str(), plan.argv.data(), plan.envp.data());
    give_up(plan);
}

Result<UserIds> find_user(const std::string& name) {
    std::vector<char> buffer(16384);
    passwd entry{};
    passwd* found = nullptr;
    const int error_number =
        ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (error_number != 0) {
        return errno_error("look up user " + name, error_number);
    }
    if (found == nullptr) {
        return Error{Errc::NotFound, "no user " + name};
    }
    return UserIds{entry.pw_uid, entry.pw_gid};
}

std::vector<char*> pointers(const std::vector<std::string>& texts, const std::string* first) {
    std::vector<char*> result;
    if (first != nullptr) {
        result.push_back(const_cast<char*>(first->c_str()));  // execve does not write
    }
    for (const std::string& text : texts) {
        result.push_back(const_cast<char*>(text.c_str()));
    }
    result.push_back(nullptr);
    return result;
}

Result<Plan> make_plan(const ProcessOptions& options) {
    Plan plan;
    plan.options = &options;
    plan.parent = ::getpid();
    plan.argv = pointers(options.arguments, &options.program);
    plan.envp = pointers(options.environment, nullptr);
    for (const auto& [ours, theirs] : options.descriptors) {
        plan.descriptor_max = std::max(plan.descriptor_max, theirs);
    }
    // Copies above all targets, so that placing one does not overwrite the source of another.
    for (const auto& [ours, theirs] : options.descriptors) {
        Fd copy(::fcntl(ours, F_DUPFD_CLOEXEC, plan.descriptor_max + 1));
        if (!copy) {
            return errno_error("dup descriptor " + std::to_string(ours), errno);
        }
        plan.descriptors.emplace_back(copy.get(), theirs);
        plan.copies.push_back(std::move(copy));
    }
    const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    plan.null = Fd(::fcntl(null.get(), F_DUPFD_CLOEXEC, plan.descriptor_max + 1));
    if (!plan.null) {
        return errno_error("open /dev/null", errno);
    }
    if (!options.user.empty()) {
        plan.ids = TRY(find_user(options.user));
    }
    return plan;
}

ExitStatus from_siginfo(const siginfo_t& info) noexcept {
    if (info.si_code == CLD_EXITED) {
        return ExitStatus{info.si_status, 0};
    }
    return ExitStatus{0, info.si_status};
}

}  // namespace

std::string ExitStatus::to_text() const {
    return signal != 0 ? "signal " + std::to_string(signal) : "exit " + std::to_string(code);
}

struct Child::State {
    pid_t pid = -1;
    Fd pidfd;
    std::optional<ExitStatus> status;
    FdWatch watch;

    std::optional<ExitStatus> poll() noexcept {
        if (!status) {
            siginfo_t info{};
            const auto id = static_cast<id_t>(pidfd.get());
            if (::waitid(P_PIDFD, id, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0) {
                status = from_siginfo(info);
            }
        }
        return status;
    }
};

Child::Child(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {
}

Child::~Child() {
    abandon();
}

Child::Child(Child&& other) noexcept = default;

Child& Child::operator=(Child&& other) noexcept {
    if (this != &other) {
        abandon();
        state_ = std::move(other.state_);
    }
    return *this;
}

void Child::abandon() noexcept {
    if (!state_) {
        return;
    }
    state_->watch = FdWatch();
    if (!state_->poll()) {
        signal(SIGKILL);
        if (!state_->poll()) {
            abandoned().with([this](std::vector<pid_t>& list) { list.push_back(state_->pid); });
        }
    }
    state_.reset();
}

pid_t Child::pid() const noexcept {
    return state_->pid;
}

void Child::signal(int number) const noexcept {
    if (!state_->status) {
        (void)::syscall(SYS_pidfd_send_signal, state_->pidfd.get(), number, nullptr, 0U);
    }
}

std::optional<ExitStatus> Child::poll() {
    return state_->poll();
}

Result<ExitStatus> Child::wait(Deadline deadline) {
    while (!state_->poll()) {
        if (deadline.passed()) {
            return Error{Errc::Timeout, "process " + std::to_string(pid()) + " still runs"};
        }
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.remaining());
        pollfd ready{state_->pidfd.get(), POLLIN, 0};
        (void)::poll(&ready, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
    }
    return *state_->status;
}

void Child::on_exit(Loop& loop, std::function<void(ExitStatus)> on_exit) {
    // The state does not move when the Child does.
    state_->watch = FdWatch::create(loop,
                                    state_->pidfd.get(),
                                    Interest::Read,
                                    [state = state_.get(), callback = std::move(on_exit)] {
                                        const std::optional<ExitStatus> status = state->poll();
                                        if (status) {
                                            const auto once = callback;
                                            state->watch.disable();
                                            once(*status);  // may destroy the Child
                                        }
                                    });
}

Result<Child> spawn_process(const ProcessOptions& options) {
    (void)reap_abandoned();
    Plan plan = TRY(make_plan(options));
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        return errno_error("pipe", errno);
    }
    const Fd read_end(ends[0]);
    Fd low_write_end(ends[1]);
    Fd write_end(::fcntl(low_write_end.get(), F_DUPFD_CLOEXEC, plan.descriptor_max + 1));
    if (!write_end) {
        return errno_error("dup", errno);
    }
    plan.report = write_end.get();
    // Signals wait until the child has reset its handlers: ours must not run there.
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    (void)::pthread_sigmask(SIG_SETMASK, &all, &old);
    const pid_t pid = ::fork();
    const int fork_error = errno;
    if (pid == 0) {
        run_child(plan);
    }
    (void)::pthread_sigmask(SIG_SETMASK, &old, nullptr);
    if (pid < 0) {
        return errno_error("fork", fork_error);
    }
    Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)));
    write_end.reset();
    low_write_end.reset();
    int error_number = 0;
    ssize_t count = 0;
    do {
        count = ::read(read_end.get(), &error_number, sizeof error_number);
    } while (count < 0 && errno == EINTR);
    if (count == static_cast<ssize_t>(sizeof error_number)) {
        (void)::waitpid(pid, nullptr, 0);
        return errno_error("start " + options.program, error_number);
    }
    if (!pidfd) {
        (void)::kill(pid, SIGKILL);
        (void)::waitpid(pid, nullptr, 0);
        return Error{Errc::Unsupported, "this kernel has no pidfd_open"};
    }
    auto state = std::make_unique<Child::State>();
    state->pid = pid;
    state->pidfd = std::move(pidfd);
    return Child(std::move(state));
}

std::size_t reap_abandoned() noexcept {
    return abandoned().with([](std::vector<pid_t>& list) {
        std::erase_if(list, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
        return list.size();
    });
}

}  // namespace base
