#include <utility>

#include "base/check.h"
#include "base/fiber.h"
#include "base/fiber_core.h"

namespace base::detail {

CompletionCore::CompletionCore() {
    if (Loop* loop = Loop::current(); loop != nullptr) {
        poster_.emplace(loop->poster());
    }
}

void CompletionCore::publish() {
    if (!poster_) {
        const std::lock_guard lock(mutex_);
        ready_ = true;
        condition_.notify_all();
        return;
    }
    if (Loop* loop = Loop::current(); loop != nullptr && poster_->leads_to(*loop)) {
        on_loop_published();
        return;
    }
    // The state lives on in the task. A loop that has ended drops it: nobody waits there any more.
    (void)poster_->post([self = shared_from_this()] { self->on_loop_published(); });
}

void CompletionCore::on_loop_published() {
    ready_ = true;
    waiters_.notify_all();
}

Status CompletionCore::wait(Deadline deadline) {
    if (!poster_) {
        return wait_on_thread(deadline);
    }
    CHECK(in_fiber());
    while (!ready_) {
        WaitQueue::Waiter waiter;
        waiter.fiber = current_fiber();
        waiters_.add(waiter);
        const Wake wake = park(deadline, "completion");
        WaitQueue::remove(waiter);
        // Both may have happened in one turn of the loop: a result that is here is not thrown away.
        if (!ready_ && wake != Wake::Woken) {
            return to_status(wake);
        }
    }
    return Done{};
}

Status CompletionCore::wait_on_thread(Deadline deadline) {
    CHECK(Loop::current() == nullptr);  // a loop thread never blocks
    std::unique_lock lock(mutex_);
    if (!condition_.wait_until(lock, deadline.at(), [this] { return ready_; })) {
        return to_status(Wake::Timeout);
    }
    return Done{};
}

}  // namespace base::detail
