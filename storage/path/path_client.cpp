#include "storage/path/path_client.h"

#include <algorithm>
#include <bitset>
#include <cstring>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/uuid.h"
#include "storage/path/helper.h"
#include "storage/path/helper_process.h"

namespace storage {

using helper::Flag;
using helper::Reply;
using helper::Request;
using helper::RequestType;

namespace {

using std::chrono::milliseconds;

// Enough to keep the helper's threads busy over the way to and fro.
constexpr std::size_t kInFlightMax = 3 * helper::kThreads;
constexpr milliseconds kTick{10};           // how exact deadlines are
constexpr milliseconds kReapInterval{250};  // while no helper may be started
constexpr milliseconds kWriteProbeAfter{30'000};
constexpr milliseconds kRestartPause{1'000};  // between helpers that end by themselves

bool needs_slot(const Request& request) noexcept {
    return request.length > 0 || request.type == RequestType::List;
}

bool is_write(RequestType type) noexcept {
    return type == RequestType::Create || type == RequestType::Write || type == RequestType::Sync;
}

// A write that failed for the path's sake, not the caller's.
bool blames_path(const Reply& reply) noexcept {
    return reply.code == base::Errc::Io || reply.code == base::Errc::Refused;
}

}  // namespace

struct PathClient::State : std::enable_shared_from_this<State> {
    struct Call {
        Request request;
        Payload payload;
        base::Deadline deadline{base::Instant()};
        base::Instant sent{};
        PathAnswered on_answer;  // empty once it was answered, and for requests of our own
        bool timed_out = false;
    };

    base::Loop& loop;
    StoragePathConfig config;
    std::string identity;
    PathOptions options;
    std::string probe_file = "probe/" + base::Uuid::random().to_text();
    std::function<void()> on_change;

    std::optional<HelperProcess> active;
    std::vector<HelperProcess> abandoned;
    std::uint64_t epoch = 0;
    base::FdWatch watch;
    std::deque<Call> queue;
    std::map<std::uint64_t, Call> in_flight;
    std::bitset<helper::kSlots> slots_taken;
    std::uint64_t next_id = 1;
    std::uint64_t probe_id = 0;  // in flight, or 0
    std::uint64_t queued_bytes = 0;

    StoreHealth health;
    Readable readable = Readable::No;
    PathCounters counters;
    unsigned failed_probes = 0;
    base::Instant started{};
    base::Instant last_sync{};
    base::Timer ticks;
    base::Timer next_probe;
    bool closing = false;

    State(base::Loop& on_loop,
          StoragePathConfig path,
          const StorageServerId& server,
          const PathOptions& path_options)
        : loop(on_loop), config(std::move(path)), identity(server.text()), options(path_options) {
        health.path = config.name;
    }

    // A callback of ours that does nothing once the client is gone.
    template <typename F>
    [[nodiscard]] auto guarded(F body) {
        return [weak = weak_from_this(), body = std::move(body)]() mutable {
            if (const std::shared_ptr<State> self = weak.lock(); self && !self->closing) {
                body(*self);
            }
        };
    }

    void post_error(PathAnswered on_answer, base::Error error) {
        loop.post(guarded([on_answer = std::move(on_answer), error = std::move(error)](State&) {
            on_answer(error);
        }));
    }

    void set_state(StoreState state, Readable read, std::string reason);
    void start_helper();
    void retry_later(milliseconds pause);
    void lose_helper(StoreState state, const std::string& reason);
    void reap();
    void probe();
    void on_probe_answer(const Reply& reply);
    void pump();
    bool send(Call call);
    void on_readable();
    void on_reply(const Reply& reply);
    void on_tick();
    void expire(base::Instant now);
    void start_ticks();
    [[nodiscard]] milliseconds failed_pause() const;
};

void PathClient::State::set_state(StoreState state, Readable read, std::string reason) {
    readable = read;
    const bool changed = health.state != state;
    health.state = state;
    health.reason = std::move(reason);
    if (changed && state == StoreState::Healthy) {
        base::log::info("storage", "path-healthy", {{"path", config.name}});
    } else if (changed) {
        base::log::warning("storage",
                           state == StoreState::Suspect ? "path-suspect" : "path-out",
                           {{"path", config.name}, {"reason", health.reason}});
    }
    if (changed && on_change) {
        loop.post(guarded([](State& self) { self.on_change(); }));
    }
}

// ---- The helper's life.

void PathClient::State::start_helper() {
    reap();
    if (active || closing) {
        return;
    }
    if (abandoned.size() >= kHelpersMax) {
        retry_later(kReapInterval);
        return;
    }
    auto helper = HelperProcess::start(options.helper_program, config.root, identity);
    if (!helper) {
        set_state(StoreState::Out, Readable::No, "helper: " + helper.error().detail);
        ++failed_probes;
        retry_later(failed_pause());
        return;
    }
    active.emplace(std::move(helper).take_value());
    ++epoch;
    ++counters.helpers_started;
    started = base::monotonic_now();
    watch = base::FdWatch::create(loop,
                                  active->socket(),
                                  base::Interest::Read,
                                  guarded([](State& self) { self.on_readable(); }));
    probe();
}

void PathClient::State::retry_later(milliseconds pause) {
    next_probe = base::Timer::after(loop, pause, guarded([](State& self) {
                                        if (self.active) {
                                            self.probe();
                                        } else {
                                            self.start_helper();
                                        }
                                    }));
}

milliseconds PathClient::State::failed_pause() const {
    const unsigned doublings = std::min(failed_probes, 16U);
    return std::min<milliseconds>(options.probe_interval * (1U << doublings) / 2,
                                  options.retry_max);
}

void PathClient::State::lose_helper(StoreState state, const std::string& reason) {
    watch = base::FdWatch();
    active->give_up();
    abandoned.push_back(std::move(*active));
    active.reset();
    probe_id = 0;
    slots_taken.reset();
    queued_bytes = 0;
    set_state(state, Readable::No, reason);
    const base::Error error{base::Errc::Unavailable, "path " + config.name + ": " + reason};
    for (auto& [id, call] : std::exchange(in_flight, {})) {
        if (call.on_answer) {
            post_error(std::move(call.on_answer), error);
        }
    }
    for (Call& call : std::exchange(queue, {})) {
        post_error(std::move(call.on_answer), error);
    }
}

void PathClient::State::reap() {
    std::erase_if(abandoned, [](HelperProcess& helper) { return helper.has_ended(); });
}

// ---- Probes.

void PathClient::State::probe() {
    if (probe_id != 0 || !active) {
        return;
    }
    const base::Instant now = base::monotonic_now();
    Call call;
    call.request.type = RequestType::Probe;
    if (options.probe == ProbeKind::Write &&
        (health.state != StoreState::Healthy || now - last_sync > kWriteProbeAfter)) {
        call.request.flag = Flag::Sync;
        call.request.path = probe_file;
    }
    call.request.id = next_id++;
    call.deadline = base::Deadline(now + options.probe_deadline);
    const std::uint64_t id = call.request.id;
    if (send(std::move(call))) {
        probe_id = id;
    } else if (active) {
        retry_later(options.probe_interval);
    }
}

void PathClient::State::on_probe_answer(const Reply& reply) {
    reap();  // an abandoned helper whose kill took its time
    const bool is_ours = reply.ok || reply.second > 0;
    health.free_bytes = reply.value;
    health.total_bytes = reply.second;
    // An unanswered request means that the path still is what made it late.
    const bool late =
        std::ranges::any_of(in_flight, [](const auto& entry) { return entry.second.timed_out; });
    if (!reply.ok) {
        set_state(StoreState::Out, is_ours ? Readable::Yes : Readable::No, reply.detail);
    } else if (late) {
        set_state(StoreState::Suspect, Readable::Maybe, "a request is late");
    } else if (options.probe == ProbeKind::Write && reply.value < options.free_bytes_min) {
        set_state(StoreState::Out,
                  Readable::Yes,
                  "full: " + std::to_string(reply.value >> 20U) + " MiB free");
    } else {
        set_state(StoreState::Healthy, Readable::Yes, "");
    }
    if (health.is_healthy()) {
        failed_probes = 0;
        retry_later(options.probe_interval);
    } else {
        ++failed_probes;
        retry_later(failed_pause());
    }
}

// ---- Requests.

void PathClient::State::pump() {
    while (active && !queue.empty() && in_flight.size() < kInFlightMax) {
        if (needs_slot(queue.front().request) && slots_taken.all()) {
            return;
        }
        Call call = std::move(queue.front());
        queue.pop_front();
        queued_bytes -= call.payload.size;
        if (!send(std::move(call))) {
            return;
        }
    }
}

// Sends it, or puts it back, or loses the helper; true if it is on its way.
bool PathClient::State::send(Call call) {
    if (needs_slot(call.request)) {
        std::size_t slot = 0;
        while (slots_taken.test(slot)) {
            ++slot;
        }
        slots_taken.set(slot);
        call.request.slot = static_cast<std::uint8_t>(slot);
        if (call.payload.size > 0) {
            std::memcpy(active->slot(slot).data(),
                        call.payload.bytes->data() + call.payload.from,
                        call.payload.size);
        }
    }
    const base::Status sent = active->send(call.request);
    if (sent) {
        call.sent = base::monotonic_now();
        const std::uint64_t id = call.request.id;
        in_flight.emplace(id, std::move(call));
        start_ticks();
        return true;
    }
    if (call.request.slot != helper::kNoSlot) {
        slots_taken.reset(call.request.slot);
        call.request.slot = helper::kNoSlot;
    }
    if (call.on_answer) {  // not a probe
        queued_bytes += call.payload.size;
        queue.push_front(std::move(call));
    }
    if (sent.error().code == base::Errc::Closed) {
        ++counters.helpers_lost;
        lose_helper(StoreState::Suspect, "helper ended");
        retry_later(kRestartPause);
    }
    return false;
}

void PathClient::State::on_readable() {
    while (active) {
        const std::uint64_t serving = epoch;
        const auto reply = active->receive();
        if (!reply) {
            const bool young = base::monotonic_now() - started < kRestartPause;
            ++counters.helpers_lost;
            lose_helper(StoreState::Suspect, "helper ended");
            failed_probes += young ? 1 : 0;
            retry_later(young ? failed_pause() : milliseconds(0));
            return;
        }
        if (!reply.value()) {
            break;
        }
        on_reply(*reply.value());
        if (closing || epoch != serving) {
            return;
        }
    }
    pump();
}

void PathClient::State::on_reply(const Reply& reply) {
    const auto found = in_flight.find(reply.id);
    if (found == in_flight.end()) {
        return;  // no request of ours: a helper with a bug; its probe will tell
    }
    Call call = std::move(found->second);
    in_flight.erase(found);
    const RequestType type = call.request.type;
    const std::uint8_t slot = call.request.slot;
    if (reply.id == probe_id) {
        probe_id = 0;
        on_probe_answer(reply);
        return;
    }
    counters.errors += reply.ok ? 0 : 1;
    const bool synced = type == RequestType::Create || type == RequestType::Sync ||
                        (type == RequestType::Write && call.request.flag == Flag::Sync);
    if (reply.ok && synced) {
        ++counters.syncs;
        last_sync = base::monotonic_now();
    }
    if (!reply.ok && is_write(type) && blames_path(reply)) {
        counters.sync_failures += synced ? 1 : 0;
        set_state(StoreState::Suspect, Readable::Maybe, reply.detail);
        probe();
    }
    counters.bytes_written += reply.ok ? call.payload.size : 0;
    if (call.timed_out && reply.ok && type == RequestType::Create && active) {
        // Nobody will ever write to or close a file whose creation came too late.
        Call close;
        close.request.type = RequestType::Close;
        close.request.handle = call.request.handle;
        close.request.id = next_id++;
        close.deadline = base::Deadline::after(options.probe_deadline);
        (void)send(std::move(close));  // if the helper is gone, so is the file
    }
    std::span<const std::byte> data;
    if (reply.ok && (type == RequestType::Read || type == RequestType::List)) {
        const std::size_t most =
            type == RequestType::Read ? call.request.length : helper::kSlotSize;
        data = active->slot(slot).first(std::min<std::size_t>(reply.length, most));
    }
    counters.bytes_read += type == RequestType::Read ? data.size() : 0;
    const std::uint64_t serving = epoch;
    if (call.on_answer) {
        if (reply.ok) {
            call.on_answer(PathAnswer{reply, data});
        } else {
            call.on_answer(base::Error{reply.code, "path " + config.name + ": " + reply.detail});
        }
    }
    if (slot != helper::kNoSlot && epoch == serving && active) {
        slots_taken.reset(slot);
    }
}

// ---- Time.

void PathClient::State::start_ticks() {
    if (!ticks) {
        ticks = base::Timer::every(loop, kTick, guarded([](State& self) { self.on_tick(); }));
    }
}

void PathClient::State::on_tick() {
    if (in_flight.empty() && queue.empty()) {
        ticks.cancel();
        ticks = base::Timer();
        return;
    }
    const base::Instant now = base::monotonic_now();
    expire(now);
    const auto hung = std::ranges::find_if(
        in_flight, [&](const auto& entry) { return now - entry.second.sent > options.hang_after; });
    if (active && hung != in_flight.end()) {
        ++counters.helpers_abandoned;
        ++failed_probes;
        lose_helper(StoreState::Out, "hung");
        // The first successor starts at once. Where a kill works on a hung helper, the next ones
        // must not follow in a tight circle; where it does not, wait for the stuck ones to end.
        if (abandoned.size() >= kHelpersMax) {
            retry_later(kReapInterval);
        } else {
            retry_later(failed_probes > 1 ? failed_pause() : milliseconds(0));
        }
    }
}

void PathClient::State::expire(base::Instant now) {
    std::vector<PathAnswered> late;
    bool path_is_late = false;
    for (auto& [id, call] : in_flight) {
        const bool is_probe = id == probe_id;
        if (call.deadline.at() > now || (!call.on_answer && !is_probe)) {
            continue;
        }
        path_is_late = true;
        call.timed_out = !is_probe;
        if (call.on_answer) {
            late.push_back(std::exchange(call.on_answer, nullptr));
        }
    }
    for (auto call = queue.begin(); call != queue.end();) {
        if (call->deadline.at() > now) {
            ++call;
            continue;
        }
        queued_bytes -= call->payload.size;
        late.push_back(std::move(call->on_answer));
        call = queue.erase(call);
    }
    if (path_is_late && health.state != StoreState::Suspect) {
        set_state(StoreState::Suspect, Readable::Maybe, "late");
        probe();
    }
    counters.timeouts += late.size();
    for (PathAnswered& on_answer : late) {
        post_error(std::move(on_answer),
                   base::Error{base::Errc::Timeout, "path " + config.name + ": late"});
    }
}

// ---- The outside.

PathClient::PathClient(base::Loop& loop,
                       StoragePathConfig config,
                       const StorageServerId& identity,
                       const PathOptions& options)
    : state_(std::make_shared<State>(loop, std::move(config), identity, options)) {
}

PathClient::~PathClient() {
    state_->closing = true;
    state_->ticks = base::Timer();
    state_->next_probe = base::Timer();
    state_->watch = base::FdWatch();
}

void PathClient::set_on_change(std::function<void()> on_change) {
    state_->on_change = std::move(on_change);
}

void PathClient::start() {
    state_->start_helper();
}

void PathClient::call(Request request,
                      Payload payload,
                      base::Deadline deadline,
                      PathAnswered on_answer) {
    CHECK(payload.size <= helper::kSlotSize && on_answer);
    State& state = *state_;
    ++state.counters.requests;
    const std::string prefix = "path " + state.config.name + ": ";
    if (!state.active) {
        state.post_error(std::move(on_answer),
                         base::Error{base::Errc::Unavailable, prefix + state.health.reason});
        return;
    }
    if (state.queue.size() + state.in_flight.size() >= state.options.requests_max ||
        state.queued_bytes + payload.size > state.options.queued_bytes_max) {
        state.post_error(std::move(on_answer),
                         base::Error{base::Errc::Busy, prefix + "queue full"});
        return;
    }
    State::Call call;
    call.request = std::move(request);
    call.request.id = state.next_id++;
    if (payload.size > 0) {
        call.request.length = static_cast<std::uint32_t>(payload.size);
    }
    call.payload = std::move(payload);
    call.deadline = deadline;
    call.on_answer = std::move(on_answer);
    state.queued_bytes += call.payload.size;
    state.queue.push_back(std::move(call));
    state.start_ticks();
    state.pump();
}

std::uint64_t PathClient::helper_epoch() const noexcept {
    return state_->active ? state_->epoch : 0;
}

Readable PathClient::readable() const noexcept {
    return state_->readable;
}

StoreHealth PathClient::health() const {
    return state_->health;
}

PathCounters PathClient::counters() const {
    return state_->counters;
}

void PathClient::probe_soon() {
    if (state_->active) {
        state_->probe();
    }
}

pid_t PathClient::helper_pid() const noexcept {
    return state_->active ? state_->active->pid() : 0;
}

std::size_t PathClient::helpers_alive() const noexcept {
    state_->reap();
    return state_->abandoned.size() + (state_->active ? 1 : 0);
}

}  // namespace storage
