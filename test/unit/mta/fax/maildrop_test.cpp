#include "mta/fax/maildrop.h"

#include <chrono>
#include <string>
#include <thread>

#include <boost/test/unit_test.hpp>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

// What the access server never does. How it answers in truth: test/cluster/fax_test.py.

namespace {

using base::Errc;
using namespace std::chrono_literals;

void say(int socket, const std::string& text) {
    for (std::size_t at = 0; at < text.size();) {
        const ssize_t sent = ::send(socket, text.data() + at, text.size() - at, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;  // the client gave up
        }
        at += static_cast<std::size_t>(sent);
    }
}

void hear_line(int socket) {
    for (char c = 0; c != '\n';) {
        if (::recv(socket, &c, 1, 0) <= 0) {
            return;
        }
    }
}

// Takes one client: signs it in, and answers its first command behind that.
class Server {
  public:
    explicit Server(std::string answer) : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        BOOST_REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
        BOOST_REQUIRE(::listen(listener_, 1) == 0);
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
        port = ntohs(address.sin_port);
        thread_ = std::thread([this, answer = std::move(answer)] {
            const int client = ::accept(listener_, nullptr, nullptr);
            say(client, "+OK\r\n");
            for (int i = 0; i < 2; ++i) {
                hear_line(client);
                say(client, "+OK\r\n");
            }
            hear_line(client);
            say(client, answer);
            ::close(client);
        });
    }

    ~Server() {
        thread_.join();
        ::close(listener_);
    }

    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    unsigned port = 0;

  private:
    int listener_;
    std::thread thread_;
};

base::Result<mta::Maildrop> open(const Server& server) {
    const auto endpoint = base::Endpoint::parse("127.0.0.1:" + std::to_string(server.port), 110);
    return mta::Maildrop::open(endpoint.value(), "a", "b", base::Deadline::after(30s));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fax_maildrop)

BOOST_AUTO_TEST_CASE(behind_a_message_that_is_too_large_nothing_is_taken_for_an_answer) {
    std::string line(1'000'000, '+');
    line += "\r\n";
    std::string answer = "+OK\r\n";
    while (answer.size() <= mta::kMaildropMessageMax + 4 * line.size()) {
        answer += line;
    }
    const Server server(std::move(answer));
    auto drop = open(server);
    BOOST_REQUIRE(drop);
    const auto deadline = base::Deadline::after(30s);
    BOOST_TEST((drop.value().message(1, deadline).error().code == Errc::TooLarge));
    BOOST_TEST((drop.value().remove(1, deadline).error().code == Errc::Closed));
    BOOST_TEST((drop.value().quit(deadline).error().code == Errc::Closed));
}

BOOST_AUTO_TEST_CASE(a_server_that_goes_in_the_middle_is_told) {
    const Server server("+OK\r\nSubject: x\r\n");
    auto drop = open(server);
    BOOST_REQUIRE(drop);
    BOOST_TEST((drop.value().header(1, base::Deadline::after(30s)).error().code == Errc::Closed));
}

BOOST_AUTO_TEST_SUITE_END()
