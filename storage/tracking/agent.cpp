#include "storage/tracking/agent.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "base/clock.h"
#include "base/db.h"
#include "base/fiber.h"
#include "base/file.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/uuid.h"
#include "base/worker_pool.h"
#include "storage/catalog/claims.h"
#include "storage/mirror/agent_state.h"
#include "storage/mirror/mirror_metrics.h"
#include "storage/mirror/recovery.h"
#include "storage/path/path_metrics.h"
#include "storage/segment/compress.h"
#include "storage/segment/encoder.h"
#include "storage/tracking/committer.h"
#include "storage/tracking/copy_reader.h"
#include "storage/tracking/helper_program.h"
#include "storage/tracking/layout_follower.h"
#include "storage/tracking/message_reader.h"
#include "storage/tracking/segment_scan.h"

namespace storage {
namespace {

using base::Deadline;
using base::Errc;
using base::Error;
using base::Result;
using base::Status;

// Parsing more than this would hold up the other fibers of a loop.
constexpr std::size_t kInlineMax = 128U << 10U;  // larger messages are worked on elsewhere
constexpr std::size_t kWorkerThreads = 2;
constexpr std::size_t kWorkerQueue = 256;
constexpr auto kStartupConnect = std::chrono::seconds(5);
constexpr auto kRecoveryPause = std::chrono::seconds(10);
constexpr auto kProbeLook = std::chrono::milliseconds(50);
// An alarm for each degraded message would bury the others.
constexpr auto kDegradedEventPause = std::chrono::seconds(60);
constexpr auto kSideStatement = std::chrono::seconds(10);
constexpr auto kMetricsPeriod = std::chrono::seconds(1);

base::DbTimeouts committer_timeouts(std::chrono::milliseconds deadline) {
    base::DbTimeouts timeouts;
    // A statement that hangs is given up when its waiters are, so that the next can be tried.
    timeouts.statement = deadline;
    timeouts.grace = std::chrono::seconds(1);
    return timeouts;
}

std::string committer_name(const AgentOptions& options) {
    return (options.role == ServerRole::Access ? "access " : "mail ") + options.server;
}

std::uint64_t header_size(const SegmentHeader& header) {
    const Result<Bytes> bytes = encode_header(header);
    return bytes ? bytes.value().size() : 0;
}

std::vector<ReplicaPlace> replicas_of(const Stored& stored) {
    std::vector<ReplicaPlace> replicas;
    for (const StorageServerId& store : stored.durable) {
        replicas.push_back({store, stored.segment->generation, ReplicaState::Active, 0});
    }
    return replicas;
}

Error refusal_of(const CommitAnswer& answer) {
    for (const DeliveredTo& to : answer.recipients) {
        if (to.reason == "over_quota") {
            return Error{Errc::Refused, to.reason};
        }
        if (to.reason == "same_key") {
            return Error{Errc::Busy, "another message with the same key is being delivered"};
        }
        if (!to.reason.empty()) {
            return Error{Errc::NotFound, to.reason};
        }
    }
    return Error{Errc::NotFound, "refused by the catalog"};
}

}  // namespace

struct TrackingAgent::State {
    State(base::Loop& a_loop,
          AgentOptions an_options,
          PathOptions paths,
          std::unique_ptr<AgentState> a_local,
          MailServerId a_self)
        : loop(a_loop),
          options(std::move(an_options)),
          self(a_self),
          local(std::move(a_local)),
          servers(loop, std::move(paths)),
          mirror(loop, servers, *local, mirror_options(options, self)),
          commits(options.database,
                  "agent " + options.server,
                  {1, 16, committer_timeouts(options.catalog_deadline)}),
          queries(options.database,
                  "agent " + options.server,
                  {options.query_connections, 256, base::DbTimeouts{}}),
          committer(commits,
                    {committer_name(options),
                     options.deliver_batch_max,
                     options.deliver_queue_max,
                     [this] { mirror.renew_segment(); },
                     options.server,
                     local->boot_epoch()}),
          copies(servers, [this](const Suspicion& suspicion) { file(suspicion); }),
          reader(loop,
                 queries,
                 copies,
                 {options.summary_cache_bytes, options.message_cache_bytes, options.places_max}),
          workers("agent", kWorkerThreads, kWorkerQueue) {}

    static MirrorOptions mirror_options(const AgentOptions& options, const MailServerId& id) {
        MirrorOptions mirror;
        mirror.segment_size_max = options.segment_size_max;
        mirror.writer_name = options.server;
        mirror.writer_id = id;
        return mirror;
    }

