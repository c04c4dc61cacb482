#pragma once

// ClamdStream: one conversation with clamd (clamd(8), "INSTREAM"): the command, the octets to be
// scanned in chunks, each behind its length in four octets of network byte order, a length of zero,
// and the reply. Each conversation is a connection of its own: a session of many (IDSESSION) gains
// nothing and makes one stuck scan everybody's.
//
//     begin() { room() put() }... finish()
//
// Above its StreamMaxLength clamd answers and closes while we still write: room() and finish() then
// find the connection broken, and read the reply that came before.
//
// Owner: the fiber that scans. Borrows the stream, which has limits(). Thread rule: that fiber.
// Errors of all: Timeout, Cancelled, Closed (it went without a reply), Invalid (a reply that clamd
// does not make), Io. After an error the connection is of no more use.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/stream.h"
#include "mta/scan/clamd_reply.h"

namespace mta {

class ClamdStream {
  public:
    /// Octets of one chunk.
    static constexpr std::size_t kChunkMax = std::size_t{64} * 1024;

    explicit ClamdStream(base::Stream& stream) : stream_(stream) {}

    /// What the stream must have been made with: a chunk and its length fit into the output buffer.
    [[nodiscard]] static base::StreamLimits limits();

    /// Asks for a scan. Waits for nothing.
    [[nodiscard]] base::Status begin();

    /// Waits until all that was put is on its way. A reply (TooLarge, Failed) says that clamd will
    /// not hear more.
    [[nodiscard]] base::Result<std::optional<ClamdReply>> room(base::Deadline deadline);

    /// Takes a copy of 1 to kChunkMax octets, after room(). Waits for nothing: the octets may be
    /// where a wait would let them move.
    [[nodiscard]] base::Status put(std::string_view octets);

    /// The end of the octets, and the verdict.
    [[nodiscard]] base::Result<ClamdReply> finish(base::Deadline deadline);

    /// PING, on a fresh connection: Pong.
    [[nodiscard]] base::Result<ClamdReply> ping(base::Deadline deadline);

    /// VERSION, on a fresh connection.
    [[nodiscard]] base::Result<std::string> version(base::Deadline deadline);

    /// Would clamd take a stream of so many octets? On a fresh connection. It is told the length
    /// of a chunk, and then the end of the input: it refuses the length at once, or, having nothing
    /// to say, closes. So no octet of the chunk is needed.
    [[nodiscard]] static base::Result<bool> takes(base::SocketStream& stream,
                                                  std::uint32_t size_bytes,
                                                  base::Deadline deadline);

  private:
    [[nodiscard]] base::Status put_length(std::uint32_t size_bytes);
    [[nodiscard]] base::Status fill(base::Deadline deadline);
    [[nodiscard]] base::Result<std::string> read_reply(base::Deadline deadline);
    [[nodiscard]] base::Result<ClamdReply> read_verdict(base::Deadline deadline);

    base::Stream& stream_;
};

}  // namespace mta
