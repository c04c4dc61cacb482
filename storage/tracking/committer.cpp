#include "storage/tracking/committer.h"

#include <algorithm>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "base/guarded.h"
#include "base/log.h"
#include "base/metrics.h"
#include "storage/catalog/claims.h"
#include "storage/tracking/segment_ledger.h"

namespace storage {
namespace {

using base::Deadline;
using base::Errc;
using base::Error;
using base::Result;
using base::Status;

// A job waits in the pool while the database is away; after that it is handed in again.
constexpr auto kJobPatience = std::chrono::seconds(60);
// A message that fails alone so often is left to a tracker, which tells the operators.
constexpr int kTriesMax = 3;
// Between statements that fail, doubling.
constexpr auto kRetryMin = std::chrono::milliseconds(50);
constexpr auto kRetryMax = std::chrono::milliseconds(2'000);
// Segments with frames that were left to trackers; the oldest are forgotten.
constexpr std::size_t kLeftSegmentsMax = 1'024;
using Outcome = CommitAnswer::Outcome;

// A message on its way. Shared by the fiber that waits and the committer; each may decide what it
// comes to, the first one does.
struct Item {
    explicit Item(Delivery a_delivery) : delivery(std::move(a_delivery)) {}

    Delivery delivery;  // committer only, once queued
    int tries = 0;
    base::Completion<base::Done> woken;

    struct Decision {
        bool decided = false;
        CommitAnswer answer;
    };

    base::Guarded<Decision> decision;  // see above

    // True if this call decided it.
    bool decide(CommitAnswer answer) {
        const bool first = decision.with([&](Decision& state) {
            if (state.decided) {
                return false;
            }
            state.decided = true;
            state.answer = std::move(answer);
            return true;
        });
        if (first) {
            woken.fulfil(base::Done{});
        }
        return first;
    }

    [[nodiscard]] CommitAnswer answer() {
        return decision.with([](Decision& state) { return state.answer; });
    }
};

using ItemPtr = std::shared_ptr<Item>;

struct Abort {
    mail::MessageId id;
    FrameLocation refused;
    FrameLocation abort;
};

// One statement's worth.
struct Work {
    std::vector<ItemPtr> items;
    std::vector<Abort> aborts;
    DeliveryBatch batch;
    SegmentLedger::Plan plan;
    bool signs = false;  // nothing waits behind it, and the catalog is to be told

    [[nodiscard]] bool empty() const {
        return items.empty() && aborts.empty() && batch.segments.empty() && batch.covered.empty();
    }
};

bool is_refused(const std::vector<DeliveredTo>& recipients) {
    return std::any_of(recipients.begin(), recipients.end(), [](const DeliveredTo& to) {
        return to.outcome == DeliveryOutcome::Refused;
    });
}

}  // namespace

struct Committer::State : std::enable_shared_from_this<Committer::State> {
    State(base::DbPool& a_pool, CommitterOptions an_options)
        : pool(a_pool), options(std::move(an_options)) {}

    base::DbPool& pool;
    const CommitterOptions options;

    // Shared by the fibers that submit and the worker that commits.
    mutable std::mutex mutex;
    std::deque<ItemPtr> queue;
    std::vector<Abort> aborts;
    SegmentLedger ledger;
    bool job_queued = false;
    bool sign_due = false;
    bool away = false;
    std::size_t alone = 0;  // messages of a batch that failed for a reason of its own: one by one
    bool stopped = false;
    std::int64_t seen = 0;
    std::chrono::milliseconds retry{0};
    std::optional<base::Completion<base::Done>> pause;  // of the worker, after a failure
    CommitterCounters counters;
    std::vector<base::Completion<base::Done>> drains;
    std::size_t under_way = 0;          // messages of the statement that runs
    std::int64_t under_way_oldest = 0;  // when the first of them came
    std::set<SegmentId> left;           // frames of these were left to trackers
    bool left_open = false;             // since on_left was last called

    base::Gauge& waiting_gauge = base::gauge("roundtable_catalog_waiting_messages",
                                             "Messages that are durable and wait to be catalogued");
    base::Gauge& oldest_gauge =
        base::gauge("roundtable_catalog_oldest_waiting_timestamp_seconds",
                    "When the oldest message that waits to be catalogued came; 0: none waits");
    base::Gauge& away_gauge =
        base::gauge("roundtable_catalog_away", "1 while the catalog does not take messages");
    base::Counter& late_counter = base::counter(
        "roundtable_catalog_late_total", "Messages acknowledged before they were catalogued");
    base::Counter& left_counter =
        base::counter("roundtable_catalog_left_to_trackers_total",
                      "Messages acknowledged that trackers catalogue: the queue was full");

