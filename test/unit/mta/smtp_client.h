#pragma once

// A small SMTP client for tests, over a real socket, from a fiber. Thread rule: its fiber.

#include <memory>
#include <string>
#include <string_view>

#include <boost/test/unit_test.hpp>

#include "base/stream.h"

namespace mta::test {

class SmtpClient {
  public:
    SmtpClient(base::Loop& loop, const base::Endpoint& server) {
        auto connected = base::SocketStream::connect(loop, server, deadline());
        BOOST_REQUIRE(connected);
        stream_ = std::move(connected).take_value();
    }

    void send(std::string_view text) {
        BOOST_TEST(bool(stream_->write(text)));
        BOOST_TEST(bool(stream_->flush(deadline())));
    }

    /// The next reply, its last line; "closed" when the server has closed.
    std::string reply() {
        for (;;) {
            const std::string line = read_line();
            if (line.size() < 4 || line[3] == ' ' || line == "closed") {
                return line;
            }
        }
    }

    /// Sends one line and returns the reply to it.
    std::string say(std::string_view line) {
        send(std::string(line) + "\r\n");
        return reply();
    }

    /// Up to DATA, for a message to bob@example.org.
    void begin_message() {
        BOOST_TEST(reply().starts_with("220 "));
        BOOST_TEST(say("EHLO client.example").starts_with("250 "));
        BOOST_TEST(say("MAIL FROM:<alice@client.example>").starts_with("250 "));
        BOOST_TEST(say("RCPT TO:<bob@example.org>").starts_with("250 "));
        BOOST_TEST(say("DATA").starts_with("354 "));
    }

    void close() { stream_->close(); }

  private:
    static base::Deadline deadline() { return base::Deadline::after(std::chrono::seconds(20)); }

    std::string read_line() {
        std::size_t end = stream_->buffered().find("\r\n");
        while (end == std::string_view::npos) {
            const base::Status filled = stream_->fill(deadline());
            if (!filled) {
                return filled.error().code == base::Errc::Closed ? "closed" : filled.error().detail;
            }
            end = stream_->buffered().find("\r\n");
        }
        std::string line(stream_->buffered().substr(0, end));
        stream_->consume(end + 2);
        return line;
    }

    std::unique_ptr<base::SocketStream> stream_;
};

}  // namespace mta::test
