#include "base/fiber.h"

#include <cstring>
#include <utility>

#include <boost/context/detail/fcontext.hpp>
#include <cxxabi.h>
#include <event2/event.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fiber_core.h"
#include "base/loop_state.h"
#include "base/sanitizer.h"

namespace base {

namespace detail {

namespace {

namespace context = boost::context::detail;

thread_local Fiber* running_fiber = nullptr;

// Redzones and shadow calls make frames several times larger.
constexpr std::size_t kStackBytes = kSanitized ? kFiberStackBytes * 4 : kFiberStackBytes;

// A fiber that ignores Cancelled this often will never end.
constexpr unsigned kRefusedWaitsMax = 10'000;

void swap_exception_state(ExceptionState& other) noexcept {
    auto* globals = reinterpret_cast<std::byte*>(abi::__cxa_get_globals());
    ExceptionState mine;
    std::memcpy(&mine, globals, sizeof mine);
    std::memcpy(globals, &other, sizeof other);
    other = mine;
}

void switch_to_loop(Fiber& fiber) noexcept {
    switch_stack_begin(fiber.ended ? nullptr : &fiber.fake_stack, nullptr, 0);
    switch_to_main_fiber_tsan();
    const context::transfer_t back = context::jump_fcontext(fiber.main_context, nullptr);
    switch_stack_end(fiber.fake_stack);
    fiber.main_context = back.fctx;
}

// The first frame of each fiber. noexcept: an exception that leaves the body is a crash.
void fiber_main(context::transfer_t from) noexcept {
    switch_stack_end(nullptr);
    auto& fiber = *static_cast<Fiber*>(from.data);
    fiber.main_context = from.fctx;
    fiber.body();
    fiber.body = nullptr;
    fiber.ended = true;
    switch_to_loop(fiber);
    check_failed(__FILE__, __LINE__, "an ended fiber was resumed");
}

void on_fiber_timer(evutil_socket_t, short, void* arg) noexcept {
    auto& fiber = *static_cast<Fiber*>(arg);
    const LoopState::Turn turn(fiber.loop);
    fiber.timer_armed = false;
    if (fiber.state != Fiber::State::Waiting) {
        return;
    }
    const Duration left = fiber.wait_until - monotonic_now();
    if (left <= Duration::zero()) {
        unpark(fiber, Wake::Timeout);
        return;
    }
    const timeval span = to_timeval(left);
    fiber.timer_at = fiber.wait_until;
    fiber.timer_armed = event_add(&fiber.timer, &span) == 0;
    CHECK(fiber.timer_armed);
}

void arm_timer(Fiber& fiber, Deadline deadline) noexcept {
    fiber.wait_until = deadline.at();
    if (fiber.timer_armed && fiber.timer_at <= deadline.at()) {
        return;  // it fires early enough, and is set again then
    }
    const timeval span = to_timeval(deadline.remaining());
    CHECK(event_add(&fiber.timer, &span) == 0);
    fiber.timer_armed = true;
    fiber.timer_at = deadline.at();
}

}  // namespace

StackPool::~StackPool() {
    for (const FiberStack& stack : kept_) {
        (void)::munmap(stack.mapping, stack.mapping_bytes);
    }
}

FiberStack StackPool::take() noexcept {
    if (!kept_.empty()) {
        const FiberStack stack = kept_.back();
        kept_.pop_back();
        return stack;
    }
    static const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    FiberStack stack;
    stack.guard_bytes = page;
    stack.mapping_bytes = kStackBytes + page;
    void* mapping = ::mmap(nullptr,
                           stack.mapping_bytes,
                           PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK,
                           -1,
                           0);
    if (mapping == MAP_FAILED) {
        return {};
    }
    if (::mprotect(mapping, page, PROT_NONE) != 0) {
        (void)::munmap(mapping, stack.mapping_bytes);
        return {};
    }
    stack.mapping = static_cast<std::byte*>(mapping);
    return stack;
}

void StackPool::give_back(FiberStack stack) noexcept {
    unpoison(stack.bottom(), stack.bytes());
    if (kept_.size() >= kKeptMax) {
        (void)::munmap(stack.mapping, stack.mapping_bytes);
        return;
    }
    kept_.push_back(stack);
}

Fiber::Fiber(LoopState& owner, FiberStack memory, std::string label, std::function<void()> run)
    : loop(owner),
      stack(memory),
      name(std::move(label)),
      body(std::move(run)),
      since(monotonic_now()),
      tsan_fiber(create_tsan_fiber()) {
    CHECK(evtimer_assign(&timer, loop.events.get(), &on_fiber_timer, this) == 0);
}

Fiber::~Fiber() {
    CHECK(ended || !started);
    (void)event_del(&timer);
    destroy_tsan_fiber(tsan_fiber);
    loop.stacks->give_back(stack);
}

Fiber* current_fiber() noexcept {
    return running_fiber;
}

void append(ReadyList& list, Fiber& fiber) noexcept {
    fiber.next_ready = nullptr;
    if (list.last == nullptr) {
        list.first = &fiber;
    } else {
        list.last->next_ready = &fiber;
    }
    list.last = &fiber;
    ++list.count;
}

Fiber* take_first(ReadyList& list) noexcept {
    Fiber* fiber = list.first;
    list.first = fiber->next_ready;
    if (list.first == nullptr) {
        list.last = nullptr;
    }
    --list.count;
    return fiber;
}

void resume_fiber(LoopState& loop, Fiber& fiber) noexcept {
    if (!fiber.started) {
        fiber.started = true;
        fiber.context = context::make_fcontext(fiber.stack.top(), fiber.stack.bytes(), &fiber_main);
    }
    fiber.state = Fiber::State::Running;
    running_fiber = &fiber;
    swap_exception_state(fiber.exceptions);
    void* fake_stack = nullptr;
    switch_stack_begin(&fake_stack, fiber.stack.bottom(), fiber.stack.bytes());
    switch_to_tsan_fiber(fiber.tsan_fiber);
    const context::transfer_t back = context::jump_fcontext(fiber.context, &fiber);
    switch_stack_end(fake_stack);
    swap_exception_state(fiber.exceptions);
    running_fiber = nullptr;
    fiber.context = back.fctx;
    if (fiber.ended) {
        loop.fibers.erase(fiber.id);
    }
}

void cancel_all_fibers(LoopState& loop) noexcept {
    for (const auto& [id, fiber] : loop.fibers) {
        fiber->cancelled = true;
        unpark(*fiber, Wake::Cancelled);
    }
}

void LoopState::drop_unstarted() noexcept {
    ready = {};
    fibers.clear();
}

FiberInfo describe(const Fiber& fiber) {
    const bool running = fiber.state == Fiber::State::Running;
    return FiberInfo{fiber.id,
                     fiber.name,
                     fiber.note,
                     running ? "running" : fiber.waiting,
                     monotonic_now() - fiber.since};
}

Wake park(Deadline deadline, const char* what) noexcept {
    Fiber* fiber = running_fiber;
    CHECK(fiber != nullptr);
    if (fiber->cancelled) {
        if (++fiber->refused_waits > kRefusedWaitsMax) {
            check_failed(fiber->name.c_str(), 0, "a cancelled fiber goes on waiting");
        }
        return Wake::Cancelled;
    }
    if (deadline.passed()) {
        return Wake::Timeout;
    }
    arm_timer(*fiber, deadline);
    fiber->state = Fiber::State::Waiting;
    fiber->waiting = what;
    fiber->since = monotonic_now();
    switch_to_loop(*fiber);
    return fiber->wake;
}

void unpark(Fiber& fiber, Wake wake) noexcept {
    if (fiber.state != Fiber::State::Waiting) {
        return;
    }
    fiber.state = Fiber::State::Ready;
    fiber.wake = wake;
    fiber.loop.make_ready(fiber);
}

Status to_status(Wake wake) {
    switch (wake) {
        case Wake::Woken:
            break;
        case Wake::Timeout:
            return Error{Errc::Timeout, "deadline passed"};
        case Wake::Cancelled:
            return Error{Errc::Cancelled, "shutting down"};
    }
    return Done{};
}

}  // namespace detail

using detail::Fiber;
using detail::park;
using detail::running_fiber;
using detail::unpark;
using detail::Wake;

Result<FiberId> spawn(Loop& loop, std::string name, std::function<void()> body) {
    detail::LoopState& state = loop.state();
    if (state.stopping) {
        return Error{Errc::Cancelled, "shutting down"};
    }
    const detail::FiberStack stack = state.stacks->take();
    if (stack.mapping == nullptr) {
        return Error{Errc::Busy, "no memory for another fiber's stack"};
    }
    auto fiber = std::make_unique<Fiber>(state, stack, std::move(name), std::move(body));
    fiber->id = state.next_fiber_id++;
    Fiber& borrowed = *fiber;
    state.fibers.emplace(borrowed.id, std::move(fiber));
    state.make_ready(borrowed);
    return FiberId{borrowed.id};
}

void cancel_fiber(Loop& loop, FiberId id) {
    const auto found = loop.state().fibers.find(static_cast<std::uint64_t>(id));
    if (found != loop.state().fibers.end()) {
        found->second->cancelled = true;
        unpark(*found->second, Wake::Cancelled);
    }
}

bool in_fiber() noexcept {
    return running_fiber != nullptr;
}

bool fiber_cancelled() noexcept {
    return running_fiber != nullptr && running_fiber->cancelled;
}

void set_fiber_note(std::string_view note) {
    if (running_fiber != nullptr) {
        running_fiber->note = note;
    }
}

Status fiber_yield() {
    Fiber* fiber = running_fiber;
    CHECK(fiber != nullptr);
    if (fiber->cancelled) {
        return detail::to_status(Wake::Cancelled);
    }
    fiber->state = Fiber::State::Ready;
    fiber->waiting = "yield";
    fiber->loop.make_ready(*fiber);
    detail::switch_to_loop(*fiber);
    return Done{};
}

Status sleep_until(Deadline deadline) {
    while (true) {
        switch (park(deadline, "sleep")) {
            case Wake::Woken:
                break;
            case Wake::Timeout:
                return Done{};
            case Wake::Cancelled:
                return detail::to_status(Wake::Cancelled);
        }
    }
}

WaitQueue::~WaitQueue() {
    CHECK(first_ == nullptr);
}

void WaitQueue::add(Waiter& waiter) noexcept {
    waiter.queue = this;
    waiter.previous = last_;
    waiter.next = nullptr;
    (last_ == nullptr ? first_ : last_->next) = &waiter;
    last_ = &waiter;
}

void WaitQueue::remove(Waiter& waiter) noexcept {
    if (waiter.queue == nullptr) {
        return;
    }
    WaitQueue& queue = *std::exchange(waiter.queue, nullptr);
    (waiter.previous == nullptr ? queue.first_ : waiter.previous->next) = waiter.next;
    (waiter.next == nullptr ? queue.last_ : waiter.next->previous) = waiter.previous;
}

Status WaitQueue::wait(Deadline deadline) {
    Waiter waiter;
    waiter.fiber = detail::current_fiber();
    add(waiter);
    const Wake wake = park(deadline, "event");
    remove(waiter);
    return detail::to_status(wake);
}

void WaitQueue::notify_one() {
    if (first_ != nullptr) {
        Waiter& waiter = *first_;
        remove(waiter);
        unpark(*waiter.fiber);
    }
}

void WaitQueue::notify_all() {
    while (first_ != nullptr) {
        notify_one();
    }
}

void FiberEvent::notify() {
    set_ = true;
    waiters_.notify_all();
}

Status FiberEvent::wait(Deadline deadline) {
    while (!take()) {
        TRY(waiters_.wait(deadline));
    }
    return Done{};
}

}  // namespace base
