#include "storage/mirror/mirror_writer.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/fiber.h"
#include "storage/mirror/open_segment.h"
#include "storage/mirror/segment_keeper.h"
#include "storage/mirror/submission_queue.h"

namespace storage {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kIdleTick{500};
// Opening a segment may take one batch deadline per storage server that hangs in it.
constexpr int kOpenDeadlines = 4;

base::Error unavailable(std::string detail) {
    return base::Error{base::Errc::Unavailable, "mirror: " + std::move(detail)};
}

// A batch's buffer of up to that size is kept for the next one: fresh memory costs a page fault
// every 4 KiB.
constexpr std::size_t kSpareMax = std::size_t{8} << 20U;

// The frames of one batch, and the bytes that hold them.
struct Batch {
    struct Frame {
        PendingFrame pending;
        FrameLocation location;
    };

    std::uint64_t offset = 0;
    std::shared_ptr<Bytes> bytes;
    std::vector<Frame> frames;
};

// How long after its own deadline the answer to a frame may come: batches under way come first.
base::Deadline answer_deadline(base::Deadline deadline, const MirrorOptions& options) {
    return base::Deadline(deadline.at() + (kOpenDeadlines + 2) * options.batch_deadline);
}

}  // namespace

struct MirrorWriter::State : std::enable_shared_from_this<State> {
    base::Loop& loop;
    const MirrorOptions options;
    SubmissionQueue queue;
    SegmentKeeper keeper;
    base::FiberEvent work;
    std::shared_ptr<Bytes> spare;  // empty, with room; may be none
    bool started = false;
    bool stopping = false;
    bool running = false;
    base::WaitQueue ended;

    State(base::Loop& on_loop, StorageServerSet& servers, AgentState& agent, MirrorOptions with)
        : loop(on_loop),
          options(std::move(with)),
          queue(options.queue_frames_max, options.queue_bytes_max),
          keeper(on_loop, servers, agent, options) {}

    void submit(PendingFrame frame);
    void run();
    void write_all(std::vector<PendingFrame> pending);
    [[nodiscard]] std::vector<PendingFrame> drop_expired(std::vector<PendingFrame> pending);
    [[nodiscard]] Batch encode_batch(std::vector<PendingFrame>& pending);
    [[nodiscard]] bool write_batch(Batch& batch);
    void keep_buffer(std::shared_ptr<Bytes> bytes);
    void acknowledge(Batch& batch, std::vector<StorageServerId> durable);
    void fail_all(std::vector<PendingFrame>& pending, const base::Error& error);
    void shutdown(base::Deadline deadline);
};

void MirrorWriter::State::submit(PendingFrame frame) {
    const base::Result<SubmissionQueue::Put> put = queue.put(std::move(frame));
    if (!put) {
        keeper.count([](MirrorCounters& c) { ++c.frames_refused; });
        frame.answer(put.error());  // put() has left it alone
        return;
    }
    if (put.value() == SubmissionQueue::Put::First) {
        // The writer looks at the queue until it is empty: who comes after the first need not call.
        loop.post([weak = weak_from_this()] {
            if (const std::shared_ptr<State> self = weak.lock()) {
                self->work.notify();
            }
        });
    }
}

std::vector<PendingFrame> MirrorWriter::State::drop_expired(std::vector<PendingFrame> pending) {
    std::vector<PendingFrame> alive;
    alive.reserve(pending.size());
    for (PendingFrame& frame : pending) {
        if (frame.deadline.passed()) {
            keeper.count([](MirrorCounters& c) { ++c.frames_failed; });
            frame.answer(unavailable("not durable in time"));
        } else {
            alive.push_back(std::move(frame));
        }
    }
    return alive;
}

void MirrorWriter::State::fail_all(std::vector<PendingFrame>& pending, const base::Error& error) {
    const bool cancelled = error.code == base::Errc::Cancelled;
    keeper.count([&](MirrorCounters& c) { c.frames_failed += pending.size(); });
    for (PendingFrame& frame : pending) {
        frame.answer(cancelled ? error : unavailable(error.detail));
    }
    pending.clear();
}

