#include "storage/journal/journal_writer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/fiber.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/uuid.h"
#include "storage/catalog/catalog.h"
#include "storage/mirror/whole_segment.h"

namespace storage {
namespace {

using base::Deadline;
using base::Errc;
using base::Error;
using base::Result;
using base::Status;

constexpr auto kDeltaLook = std::chrono::milliseconds(20);
constexpr auto kDeltaPatience = std::chrono::minutes(5);
constexpr std::size_t kFramesMax = 4'096;  // of one segment

std::int64_t now_ns() {
    return base::monotonic_now().time_since_epoch().count();
}

}  // namespace

// A transaction that is read page by page. Jobs of one worker at a time use it; one that comes too
// late for its fiber keeps it alive.
struct JournalWriter::Snapshot {
    explicit Snapshot(const JournalOptions& options)
        : database(options.database), name("journal " + options.tracker) {}

    std::string database;
    std::string name;
    std::unique_ptr<base::Connection> connection;
    std::optional<base::Tx> tx;

    Status begin() {
        tx.reset();
        if (connection == nullptr) {
            connection = TRY(base::Connection::open(database, name));
        }
        tx.emplace(TRY(connection->begin()));
        (void)TRY(tx->query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"));
        return base::Done{};
    }

    Query query() {
        return [this](const base::Statement& statement, const base::Params& params) {
            return tx->query(statement, params);
        };
    }

    // The numbers that were taken stay taken in any case.
    Status end() {
        const Status done = tx->commit();
        tx.reset();
        return done;
    }
};

// A delta or a checkpoint while it is written.
struct JournalWriter::Round {
    JournalHead head;  // of the last frame
    std::vector<FrameInput> frames;
    std::uint64_t octets = 0;
    std::uint64_t first_sequence = 0;  // of `frames`
    std::vector<JournalSegment> segments;
};

JournalWriter::JournalWriter(StorageServerSet& servers, base::DbPool& pool, JournalOptions options)
    : servers_(servers),
      pool_(pool),
      options_(std::move(options)),
      workers_("journal", 2, 16),
      snapshot_(std::make_shared<Snapshot>(options_)) {
}

JournalWriter::~JournalWriter() = default;

Deadline JournalWriter::statement() const {
    return Deadline::after(options_.statement_deadline);
}

Result<JournalClaim> JournalWriter::claim() {
    static base::Gauge& lag =
        base::gauge("roundtable_journal_lag_seconds",
                    "A rebuild of the catalog would bring mailboxes back as of so long ago");
    const JournalClaim claimed = TRY(pool_.run(
        [tracker = options_.tracker, lease = options_.lease](base::Connection& connection) {
            return claim_journal(connection, tracker, lease);
        },
        statement()));
    lag_ms_ = claimed.lag_ms();
    looked_ns_ = now_ns();
    is_leader_ = claimed.is_leader;
    lag.set(static_cast<double>(claimed.lag_ms()) / 1'000);
    return claimed;
}

Status JournalWriter::delta() {
    if (std::exchange(in_delta_, true)) {
        return base::Done{};
    }
    const Result<JournalClaim> claimed = claim();
    Status done = base::Done{};
    if (!claimed) {
        done = claimed.error();
    } else if (claimed.value().is_leader) {
        done = write_delta(claimed.value());
    }
    in_delta_ = false;
    return done;
}

Status JournalWriter::write_delta(const JournalClaim& claim) {
    Round round;
    round.head.kind = JournalKind::Delta;
    round.head.at_us = claim.at_us;
    // A page that comes too late for its fiber must not be read into what belongs to the next.
    const auto pages = std::make_shared<JournalPages>(JournalKind::Delta, claim.directory_version);
    const auto snapshot = snapshot_;
    Status done = workers_.run([snapshot] { return snapshot->begin(); }, statement());
    while (done) {
        Result<std::optional<JournalPart>> part =
            workers_.run([snapshot, pages] { return pages->next(snapshot->query()); }, statement());
        if (!part) {
            done = part.error();
        } else if (!part.value()) {
            break;
        } else {
            done = add(round, *part.value(), JournalEnd::No);
        }
    }
    if (done) {
        done = workers_.run([snapshot] { return snapshot->end(); }, statement());
    }
    if (!done) {
        snapshot_ = std::make_shared<Snapshot>(options_);
        return done;
    }
    return finish_delta(claim, round, pages->contents());
}

Status JournalWriter::finish_delta(const JournalClaim& claim,
                                   Round& round,
                                   JournalPages::Contents contents) {
    static base::Counter& deltas = base::counter("roundtable_journal_deltas_total",
                                                 "Deltas of mailboxes written to the journal");
    if (round.head.sequence > 0) {
        const std::uint64_t sequence = TRY(pool_.run(
            [](base::Connection& connection) {
                return next_sequence([&connection](const auto& statement, const auto& params) {
                    return connection.query(statement, params);
                });
            },
            statement()));
        TRY(add(round, {sequence, "{}"}, JournalEnd::Yes));
        TRY(flush(round));
        deltas.add();
    }
    auto record = std::make_shared<const DeltaRecord>(
        DeltaRecord{options_.tracker, claim.at_us, std::move(round.segments), std::move(contents)});
    return pool_.run(
        [record](base::Connection& connection) { return record_delta(connection, *record); },
        statement());
}

Status JournalWriter::add(Round& round, const JournalPart& part, JournalEnd end) {
    if (round.octets + part.body.size() > options_.segment_octets ||
        round.frames.size() >= kFramesMax) {
        TRY(flush(round));
    }
    JournalHead& head = round.head;
    head.part = head.sequence == 0 ? 1 : head.part + 1;
    head.round = head.sequence == 0 ? part.sequence : head.round;
    head.sequence = part.sequence;
    head.end = end;
    FrameInput frame;
    frame.type = FrameType::Journal;
    frame.id = mail::MessageId::from_uuid(base::Uuid::time_ordered());
    frame.compression = Compression::Zstd;
    frame.received_us = static_cast<std::uint64_t>(head.at_us);
    frame.message = encode_journal(head, part.body);
    if (round.frames.empty()) {
        round.first_sequence = part.sequence;
    }
    round.octets += frame.message.size();
    round.frames.push_back(std::move(frame));
    return base::Done{};
}

// What has gathered becomes a segment. The lease is held while it is written.
Status JournalWriter::flush(Round& round) {
    static base::Counter& octets =
        base::counter("roundtable_journal_bytes_total", "Octets of journal segments written");
    if (round.frames.empty()) {
        return base::Done{};
    }
    if (!TRY(claim()).is_leader) {
        return Error{Errc::Busy, "another tracker writes the journal"};
    }
    const std::uint64_t last = round.head.sequence;
    WholeSegment whole;
    whole.writer = kJournalWriter;
    whole.frames = std::exchange(round.frames, {});
    round.octets = 0;
    WrittenSegment written = TRY(write_whole_segment(
        servers_, workers_, policy_, std::move(whole), Deadline::after(options_.write_deadline)));
    const std::uint64_t size = written.seal.file_size;
    round.segments.push_back({written.header->segment, round.first_sequence, last, size});
    octets.add(size);
    auto notes = std::make_shared<const std::vector<SegmentNote>>(1, std::move(written.note));
    return pool_.run(
        [notes](base::Connection& connection) { return note_whole_segments(connection, *notes); },
        statement());
}

Status JournalWriter::checkpoint() {
    const JournalClaim claimed = TRY(claim());
    const std::uint64_t outgrown = std::max(claimed.checkpoint_bytes, options_.checkpoint_min);
    if (!claimed.is_leader || (claimed.checkpoint != 0 && claimed.delta_bytes <= outgrown)) {
        return base::Done{};
    }
    return write_checkpoint(claimed);
}

Status JournalWriter::write_checkpoint(const JournalClaim& claim) {
    static base::Counter& checkpoints =
        base::counter("roundtable_journal_checkpoints_total", "Checkpoints of all mailboxes");
    Round round;
    round.head.kind = JournalKind::Checkpoint;
    round.head.at_us = claim.at_us;
    round.head.after = claim.last_sequence;
    const auto pages = std::make_shared<JournalPages>(JournalKind::Checkpoint, 0);
    while (true) {
        const std::optional<JournalPart> part = TRY(pool_.run(
            [pages](base::Connection& connection) {
                return pages->next([&connection](const auto& statement, const auto& params) {
                    return connection.query(statement, params);
                });
            },
            statement()));
        if (!part) {
            break;
        }
        TRY(add(round, *part, JournalEnd::No));
    }
    TRY(flush(round));
    // What moved between mailboxes while their pages were read is in a delta before the end.
    TRY(settle_delta());
    std::string segments;
    for (const JournalSegment& segment : round.segments) {
        segments += (segments.empty() ? "\"" : ",\"") + segment.id.text() + "\"";
    }
    const std::uint64_t sequence = TRY(pool_.run(
        [](base::Connection& connection) {
            return next_sequence([&connection](const auto& statement, const auto& params) {
                return connection.query(statement, params);
            });
        },
        statement()));
    TRY(add(round, {sequence, "{\"segments\":[" + segments + "]}"}, JournalEnd::Yes));
    TRY(flush(round));
    auto record = std::make_shared<const CheckpointRecord>(CheckpointRecord{options_.tracker,
                                                                            round.head.round,
                                                                            round.head.after,
                                                                            claim.at_us,
                                                                            claim.delta_bytes,
                                                                            round.segments});
    TRY(pool_.run(
        [record](base::Connection& connection) { return record_checkpoint(connection, *record); },
        statement()));
    checkpoints.add();
    base::log::info("storage",
                    "journal_checkpoint",
                    {{"checkpoint", round.head.round}, {"segments", round.segments.size()}});
    return base::Done{};
}

// A delta that begins now.
Status JournalWriter::settle_delta() {
    const Deadline patience = Deadline::after(kDeltaPatience);
    while (in_delta_) {
        if (patience.passed()) {
            return Error{Errc::Timeout, "a delta is under way for too long"};
        }
        TRY(base::sleep_until(Deadline::after(kDeltaLook)));
    }
    return delta();
}

JournalHealth JournalWriter::health() const {
    JournalHealth health;
    const std::int64_t looked = looked_ns_;
    health.is_known = looked != 0;
    health.is_leader = is_leader_;
    health.lag_ms = health.is_known ? lag_ms_ + (now_ns() - looked) / 1'000'000 : 0;
    return health;
}

}  // namespace storage
