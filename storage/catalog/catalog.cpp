#include "storage/catalog/catalog.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "storage/catalog/json.h"
#include "storage/catalog/lineage.h"
#include "storage/catalog/rows.h"

namespace storage {
namespace {

using base::Errc;
using base::Error;
using base::Result;
using base::Status;
using base::Uuid;

// A conflict is resolved by doing it again; three in a row mean that something else is wrong.
constexpr int kDeliverTries = 3;

constexpr base::Statement kDeliver{
    "storage_deliver",
    "SELECT recipient, outcome, reason, mailbox_id, uid_validity, uid, modseq, commit_sequence "
    "FROM catalog.deliver($1, $2, $3::jsonb, $4::uuid[], $5::boolean[], $6::smallint[], "
    "$7::uuid[], $8::bigint[], $9::bigint[], $10::bigint[], $11::integer[], $12::bigint[], "
    "$13::text[], $14::text[], $15::integer[], $16::text[], $17::bigint[], $18::text[], "
    "$19::smallint[], $20::text[], $21::uuid[], $22::uuid[], $23::bigint[], $24::bigint[], "
    "$25::jsonb)"};
constexpr base::Statement kMessageOfKey{"storage_message_of_key",
                                        "SELECT id, is_safe FROM catalog.message_of_key($1)"};
constexpr base::Statement kNoteSegments{"storage_note_segments",
                                        "SELECT catalog.note_segments($1::jsonb)"};
constexpr base::Statement kNoteWhole{"storage_note_whole_segments",
                                     "SELECT catalog.note_whole_segments($1::jsonb)"};
constexpr base::Statement kSuspect{"storage_suspect_replica",
                                   "SELECT catalog.suspect_replica($1::uuid, $2::uuid, $3)"};
constexpr base::Statement kRaiseEvent{"storage_raise_event",
                                      "SELECT directory.raise_event($1, $2, $3, $4, NULL)"};
constexpr base::Statement kLocate{
    "storage_locate",
    "SELECT m.id, m.segment_id, m.frame_offset, m.frame_length, "
    "r.stores, r.generations, r.states, r.lengths "
    "FROM unnest($1::uuid[]) AS wanted(id) "
    "JOIN catalog.message m ON m.id = wanted.id "
    "LEFT JOIN LATERAL ("
    "SELECT array_agg(v.store_id::text ORDER BY x.state, x.storage_server_id) AS stores, "
    "array_agg(x.generation ORDER BY x.state, x.storage_server_id) AS generations, "
    "array_agg(x.state ORDER BY x.state, x.storage_server_id) AS states, "
    "array_agg(x.durable_length ORDER BY x.state, x.storage_server_id) AS lengths "
    "FROM catalog.segment_replica x "
    "JOIN directory.storage_server v ON v.id = x.storage_server_id AND v.state <> 'retired' "
    "WHERE x.segment_id = m.segment_id AND x.state <> 'lost') AS r ON true"};

Uuid uuid_of(const mail::MessageId& id) {
    return Uuid(id.bytes());
}

std::int64_t signed_of(std::uint64_t number) {
    return static_cast<std::int64_t>(number);
}

std::string joined(const std::vector<std::string>& keywords) {
    return fmt::format("{}", fmt::join(keywords, " "));
}

// The arrays of the messages, in the order of the statement's parameters.
void add_messages(const DeliveryBatch& batch, base::Params& params) {
    std::vector<Uuid> ids;
    std::vector<bool> acknowledged;
    std::vector<std::int64_t> kinds;
    std::vector<Uuid> segments;
    std::vector<std::int64_t> offsets;
    std::vector<std::int64_t> lengths;
    std::vector<std::int64_t> sizes;
    std::vector<std::int64_t> summaries;
    std::vector<std::int64_t> received;
    std::vector<std::string> servers;
    std::vector<std::string> senders;
    for (const Delivery& delivery : batch.deliveries) {
        ids.push_back(uuid_of(delivery.id));
        acknowledged.push_back(delivery.acknowledged == Acknowledged::Yes);
        kinds.push_back(static_cast<std::int64_t>(delivery.kind));
        segments.push_back(delivery.location.segment.uuid());
        offsets.push_back(signed_of(delivery.location.offset));
        lengths.push_back(delivery.location.length);
        sizes.push_back(signed_of(delivery.message_size));
        summaries.push_back(delivery.summary_size);
        received.push_back(delivery.received_us);
        servers.push_back(delivery.server);
        senders.push_back(delivery.sender);
    }
    params.emplace_back(std::move(ids));
    params.emplace_back(std::move(acknowledged));
    params.emplace_back(std::move(kinds));
    params.emplace_back(std::move(segments));
    params.emplace_back(std::move(offsets));
    params.emplace_back(std::move(lengths));
    params.emplace_back(std::move(sizes));
    params.emplace_back(std::move(summaries));
    params.emplace_back(std::move(received));
    params.emplace_back(std::move(servers));
    params.emplace_back(std::move(senders));
}

void add_recipients(const DeliveryBatch& batch, base::Params& params) {
    std::vector<std::int64_t> message;
    std::vector<std::string> addresses;
    std::vector<std::int64_t> accounts;
    std::vector<std::string> mailboxes;
    std::vector<std::int64_t> flags;
    std::vector<std::string> keywords;
    for (std::size_t n = 0; n < batch.deliveries.size(); ++n) {
        for (const mail::Recipient& recipient : batch.deliveries[n].recipients) {
            message.push_back(static_cast<std::int64_t>(n) + 1);
            addresses.push_back(recipient.address);
            accounts.push_back(recipient.account_id);
            mailboxes.push_back(recipient.mailbox);
            flags.push_back(mail::flag_bits(recipient.flags));
            keywords.push_back(joined(recipient.keywords));
        }
    }
    params.emplace_back(std::move(message));
    params.emplace_back(std::move(addresses));
    params.emplace_back(std::move(accounts));
    params.emplace_back(std::move(mailboxes));
    params.emplace_back(std::move(flags));
    params.emplace_back(std::move(keywords));
}

void add_marks(const DeliveryBatch& batch, base::Params& params) {
    std::vector<Uuid> aborted;
    for (const mail::MessageId& id : batch.aborted) {
        aborted.push_back(uuid_of(id));
    }
    std::vector<CoveredStretch> covered = batch.covered;
    // One order of segments in all calls, and stretches of one segment from front to back.
    std::sort(covered.begin(), covered.end(), [](const auto& a, const auto& b) {
        return std::pair(a.segment, a.from) < std::pair(b.segment, b.from);
    });
    std::vector<Uuid> segments;
    std::vector<std::int64_t> from;
    std::vector<std::int64_t> to;
    for (const CoveredStretch& stretch : covered) {
        segments.push_back(stretch.segment.uuid());
        from.push_back(signed_of(stretch.from));
        to.push_back(signed_of(stretch.to));
    }
    params.emplace_back(std::move(aborted));
    params.emplace_back(std::move(segments));
    params.emplace_back(std::move(from));
    params.emplace_back(std::move(to));
}

// {"3": {"pages": "2"}}: of the third message; null if none has any.
base::Param attributes_of(const DeliveryBatch& batch) {
    JsonText json;
    json.begin_object();
    bool is_empty = true;
    for (std::size_t n = 0; n < batch.deliveries.size(); ++n) {
        const mail::Attributes& attributes = batch.deliveries[n].attributes;
        if (attributes.empty()) {
            continue;
        }
        is_empty = false;
        json.key(std::to_string(n + 1));
        json.begin_object();
        for (const mail::Attribute& attribute : attributes) {
            json.field(attribute.name, attribute.value);
        }
        json.end_object();
    }
    json.end_object();
    return is_empty ? base::Param(nullptr) : base::Param(json.text());
}

base::Params params_of(const DeliveryBatch& batch) {
    base::Params params;
    params.reserve(25);
    params.emplace_back(batch.committer);
    params.emplace_back(batch.seen);
    if (batch.segments.empty()) {
        params.emplace_back(nullptr);
    } else {
        params.emplace_back(describe(batch.segments));
    }
    add_messages(batch, params);
    add_recipients(batch, params);
    add_marks(batch, params);
    params.push_back(attributes_of(batch));
    return params;
}

DeliveryOutcome outcome_of(std::string_view text) {
    if (text == "delivered") {
        return DeliveryOutcome::Delivered;
    }
    if (text == "refused") {
        return DeliveryOutcome::Refused;
    }
    if (text == "dead_letter") {
        return DeliveryOutcome::DeadLetter;
    }
    return text == "aborted" ? DeliveryOutcome::Aborted : DeliveryOutcome::Already;
}

// What an "already" says: another message has the key of this one.
std::optional<mail::MessageId> first_of(const base::Row& row) {
    if (row.text(1) != "already" || row.text(2).empty()) {
        return std::nullopt;
    }
    const Result<Uuid> first = Uuid::parse(row.text(2));
    return first ? std::optional(mail::MessageId::from_bytes(first.value().bytes())) : std::nullopt;
}

Result<DeliveryReport> report_of(const DeliveryBatch& batch, const base::Rows& rows) {
    std::size_t expected = 0;
    for (const Delivery& delivery : batch.deliveries) {
        expected += delivery.recipients.size();
    }
    if (rows.size() != expected) {
        return Error{Errc::Io,
                     fmt::format("deliver answered {} of {} recipients", rows.size(), expected)};
    }
    DeliveryReport report;
    std::size_t next = 0;
    for (const Delivery& delivery : batch.deliveries) {
        std::vector<DeliveredTo>& placed = report.deliveries.emplace_back();
        for (std::size_t n = 0; n < delivery.recipients.size(); ++n) {
            const base::Row row = rows[next++];
            placed.push_back({outcome_of(row.text(1)),
                              row.string(2),
                              MailboxId{row.int64(3)},
                              static_cast<std::uint32_t>(row.int64(4)),
                              static_cast<std::uint32_t>(row.int64(5)),
                              static_cast<std::uint64_t>(row.int64(6)),
                              first_of(row)});
            report.commit_sequence = row.int64(7);
        }
    }
    return report;
}

Result<MessagePlace> place_of(const base::Row& row) {
    MessagePlace place;
    place.id = mail::MessageId::from_bytes(row.uuid(0).bytes());
    place.location = {SegmentId(row.uuid(1)),
                      static_cast<std::uint64_t>(row.int64(2)),
                      static_cast<std::uint32_t>(row.int64(3))};
    place.replicas = TRY(replica_places(row, 4));
    return place;
}

}  // namespace

std::string_view segment_state_name(SegmentState state) noexcept {
    switch (state) {
        case SegmentState::Open:
            return "open";
        case SegmentState::Sealed:
            return "sealed";
        case SegmentState::Retired:
            return "retired";
    }
    return "open";
}

std::string_view replica_state_name(ReplicaState state) noexcept {
    switch (state) {
        case ReplicaState::Active:
            return "active";
        case ReplicaState::Behind:
            return "behind";
        case ReplicaState::Suspect:
            return "suspect";
        case ReplicaState::Lost:
            return "lost";
    }
    return "suspect";
}

SegmentNote note_of(const SegmentHeader& header, std::uint64_t first_frame) {
    SegmentNote note;
    note.id = header.segment;
    note.writer = header.writer;
    note.boot_epoch = header.boot_epoch;
    note.generation = header.generation;
    note.first_frame = first_frame;
    note.min_copies = header.min_copies;
    note.opened_us = header.created_us;
    for (const StorageServerId& store : header.replicas) {
        note.replicas.push_back({store, header.generation, ReplicaState::Active, 0, {}});
    }
    return note;
}

Result<DeliveryReport> deliver(base::Connection& connection, const DeliveryBatch& batch) {
    base::Params params = params_of(batch);
    bool jumped = false;
    for (int tries = 1;; ++tries) {
        Result<base::Rows> rows = connection.query(kDeliver, params);
        if (rows) {
            DeliveryReport report = TRY(report_of(batch, rows.value()));
            report.jumped = jumped;
            return report;
        }
        const Error& error = rows.error();
        if (tries >= kDeliverTries) {
            return std::move(rows).take_error();
        }
        if (wants_jump(error)) {
            (void)TRY(jump(connection, batch.committer, batch.seen));
            jumped = true;
        } else if (error.code != Errc::Busy) {
            return std::move(rows).take_error();
        }
    }
}

Result<std::optional<KeyHolder>> message_of_key(base::Connection& connection,
                                                std::string_view key) {
    const base::Rows rows = TRY(connection.query(kMessageOfKey, {key}));
    if (rows.empty()) {
        return std::optional<KeyHolder>();
    }
    return std::optional(
        KeyHolder{mail::MessageId::from_bytes(rows[0].uuid(0).bytes()), rows[0].boolean(1)});
}

Status note_segments(base::Connection& connection, std::span<const SegmentNote> segments) {
    if (!segments.empty()) {
        (void)TRY(connection.query(kNoteSegments, {describe(segments)}));
    }
    return base::Done{};
}

Status note_whole_segments(base::Connection& connection, std::span<const SegmentNote> segments) {
    if (!segments.empty()) {
        (void)TRY(connection.query(kNoteWhole, {describe(segments)}));
    }
    return base::Done{};
}

Status suspect_replica(base::Connection& connection,
                       const SegmentId& segment,
                       const StorageServerId& store,
                       std::string_view reason) {
    (void)TRY(connection.query(kSuspect, {segment.uuid(), store.uuid(), reason}));
    return base::Done{};
}

Status raise_event(base::Connection& connection, const Event& event) {
    const char* severity = event.severity == Severity::Alarm     ? "alarm"
                           : event.severity == Severity::Warning ? "warning"
                                                                 : "info";
    (void)TRY(connection.query(kRaiseEvent, {severity, event.kind, event.server, event.subject}));
    return base::Done{};
}

Result<std::vector<MessagePlace>> locate(base::Connection& connection,
                                         std::span<const mail::MessageId> ids) {
    std::vector<Uuid> wanted;
    wanted.reserve(ids.size());
    for (const mail::MessageId& id : ids) {
        wanted.push_back(uuid_of(id));
    }
    const base::Rows rows = TRY(connection.query(kLocate, {std::move(wanted)}));
    std::vector<MessagePlace> places;
    places.reserve(rows.size());
    for (const base::Row row : rows) {
        places.push_back(TRY(place_of(row)));
    }
    return places;
}

}  // namespace storage