// Encodes what fits; the rest stays in `pending`. Frames that can never be encoded are answered.
Batch MirrorWriter::State::encode_batch(std::vector<PendingFrame>& pending) {
    SegmentEncoder& encoder = keeper.open()->encoder();
    Batch batch;
    batch.offset = encoder.size();
    batch.bytes = spare ? std::move(spare) : std::make_shared<Bytes>();
    std::uint64_t room = 0;
    for (const PendingFrame& frame : pending) {
        room += frame.bytes();
    }
    batch.bytes->reserve(room);
    std::vector<PendingFrame> rest;
    for (PendingFrame& frame : pending) {
        if (!rest.empty()) {
            rest.push_back(std::move(frame));
            continue;
        }
        base::Result<FrameLocation> location =
            std::holds_alternative<FrameInput>(frame.content)
                ? encoder.append(std::get<FrameInput>(frame.content), *batch.bytes)
                : encoder.append_abort(std::get<AbortTarget>(frame.content),
                                       static_cast<std::uint64_t>(base::wall_us()),
                                       options.writer_id,
                                       *batch.bytes);
        if (location) {
            batch.frames.push_back({std::move(frame), location.value()});
        } else if (location.error().code == base::Errc::Busy) {
            rest.push_back(std::move(frame));
        } else {
            frame.answer(std::move(location).take_error());
        }
    }
    pending = std::move(rest);
    return batch;
}

void MirrorWriter::State::acknowledge(Batch& batch, std::vector<StorageServerId> durable) {
    const OpenSegment& segment = *keeper.open();
    Stored stored;
    stored.segment = segment.header();
    stored.durable = std::move(durable);
    stored.owed = segment.placement().owed;
    stored.degraded = segment.placement().degraded;
    for (const OpenSegment::Replica& replica : segment.replicas()) {
        if (replica.behind && keeper.is_wanted(replica.server)) {
            stored.owed.push_back(OwedCopy{replica.server, replica.reason, replica.detail});
        }
    }
    keeper.count([&](MirrorCounters& c) {
        c.frames_stored += batch.frames.size();
        c.frames_degraded += stored.degraded ? batch.frames.size() : 0;
        c.bytes += batch.bytes->size();
    });
    for (Batch::Frame& frame : batch.frames) {
        stored.location = frame.location;
        frame.pending.answer(stored);
    }
}

// Writes a batch to the open segment; true: its frames are answered. False: they must be written
// again, into another segment.
bool MirrorWriter::State::write_batch(Batch& batch) {
    OpenSegment& segment = *keeper.open();
    std::vector<StorageServerId> durable =
        segment.write(batch.offset, batch.bytes, base::Deadline::after(options.batch_deadline));
    const bool enough = keeper.domains(durable) >= segment.header()->min_copies;
    const bool good = keeper.holds_lease() && enough;
    keeper.count([&](MirrorCounters& c) {
        ++c.batches;
        c.batches_short += enough ? 0 : 1;
        c.frames_rewritten += good ? 0 : batch.frames.size();
    });
    if (good) {
        acknowledge(batch, std::move(durable));
    }
    if (segment.has_behind() || !enough) {
        keeper.close();
    }
    keep_buffer(std::move(batch.bytes));
    return good;
}

// Unless a storage server that was late still reads it.
void MirrorWriter::State::keep_buffer(std::shared_ptr<Bytes> bytes) {
    if (bytes.use_count() == 1 && bytes->capacity() <= kSpareMax) {
        bytes->clear();
        spare = std::move(bytes);
    }
}

void MirrorWriter::State::write_all(std::vector<PendingFrame> pending) {
    for (;;) {
        pending = drop_expired(std::move(pending));
        if (pending.empty()) {
            return;
        }
        const base::Status opened =
            keeper.ensure_open(base::Deadline::after(kOpenDeadlines * options.batch_deadline));
        if (!opened) {
            fail_all(pending, opened.error());
            return;
        }
        Batch batch = encode_batch(pending);
        if (batch.frames.empty()) {
            if (!pending.empty()) {
                keeper.close();  // full
            }
            continue;
        }
        if (!write_batch(batch)) {
            // Once more under the same ids, before what came later.
            std::vector<PendingFrame> again;
            for (Batch::Frame& frame : batch.frames) {
                again.push_back(std::move(frame.pending));
            }
            std::ranges::move(pending, std::back_inserter(again));
            pending = std::move(again);
        }
    }
}

void MirrorWriter::State::run() {
    while (!base::fiber_cancelled()) {
        std::vector<PendingFrame> pending =
            queue.take(options.batch_frames_max, options.batch_bytes_max);
        if (!pending.empty()) {
            write_all(std::move(pending));
        } else if (stopping) {
            keeper.close();
            break;
        } else if (!work.wait(base::Deadline::after(kIdleTick))) {
            keeper.look_after();
        }
    }
    running = false;
    ended.notify_all();
}

