#include "base/loop.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <event2/thread.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fiber.h"
#include "base/fiber_core.h"
#include "base/loop_state.h"

namespace base {

namespace {

thread_local Loop* current_loop = nullptr;

std::uint64_t now_ns() noexcept {
    return static_cast<std::uint64_t>(monotonic_now().time_since_epoch().count());
}

}  // namespace

namespace detail {

namespace {

// A callback of libevent that throws would leave the base marked as running, and the next dispatch
// would return at once for ever. noexcept makes it std::terminate with the faulty stack.
void on_wake(evutil_socket_t, short, void* arg) noexcept {
    auto& loop = *static_cast<LoopState*>(arg);
    const LoopState::Turn turn(loop);
    loop.run_posted();
}

void on_ready_timer(evutil_socket_t, short, void* arg) noexcept {
    auto& loop = *static_cast<LoopState*>(arg);
    const LoopState::Turn turn(loop);
    loop.ready_armed = false;
}

}  // namespace

timeval to_timeval(Duration span) noexcept {
    const auto us = std::chrono::ceil<std::chrono::microseconds>(std::max(span, Duration::zero()));
    timeval value{};
    value.tv_sec = static_cast<time_t>(us.count() / 1'000'000);
    value.tv_usec = static_cast<suseconds_t>(us.count() % 1'000'000);
    return value;
}

void PostQueue::ring() const noexcept {
    const std::uint64_t one = 1;
    // EAGAIN means the counter is full, so the loop wakes anyway.
    (void)!::write(wake.get(), &one, sizeof one);
}

LoopState::LoopState(std::string loop_name)
    : name(std::move(loop_name)),
      queue(std::make_shared<PostQueue>()),
      stacks(std::make_unique<StackPool>()) {
}

LoopState::~LoopState() {
    for (event* each : {&wake_event, &ready_event}) {
        if (event_initialized(each) != 0) {
            (void)event_del(each);
        }
    }
}

LoopState::Turn::Turn(LoopState& loop) noexcept : loop_(loop) {
    loop_.in_turn = true;
    if (!loop_.busy.is_busy()) {
        loop_.busy.begin(now_ns());
    }
}

LoopState::Turn::~Turn() {
    loop_.run_ready();
    loop_.in_turn = false;
}

void LoopState::make_ready(Fiber& fiber) noexcept {
    append(ready, fiber);
    if (!in_turn) {
        arm_ready_timer();
    }
}

void LoopState::arm_ready_timer() noexcept {
    if (!ready_armed) {
        ready_armed = true;
        const timeval zero{};
        CHECK(event_add(&ready_event, &zero) == 0);
    }
}

void LoopState::run_ready() noexcept {
    // Only those that are ready now: fibers that wake each other must not starve the sockets.
    for (std::size_t left = ready.count; left > 0; --left) {
        resume_fiber(*this, *take_first(ready));
    }
    if (ready.count > 0) {
        arm_ready_timer();
    }
}

void LoopState::run_posted() noexcept {
    std::uint64_t rings = 0;
    (void)!::read(queue->wake.get(), &rings, sizeof rings);
    std::vector<std::function<void()>> tasks;
    {
        const std::lock_guard lock(queue->mutex);
        tasks.swap(queue->tasks);
        queue->signalled = false;
    }
    for (std::function<void()>& task : tasks) {
        task();
        task = nullptr;  // what it captured goes now, not after the whole batch
    }
}

void LoopState::run_once() noexcept {
    CHECK(event_base_loop(events.get(), EVLOOP_ONCE) == 0);
    if (busy.is_busy()) {
        busy.end(now_ns());
    }
}

void LoopState::end_fibers() noexcept {
    stopping = true;
    cancel_all_fibers(*this);
    in_turn = true;
    while (!fibers.empty()) {
        // Each wait answers Cancelled at once, so whatever is alive is in the ready list.
        CHECK(ready.count > 0);
        run_ready();
    }
    in_turn = false;
}

void LoopState::close_queue() noexcept {
    std::vector<std::function<void()>> dropped;
    {
        const std::lock_guard lock(queue->mutex);
        queue->closed = true;
        dropped.swap(queue->tasks);
    }
}

struct TimerState : std::enable_shared_from_this<TimerState> {
    LoopState* loop = nullptr;
    event timer{};
    std::function<void()> on_time;
    Instant due;
    Duration period{};  // zero: once

