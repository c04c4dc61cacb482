#include "storage/journal/journal_catalog.h"

#include <utility>

namespace storage {
namespace {

using base::Result;
using base::Rows;
using base::Statement;
using base::Status;

constexpr Statement kClaim{
    "storage_journal_claim",
    "SELECT is_leader, at_us, caught_up_us, last_sequence, delta_bytes, checkpoint, "
    "checkpoint_bytes, directory_version FROM catalog.journal_claim($1, $2)"};
constexpr Statement kRelease{"storage_journal_release", "SELECT catalog.journal_release($1)"};
constexpr Statement kVersion{"storage_journal_version", "SELECT version FROM directory.version"};
constexpr Statement kDirectory{
    "storage_journal_directory",
    "SELECT sequence, part, at_place, at_key, table_names, keys, digests "
    "FROM catalog.journal_directory($1, $2, $3)"};
constexpr Statement kBoxes{"storage_journal_boxes",
                           "SELECT sequence, part, ids, modseqs, validities, nexts "
                           "FROM catalog.journal_boxes($1, $2)"};
constexpr Statement kRows{"storage_journal_rows",
                          "SELECT sequence, part, at_mailbox, at_modseq, at_uid "
                          "FROM catalog.journal_rows($1, $2, $3, $4, $5)"};
constexpr Statement kGone{"storage_journal_gone",
                          "SELECT sequence, part, ids FROM catalog.journal_gone_rows($1)"};
constexpr Statement kDeliveries{"storage_journal_deliveries",
                                "SELECT sequence, part, at_message, at_account "
                                "FROM catalog.journal_deliveries($1::uuid, $2)"};
constexpr Statement kLists{"storage_journal_lists",
                           "SELECT sequence, part, at_account, changes "
                           "FROM catalog.journal_lists($1, $2)"};
constexpr Statement kSequence{"storage_journal_sequence", "SELECT catalog.journal_next()"};
constexpr Statement kRecordDelta{
    "storage_journal_record_delta",
    "SELECT catalog.journal_record_delta($1, $2, $3, $4::uuid[], $5::bigint[], $6::bigint[], $7, "
    "$8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], "
    "$14::text[], $15::text[], $16::text[])"};
constexpr Statement kRecordCheckpoint{
    "storage_journal_record_checkpoint",
    "SELECT catalog.journal_record_checkpoint($1, $2, $3, $4, $5::uuid[], $6, $7)"};

std::uint64_t count_of(const base::Row& row, int column) {
    return static_cast<std::uint64_t>(row.int64(column));
}

template <typename T>
void append(std::vector<T>& to, std::vector<T> more) {
    to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

JournalPart part_of(const base::Row& row) {
    return {count_of(row, 0), row.string(1)};
}

std::vector<base::Uuid> ids_of(const std::vector<JournalSegment>& segments) {
    std::vector<base::Uuid> ids;
    for (const JournalSegment& segment : segments) {
        ids.push_back(segment.id.uuid());
    }
    return ids;
}

std::uint64_t bytes_of(const std::vector<JournalSegment>& segments) {
    std::uint64_t bytes = 0;
    for (const JournalSegment& segment : segments) {
        bytes += segment.bytes;
    }
    return bytes;
}

}  // namespace

Result<JournalClaim> claim_journal(base::Connection& connection,
                                   std::string_view tracker,
                                   std::chrono::seconds lease) {
    const Rows rows = TRY(connection.query(kClaim, {tracker, lease.count()}));
    const base::Row row = rows[0];
    return JournalClaim{row.boolean(0),
                        row.int64(1),
                        row.int64(2),
                        count_of(row, 3),
                        count_of(row, 4),
                        count_of(row, 5),
                        count_of(row, 6),
                        row.int64(7)};
}

Status release_journal(base::Connection& connection, std::string_view tracker) {
    (void)TRY(connection.query(kRelease, {tracker}));
    return base::Done{};
}

JournalPages::JournalPages(JournalKind kind, std::int64_t directory_version)
    : all_(kind == JournalKind::Checkpoint) {
    contents_.directory_version = directory_version;
}

void JournalPages::step_on() {
    switch (step_) {
        case Step::Version:
            step_ = Step::Directory;
            break;
        case Step::Directory:
            step_ = Step::Mailboxes;
            break;
        case Step::Mailboxes:
            step_ = Step::Messages;
            break;
        case Step::Messages:
            step_ = Step::Expunged;
            break;
        case Step::Expunged:
            step_ = all_ ? Step::Deliveries : Step::Gone;
            break;
        case Step::Gone:
        case Step::Deliveries:
            step_ = Step::Lists;
            break;
        case Step::Lists:
        case Step::Done:
            step_ = Step::Done;
            break;
    }
    number_ = 0;
    modseq_ = 0;
    uid_ = 0;
    key_.clear();
}

Result<std::optional<JournalPart>> JournalPages::next(const Query& query) {
    while (step_ != Step::Done) {
        std::optional<JournalPart> part = TRY(page(query));
        if (part) {
            return part;
        }
        step_on();
    }
    return std::optional<JournalPart>();
}

JournalPages::Page JournalPages::page(const Query& query) {
    switch (step_) {
        case Step::Version:
            return version(query);
        case Step::Directory:
            return directory(query);
        case Step::Mailboxes:
            return mailboxes(query);
        case Step::Messages:
        case Step::Expunged:
            return rows(query);
        case Step::Gone:
            return gone(query);
        case Step::Deliveries:
            return deliveries(query);
        case Step::Lists:
            return lists(query);
        case Step::Done:
            break;
    }
    return std::optional<JournalPart>();
}

// Comparing the whole directory is not for each round.
JournalPages::Page JournalPages::version(const Query& query) {
    const Rows rows = TRY(query(kVersion, {}));
    const std::int64_t version = rows[0].int64(0);
    if (!all_ && version == contents_.directory_version) {
        step_ = Step::Directory;  // and over it
    }
    contents_.directory_version = version;
    return std::optional<JournalPart>();
}

JournalPages::Page JournalPages::directory(const Query& query) {
    const Rows rows = TRY(query(kDirectory, {all_, number_, key_}));
    if (rows.empty()) {
        return std::optional<JournalPart>();
    }
    const base::Row row = rows[0];
    number_ = row.int64(2);
    key_ = row.string(3);
    append(contents_.tables, row.string_array(4));
    append(contents_.keys, row.string_array(5));
    append(contents_.digests, row.string_array(6));
    return std::optional(part_of(row));
}

JournalPages::Page JournalPages::mailboxes(const Query& query) {
    const Rows rows = TRY(query(kBoxes, {all_, number_}));
    if (rows.empty()) {
        return std::optional<JournalPart>();
    }
    const base::Row row = rows[0];
    append(contents_.mailboxes, row.int64_array(2));
    append(contents_.modseqs, row.int64_array(3));
    append(contents_.validities, row.int64_array(4));
    append(contents_.uid_nexts, row.int64_array(5));
    number_ = contents_.mailboxes.back();
    return std::optional(part_of(row));
}

JournalPages::Page JournalPages::rows(const Query& query) {
    const Rows rows = TRY(query(kRows, {all_, step_ == Step::Expunged, number_, modseq_, uid_}));
    if (rows.empty()) {
        return std::optional<JournalPart>();
    }
    const base::Row row = rows[0];
    number_ = row.int64(2);
    modseq_ = row.int64(3);
    uid_ = row.int64(4);
    return std::optional(part_of(row));
}

JournalPages::Page JournalPages::gone(const Query& query) {
    const Rows rows = TRY(query(kGone, {number_}));
    if (rows.empty()) {
        return std::optional<JournalPart>();
    }
    append(contents_.gone, rows[0].int64_array(2));
    number_ = contents_.gone.back();
    return std::optional(part_of(rows[0]));
}

JournalPages::Page JournalPages::deliveries(const Query& query) {
    // Dead letters have negative accounts: the first page begins below all of them.
    const std::int64_t account = message_ == base::Uuid() ? INT64_MIN : number_;
    const Rows rows = TRY(query(kDeliveries, {message_, account}));
    if (rows.empty()) {
        return std::optional<JournalPart>();
    }
    message_ = rows[0].uuid(2);
    number_ = rows[0].int64(3);
    return std::optional(part_of(rows[0]));
}

JournalPages::Page JournalPages::lists(const Query& query) {
    const Rows rows = TRY(query(kLists, {all_, number_}));
    if (rows.empty()) {
        return std::optional<JournalPart>();
    }
    number_ = rows[0].int64(2);
    append(contents_.changes, rows[0].int64_array(3));
    return std::optional(part_of(rows[0]));
}

Result<std::uint64_t> next_sequence(const Query& query) {
    const Rows rows = TRY(query(kSequence, {}));
    return count_of(rows[0], 0);
}

Status record_delta(base::Connection& connection, const DeltaRecord& record) {
    std::vector<std::int64_t> first;
    std::vector<std::int64_t> last;
    for (const JournalSegment& segment : record.segments) {
        first.push_back(static_cast<std::int64_t>(segment.first_sequence));
        last.push_back(static_cast<std::int64_t>(segment.last_sequence));
    }
    const JournalPages::Contents& contents = record.contents;
    (void)TRY(connection.query(kRecordDelta,
                               {record.tracker,
                                record.at_us,
                                contents.directory_version,
                                ids_of(record.segments),
                                std::move(first),
                                std::move(last),
                                bytes_of(record.segments),
                                contents.mailboxes,
                                contents.modseqs,
                                contents.validities,
                                contents.uid_nexts,
                                contents.changes,
                                contents.gone,
                                contents.tables,
                                contents.keys,
                                contents.digests}));
    return base::Done{};
}

Status record_checkpoint(base::Connection& connection, const CheckpointRecord& record) {
    (void)TRY(connection.query(kRecordCheckpoint,
                               {record.tracker,
                                record.checkpoint,
                                record.after,
                                record.began_us,
                                ids_of(record.segments),
                                bytes_of(record.segments),
                                record.delta_bytes}));
    return base::Done{};
}

}  // namespace storage