    void enqueue(const ItemPtr& item);
    bool leave(const ItemPtr& item);
    void show();
    void set_away(bool is_away);
    void renew_segment();
    void arm();
    void run(base::Connection& connection);
    void on_dropped(const Error& error);
    Work take();
    void plan(Work& work);
    void finish(Work& work, DeliveryReport report);
    void settle(Work& work, const DeliveryReport& report);
    void fail(Work& work, const Error& error);
    void give_up_waiting(const std::vector<ItemPtr>& items);
    void sign(base::Connection& connection);
    void wait_for_retry();
    void tell_drains();
};

void Committer::State::enqueue(const ItemPtr& item) {
    {
        const std::lock_guard lock(mutex);
        if (leave(item)) {
            return;
        }
        if (away) {
            item->delivery.acknowledged = Acknowledged::Yes;
            ++counters.late;
            late_counter.add();
            (void)item->decide({});
        }
        queue.push_back(item);
        show();
    }
    arm();
}

// Under the mutex. True if the message is a tracker's to catalogue: there is no room (only while
// the catalog is away: else store() was told Busy before it wrote), or an earlier one of its
// segment was left, and would get the higher UID.
bool Committer::State::leave(const ItemPtr& item) {
    const SegmentId& segment = item->delivery.location.segment;
    if (queue.size() < options.queue_max && !left.contains(segment)) {
        return false;
    }
    left.insert(segment);
    left_open = true;
    if (left.size() > kLeftSegmentsMax) {
        left.erase(left.begin());  // ids sort by time
    }
    ++counters.dropped;
    left_counter.add();
    if (item->decide({})) {
        ++counters.late;
        late_counter.add();
    }
    return true;
}

// Under the mutex.
void Committer::State::show() {
    waiting_gauge.set(static_cast<double>(queue.size() + under_way));
    const std::int64_t oldest = under_way > 0    ? under_way_oldest
                                : !queue.empty() ? queue.front()->delivery.received_us
                                                 : 0;
    oldest_gauge.set(static_cast<double>(oldest) / 1e6);
}

// Under the mutex.
void Committer::State::set_away(bool is_away) {
    away = is_away;
    away_gauge.set(is_away ? 1 : 0);
}

// The catalog is back and there is room: mail to come goes into a segment that is not left.
void Committer::State::renew_segment() {
    {
        const std::lock_guard lock(mutex);
        if (!left_open || away || queue.size() > options.queue_max / 2) {
            return;
        }
        left_open = false;
    }
    if (options.on_left) {
        options.on_left();
    }
}

// At most one job of ours is in the pool.
void Committer::State::arm() {
    {
        const std::lock_guard lock(mutex);
        if (job_queued || stopped) {
            return;
        }
        const bool idle = queue.empty() && aborts.empty() && !ledger.is_due();
        if (idle) {
            tell_drains();
        }
        if (idle && !sign_due) {
            return;
        }
        job_queued = true;
    }
    auto self = shared_from_this();
    const Status queued =
        pool.submit([self](base::Connection& connection) { self->run(connection); },
                    Deadline::after(kJobPatience),
                    [self](Error error) { self->on_dropped(error); });
    if (!queued) {
        on_dropped(queued.error());
    }
}

void Committer::State::tell_drains() {
    for (const auto& waiter : drains) {
        waiter.fulfil(base::Done{});
    }
    drains.clear();
}

void Committer::State::on_dropped(const Error& error) {
    std::vector<ItemPtr> waiting;
    {
        const std::lock_guard lock(mutex);
        job_queued = false;
        set_away(true);
        waiting.assign(queue.begin(), queue.end());
        stopped = stopped || error.code == Errc::Cancelled;
    }
    give_up_waiting(waiting);
    // Busy cannot be: nobody else uses the pool. If it is, the next message tries again.
    if (error.code != Errc::Busy) {
        arm();
    }
}

// From here on these are acknowledged: whoever waits is told to say 250.
void Committer::State::give_up_waiting(const std::vector<ItemPtr>& items) {
    for (const ItemPtr& item : items) {
        if (item->decide({})) {
            late_counter.add();
            const std::lock_guard lock(mutex);
            ++counters.late;
        }
    }
}

Work Committer::State::take() {
    const std::lock_guard lock(mutex);
    Work work;
    const std::size_t most = alone > 0 ? 1 : options.batch_max;
    while (!queue.empty() && work.items.size() < most) {
        work.items.push_back(std::move(queue.front()));
        queue.pop_front();
    }
    alone -= std::min(alone, work.items.size());
    under_way = work.items.size();
    under_way_oldest = work.items.empty() ? 0 : work.items.front()->delivery.received_us;
    show();
    work.aborts = std::exchange(aborts, {});
    work.signs = queue.empty() && std::exchange(sign_due, false);
    plan(work);
    return work;
}

// Under the mutex: what the statement says of segments, and which stretches it covers.
void Committer::State::plan(Work& work) {
    work.batch.committer = options.name;
    work.batch.seen = seen;
    std::vector<FrameLocation> frames;
    for (const ItemPtr& item : work.items) {
        if (item->decision.with([](const Item::Decision& state) { return state.decided; })) {
            item->delivery.acknowledged = Acknowledged::Yes;
        }
        work.batch.deliveries.push_back(item->delivery);
        frames.push_back(item->delivery.location);
    }
    for (const Abort& abort : work.aborts) {
        work.batch.aborted.push_back(abort.id);
        frames.push_back(abort.refused);
        frames.push_back(abort.abort);
    }
    work.plan = ledger.plan(frames);
    work.batch.segments = work.plan.segments;
    work.batch.covered = work.plan.covered;
}

void Committer::State::run(base::Connection& connection) {
    Work work = take();
    bool told = true;
    if (!work.empty()) {
        Result<DeliveryReport> report = deliver(connection, work.batch);
        if (report) {
            finish(work, std::move(report).take_value());
        } else {
            told = false;
            fail(work, report.error());
            // The one connection has nothing else to do. Nobody waits for these messages any more.
            wait_for_retry();
        }
    }
    if (work.signs && told) {
        sign(connection);
    }
    {
        const std::lock_guard lock(mutex);
        job_queued = false;
    }
    renew_segment();
    arm();
}

// On the worker. If it fails the next one is due soon.
void Committer::State::sign(base::Connection& connection) {
    {
        const std::lock_guard lock(mutex);
        if (!queue.empty()) {
            return;  // refused and acknowledged meanwhile: it is to be delivered once more
        }
    }
    if (note_alive(connection, options.name, options.writer, options.boot_epoch)) {
        const std::lock_guard lock(mutex);
        set_away(false);
    }
}

// On the worker. The destructor cuts it short.
void Committer::State::wait_for_retry() {
    base::Completion<base::Done> woken;
    std::chrono::milliseconds span{};
    {
        const std::lock_guard lock(mutex);
        if (stopped) {
            return;
        }
        pause = woken;
        span = retry;
    }
    (void)woken.await(Deadline::after(span));  // Timeout is the rule
    const std::lock_guard lock(mutex);
    pause.reset();
}

void Committer::State::finish(Work& work, DeliveryReport report) {
    {
        const std::lock_guard lock(mutex);
        settle(work, report);
    }
    std::vector<ItemPtr> again;
    for (std::size_t n = 0; n < work.items.size(); ++n) {
        const ItemPtr& item = work.items[n];
        const bool refused = is_refused(report.deliveries[n]);
        const bool told = item->decide(
            {refused ? Outcome::Refused : Outcome::Catalogued, std::move(report.deliveries[n])});
        // 250 was said while the statement ran: it is not to be refused any more.
        if (refused && !told) {
            item->delivery.acknowledged = Acknowledged::Yes;
            again.push_back(item);
        }
    }
    const std::lock_guard lock(mutex);
    queue.insert(queue.begin(), again.begin(), again.end());
    under_way = 0;
    show();
}

// Under the mutex: what is known after a statement that succeeded.
void Committer::State::settle(Work& work, const DeliveryReport& report) {
    set_away(false);
    retry = std::chrono::milliseconds(0);
    ++counters.batches;
    if (report.jumped) {
        ++counters.jumps;
        ledger.forget_told();  // it may have been lost with the commits
    }
    seen = std::max(seen, report.commit_sequence);
    std::vector<FrameLocation> dealt_with;
    for (std::size_t n = 0; n < work.items.size(); ++n) {
        if (is_refused(report.deliveries[n])) {
            ++counters.refused;
        } else {
            ++counters.catalogued;
            dealt_with.push_back(work.items[n]->delivery.location);
        }
    }
    for (const Abort& abort : work.aborts) {
        dealt_with.push_back(abort.refused);
        dealt_with.push_back(abort.abort);
    }
    ledger.settle(work.plan, dealt_with);
}

// Nothing of the batch is known to be committed. It is repeated, which is harmless if it was.
void Committer::State::fail(Work& work, const Error& error) {
    base::log::warning(
        "storage",
        "catalog_statement_failed",
        {{"committer", options.name}, {"messages", work.items.size()}, {"error", error}});
    const bool own_fault = !base::is_temporary(error.code);
    give_up_waiting(work.items);
    const std::lock_guard lock(mutex);
    ++counters.failures;
    set_away(true);
    retry = std::clamp(retry * 2, kRetryMin, kRetryMax);
    if (error.detail.find("RT001") != std::string::npos) {
        ledger.forget_told();  // the catalog was restored from before it knew them
    }
    std::vector<ItemPtr> again;
    for (const ItemPtr& item : work.items) {
        item->delivery.acknowledged = Acknowledged::Yes;
        if (own_fault && work.items.size() == 1 && ++item->tries >= kTriesMax) {
            ++counters.dropped;
        } else {
            again.push_back(item);
        }
    }
    if (own_fault) {
        alone += again.size();
    }
    queue.insert(queue.begin(), again.begin(), again.end());
    aborts.insert(aborts.begin(), work.aborts.begin(), work.aborts.end());
    under_way = 0;
    show();
}

Committer::Committer(base::DbPool& pool, CommitterOptions options)
    : state_(std::make_shared<State>(pool, std::move(options))) {
}

Committer::~Committer() {
    const std::lock_guard lock(state_->mutex);
    state_->stopped = true;
    if (state_->pause) {
        state_->pause->fulfil(base::Done{});
    }
}

CommitAnswer Committer::commit(Delivery delivery,
                               const Stored& stored,
                               std::uint64_t first_frame,
                               Deadline deadline) {
    delivery.location = stored.location;
    delivery.acknowledged = Acknowledged::No;
    auto item = std::make_shared<Item>(std::move(delivery));
    {
        const std::lock_guard lock(state_->mutex);
        state_->ledger.note_stored(stored, first_frame);
    }
    state_->enqueue(item);
    const Result<base::Done> woken = item->woken.await(deadline);
    if (!woken && item->decide({})) {
        state_->late_counter.add();
        const std::lock_guard lock(state_->mutex);
        ++state_->counters.late;
        // It did not answer in time: the next ones need not find out by waiting as long.
        state_->set_away(state_->away || woken.error().code == Errc::Timeout);
    }
    return item->answer();
}

void Committer::note_aborted(const mail::MessageId& id,
                             const FrameLocation& refused,
                             const Stored& abort,
                             std::uint64_t first_frame) {
    {
        const std::lock_guard lock(state_->mutex);
        state_->ledger.note_stored(abort, first_frame);
        if (state_->aborts.size() < state_->options.queue_max) {
            state_->aborts.push_back({id, refused, abort.location});
        }
    }
    state_->arm();
}

void Committer::note_closed(const SegmentClosed& closed, std::uint64_t first_frame) {
    {
        const std::lock_guard lock(state_->mutex);
        state_->ledger.note_closed(closed, first_frame);
    }
    state_->arm();
}

void Committer::sign_of_life() {
    {
        const std::lock_guard lock(state_->mutex);
        state_->sign_due = true;
    }
    state_->arm();
}

bool Committer::is_full() const {
    const std::lock_guard lock(state_->mutex);
    return !state_->away && state_->queue.size() >= state_->options.queue_max;
}

bool Committer::is_away() const {
    const std::lock_guard lock(state_->mutex);
    return state_->away;
}

std::size_t Committer::waiting() const {
    const std::lock_guard lock(state_->mutex);
    return state_->queue.size();
}

CommitterCounters Committer::counters() const {
    const std::lock_guard lock(state_->mutex);
    return state_->counters;
}

Status Committer::drain(Deadline deadline) {
    base::Completion<base::Done> done;
    {
        const std::lock_guard lock(state_->mutex);
        state_->drains.push_back(done);
    }
    state_->arm();
    Result<base::Done> result = done.await(deadline);
    return result;
}

}  // namespace storage
