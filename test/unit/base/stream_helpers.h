#pragma once

// What the tests of base/stream.h share: short words for deadlines and errors, two ends of a
// socket.

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <boost/test/unit_test.hpp>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/result.h"
#include "base/stream.h"

namespace stream_helpers {

inline base::Deadline soon() {
    return base::Deadline::after(std::chrono::milliseconds(20));
}

inline base::Deadline later() {
    return base::Deadline::after(std::chrono::seconds(30));
}

inline base::Errc code_of(const base::Status& status) {
    BOOST_REQUIRE(!status);
    return status.error().code;
}

/// Reads until the end of input; consumes everything at once.
inline std::string read_all(base::Stream& stream) {
    std::string all;
    while (stream.fill(later())) {
        all += stream.buffered();
        stream.consume(stream.buffered().size());
    }
    return all;
}

/// Two connected sockets on one loop.
struct SocketPair {
    std::unique_ptr<base::SocketStream> left;
    std::unique_ptr<base::SocketStream> right;

    explicit SocketPair(base::Loop& loop, const base::StreamLimits& limits = {}) {
        int ends[2] = {-1, -1};
        BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
        auto first = base::SocketStream::adopt(loop, base::Fd(ends[0]), limits);
        auto second = base::SocketStream::adopt(loop, base::Fd(ends[1]), limits);
        BOOST_REQUIRE(first && second);
        left = std::move(first).take_value();
        right = std::move(second).take_value();
    }
};

}  // namespace stream_helpers
