#include "test/support/postgres.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/db.h"

namespace test_support {
namespace {

constexpr auto kStartDeadline = std::chrono::seconds(60);

[[noreturn]] void fail(const std::string& message) {
    throw std::runtime_error("PostgresServer: " + message);
}

std::string program(std::string_view name) {
    for (const char* version : {"15", "17", "16", "14"}) {
        std::string path = fmt::format("/usr/lib/postgresql/{}/bin/{}", version, name);
        if (access(path.c_str(), X_OK) == 0) {
            return path;
        }
    }
    fail(fmt::format("no {} below /usr/lib/postgresql", name));
}

// PostgreSQL refuses to run as root.
const passwd* server_user() {
    return geteuid() == 0 ? getpwnam("nobody") : nullptr;
}

pid_t launch(const std::vector<std::string>& arguments, const std::string& log) {
    const passwd* user = server_user();
    std::vector<char*> argv;
    for (const std::string& argument : arguments) {
        argv.push_back(const_cast<char*>(argument.c_str()));
    }
    argv.push_back(nullptr);
    const pid_t pid = fork();
    if (pid != 0) {
        return pid;
    }
    const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    const int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(in, 0);
    dup2(out, 1);
    dup2(out, 2);
    closefrom(3);
    if (user != nullptr &&
        (setgroups(0, nullptr) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)) {
        _exit(126);
    }
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGQUIT);  // after setuid, which clears it
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    execv(argv[0], argv.data());
    _exit(127);
}

std::string text_of(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

// The eighth line of postmaster.pid says "ready" once connections are taken; pg_ctl reads it too.
bool is_ready(const std::string& data) {
    std::ifstream file(data + "/postmaster.pid");
    std::string line;
    for (int n = 1; n <= 8; ++n) {
        if (!std::getline(file, line)) {
            return false;
        }
    }
    return line.starts_with("ready");
}

}  // namespace

PostgresServer::PostgresServer() {
    std::string pattern = (std::filesystem::temp_directory_path() / "rt-pg-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) {
        fail("mkdtemp");
    }
    directory_ = pattern;
    if (const passwd* user = server_user();
        user != nullptr && chown(directory_.c_str(), user->pw_uid, user->pw_gid) != 0) {
        fail("chown");
    }
    chmod(directory_.c_str(), 0755);  // clients of any user reach the socket
    const std::string log = directory_ + "/log";
    const pid_t initdb = launch({program("initdb"),
                                 "-D",
                                 directory_ + "/data",
                                 "-U",
                                 "postgres",
                                 "-A",
                                 "trust",
                                 "-E",
                                 "UTF8",
                                 "--locale=C.UTF-8",
                                 "-N"},
                                log);
    int status = 0;
    while (waitpid(initdb, &status, 0) < 0 && errno == EINTR) {
    }
    if (status != 0) {
        fail("initdb:\n" + text_of(log));
    }
    start();
}

PostgresServer::~PostgresServer() {
    stop(How::Immediate);
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

PostgresServer& PostgresServer::shared() {
    static PostgresServer server;
    return server;
}

void PostgresServer::start() {
    if (pid_ > 0) {
        return;
    }
    const std::string data = directory_ + "/data";
    const std::string log = directory_ + "/log";
    pid_ = launch({program("postgres"),
                   "-D",
                   data,
                   "-k",
                   directory_,
                   "-c",
                   "listen_addresses=",
                   "-c",
                   "fsync=off",
                   "-c",
                   "full_page_writes=off",
                   "-c",
                   "max_connections=100",
                   "-c",
                   "shared_buffers=64MB",
                   "-c",
                   "deadlock_timeout=200ms"},
                  log);
    const auto until = std::chrono::steady_clock::now() + kStartDeadline;
    while (!is_ready(data)) {
        int status = 0;
        if (waitpid(pid_, &status, WNOHANG) == pid_ || std::chrono::steady_clock::now() > until) {
            fail("it did not start:\n" + text_of(log));
        }
        poll(nullptr, 0, 5);
    }
}

void PostgresServer::stop(How how) {
    if (pid_ <= 0) {
        return;
    }
    thaw();
    kill(pid_, how == How::Fast ? SIGINT : SIGQUIT);
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
}

void PostgresServer::signal_all(int signal) const {
    if (pid_ <= 0) {
        return;
    }
    // Each backend is in a process group of its own, so they are found by their parent.
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const std::string name = entry.path().filename().string();
        if (name.find_first_not_of("0123456789") != std::string::npos) {
            continue;
        }
        const std::string stat = text_of("/proc/" + name + "/stat");
        const std::size_t paren = stat.rfind(')');
        int parent = 0;
        if (paren != std::string::npos &&
            std::sscanf(stat.c_str() + paren + 1, " %*c %d", &parent) == 1 && parent == pid_) {
            kill(std::stoi(name), signal);
        }
    }
}

void PostgresServer::freeze() {
    if (pid_ > 0) {
        kill(pid_, SIGSTOP);
    }
    signal_all(SIGSTOP);
}

void PostgresServer::thaw() {
    signal_all(SIGCONT);
    if (pid_ > 0) {
        kill(pid_, SIGCONT);
    }
}

std::string PostgresServer::create_database(std::string_view from) {
    static int count = 0;
    const std::string name = fmt::format("test_{}", ++count);
    auto connection = base::Connection::open(conninfo("postgres"), "test");
    if (!connection) {
        fail(connection.error().detail);
    }
    auto made = connection.value()->query(
        fmt::format("CREATE DATABASE {} TEMPLATE {}", name, from.empty() ? "template0" : from));
    if (!made) {
        fail(made.error().detail);
    }
    return name;
}

void PostgresServer::drop_database(std::string_view name) {
    auto connection = base::Connection::open(conninfo("postgres"), "test");
    if (!connection) {
        fail(connection.error().detail);
    }
    auto dropped = connection.value()->query(fmt::format("DROP DATABASE {} WITH (FORCE)", name));
    if (!dropped) {
        fail(dropped.error().detail);
    }
}

std::string PostgresServer::conninfo(std::string_view database, std::string_view role) const {
    return fmt::format("host={} dbname={} user={}", directory_, database, role);
}

}  // namespace test_support
