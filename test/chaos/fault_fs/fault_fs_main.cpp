// fault_fs: one disk, mounted at one or more places, and told by a socket what to suffer.
//
//     fault_fs --control SOCKET [--owner UID:GID] [--seed N] [--cache SECONDS] MOUNT_POINT...
//
// Prints "ready" when all is mounted; ends, unmounted, when its standard input does. The socket
// (unix, stream) takes lines and answers each by one line, "ok ..." or "error ...":
//
//     rule NAME MOUNT|* CALLS ACTION[:ARGUMENT] PER_MILLE [USES]    see rules.h
//     clear NAME|*
//     empty MOUNT on|off
//     power-loss SEED
//     flip SEED SIZE_MIN SIZE_MAX SUFFIX
//     wipe
//     stats

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "test/chaos/fault_fs/disk.h"
#include "test/chaos/fault_fs/mount.h"
#include "test/chaos/fault_fs/rules.h"

namespace {

struct Arguments {
    std::string control;
    chaos::Ownership owner{0, 0, 0755};
    std::uint64_t seed = 1;
    int cache_seconds = 0;
    std::vector<std::string> points;
};

bool parse(int argc, char** argv, Arguments& arguments) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    for (std::size_t n = 0; n < words.size(); ++n) {
        const std::string& word = words[n];
        if (!word.starts_with("--")) {
            arguments.points.push_back(word);
            continue;
        }
        if (n + 1 == words.size()) {
            return false;
        }
        const std::string& value = words[++n];
        if (word == "--control") {
            arguments.control = value;
        } else if (word == "--seed") {
            arguments.seed = std::strtoull(value.c_str(), nullptr, 10);
        } else if (word == "--cache") {
            arguments.cache_seconds = std::atoi(value.c_str());
        } else if (word == "--owner") {
            char colon = 0;
            std::istringstream(value) >> arguments.owner.uid >> colon >> arguments.owner.gid;
        } else {
            return false;
        }
    }
    return !arguments.control.empty() && !arguments.points.empty();
}

// The disk, its mounts, and what is asked of them.
class FaultFs {
  public:
    FaultFs(const Arguments& arguments) : disk_(arguments.owner, 2), rules_(arguments.seed) {}

    bool mount(const Arguments& arguments) {
        for (const std::string& point : arguments.points) {
            auto mount = chaos::Mount::create(disk_,
                                              rules_,
                                              {static_cast<int>(mounts_.size()),
                                               point,
                                               arguments.cache_seconds,
                                               arguments.owner});
            if (mount == nullptr) {
                return false;
            }
            mounts_.push_back(std::move(mount));
        }
        return true;
    }

    void let_go() { rules_.clear("*"); }

    std::string answer(const std::string& line) {
        std::istringstream words(line);
        std::string command;
        words >> command;
        if (command == "rule") {
            return add_rule(words);
        }
        if (command == "clear") {
            std::string name;
            words >> name;
            rules_.clear(name);
            return "ok";
        }
        if (command == "empty") {
            std::size_t mount = 0;
            std::string state;
            if (!(words >> mount >> state) || mount >= mounts_.size()) {
                return "error no such mount";
            }
            mounts_[mount]->set_empty(state == "on");
            return "ok";
        }
        if (command == "wipe") {
            disk_.wipe();
            return "ok";
        }
        if (command == "power-loss") {
            return lose_power(words);
        }
        if (command == "flip") {
            return flip(words);
        }
        return command == "stats" ? stats() : "error unknown command";
    }

  private:
    std::string add_rule(std::istringstream& words) {
        chaos::Rule rule;
        std::string mount;
        std::string calls;
        std::string action;
        if (!(words >> rule.name >> mount >> calls >> action >> rule.per_mille)) {
            return "error words are missing";
        }
        words >> rule.uses;
        rule.uses = words ? rule.uses : -1;
        rule.mount = mount == "*" ? -1 : std::atoi(mount.c_str());
        rule.calls = chaos::calls_of(calls);
        const std::size_t colon = action.find(':');
        rule.argument = colon == std::string::npos ? 0 : std::atoi(action.c_str() + colon + 1);
        action.erase(std::min(colon, action.size()));
        if (action == "fail") {
            rule.action = chaos::Action::Fail;
        } else if (action == "delay") {
            rule.action = chaos::Action::Delay;
        } else if (action == "hang") {
            rule.action = chaos::Action::Hang;
        } else if (action == "short") {
            rule.action = chaos::Action::Short;
        } else {
            return "error unknown action";
        }
        if (rule.calls == 0) {
            return "error unknown call";
        }
        rules_.add(std::move(rule));
        return "ok";
    }

