#pragma once

// A server of one connection after another on the loopback, in a thread: reads until what it has
// seen ends as expected, answers, reads on. For what libcurl is made to say.

#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace test_support {

class CannedServer {
  public:
    /// What is awaited (the end of what was read since the last answer), and the answer to it.
    struct Turn {
        std::string awaited;
        std::string answer;
    };

    explicit CannedServer(std::vector<Turn> turns) : turns_(std::move(turns)) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof(address);
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 8) != 0) {
            std::abort();
        }
        ::getsockname(listener_, generic, &size);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve(); });
    }

    ~CannedServer() {
        ::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        ::close(listener_);
    }

    CannedServer(const CannedServer&) = delete;
    CannedServer& operator=(const CannedServer&) = delete;

    [[nodiscard]] std::string host() const { return "127.0.0.1:" + std::to_string(port_); }

    /// All that was read of the last connection. After the client has done.
    [[nodiscard]] const std::string& seen() const { return seen_; }

    [[nodiscard]] int connections() const { return connections_; }

  private:
    void serve() {
        while (true) {
            const int client = ::accept(listener_, nullptr, nullptr);
            if (client < 0) {
                return;
            }
            timeval patience{5, 0};
            ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
            ++connections_;
            seen_.clear();
            for (const Turn& turn : turns_) {
                if (!await(client, turn.awaited) ||
                    ::send(client, turn.answer.data(), turn.answer.size(), MSG_NOSIGNAL) < 0) {
                    break;
                }
            }
            ::close(client);
        }
    }

    bool await(int client, const std::string& text) {
        const std::size_t from = seen_.size();
        while (seen_.find(text, from) == std::string::npos) {
            char buffer[4096];
            const ssize_t count = ::recv(client, buffer, sizeof(buffer), 0);
            if (count <= 0) {
                return false;
            }
            seen_.append(buffer, static_cast<std::size_t>(count));
        }
        return true;
    }

    std::vector<Turn> turns_;
    std::string seen_;
    int connections_ = 0;
    int listener_ = -1;
    unsigned port_ = 0;
    std::thread thread_;
};

}  // namespace test_support
