#pragma once

// Catalog: what agents and trackers write to and read from the catalog, one call one statement. The
// SQL is in schema/; schema/README.md has the contract of the delivery statement.
//
// Thread rule: functions of a base::Connection; they block: on database workers only. Errors: those
// of base/db.h; deliver() jumps over lost commits and repeats conflicts by itself.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/db.h"
#include "base/result.h"
#include "mail/envelope.h"
#include "mail/kind.h"
#include "mail/message_id.h"
#include "storage/catalog/ids.h"
#include "storage/segment/frame.h"
#include "storage/segment/ids.h"

namespace storage {

enum class SegmentState : std::uint8_t { Open, Sealed, Retired };
/// Of one copy: complete; ends early; a reader found it bad; gone.
enum class ReplicaState : std::uint8_t { Active, Behind, Suspect, Lost };

/// "open", "active" and so on, as the catalog writes them.
[[nodiscard]] std::string_view segment_state_name(SegmentState state) noexcept;
[[nodiscard]] std::string_view replica_state_name(ReplicaState state) noexcept;

/// One copy of a segment, as whoever reports it knows it.
struct ReplicaNote {
    StorageServerId store;
    std::uint32_t generation = 1;
    ReplicaState state = ReplicaState::Active;
    std::uint64_t durable_length = 0;
    std::string reason;
};

/// A copy that should be there and is not.
struct OwedNote {
    StorageServerId store;
    std::string reason;
};

/// What the catalog is told of a segment. Telling it twice changes nothing.
struct SegmentNote {
    SegmentId id;
    std::string writer;
    std::uint64_t boot_epoch = 0;
    std::uint32_t generation = 1;
    std::uint64_t first_frame = 0;
    std::uint8_t min_copies = 1;
    std::uint64_t opened_us = 0;
    SegmentState state = SegmentState::Open;
    std::uint64_t length = 0;  ///< seal included; 0 while open
    std::vector<ReplicaNote> replicas;
    std::vector<OwedNote> owed;
};

/// The note of an open segment whose replicas are all good.
[[nodiscard]] SegmentNote note_of(const SegmentHeader& header, std::uint64_t first_frame);

/// Whether the sender was told 250.
enum class Acknowledged : std::uint8_t {
    No,   ///< nobody said 250 yet: it may be refused
    Yes,  ///< it must be stored
};

/// A message to be delivered.
struct Delivery {
    mail::MessageId id;
    mail::Kind kind = mail::Kind::Email;
    Acknowledged acknowledged = Acknowledged::No;
    FrameLocation location;
    std::uint64_t message_size = 0;
    std::uint32_t summary_size = 0;
    std::int64_t received_us = 0;
    std::string server;  ///< name of the server that accepted it
    std::string sender;
    std::vector<mail::Recipient> recipients;
    mail::Attributes attributes;
};

/// Bytes [from, to) of a segment whose frames are all dealt with once the delivery has succeeded.
struct CoveredStretch {
    SegmentId segment;
    std::uint64_t from = 0;
    std::uint64_t to = 0;

    friend bool operator==(const CoveredStretch&, const CoveredStretch&) = default;
};

/// One delivery statement: many messages, and what it says of segments.
struct DeliveryBatch {
    std::string committer;              ///< who commits: "mail a", "tracker t1"
    std::int64_t seen = 0;              ///< highest commit sequence it was told; 0 at its start
    std::vector<SegmentNote> segments;  ///< those that the catalog may not know
    std::vector<Delivery> deliveries;
    std::vector<mail::MessageId> aborted;  ///< refused earlier, with a durable abort frame
    std::vector<CoveredStretch> covered;
};

enum class DeliveryOutcome : std::uint8_t { Delivered, Already, Refused, DeadLetter, Aborted };

/// What one recipient got.
struct DeliveredTo {
    DeliveryOutcome outcome = DeliveryOutcome::Delivered;
    std::string
        reason;  ///< of Refused: "no_account", "no_mailbox", "over_quota", "same_key", or empty
    MailboxId mailbox{};
    std::uint32_t uid_validity = 0;
    std::uint32_t uid = 0;
    std::uint64_t modseq = 0;
    /// Of Already: another message has its key, and is where this says; this one is never
    /// delivered.
    std::optional<mail::MessageId> first;
};

/// What the statement did; all of it was committed.
struct DeliveryReport {
    std::vector<std::vector<DeliveredTo>> deliveries;  ///< as in the batch: message, recipient
    std::int64_t commit_sequence = 0;
    bool jumped = false;  ///< commits were lost: UIDs and MODSEQs have jumped
};

/// The delivery statement. Invalid with "RT001" in the detail: a covered segment is not known.
[[nodiscard]] base::Result<DeliveryReport> deliver(base::Connection& connection,
                                                   const DeliveryBatch& batch);

/// Whose a key is.
struct KeyHolder {
    mail::MessageId id;
    /// Its copies that are known to be good cover min_copies failure domains, or it was removed for
    /// good: whoever handed it in may forget it.
    bool safe = false;

    friend bool operator==(const KeyHolder&, const KeyHolder&) = default;
};

/// The message that was delivered with this key (the attribute `key`), as far as the catalog knows.
/// The key of a message that is gone is kept from now on as long as if it had gone now.
[[nodiscard]] base::Result<std::optional<KeyHolder>> message_of_key(base::Connection& connection,
                                                                    std::string_view key);

/// Segments, states of their replicas, copies owed.
[[nodiscard]] base::Status note_segments(base::Connection& connection,
                                         std::span<const SegmentNote> segments);

/// The same of segments that were written whole, which are catalogued to their end from the start:
/// whoever wrote them knows their frames.
[[nodiscard]] base::Status note_whole_segments(base::Connection& connection,
                                               std::span<const SegmentNote> segments);

/// A copy from which bad octets were read.
[[nodiscard]] base::Status suspect_replica(base::Connection& connection,
                                           const SegmentId& segment,
                                           const StorageServerId& store,
                                           std::string_view reason);

/// For operators.
enum class Severity : std::uint8_t { Info, Warning, Alarm };

/// What operators are told; see directory.event.
struct Event {
    Severity severity = Severity::Info;
    std::string kind;     ///< lower case with underscores
    std::string server;   ///< who says so
    std::string subject;  ///< what about
};

[[nodiscard]] base::Status raise_event(base::Connection& connection, const Event& event);

/// A copy of a segment that is not known to be lost.
struct ReplicaPlace {
    StorageServerId store;
    std::uint32_t generation = 1;
    ReplicaState state = ReplicaState::Active;
    std::uint64_t durable_length = 0;  ///< of Behind: it ends there

    /// False if the copy is known to end before `frame` does.
    [[nodiscard]] bool may_hold(const FrameLocation& frame) const noexcept {
        return state != ReplicaState::Behind || durable_length >= frame.offset + frame.length;
    }

    friend bool operator==(const ReplicaPlace&, const ReplicaPlace&) = default;
};

/// Where a message is. Replicas: the good ones first.
struct MessagePlace {
    mail::MessageId id;
    FrameLocation location;
    std::vector<ReplicaPlace> replicas;
};

/// Places of those of `ids` that the catalog knows, in any order.
[[nodiscard]] base::Result<std::vector<MessagePlace>> locate(base::Connection& connection,
                                                             std::span<const mail::MessageId> ids);

}  // namespace storage