    void arm() noexcept {
        const timeval span = to_timeval(due - monotonic_now());
        CHECK(event_add(&timer, &span) == 0);
    }

    static void on_fired(evutil_socket_t, short, void* arg) noexcept {
        // The callback may destroy the Timer, and with it the last other reference.
        const std::shared_ptr<TimerState> self = static_cast<TimerState*>(arg)->shared_from_this();
        const LoopState::Turn turn(*self->loop);
        const Instant now = monotonic_now();
        if (now < self->due) {
            self->arm();  // libevent's clock is coarse and may be early
            return;
        }
        if (self->period == Duration::zero()) {
            const std::function<void()> once = std::move(self->on_time);
            once();
            return;
        }
        const auto missed = (now - self->due) / self->period;
        self->due += self->period * (missed + 1);
        self->arm();
        self->on_time();
    }

    static std::shared_ptr<TimerState> start(Loop& loop,
                                             Duration first,
                                             Duration period,
                                             std::function<void()> on_time) {
        auto state = std::make_shared<TimerState>();
        state->loop = &loop.state();
        state->on_time = std::move(on_time);
        state->due = monotonic_now() + first;
        state->period = period;
        CHECK(evtimer_assign(
                  &state->timer, state->loop->events.get(), &TimerState::on_fired, state.get()) ==
              0);
        state->arm();
        return state;
    }
};

struct FdWatchState : std::enable_shared_from_this<FdWatchState> {
    LoopState* loop = nullptr;
    event ready{};
    std::function<void()> on_ready;
    bool enabled = false;

    static void on_fired(evutil_socket_t, short, void* arg) noexcept {
        const std::shared_ptr<FdWatchState> self =
            static_cast<FdWatchState*>(arg)->shared_from_this();
        const LoopState::Turn turn(*self->loop);
        self->on_ready();
    }
};

}  // namespace detail

bool Poster::post(std::function<void()> task) const {
    bool must_ring = false;
    {
        const std::lock_guard lock(queue_->mutex);
        if (queue_->closed) {
            return false;
        }
        queue_->tasks.push_back(std::move(task));
        must_ring = !std::exchange(queue_->signalled, true);
    }
    if (must_ring) {
        queue_->ring();
    }
    return true;
}

bool Poster::leads_to(const Loop& loop) const noexcept {
    return queue_ == loop.state_->queue;
}

Loop::Loop(std::unique_ptr<detail::LoopState> state) noexcept : state_(std::move(state)) {
    state_->owner = this;
}

Result<std::unique_ptr<Loop>> Loop::create(std::string name) {
    static const bool has_threads = evthread_use_pthreads() == 0;
    CHECK(has_threads);
    auto state = std::make_unique<detail::LoopState>(std::move(name));
    // Only the loop thread touches its base (others go through the post queue): no locks needed.
    const Handle<event_config, event_config_free> config(event_config_new());
    CHECK(config != nullptr);
    (void)event_config_set_flag(config.get(), EVENT_BASE_FLAG_NOLOCK);
    state->events.reset(event_base_new_with_config(config.get()));
    state->queue->wake = Fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!state->events || !state->queue->wake) {
        return errno_error("create event loop", errno);
    }
    event_base* events = state->events.get();
    CHECK(event_assign(&state->wake_event,
                       events,
                       state->queue->wake.get(),
                       EV_READ | EV_PERSIST,
                       &detail::on_wake,
                       state.get()) == 0);
    CHECK(evtimer_assign(&state->ready_event, events, &detail::on_ready_timer, state.get()) == 0);
    CHECK(event_add(&state->wake_event, nullptr) == 0);
    return std::unique_ptr<Loop>(new Loop(std::move(state)));
}

Loop::~Loop() {
    CHECK(current_loop != this);
    state_->drop_unstarted();  // spawned, but run() never came
    state_->close_queue();
}