void MirrorWriter::State::shutdown(base::Deadline deadline) {
    queue.close();
    stopping = true;
    work.notify();
    while (running && ended.wait(deadline)) {
    }
    keeper.stop_work(deadline);
    // What the deadline has cut off.
    std::vector<PendingFrame> left = queue.take(SIZE_MAX, UINT64_MAX);
    fail_all(left, base::Error{base::Errc::Cancelled, "mirror: shutting down"});
}

// ---- The outside.

MirrorWriter::MirrorWriter(base::Loop& loop,
                           StorageServerSet& servers,
                           AgentState& state,
                           MirrorOptions options)
    : state_(std::make_shared<State>(loop, servers, state, std::move(options))) {
}

MirrorWriter::~MirrorWriter() {
    // Its fibers use the servers and the agent's state: they have ended.
    CHECK(!state_->running && !state_->keeper.is_sealing());
}

void MirrorWriter::start() {
    CHECK(!state_->started);
    state_->started = true;
    state_->running = true;
    state_->keeper.start();
    const auto spawned = base::spawn(state_->loop, "mirror", [self = state_] { self->run(); });
    CHECK(spawned.operator bool());  // at start-up there is memory for a stack
}

void MirrorWriter::set_table(MirrorTable table) {
    state_->loop.post([weak = state_->weak_from_this(), table = std::move(table)] {
        if (const std::shared_ptr<State> self = weak.lock()) {
            self->keeper.set_table(table);
            self->work.notify();
        }
    });
}

void MirrorWriter::renew_segment() {
    state_->loop.post([weak = state_->weak_from_this()] {
        if (const std::shared_ptr<State> self = weak.lock()) {
            self->keeper.renew();
            self->work.notify();
        }
    });
}

void MirrorWriter::set_policy(CopyPolicy policy) {
    state_->loop.post([weak = state_->weak_from_this(), policy] {
        if (const std::shared_ptr<State> self = weak.lock()) {
            self->keeper.set_policy(policy);
            self->work.notify();
        }
    });
}

void MirrorWriter::set_on_segment_closed(std::function<void(const SegmentClosed&)> on_closed) {
    state_->keeper.set_on_closed(std::move(on_closed));
}

void MirrorWriter::submit(FrameInput frame,
                          base::Deadline deadline,
                          base::Poster reply_to,
                          StoredDone on_done) {
    state_->submit(
        PendingFrame{std::move(frame), deadline, std::move(reply_to), std::move(on_done)});
}

void MirrorWriter::submit_abort(mail::MessageId id,
                                FrameLocation location,
                                base::Deadline deadline,
                                base::Poster reply_to,
                                StoredDone on_done) {
    state_->submit(PendingFrame{AbortTarget{id, location.segment, location.offset},
                                deadline,
                                std::move(reply_to),
                                std::move(on_done)});
}

base::Result<Stored> MirrorWriter::store(FrameInput frame, base::Deadline deadline) {
    base::Completion<Stored> stored;
    state_->submit(PendingFrame{
        std::move(frame), deadline, std::nullopt, [stored](base::Result<Stored> result) {
            stored.fulfil(std::move(result));
        }});
    return stored.await(answer_deadline(deadline, state_->options));
}

base::Result<Stored> MirrorWriter::abort(mail::MessageId id,
                                         FrameLocation location,
                                         base::Deadline deadline) {
    base::Completion<Stored> stored;
    state_->submit(
        PendingFrame{AbortTarget{id, location.segment, location.offset},
                     deadline,
                     std::nullopt,
                     [stored](base::Result<Stored> result) { stored.fulfil(std::move(result)); }});
    return stored.await(answer_deadline(deadline, state_->options));
}

MirrorFitness MirrorWriter::fitness() const {
    return state_->keeper.fitness();
}

MirrorCounters MirrorWriter::counters() const {
    MirrorCounters now = state_->keeper.counters();
    const SubmissionQueue::Size size = state_->queue.size();
    now.queue_frames = size.frames;
    now.queue_bytes = size.bytes;
    return now;
}

void MirrorWriter::shutdown(base::Deadline deadline) {
    state_->shutdown(deadline);
}

}  // namespace storage