    std::string lose_power(std::istringstream& words) {
        std::uint64_t seed = 0;
        words >> seed;
        const chaos::PowerLoss loss = disk_.power_loss(seed);
        std::ostringstream out;
        out << "ok pages_dropped=" << loss.pages_dropped << " pages_kept=" << loss.pages_kept
            << " names_dropped=" << loss.names_dropped << " names_kept=" << loss.names_kept;
        return out.str();
    }

    std::string flip(std::istringstream& words) {
        std::uint64_t seed = 0;
        std::uint64_t size_min = 0;
        std::uint64_t size_max = 0;
        std::string suffix;
        words >> seed >> size_min >> size_max >> suffix;
        const auto flip = disk_.flip(seed, size_min, size_max, suffix);
        if (!flip) {
            return "ok none";
        }
        std::ostringstream out;
        out << "ok " << flip->path << " offset=" << flip->offset << " bit=" << flip->bit;
        return out.str();
    }

    std::string stats() {
        const chaos::DiskStats sums = disk_.stats();
        std::ostringstream out;
        out << "ok files=" << sums.files << " bytes=" << sums.bytes
            << " dirty_pages=" << sums.dirty_pages << " changed_names=" << sums.changed_names
            << " power_losses=" << sums.power_losses << " syncs=" << sums.syncs;
        for (const auto& [name, count] : rules_.acted()) {
            out << " rule." << name << '=' << count;
        }
        return out.str();
    }

    chaos::Disk disk_;
    chaos::Rules rules_;
    std::vector<std::unique_ptr<chaos::Mount>> mounts_;  // before what they use
};

int listen_at(const std::string& path) {
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (listener < 0 || path.size() >= sizeof address.sun_path) {
        return -1;
    }
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    ::unlink(path.c_str());
    if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener, 16) != 0) {
        return -1;
    }
    return listener;
}

// One client at a time: line by line until it hangs up.
void talk(FaultFs& fs, int client) {
    std::string pending;
    char buffer[4096];
    for (;;) {
        const ssize_t size = ::read(client, buffer, sizeof buffer);
        if (size <= 0) {
            break;
        }
        pending.append(buffer, static_cast<std::size_t>(size));
        for (std::size_t end = pending.find('\n'); end != std::string::npos;
             end = pending.find('\n')) {
            const std::string reply = fs.answer(pending.substr(0, end)) + "\n";
            pending.erase(0, end + 1);
            (void)!::write(client, reply.data(), reply.size());
        }
    }
    ::close(client);
}

// Until standard input ends: whoever started us is gone, or wants us gone.
void serve(FaultFs& fs, int listener) {
    for (;;) {
        pollfd wait[2] = {{STDIN_FILENO, POLLIN, 0}, {listener, POLLIN, 0}};
        if (::poll(wait, 2, -1) < 0) {
            continue;
        }
        if (wait[0].revents != 0) {
            char octet = 0;
            if (::read(STDIN_FILENO, &octet, 1) <= 0) {
                return;
            }
        }
        if (wait[1].revents != 0) {
            const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
            if (client >= 0) {
                std::thread([&fs, client] { talk(fs, client); }).detach();
            }
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    Arguments arguments;
    if (!parse(argc, argv, arguments)) {
        std::fprintf(stderr,
                     "fault_fs --control SOCKET [--owner UID:GID] [--seed N] [--cache SECONDS] "
                     "MOUNT_POINT...\n");
        return 2;
    }
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGINT, SIG_IGN);  // Ctrl-C is for the harness, which ends us when it has cleaned up
    auto fs = std::make_unique<FaultFs>(arguments);
    const int listener = listen_at(arguments.control);
    if (listener < 0 || !fs->mount(arguments)) {
        std::perror("fault_fs");
        return 1;
    }
    std::puts("ready");
    std::fflush(stdout);
    serve(*fs, listener);
    fs->let_go();
    fs.reset();
    // A client of the socket may still be talking to what is gone now.
    std::_Exit(0);
}
