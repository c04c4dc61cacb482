#pragma once

// ReplyStream: an answer of several messages to one query over TCP. The connection asks for some
// messages after others and waits for the client to read between them.
//
// Owner: the connection that sends it. Thread rule: one thread at a time; messages are made on
// workers.

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

    /// Writes the next message into `out`, kMessageMax octets. Not after Last or Failed. The first
    /// call may take long: whatever the answer needs is worked out there, and not when it is made.
    [[nodiscard]] virtual Piece next(std::span<std::byte> out) = 0;

    /// Instead of the first next(): there is no room for this answer now (SERVFAIL). Writes the
    /// message, which is all that is sent. Does not take long.
    [[nodiscard]] virtual Piece refuse(std::span<std::byte> out) = 0;
};

}  // namespace dns
