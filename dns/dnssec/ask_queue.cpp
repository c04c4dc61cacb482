#include "dns/dnssec/ask_queue.h"

#include <cerrno>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace dns::dnssec {
namespace {

constexpr int kWaitMaxMs = 500;

}  // namespace

base::Result<std::unique_ptr<AskQueue>> AskQueue::create() {
    base::Fd event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event) {
        return base::errno_error("eventfd", errno);
    }
    return std::unique_ptr<AskQueue>(new AskQueue(std::move(event)));
}

AskQueue::AskQueue(base::Fd event) : event_(std::move(event)) {
    for (std::size_t i = 0; i < cells_.size(); ++i) {
        cells_[i].turn.store(i, std::memory_order_relaxed);
    }
}

bool AskQueue::push(const Ask& ask) noexcept {
    std::uint64_t place = pushed_.load(std::memory_order_relaxed);
    for (;;) {
        Cell& cell = cells_[place % kAsksMax];
        const std::uint64_t turn = cell.turn.load(std::memory_order_acquire);
        if (turn < place) {
            return false;
        }
        if (turn > place) {
            place = pushed_.load(std::memory_order_relaxed);
        } else if (pushed_.compare_exchange_weak(
                       place, place + 1, std::memory_order_relaxed, std::memory_order_relaxed)) {
            cell.ask = ask;
            cell.turn.store(place + 1, std::memory_order_seq_cst);
            if (sleeping_.load(std::memory_order_seq_cst)) {
                wake();
            }
            return true;
        }
    }
}

std::optional<Ask> AskQueue::pop() noexcept {
    Cell& cell = cells_[popped_ % kAsksMax];
    if (cell.turn.load(std::memory_order_seq_cst) != popped_ + 1) {
        return std::nullopt;
    }
    const Ask ask = cell.ask;
    cell.turn.store(popped_ + kAsksMax, std::memory_order_release);
    ++popped_;
    return ask;
}

void AskQueue::wait() noexcept {
    sleeping_.store(true, std::memory_order_seq_cst);
    // Who pushed before that did not wake us.
    if (cells_[popped_ % kAsksMax].turn.load(std::memory_order_seq_cst) != popped_ + 1) {
        pollfd watched{event_.get(), POLLIN, 0};
        (void)poll(&watched, 1, kWaitMaxMs);
    }
    sleeping_.store(false, std::memory_order_seq_cst);
    std::uint64_t count = 0;
    (void)!read(event_.get(), &count, sizeof count);
}

void AskQueue::wake() noexcept {
    const std::uint64_t one = 1;
    (void)!write(event_.get(), &one, sizeof one);
}

}  // namespace dns::dnssec
