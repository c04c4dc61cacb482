#pragma once

// IngestSession: one client of the ingest socket (ingest_protocol.h), message after message. What
// comes in passes what SMTP mail passes: room, the sender blocklist, verification of each
// recipient, the rules of data (no bare CR or LF, no NUL, at most 99 Received fields, the size
// limit), the memory budget, our trace fields, the virus scanner, and the one function that says
// that a message is safe (acceptance.h). All recipients or none: a message is stored for all of
// them or for nobody; if the client wants it so, for all that are ours.
//
// A message whose key the catalog knows is answered before anything is stored: "again" if the
// promise of 250 holds for the one that is there, else "try-again". If the catalog does not answer,
// it is stored, and delivered once all the same (schema/README.md).
//
// Log: "ingest accepted", "ingest refused", one line a message. Owner: the fiber that runs it.
// Thread rule: one fiber of one loop; what IngestParts names is borrowed.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/fiber.h"
#include "base/result.h"
#include "base/stream.h"
#include "mta/ingest/ingest_protocol.h"
#include "mta/session.h"
#include "storage/catalog/catalog.h"

namespace mta {

struct IngestTimes {
    base::Duration idle = std::chrono::seconds(30);   ///< for the line before a message
    base::Duration piece = std::chrono::seconds(60);  ///< between pieces of a message
    base::Duration message = std::chrono::minutes(10);
    base::Duration key = std::chrono::seconds(1);  ///< for the question whether a key is known
};

/// What all sessions share.
struct IngestParts {
    SessionParts& mail;
    /// As storage::message_of_key. Errors: those of the catalog, which is away.
    std::function<base::Result<std::optional<storage::KeyHolder>>(const std::string& key,
                                                                  base::Deadline deadline)>
        message_of_key;
    IngestTimes times = {};
};

/// One session: construct it, run() it to its end, destroy it.
class IngestSession {
  public:
    /// `stop` is set when the agent shuts down. `client` names who connected, for the log.
    IngestSession(base::Stream& stream,
                  IngestParts& parts,
                  base::FiberEvent& stop,
                  std::string client);

    void run();

  private:
    /// False: the session is over.
    [[nodiscard]] bool take_one();
    /// Nothing: the client is gone, or slow, or we are shutting down.
    [[nodiscard]] std::optional<std::string> read_line();
    [[nodiscard]] base::Result<mail::Envelope> check(const IngestHeader& header);
    [[nodiscard]] base::Status add_recipients(const IngestHeader& header, mail::Envelope& envelope);
    [[nodiscard]] base::Status add_recipient(const std::string& text, mail::Envelope& envelope);
    [[nodiscard]] base::Result<ReceivedMail> receive(const IngestHeader& header,
                                                     mail::Envelope envelope);
    [[nodiscard]] base::Status read_body(std::uint64_t size, std::string& message);
    [[nodiscard]] bool skip_body(std::uint64_t size);
    [[nodiscard]] base::Status scan(ReceivedMail& mail);
    [[nodiscard]] IngestAnswer answer_for_known(const IngestHeader& header,
                                                const storage::KeyHolder& holder);
    [[nodiscard]] IngestAnswer answer_for_first(const std::string& key);
    [[nodiscard]] IngestAnswer store(const IngestHeader& header, ReceivedMail mail);
    [[nodiscard]] std::string trace_fields(const mail::Envelope& envelope,
                                           std::int64_t now_us) const;
    [[nodiscard]] bool send(const IngestHeader* header, const IngestAnswer& answer);

    base::Stream& stream_;
    IngestParts& parts_;
    base::FiberEvent& stop_;
    const std::string client_;
    const std::string id_;
    std::uint64_t messages_ = 0;
    std::uint64_t body_read_ = 0;        ///< octets of the message under way
    std::vector<std::string> left_out_;  ///< its recipients that are not ours, if it may be partial
};

/// What is wrong with the octets of a message that SMTP would refuse, too: Invalid.
[[nodiscard]] base::Status check_message_octets(std::string_view message);

}  // namespace mta