void Loop::run() {
    CHECK(current_loop == nullptr && !std::exchange(state_->has_run, true));
    current_loop = this;
    (void)pthread_setname_np(pthread_self(), state_->name.substr(0, 15).c_str());
    while (!state_->stop_requested.load(std::memory_order_acquire)) {
        state_->run_once();
    }
    state_->end_fibers();
    state_->close_queue();
    current_loop = nullptr;
}

void Loop::stop() noexcept {
    state_->stop_requested.store(true, std::memory_order_release);
    state_->queue->ring();
}

bool Loop::post(std::function<void()> task) {
    return poster().post(std::move(task));
}

Poster Loop::poster() const {
    return Poster(state_->queue);
}

Loop* Loop::current() noexcept {
    return current_loop;
}

const std::string& Loop::name() const noexcept {
    return state_->name;
}

bool Loop::is_stopping() const noexcept {
    return state_->stopping || state_->stop_requested.load(std::memory_order_acquire);
}

double Loop::utilisation() const noexcept {
    return state_->busy.share(now_ns());
}

std::vector<FiberInfo> Loop::fibers() const {
    std::vector<FiberInfo> infos;
    infos.reserve(state_->fibers.size());
    for (const auto& [id, fiber] : state_->fibers) {
        infos.push_back(detail::describe(*fiber));
    }
    std::sort(infos.begin(), infos.end(), [](const FiberInfo& left, const FiberInfo& right) {
        return left.id < right.id;
    });
    return infos;
}

std::size_t Loop::fiber_count() const noexcept {
    return state_->fibers.size();
}

Timer::Timer() noexcept = default;

Timer::Timer(std::shared_ptr<detail::TimerState> state) noexcept : state_(std::move(state)) {
}

Timer::~Timer() {
    cancel();
}

Timer::Timer(Timer&& other) noexcept = default;

Timer& Timer::operator=(Timer&& other) noexcept {
    if (this != &other) {
        cancel();
        state_ = std::move(other.state_);
    }
    return *this;
}

Timer Timer::after(Loop& loop, Duration span, std::function<void()> on_time) {
    return Timer(detail::TimerState::start(loop, span, Duration::zero(), std::move(on_time)));
}

Timer Timer::every(Loop& loop, Duration period, std::function<void()> on_time) {
    CHECK(period > Duration::zero());
    return Timer(detail::TimerState::start(loop, period, period, std::move(on_time)));
}

void Timer::cancel() noexcept {
    if (state_) {
        (void)event_del(&state_->timer);
        state_.reset();
    }
}

FdWatch::FdWatch() noexcept = default;

FdWatch::FdWatch(std::shared_ptr<detail::FdWatchState> state) noexcept : state_(std::move(state)) {
}

FdWatch::FdWatch(FdWatch&& other) noexcept = default;

FdWatch::~FdWatch() {
    disable();
}

FdWatch& FdWatch::operator=(FdWatch&& other) noexcept {
    if (this != &other) {
        disable();
        state_ = std::move(other.state_);
    }
    return *this;
}

FdWatch FdWatch::create(Loop& loop, int fd, Interest interest, std::function<void()> on_ready) {
    auto state = std::make_shared<detail::FdWatchState>();
    state->loop = &loop.state();
    state->on_ready = std::move(on_ready);
    const auto what =
        static_cast<short>((interest == Interest::Read ? EV_READ : EV_WRITE) | EV_PERSIST);
    CHECK(event_assign(&state->ready,
                       state->loop->events.get(),
                       fd,
                       what,
                       &detail::FdWatchState::on_fired,
                       state.get()) == 0);
    FdWatch watch(std::move(state));
    watch.enable();
    return watch;
}

void FdWatch::enable() noexcept {
    if (state_ && !std::exchange(state_->enabled, true)) {
        CHECK(event_add(&state_->ready, nullptr) == 0);
    }
}

void FdWatch::disable() noexcept {
    if (state_ && std::exchange(state_->enabled, false)) {
        (void)event_del(&state_->ready);
    }
}

}  // namespace base
