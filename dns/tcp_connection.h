#pragma once

// TcpConnection: one connection of a TcpServer: its fiber's loop of reading, answering, sending and
// waiting. See tcp_server.h, whose part it is; nobody else includes this.
//
// Owner: its fiber, and the replies that are being made for it. Thread rule: loop thread only.

#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/fiber.h"
#include "base/result.h"
#include "base/stream.h"

namespace dns {

class TcpConnection : public std::enable_shared_from_this<TcpConnection> {
  public:
    /// What the server does for its connections.
    class Host {
      public:
        Host() = default;
        virtual ~Host() = default;
        Host(const Host&) = delete;
        Host& operator=(const Host&) = delete;

        /// A whole query. The answer is in the span that is given back; empty: close. `taken`:
        /// there is none now.
        virtual std::span<const std::byte> on_query(TcpConnection& connection,
                                                    std::span<const std::byte> packet,
                                                    bool& taken) = 0;
        /// Whether it waits for a query with nothing owed to the client.
        virtual void on_idle(TcpConnection& connection, bool idle) = 0;
        /// Whether a query that begins like this may be longer than kTcpQueryMax. Empty: whether
        /// any may.
        virtual bool takes_large(std::span<const std::byte> header) = 0;
        /// Whether it may have room for so many octets of input, more than others.
        virtual bool hold(TcpConnection& connection, std::size_t octets) = 0;
        /// It has as much as others again.
        virtual void give_back(TcpConnection& connection) = 0;
    };

    struct Limits {
        base::Duration idle;
        base::Duration slow;
        std::size_t taken_max;
    };

    TcpConnection(Host& host, std::unique_ptr<base::Stream> stream, const Limits& limits);

    /// In its fiber, until the connection ends; the stream is closed then. Says why.
    base::Error serve();

    [[nodiscard]] const base::Endpoint& peer() const noexcept { return stream_->peer(); }

    /// Frees the input of one that is idle, and whose fiber has been told to end.
    void forget_input() noexcept;

    // For TcpReply.
    void begin_reply();
    void end_reply();
    base::Status send_reply(std::span<const std::byte> message, base::Deadline deadline);
    void abandon();

  private:
    base::Status run();
    base::Status answer_queries();
    void write(std::span<const std::byte> message);
    base::Status write_replies();
    base::Status wait(base::Deadline idle_deadline);
    base::Status read_more(base::Deadline deadline);
    base::Status check_length();
    base::Status make_room(std::size_t more);
    void drop_query(std::size_t size);
    void note_idle(bool idle);
    [[nodiscard]] std::size_t whole_query() const noexcept;

    Host& host_;
    std::unique_ptr<base::Stream> stream_;
    Limits limits_;
    std::string input_;        // received, not yet answered
    std::size_t input_room_;   // what it may grow to
    bool large_ = false;       // the query at its front may be longer than kTcpQueryMax
    bool input_over_ = false;  // the client has closed its side
    std::size_t taken_ = 0;    // replies in the making
    std::deque<std::string> replies_;
    std::size_t reply_octets_ = 0;
    base::FiberEvent news_;  // a reply was handed in, or has ended
    base::WaitQueue room_;   // for more replies
    bool idle_ = false;
    bool abandoned_ = false;  // an answer that cannot be finished
    bool forgotten_ = false;  // see forget_input()
    bool closed_ = false;
};

}  // namespace dns