    base::Loop& loop;
    const AgentOptions options;
    const MailServerId self;                                  // as the directory names this server
    std::atomic<Compression> compression{Compression::None};  // of what is stored from now on
    std::unique_ptr<AgentState> local;
    StorageServerSet servers;
    MirrorWriter mirror;
    base::DbPool commits;
    base::DbPool queries;
    Committer committer;
    CopyReader copies;
    MessageReader reader;
    base::WorkerPool workers;
    std::unique_ptr<LayoutFollower> follower;
    PathMetrics path_metrics{servers};
    MirrorMetrics mirror_metrics;
    base::Timer show_metrics, signs;  // of life
    std::optional<base::Instant> degraded_event_at;
    bool stopping = false;  // loop thread

    // Shared by the fibers of all loops.
    std::atomic<std::size_t> reads{0};
    std::atomic<bool> closed{false};
    base::Guarded<std::set<StorageServerId>> draining;

    void apply(const Layout& layout);
    void on_closed(const SegmentClosed& closed_segment);
    void recover();
    [[nodiscard]] bool are_healthy() const;
    [[nodiscard]] bool adopt();
    void file(const Suspicion& suspicion);
    void report_degraded();
    void drop_owed_to_draining(Stored& stored);
    template <typename T, typename Work>
    Result<T> on_loop(const char* name, Work work, Deadline deadline);
};

// Loop thread: at the start, and whenever the directory says something else.
void TrackingAgent::State::apply(const Layout& layout) {
    std::vector<StorageServerConfig> all;
    std::set<StorageServerId> leaving;
    for (const LayoutServer& server : layout.servers) {
        all.push_back(server.config);
        if (server.use == StorageServerUse::Draining) {
            leaving.insert(server.config.id);
        }
    }
    draining.with([&](auto& ids) { ids = leaving; });
    servers.apply(std::move(all), std::move(leaving));
    mirror.set_table(layout.table);
    mirror.set_policy(layout.policy);
    compression = layout.compression;
}

void TrackingAgent::State::on_closed(const SegmentClosed& closed_segment) {
    reader.forget_segment(closed_segment.segment->segment);
    committer.note_closed(closed_segment, header_size(*closed_segment.segment));
}

// Open segments of ours of which the journal does not know: its disk was lost, or too slow. The
// name may be that of another kind of server too, so the header decides. True: nothing is left to
// ask.
bool TrackingAgent::State::adopt() {
    const Result<std::vector<SegmentId>> open = queries.run(
        [writer = options.server, epoch = local->boot_epoch()](base::Connection& connection) {
            return open_segments(connection, writer, epoch);
        },
        Deadline::after(kSideStatement));
    if (!open) {
        return false;
    }
    bool all = true;
    const std::vector<SegmentId> known = local->unsealed();
    for (const SegmentId& segment : open.value()) {
        if (std::find(known.begin(), known.end(), segment) != known.end()) {
            continue;
        }
        const FoundCopies found =
            find_copies(servers, segment, Deadline::after(RecoveryOptions().list_deadline));
        Result<DecodedHeader> header = Error{Errc::Unavailable, "no copy"};
        for (std::size_t n = 0; n < found.copies.size() && !header; ++n) {
            header = read_header(servers,
                                 segment,
                                 found.copies[n],
                                 Deadline::after(RecoveryOptions().list_deadline));
        }
        all = all && header;
        if (header && header.value().header.writer_id == self &&
            header.value().header.boot_epoch < local->boot_epoch()) {
            base::log::info("storage", "segment_adopted", {{"segment", segment.text()}});
            local->record_unsealed(segment);
        }
    }
    return all;
}

bool TrackingAgent::State::are_healthy() const {
    const std::vector<StorageServerClient*> all = servers.all();
    return std::all_of(all.begin(), all.end(), [](const StorageServerClient* server) {
        return server->health().is_healthy();
    });
}

// Segments that a predecessor, or we ourselves, left without a seal.
void TrackingAgent::State::recover() {
    RecoveryOptions recovery;
    bool adopted = false;
    // The first probes take a moment; without them no copy could be read.
    const Deadline patience = Deadline::after(kRecoveryPause);
    while (!patience.passed() && !are_healthy()) {
        if (!base::sleep_until(Deadline::after(kProbeLook))) {
            return;
        }
    }
    while (!stopping) {
        adopted = adopted || adopt();
        const std::size_t left =
            recover_all(servers, *local, recovery, [this](const RecoveredSegment& recovered) {
                base::log::info("storage",
                                "segment_recovered",
                                {{"segment", recovered.closed.segment->segment.text()},
                                 {"frames", recovered.frames.size()},
                                 {"gaps", recovered.gaps.size()},
                                 {"complete", recovered.complete},
                                 {"reason", recovered.reason}});
                on_closed(recovered.closed);
            });
        (void)left;  // also segments that the writer gives up later: look again
        if (!base::sleep_until(Deadline::after(kRecoveryPause))) {
            return;
        }
    }
}

void TrackingAgent::State::file(const Suspicion& suspicion) {
    base::log::warning("storage",
                       "copy_suspect",
                       {{"segment", suspicion.segment.text()},
                        {"store", suspicion.store.text()},
                        {"reason", suspicion.reason}});
    reader.forget_segment(suspicion.segment);
    // A full queue drops it: the next reader finds the same.
    (void)queries.submit(
        [suspicion](base::Connection& connection) {
            (void)suspect_replica(connection, suspicion.segment, suspicion.store, suspicion.reason);
        },
        Deadline::after(kSideStatement));
}

void TrackingAgent::State::report_degraded() {
    const base::Instant now = base::monotonic_now();
    if (degraded_event_at && now - *degraded_event_at < kDegradedEventPause) {
        return;
    }
    degraded_event_at = now;
    base::log::error("storage", "accepting_degraded", {{"server", options.server}});
    (void)queries.submit(
        [server = options.server](base::Connection& connection) {
            (void)raise_event(connection,
                              {Severity::Alarm,
                               "degraded",
                               server,
                               "mail is acknowledged with fewer copies than min_copies"});
        },
        Deadline::after(kSideStatement));
}

// Nothing is owed to a storage server that is to become empty.
void TrackingAgent::State::drop_owed_to_draining(Stored& stored) {
    draining.with([&](const std::set<StorageServerId>& ids) {
        std::erase_if(stored.owed, [&](const OwedCopy& owed) { return ids.contains(owed.server); });
    });
}

// Runs `work` as a fiber of our loop and waits for it, whichever loop the caller is on.
template <typename T, typename Work>
Result<T> TrackingAgent::State::on_loop(const char* name, Work work, Deadline deadline) {
    if (closed) {
        return Error{Errc::Cancelled, "the agent is shutting down"};
    }
    if (reads.fetch_add(1) >= options.reads_max) {
        reads.fetch_sub(1);
        return Error{Errc::Busy, "too many reads at once"};
    }
    base::Completion<T> done;
    const bool posted = loop.post([this, name, done, work = std::move(work)]() mutable {
        const auto body = [this, done, work = std::move(work)] {
            done.fulfil(work());
            reads.fetch_sub(1);
        };
        const Result<base::FiberId> spawned = base::spawn(loop, name, body);
        if (!spawned) {
            done.fulfil(spawned.error());
            reads.fetch_sub(1);
        }
    });
    if (!posted) {
        reads.fetch_sub(1);
        return Error{Errc::Cancelled, "the agent's loop has ended"};
    }
    // The work has the same deadline; a little more lets its own answer win.
    return done.await(Deadline::after(deadline.remaining() + std::chrono::seconds(2)));
}

TrackingAgent::TrackingAgent(std::unique_ptr<State> state) : state_(std::move(state)) {
}

TrackingAgent::~TrackingAgent() = default;

Result<std::unique_ptr<TrackingAgent>> TrackingAgent::create(base::Loop& loop,
                                                             AgentOptions options) {
    if (options.role == ServerRole::Tracker || options.server.empty()) {
        return Error{Errc::Invalid, "a tracking agent is a mail or an access server's"};
    }
    PathOptions paths;
    paths.helper_program = TRY(find_helper_program(options.helper_program));
    TRY(base::ensure_dir(options.state_dir));
    std::unique_ptr<AgentState> local = TRY(AgentState::open(options.state_dir));
    LayoutSource source{options.database, options.role, options.server, options.state_dir};
    const StartLayout start = TRY(start_layout(source, Deadline::after(kStartupConnect)));
    auto state = std::make_unique<State>(
        loop, std::move(options), std::move(paths), std::move(local), start.layout.agent);
    State* raw = state.get();  // outlives what it owns
    LayoutFollowerOptions follow;
    follow.poll = raw->options.layout_poll;
    raw->follower = std::make_unique<LayoutFollower>(
        loop, raw->queries, raw->workers, std::move(source), follow, start);
    raw->follower->set_on_change([raw](const Layout& layout) { raw->apply(layout); });
    raw->mirror.set_on_segment_closed(
        [raw](const SegmentClosed& closed) { raw->on_closed(closed); });
    return std::unique_ptr<TrackingAgent>(new TrackingAgent(std::move(state)));
}

void TrackingAgent::start() {
    State& state = *state_;
    state.apply(state.follower->layout());
    state.mirror.start();
    state.follower->start();
    state.show_metrics = base::Timer::every(state.loop, kMetricsPeriod, [&state] {
        state.path_metrics.update();
        state.mirror_metrics.update(state.mirror.fitness(), state.mirror.counters());
    });
    state.signs =
        base::Timer::every(state.loop, kSignPeriod, [&state] { state.committer.sign_of_life(); });
    const Result<base::FiberId> recovery =
        base::spawn(state.loop, "recovery", [&state] { state.recover(); });
    if (!recovery) {
        base::log::error("storage", "recovery_not_started", {{"error", recovery.error()}});
    }
}

void TrackingAgent::shutdown(Deadline deadline) {
    state_->closed = true;
    state_->stopping = true;
    state_->follower->stop();
    state_->mirror.shutdown(deadline);
    const Status drained = state_->committer.drain(deadline);
    if (!drained) {
        base::log::info(
            "storage", "deliveries_left_to_tracker", {{"messages", state_->committer.waiting()}});
    }
}

namespace {

// A frame in the making. On another thread, if the message is large.
struct FrameJob {
    FrameInput frame;
    Submission submission;
};

// The kind of a message that nobody named, by the one parse that the summary needs anyway.
void fill_summary(FrameJob& job) {
    Submission& submission = job.submission;
    if (submission.kind) {
        job.frame.kind = *submission.kind;
        job.frame.summary = mail::encode(mail::summarize(submission.message));
        return;
    }
    const mail::ParsedMessage parsed = mail::summarize_with_kind(submission.message);
    job.frame.kind = parsed.finding.kind;
    job.frame.summary = mail::encode(parsed.summary);
    for (const mail::Attribute& attribute : parsed.finding.attributes) {
        if (submission.envelope.attributes.find(attribute.name) == nullptr) {
            // Too many: what the message says of itself is the least of them.
            (void)submission.envelope.attributes.set(attribute.name, attribute.value);
        }
    }
}

// What takes CPU in proportion to the message.
Status fill(FrameJob& job) {
    fill_summary(job);
    job.frame.envelope = TRY(mail::encode(job.submission.envelope));
    job.frame.message = std::move(job.submission.message);
    if (job.frame.compression == Compression::Zstd) {
        compress_ahead(job.frame);
    }
    return base::Done{};
}

// Shared: the worker may go on when nobody waits any more.
Result<std::shared_ptr<FrameJob>> make_frame(FrameInput frame,
                                             Submission submission,
                                             base::WorkerPool& workers,
                                             Deadline deadline) {
    const auto job = std::make_shared<FrameJob>(FrameJob{std::move(frame), std::move(submission)});
    job->frame.id = mail::MessageId::from_bytes(base::Uuid::time_ordered().bytes());
    job->frame.received_us = static_cast<std::uint64_t>(
        job->submission.received_us != 0 ? job->submission.received_us : base::wall_us());
    if (job->submission.message.size() <= kInlineMax) {
        TRY(fill(*job));
    } else {
        TRY(workers.run([job] { return fill(*job); }, deadline));
    }
    return job;
}

}  // namespace

Result<Receipt> TrackingAgent::store(Submission submission, Deadline deadline) {
    State& state = *state_;
    if (state.closed) {
        return Error{Errc::Cancelled, "the agent is shutting down"};
    }
    if (submission.envelope.recipients.empty()) {
        return Error{Errc::Invalid, "no recipient"};
    }
    if (submission.message.size() > format::kMessageSizeMax) {
        return Error{Errc::TooLarge, "message"};
    }
    if (state.committer.is_full()) {
        return Error{Errc::Busy, "too many messages wait to be catalogued"};
    }
    const std::size_t message_size = submission.message.size();
    FrameInput frame;
    frame.server = state.self;
    frame.compression = state.compression;
    const auto job =
        TRY(make_frame(std::move(frame), std::move(submission), state.workers, deadline));
    mail::Envelope& envelope = job->submission.envelope;
    Delivery delivery;
    delivery.id = job->frame.id;
    delivery.kind = job->frame.kind;
    delivery.message_size = message_size;
    delivery.summary_size = static_cast<std::uint32_t>(job->frame.summary.size());
    delivery.received_us = static_cast<std::int64_t>(job->frame.received_us);
    delivery.server = state.options.server;
    delivery.sender = envelope.sender;
    delivery.recipients = std::move(envelope.recipients);
    delivery.attributes = std::move(envelope.attributes);

    Result<Stored> written = state.mirror.store(std::move(job->frame), deadline);
    if (!written) {
        const bool late = written.error().code == Errc::Timeout;
        return Error{late ? Errc::Unavailable : written.error().code, written.error().detail};
    }
    Stored stored = std::move(written).take_value();
    return record(std::move(delivery), std::move(stored));
}

Result<Receipt> TrackingAgent::record(Delivery delivery, Stored stored) {
    State& state = *state_;
    state.drop_owed_to_draining(stored);
    const std::uint64_t first_frame = header_size(*stored.segment);
    Receipt receipt;
    receipt.id = delivery.id;
    receipt.location = stored.location;
    receipt.copies = stored.durable.size();
    receipt.degraded = stored.degraded;
    state.loop.post([&state, id = delivery.id, stored] {
        state.reader.remember(id, stored.location, replicas_of(stored));
        if (stored.degraded) {
            state.report_degraded();
        }
    });
    const CommitAnswer answer = state.committer.commit(
        std::move(delivery), stored, first_frame, Deadline::after(state.options.catalog_deadline));
    if (answer.outcome == CommitAnswer::Outcome::Refused) {
        // Promise 2: the abort frame first, then the answer.
        const Result<Stored> abort = state.mirror.abort(
            receipt.id, receipt.location, Deadline::after(state.options.abort_deadline));
        if (!abort) {
            return Error{Errc::Unavailable, "no abort frame: " + abort.error().detail};
        }
        state.committer.note_aborted(
            receipt.id, receipt.location, abort.value(), header_size(*abort.value().segment));
        return refusal_of(answer);
    }
    if (answer.outcome == CommitAnswer::Outcome::ToBeCatalogued) {
        receipt.catalog = CatalogState::ToBeCatalogued;
        return receipt;
    }
    for (const DeliveredTo& to : answer.recipients) {
        receipt.placed.push_back({to.mailbox, to.uid_validity, to.uid});
        if (to.first) {
            receipt.first = to.first;
        }
    }
    return receipt;
}

Result<TrackingAgent::SummaryPtr> TrackingAgent::read_summary(const mail::MessageId& id,
                                                              Deadline deadline) {
    return std::move(read_summaries({&id, 1}, deadline).front());
}

std::vector<Result<TrackingAgent::SummaryPtr>> TrackingAgent::read_summaries(
    std::span<const mail::MessageId> ids, Deadline deadline) {
    using Summaries = std::vector<Result<SummaryPtr>>;
    if (ids.empty()) {
        return {};
    }
    State& state = *state_;
    const std::vector<mail::MessageId> wanted(ids.begin(), ids.end());
    Result<Summaries> read = state.on_loop<Summaries>(
        "read summaries",
        [&reader = state.reader, wanted, deadline]() -> Result<Summaries> {
            return reader.summaries(wanted, deadline);
        },
        deadline);
    if (read) {
        return std::move(read).take_value();
    }
    const Errc code = read.error().code == Errc::Timeout ? Errc::Unavailable : read.error().code;
    return Summaries(ids.size(), Error{code, read.error().detail});
}

Result<TrackingAgent::MessagePtr> TrackingAgent::read_message(const mail::MessageId& id,
                                                              Deadline deadline) {
    State& state = *state_;
    Result<MessagePtr> read = state.on_loop<MessagePtr>(
        "read message",
        [&reader = state.reader, id, deadline] { return reader.message(id, deadline); },
        deadline);
    if (!read && read.error().code == Errc::Timeout) {
        return Error{Errc::Unavailable, read.error().detail};
    }
    return read;
}

Status TrackingAgent::locate_ahead(std::span<const mail::MessageId> ids, Deadline deadline) {
    State& state = *state_;
    const std::size_t count = std::min(ids.size(), state.options.places_max);
    // The last ones: clients look at new mail first.
    const std::vector<mail::MessageId> wanted(ids.end() - static_cast<std::ptrdiff_t>(count),
                                              ids.end());
    return state.on_loop<base::Done>(
        "locate",
        [&reader = state.reader, wanted, deadline] { return reader.locate(wanted, deadline); },
        deadline);
}

AgentHealth TrackingAgent::health() const {
    AgentHealth health;
    health.mirror = state_->mirror.fitness();
    health.catalog_available = state_->commits.is_available() && !state_->committer.is_away();
    health.deliveries_waiting = state_->committer.waiting();
    health.layout_age_ms = state_->follower->age_ms();
    health.layout_from_cache = state_->follower->is_from_cache();
    return health;
}

}  // namespace storage
