#pragma once

// TrackingAgent: the message tracking agent (DESIGN.md section 2). It places and copies messages,
// records them in the catalog, locates their copies and compiles them from whichever storage server
// has a good one. Linked into mtad and accessd; nothing else of them writes replicas or the
// catalog, or reads a segment.
//
// store() keeps promise 2: success means that the message is durable in min_copies distinct failure
// domains, and that the catalog has it (Catalogued), or did not answer in time, in which case it is
// caught up later, exactly once (ToBeCatalogued). After an error nobody may say 250:
//   NotFound     the catalog knows no such account, or no such mailbox (an APPEND); refused for
//                good
//   Refused      over quota
//   TooLarge     message, envelope or summary over its limit
//   Invalid      the envelope cannot be encoded, or has no recipient
//   Unavailable  fewer than min_copies copies in time; or refused, but the abort frame could not be
//                made durable
//   Busy         a queue is full; or another message with the same key is being delivered right now
//   Cancelled    shutting down
// For NotFound, Refused and the second Busy the frame was cancelled durably before the call
// returns. After Unavailable and Cancelled the message may turn up all the same, under its own id.
//
// Reads try each replica, the good ones first. Every octet that is returned was covered by a
// checksum that matched; a copy that is short, missing or bad is reported as suspect and the next
// is tried.
//   NotFound     no such message in the catalog
//   Unavailable  no copy could be read in time; or the catalog is away, and the place not cached
//   Corrupt      every copy that could be read is bad
//   Busy         too many reads at once
//
// Owner: the daemon. It outlives all fibers that use it, and is destroyed when `loop` has ended.
// Thread rule: create(), start() and the destructor on `loop`'s thread, shutdown() from a fiber of
// it; everything else from a fiber of any loop, or from a plain thread that is no loop. Limits:
// AgentOptions.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/loop.h"
#include "base/result.h"
#include "mail/envelope.h"
#include "mail/kind.h"
#include "mail/message_id.h"
#include "mail/summary.h"
#include "storage/catalog/catalog.h"
#include "storage/catalog/ids.h"
#include "storage/mirror/mirror_writer.h"
#include "storage/segment/ids.h"
#include "storage/tracking/layout.h"

namespace storage {

struct AgentOptions {
    ServerRole role = ServerRole::Mail;  ///< Mail or Access
    std::string server;                  ///< its name in the directory
    std::string database;                ///< conninfo
    std::string state_dir;       ///< local, its own; the lock and the cached layout are kept there
    std::string helper_program;  ///< path of roundtable-path-helper; empty: beside this program
    std::chrono::milliseconds catalog_deadline{5'000};  ///< after that: ToBeCatalogued
    std::chrono::milliseconds abort_deadline{5'000};
    std::chrono::milliseconds layout_poll{5'000};   ///< directory.version, beside notices
    std::size_t deliver_batch_max = 256;            ///< messages in one delivery statement
    std::size_t deliver_queue_max = 8'192;          ///< messages that wait to be catalogued
    std::uint64_t segment_size_max = 64ULL << 20U;  ///< a segment is replaced at that size
    std::size_t query_connections = 2;              ///< for locate()
    std::size_t reads_max = 512;                    ///< calls that read, at once
    std::size_t places_max = 200'000;               ///< places of messages that are kept
    std::uint64_t summary_cache_bytes = 64ULL << 20U;
    std::uint64_t message_cache_bytes = 64ULL << 20U;
};

/// A message as its acceptor hands it in.
struct Submission {
    /// None: what the message says itself (mail/kind_detect.h); what the envelope has of attributes
    /// counts more than what the message says.
    std::optional<mail::Kind> kind = mail::Kind::Email;
    std::int64_t received_us = 0;  ///< INTERNALDATE, microseconds since 1970; 0: now
    mail::Envelope envelope;       ///< at least one recipient
    std::string message;           ///< octet-exact, trace fields included
};

enum class CatalogState : std::uint8_t { Catalogued, ToBeCatalogued };

/// What one recipient of the envelope got. All 0 if that is not known yet.
struct PlacedMessage {
    MailboxId mailbox{};
    std::uint32_t uid_validity = 0;
    std::uint32_t uid = 0;
};

/// What the acceptor of a message is told: it may say 250.
struct Receipt {
    mail::MessageId id;
    FrameLocation location;
    std::size_t copies = 0;  ///< durable replicas
    bool degraded = false;   ///< fewer failure domains than min_copies, by accept_degraded
    /// Another message was delivered with the key of this one, which never will be.
    std::optional<mail::MessageId> first;
    CatalogState catalog = CatalogState::Catalogued;
    std::vector<PlacedMessage> placed;  ///< one for each recipient if Catalogued, else empty
};

/// For doctor, the load report and /healthz.
struct AgentHealth {
    MirrorFitness mirror;
    bool catalog_available = false;
    std::size_t deliveries_waiting = 0;
    std::int64_t layout_age_ms = 0;  ///< since it was last read from the directory
    bool layout_from_cache = false;  ///< of an earlier run; the directory was not reached yet
};

/// See the top of this file.
class TrackingAgent {
  public:
    /// Blocks: takes the lock in state_dir, reads the layout from the directory (or, if that is
    /// away, from the copy in state_dir). Errors: Busy (another agent runs with this state_dir),
    /// NotFound (no such server), Unavailable (no directory and no copy), Io.
    [[nodiscard]] static base::Result<std::unique_ptr<TrackingAgent>> create(base::Loop& loop,
                                                                             AgentOptions options);
    ~TrackingAgent();
    TrackingAgent(const TrackingAgent&) = delete;
    TrackingAgent& operator=(const TrackingAgent&) = delete;

    /// Begins to probe storage servers, to recover what a predecessor left open, to follow the
    /// directory. Once; the loop may start to run later.
    void start();

    /// Takes no more, seals, commits what it can. Before the loop stops.
    void shutdown(base::Deadline deadline);

    /// See the top of this file. `deadline` bounds the copies; the catalog has its own.
    [[nodiscard]] base::Result<Receipt> store(Submission submission, base::Deadline deadline);

    using SummaryPtr = std::shared_ptr<const mail::Summary>;
    using MessagePtr = std::shared_ptr<const std::string>;

    [[nodiscard]] base::Result<SummaryPtr> read_summary(const mail::MessageId& id,
                                                        base::Deadline deadline);

    /// Many at once, in their order; each has its own result. Cheaper than one by one.
    [[nodiscard]] std::vector<base::Result<SummaryPtr>> read_summaries(
        std::span<const mail::MessageId> ids, base::Deadline deadline);

    /// The whole message, octet-exact.
    [[nodiscard]] base::Result<MessagePtr> read_message(const mail::MessageId& id,
                                                        base::Deadline deadline);

    /// Looks up where messages are, so that they can be read while the catalog is away; what it
    /// does not know is passed over. For a mailbox that was just opened. As far as the cache goes
    /// (AgentOptions::places_max).
    base::Status locate_ahead(std::span<const mail::MessageId> ids, base::Deadline deadline);

    [[nodiscard]] AgentHealth health() const;

  private:
    struct State;

    explicit TrackingAgent(std::unique_ptr<State> state);

    [[nodiscard]] base::Result<Receipt> record(Delivery delivery, Stored stored);

    std::unique_ptr<State> state_;
};

}  // namespace storage
