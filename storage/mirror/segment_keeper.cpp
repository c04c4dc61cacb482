#include "storage/mirror/segment_keeper.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/random.h"
#include "base/uuid.h"

namespace storage {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPenalty{1'000};  // after a failed creation, whatever its health says
constexpr milliseconds kReplaceAfter{
    1'000};                             // a segment is kept so long although others are better
constexpr milliseconds kLookAgain{10};  // for a storage server to come back
constexpr milliseconds kJournalWait{1'000};
constexpr std::size_t kSealsMax = 8;  // at once
constexpr int kHeartbeatsPerLease = 10;
constexpr const char* kPaused = "the agent was paused for longer than its lease";

}  // namespace

SegmentKeeper::SegmentKeeper(base::Loop& loop,
                             StorageServerSet& servers,
                             AgentState& agent,
                             const MirrorOptions& options)
    : loop_(loop),
      servers_(servers),
      agent_(agent),
      options_(options),
      lease_(options.lease, base::monotonic_now()),
      unfit_since_(base::monotonic_now()) {
}

SegmentKeeper::~SegmentKeeper() {
    CHECK(seals_running_ == 0);
}

void SegmentKeeper::start() {
    (void)lease_.beat(base::monotonic_now());
    lease_.renew();
    unfit_since_ = base::monotonic_now();
    heartbeat_ = base::Timer::every(
        loop_, options_.lease / kHeartbeatsPerLease, [this] { (void)holds_lease(); });
}

bool SegmentKeeper::holds_lease() {
    const bool held_before = lease_.is_held();
    const bool held = lease_.beat(base::monotonic_now());
    if (held_before && !held) {
        count([](MirrorCounters& c) { ++c.lease_breaks; });
    }
    return held;
}

// ---- Placement.

std::vector<PlacementCandidate> SegmentKeeper::candidates() const {
    const base::Instant now = base::monotonic_now();
    std::vector<PlacementCandidate> all;
    for (const StorageServerClient* server : servers_.all()) {
        StoreHealth health = server->health();
        PlacementCandidate candidate{server->config().id,
                                     server->config().failure_domain,
                                     health.is_healthy(),
                                     std::move(health.reason)};
        if (servers_.is_draining(candidate.id)) {
            candidate.healthy = false;
            candidate.reason = "draining";
        }
        const auto penalty = penalties_.find(candidate.id);
        if (candidate.healthy && penalty != penalties_.end() && penalty->second > now) {
            candidate.healthy = false;
            candidate.reason = "a file could not be created a moment ago";
        }
        all.push_back(std::move(candidate));
    }
    return all;
}

std::size_t SegmentKeeper::domains(const std::vector<StorageServerId>& servers) const {
    return count_domains(servers, candidates());
}

bool SegmentKeeper::is_wanted(const StorageServerId& server) const {
    return server == table_.own || std::ranges::find(table_.peers, server) != table_.peers.end();
}

base::Result<Placement> SegmentKeeper::find_placement() {
    base::Result<Placement> placement = place(table_, candidates(), policy_);
    const bool fit = placement.operator bool();
    if (was_fit_ && !fit) {
        unfit_since_ = base::monotonic_now();
    }
    was_fit_ = fit;
    update_fitness(placement);
    return placement;
}

void SegmentKeeper::update_fitness(const base::Result<Placement>& placement) {
    const std::vector<PlacementCandidate> all = candidates();
    std::vector<StorageServerId> healthy;
    for (const PlacementCandidate& candidate : all) {
        if (candidate.healthy) {
            healthy.push_back(candidate.id);
        }
    }
    MirrorFitness now;
    now.fit = placement && !stopping_;
    now.reason = "ok";
    if (stopping_) {
        now.reason = "shutting down";
    } else if (!placement) {
        now.reason = placement.error().detail;
    }
    now.stores_configured = all.size();
    now.stores_healthy = healthy.size();
    now.domains_healthy = count_domains(healthy, all);
    now.min_copies = policy_.min_copies;
    now.degraded = placement && placement.value().degraded;
    fitness_.with([&](MirrorFitness& shared) { shared = std::move(now); });
}

bool SegmentKeeper::should_rotate() {
    const base::Duration age = base::monotonic_now() - open_->opened_at();
    const base::Result<Placement> placement = find_placement();
    if (renew_ || open_->encoder().size() >= options_.segment_size_max ||
        open_->encoder().frames() >= format::kFramesMax / 2 || age >= options_.segment_age_max) {
        return true;
    }
    // While the open segment takes frames, a choice that is no better is no reason to leave it.
    return placement && age >= kReplaceAfter &&
           (placement.value().replicas != open_->placement().replicas ||
            placement.value().copies_needed != open_->placement().copies_needed);
}

// ---- Opening.

base::Status SegmentKeeper::try_open(Placement placement) {
    SegmentHeader header;
    header.segment = SegmentId(base::Uuid::time_ordered());
    header.writer = options_.writer_name;
    header.writer_id = options_.writer_id;
    header.boot_epoch = agent_.boot_epoch();
    header.replicas = placement.replicas;
    header.min_copies = placement.copies_needed;
    header.created_us = static_cast<std::uint64_t>(base::wall_us());
    base::random_fill(header.salt);
    const SegmentId id = header.segment;
    auto segment = std::make_unique<OpenSegment>(
        servers_,
        TRY(SegmentEncoder::create(std::move(header), Digest::ByOwner)),
        std::move(placement));
    // The journal makes recovery quick, no more (AgentState): it is written beside the files.
    base::Completion<base::Done> journaled;
    agent_.record_open(id,
                       [journaled](base::Status status) { journaled.fulfil(std::move(status)); });
    const base::Status created =
        segment->create_files(base::Deadline::after(options_.batch_deadline));
    (void)journaled.await(base::Deadline::after(kJournalWait));  // as said above
    if (!created) {
        const base::Instant until = base::monotonic_now() + kPenalty;
        for (const OpenSegment::Replica& replica : segment->replicas()) {
            if (replica.behind) {
                penalties_[replica.server] = until;
            }
        }
        segment->discard();
        agent_.record_unsealed(id);  // the server that failed may have made its file all the same
        return created;
    }
    open_ = std::move(segment);
    count([](MirrorCounters& c) { ++c.segments_opened; });
    return base::Done{};
}

base::Status SegmentKeeper::ensure_open(base::Deadline deadline) {
    if (!holds_lease() && open_) {
        report_closed(open_->give_up(kPaused));
        open_.reset();
    }
    if (open_ && should_rotate()) {
        close();
    }
    while (!open_) {
        lease_.renew();  // nothing of before a pause is left
        base::Result<Placement> placement = find_placement();
        if (placement) {
            const base::Status opened = try_open(std::move(placement).take_value());
            if (!opened && (deadline.passed() || opened.error().code == base::Errc::Cancelled)) {
                return opened;
            }
            continue;  // open, or again: the server that failed is not chosen for a while
        }
        // Only those who come first wait for a server to come back; then all are told at once.
        if (base::Deadline(unfit_since_ + options_.batch_deadline).passed() || deadline.passed()) {
            return std::move(placement).take_error();
        }
        (void)TRY(base::sleep_until(base::Deadline::after(kLookAgain)));
    }
    return base::Done{};
}

// ---- Closing.

void SegmentKeeper::close() {
    if (!open_) {
        return;
    }
    const std::shared_ptr<OpenSegment> segment = std::move(open_);
    renew_ = false;
    const bool healthy = std::ranges::any_of(
        segment->replicas(), [](const OpenSegment::Replica& replica) { return !replica.behind; });
    if (!healthy || seals_running_ >= kSealsMax) {
        report_closed(segment->give_up("no replica takes the seal"));
        return;
    }
    ++seals_running_;
    const auto spawned = base::spawn(loop_, "seal", [this, segment] { seal(segment); });
    if (!spawned) {
        --seals_running_;
        report_closed(segment->give_up("no fiber for the seal"));
    }
}

void SegmentKeeper::seal(const std::shared_ptr<OpenSegment>& segment) {
    report_closed(holds_lease() ? segment->seal(base::Deadline::after(options_.batch_deadline))
                                : segment->give_up(kPaused));
    --seals_running_;
    seal_ended_.notify_all();
}

void SegmentKeeper::report_closed(const SegmentClosed& closed) {
    count([&](MirrorCounters& c) {
        ++(closed.sealed ? c.segments_sealed : c.segments_unsealed);
        for (const ReplicaOutcome& replica : closed.replicas) {
            c.replicas_behind += replica.end == ReplicaEnd::Behind ? 1 : 0;
        }
    });
    const SegmentId id = closed.segment->segment;
    if (closed.sealed) {
        agent_.record_done(id);
    } else {
        agent_.record_unsealed(id);
    }
    if (on_closed_) {
        on_closed_(closed);
    }
}

void SegmentKeeper::look_after() {
    if (!open_) {
        (void)find_placement();  // for the fitness report
    } else if (should_rotate()) {
        close();
    }
}

void SegmentKeeper::stop_work(base::Deadline deadline) {
    stopping_ = true;
    (void)find_placement();  // tells the load report
    while (seals_running_ > 0 && seal_ended_.wait(deadline)) {
    }
    agent_.flush(deadline);
}

// ---- Any thread.

MirrorFitness SegmentKeeper::fitness() const {
    return fitness_.with([](const MirrorFitness& now) { return now; });
}

MirrorCounters SegmentKeeper::counters() const {
    return counters_.with([](const MirrorCounters& now) { return now; });
}

void SegmentKeeper::count(const std::function<void(MirrorCounters&)>& add) {
    counters_.with([&](MirrorCounters& now) { add(now); });
}

}  // namespace storage
