#pragma once

// ReplyStream: an answer of several messages to one query over TCP. The connection asks for one
// message after another and waits for the client to read between them.
//
// Owner: the connection that sends it. Thread rule: loop thread only.

#include <cstddef>
#include <span>

namespace dns {

class ReplyStream {
  public:
    ReplyStream() = default;
    virtual ~ReplyStream() = default;
    ReplyStream(const ReplyStream&) = delete;
    ReplyStream& operator=(const ReplyStream&) = delete;

    enum class State : unsigned char {
        More,
        Last,    ///< nothing comes after this message
        Failed,  ///< no message: the connection must end, so that the client does not wait for one
    };

    struct Piece {
        State state = State::Failed;
        std::size_t size = 0;  ///< octets of the message
    };

    /// Writes the next message into `out`, kMessageMax octets. Not after Last or Failed.
    [[nodiscard]] virtual Piece next(std::span<std::byte> out) = 0;
};

}  // namespace dns
