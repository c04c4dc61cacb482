#include "mta/scan/clamd_stream.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <utility>

#include "base/check.h"

namespace mta {

namespace {

// "z": the command and its reply end in a NUL.
constexpr std::string_view kInstream("zINSTREAM\0", 10);
constexpr std::string_view kPing("zPING\0", 6);
constexpr std::string_view kVersion("zVERSION\0", 9);
constexpr std::size_t kLengthSize = 4;
constexpr base::Duration kPieceTimeout = std::chrono::seconds(5);

}  // namespace

base::StreamLimits ClamdStream::limits() {
    base::StreamLimits limits;
    limits.input_max = kClamdReplyMax;
    limits.output_high_water = kInstream.size() + 2 * kLengthSize + kChunkMax;
    limits.write_timeout = kPieceTimeout;
    return limits;
}

base::Status ClamdStream::begin() {
    return stream_.write(kInstream);
}

base::Result<std::optional<ClamdReply>> ClamdStream::room(base::Deadline deadline) {
    const base::Status sent = stream_.flush(deadline);
    if (sent) {
        return std::optional<ClamdReply>();
    }
    if (sent.error().code != base::Errc::Closed && sent.error().code != base::Errc::Io) {
        return sent.error();
    }
    ClamdReply reply = TRY(read_verdict(deadline));
    if (reply.kind != ClamdReply::Kind::TooLarge && reply.kind != ClamdReply::Kind::Failed) {
        return base::Error{base::Errc::Invalid, "a verdict before the end of the octets"};
    }
    return std::optional<ClamdReply>(std::move(reply));
}

base::Status ClamdStream::put(std::string_view octets) {
    CHECK(!octets.empty() && octets.size() <= kChunkMax);
    TRY(put_length(static_cast<std::uint32_t>(octets.size())));
    return stream_.write(octets);
}

base::Result<ClamdReply> ClamdStream::finish(base::Deadline deadline) {
    TRY(put_length(0));
    // Sends what is pending before it waits. If that fails, what came before is read first.
    return read_verdict(deadline);
}

base::Result<ClamdReply> ClamdStream::ping(base::Deadline deadline) {
    TRY(stream_.write(kPing));
    const std::string text = TRY(read_reply(deadline));
    ClamdReply reply = TRY(parse_clamd_reply(text));
    if (reply.kind != ClamdReply::Kind::Pong) {
        return base::Error{base::Errc::Invalid, "no answer to PING: " + reply.text};
    }
    return reply;
}

base::Result<std::string> ClamdStream::version(base::Deadline deadline) {
    TRY(stream_.write(kVersion));
    return parse_clamd_version(TRY(read_reply(deadline)));
}

base::Result<bool> ClamdStream::takes(base::SocketStream& stream,
                                      std::uint32_t size_bytes,
                                      base::Deadline deadline) {
    ClamdStream clamd(stream);
    TRY(clamd.begin());
    TRY(clamd.put_length(size_bytes));
    TRY(stream.flush(deadline));
    TRY(stream.shutdown_write());
    base::Result<std::string> reply = clamd.read_reply(deadline);
    if (!reply) {
        if (reply.error().code == base::Errc::Closed) {
            return true;
        }
        return std::move(reply).take_error();
    }
    const ClamdReply parsed = TRY(parse_clamd_reply(reply.value()));
    if (parsed.kind != ClamdReply::Kind::TooLarge) {
        return base::Error{base::Errc::Invalid, "no answer to the length of a stream"};
    }
    return false;
}

base::Status ClamdStream::put_length(std::uint32_t size_bytes) {
    const std::array<char, kLengthSize> octets = {
        static_cast<char>(static_cast<unsigned char>(size_bytes >> 24U)),
        static_cast<char>(static_cast<unsigned char>(size_bytes >> 16U)),
        static_cast<char>(static_cast<unsigned char>(size_bytes >> 8U)),
        static_cast<char>(static_cast<unsigned char>(size_bytes))};
    return stream_.write({octets.data(), octets.size()});
}

// fill() reads, then sends what is pending, then waits. A clamd that answers and closes between the
// first two makes the second fail, with its reply unread: so a failure is followed by one more
// look.
base::Status ClamdStream::fill(base::Deadline deadline) {
    base::Status filled = stream_.fill(deadline);
    if (!filled &&
        (filled.error().code == base::Errc::Closed || filled.error().code == base::Errc::Io)) {
        filled = stream_.fill(deadline);
    }
    return filled;
}

base::Result<std::string> ClamdStream::read_reply(base::Deadline deadline) {
    for (;;) {
        const std::string_view input = stream_.buffered();
        const std::size_t end = input.find('\0');
        if (end != std::string_view::npos) {
            std::string reply(input.substr(0, end));
            stream_.consume(end + 1);
            return reply;
        }
        const base::Status filled = fill(deadline);
        if (!filled) {
            if (filled.error().code == base::Errc::TooLarge) {
                return base::Error{base::Errc::Invalid, "reply of clamd is too long"};
            }
            return filled.error();
        }
    }
}

base::Result<ClamdReply> ClamdStream::read_verdict(base::Deadline deadline) {
    const std::string text = TRY(read_reply(deadline));
    ClamdReply reply = TRY(parse_clamd_reply(text));
    if (reply.kind == ClamdReply::Kind::Pong) {
        return base::Error{base::Errc::Invalid, "PONG, where a verdict was expected"};
    }
    return reply;
}

}  // namespace mta
