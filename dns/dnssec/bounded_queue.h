#pragma once

// BoundedQueue: what threads that answer want done by one thread that works, in the order of its
// coming. Of fixed memory; who finds it full goes on without: the next query asks again. T is plain
// data.
//
// Thread rule: push() from any thread: no lock, no allocation, a system call only when the worker
// sleeps. pop() and wait() from one thread. Made before and destroyed after all of them.

#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/result.h"

namespace dns::dnssec {

/// See the top of this file. `kSlots`: a power of two.
template <typename T, std::size_t kSlots>
class BoundedQueue {
  public:
    static_assert(std::has_single_bit(kSlots));
    static_assert(std::is_trivially_copyable_v<T>);

    /// Io if the system gives no descriptor.
    static base::Result<std::unique_ptr<BoundedQueue>> create() {
        base::Fd event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        if (!event) {
            return base::errno_error("eventfd", errno);
        }
        return std::unique_ptr<BoundedQueue>(new BoundedQueue(std::move(event)));
    }

    BoundedQueue(const BoundedQueue&) = delete;
    BoundedQueue& operator=(const BoundedQueue&) = delete;
    ~BoundedQueue() = default;

    /// False: full. A function of its own: it is called from the answer path, which rarely needs
    /// it.
    [[gnu::noinline]] bool push(const T& item) noexcept {
        return push_by([&item](T& slot) { slot = item; });
    }

    /// The same by `fill(T&)`, for items of which not all octets are of use. The slot has what was
    /// in it before.
    template <typename Fill>
    bool push_by(Fill&& fill) noexcept {
        std::uint64_t place = pushed_.load(std::memory_order_relaxed);
        for (;;) {
            Cell& cell = cells_[place % kSlots];
            const std::uint64_t turn = cell.turn.load(std::memory_order_acquire);
            if (turn < place) {
                return false;
            }
            if (turn > place) {
                place = pushed_.load(std::memory_order_relaxed);
            } else if (pushed_.compare_exchange_weak(place,
                                                     place + 1,
                                                     std::memory_order_relaxed,
                                                     std::memory_order_relaxed)) {
                fill(cell.item);
                cell.turn.store(place + 1, std::memory_order_seq_cst);
                if (sleeping_.load(std::memory_order_seq_cst)) {
                    wake();
                }
                return true;
            }
        }
    }

    [[nodiscard]] std::optional<T> pop() noexcept {
        if (!has_next()) {
            return std::nullopt;
        }
        Cell& cell = cells_[popped_ % kSlots];
        std::optional<T> item(cell.item);
        cell.turn.store(popped_ + kSlots, std::memory_order_release);
        ++popped_;
        return item;
    }

    /// Until there is something, or wake() was called, or half a second is over.
    void wait() noexcept {
        sleeping_.store(true, std::memory_order_seq_cst);
        // Who pushed before that did not wake us.
        if (!has_next()) {
            pollfd watched{event_.get(), POLLIN, 0};
            (void)poll(&watched, 1, kWaitMaxMs);
        }
        sleeping_.store(false, std::memory_order_seq_cst);
        std::uint64_t count = 0;
        (void)!read(event_.get(), &count, sizeof count);
    }

    /// From any thread.
    void wake() noexcept {
        const std::uint64_t one = 1;
        (void)!write(event_.get(), &one, sizeof one);
    }

  private:
    static constexpr int kWaitMaxMs = 500;
    static constexpr std::size_t kCacheLine = 64;

    // A cell is free for the push number `turn`, or filled for the pop number `turn` - 1.
    struct Cell {
        std::atomic<std::uint64_t> turn{0};
        T item;
    };

    explicit BoundedQueue(base::Fd event) : event_(std::move(event)) {
        for (std::size_t i = 0; i < cells_.size(); ++i) {
            cells_[i].turn.store(i, std::memory_order_relaxed);
        }
    }

    [[nodiscard]] bool has_next() const noexcept {
        return cells_[popped_ % kSlots].turn.load(std::memory_order_seq_cst) == popped_ + 1;
    }

    base::Fd event_;
    std::atomic<bool> sleeping_{false};
    alignas(kCacheLine) std::atomic<std::uint64_t> pushed_{0};
    alignas(kCacheLine) std::uint64_t popped_ = 0;
    std::array<Cell, kSlots> cells_;
};

}  // namespace dns::dnssec
