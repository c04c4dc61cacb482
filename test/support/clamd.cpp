#include "test/support/clamd.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

namespace test_support {
namespace {

constexpr const char* kProgram = "/usr/sbin/clamd";
constexpr std::string_view kEicarHex =
    "58354f2150254041505b345c505a58353428505e2937434329377d2445494341522d5354414e444152442d414e54"
    "4956495255532d544553542d46494c452124482b482a";
constexpr auto kStartDeadline = std::chrono::seconds(60);

[[noreturn]] void fail(const std::string& message) {
    throw std::runtime_error("ClamdServer: " + message);
}

bool accepts(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const base::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
           0;
}

}  // namespace

std::string eicar() {
    std::string text;
    for (std::size_t i = 0; i + 1 < kEicarHex.size(); i += 2) {
        text += static_cast<char>(std::stoi(std::string(kEicarHex.substr(i, 2)), nullptr, 16));
    }
    return text;
}

ClamdServer::ClamdServer(std::uint64_t stream_max) {
    if (access(kProgram, X_OK) != 0) {
        fail("there is no /usr/sbin/clamd: install what `ops/scripts/packages test` lists");
    }
    std::string pattern = (std::filesystem::temp_directory_path() / "rt-clamd-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) {
        fail("mkdtemp");
    }
    directory_ = pattern;
    std::filesystem::create_directory(directory_ + "/db");
    // Name, any kind of file, any offset.
    std::ofstream(directory_ + "/db/own.ndb") << "Our.Test.EICAR:0:*:" << kEicarHex << "\n";
    std::ofstream(directory_ + "/clamd.conf")
        << "DatabaseDirectory " << directory_ << "/db\nLocalSocket " << directory_
        << "/clamd\nTemporaryDirectory " << directory_ << "\nForeground yes\nMaxThreads 4\n"
        << "StreamMaxLength " << stream_max << "\nMaxFileSize " << stream_max << "\nMaxScanSize "
        << 4 * stream_max << "\n";
    start();
}

ClamdServer::~ClamdServer() {
    kill();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

void ClamdServer::start() {
    const std::string config = "--config-file=" + directory_ + "/clamd.conf";
    pid_ = fork();
    if (pid_ == 0) {
        const int out = open((directory_ + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(out, 1);
        dup2(out, 2);
        closefrom(3);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, nullptr);
        execl(kProgram, kProgram, config.c_str(), nullptr);
        _exit(127);
    }
    const auto deadline = std::chrono::steady_clock::now() + kStartDeadline;
    while (!accepts(directory_ + "/clamd")) {
        int status = 0;
        if (waitpid(pid_, &status, WNOHANG) == pid_) {
            pid_ = -1;
            std::ostringstream log;
            log << std::ifstream(directory_ + "/log").rdbuf();
            fail("clamd ended:\n" + log.str());
        }
        if (std::chrono::steady_clock::now() > deadline) {
            fail("clamd does not listen");
        }
        ::poll(nullptr, 0, 20);
    }
}

void ClamdServer::kill() {
    if (pid_ < 0) {
        return;
    }
    ::kill(pid_, SIGKILL);
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
}

void ClamdServer::freeze() {
    ::kill(pid_, SIGSTOP);
}

void ClamdServer::thaw() {
    ::kill(pid_, SIGCONT);
}

}  // namespace test_support
