#pragma once

// A bound on the message octets that all sessions of the process hold at once, and one session's
// share of it. Sessions are many and a message may be large: without a common bound the product of
// the two limits would be the memory of the machine.
//
// Thread rule: ByteBudget any thread; ByteShare one thread, borrows the budget, which must outlive
// it.

#include <atomic>
#include <cstddef>
#include <utility>

namespace mta {

class ByteBudget {
  public:
    explicit ByteBudget(std::size_t max_bytes) : max_bytes_(max_bytes) {}

    /// All of `size_bytes` or nothing.
    [[nodiscard]] bool take(std::size_t size_bytes) noexcept {
        std::size_t used = used_bytes_.load(std::memory_order_relaxed);
        do {
            if (size_bytes > max_bytes_ - used) {
                return false;
            }
        } while (
            !used_bytes_.compare_exchange_weak(used, used + size_bytes, std::memory_order_relaxed));
        return true;
    }

    void give(std::size_t size_bytes) noexcept {
        used_bytes_.fetch_sub(size_bytes, std::memory_order_relaxed);
    }

    [[nodiscard]] std::size_t used_bytes() const noexcept {
        return used_bytes_.load(std::memory_order_relaxed);
    }

    [[nodiscard]] std::size_t max_bytes() const noexcept { return max_bytes_; }

  private:
    const std::size_t max_bytes_;
    std::atomic<std::size_t> used_bytes_{0};
};

/// What one message holds of the budget; gives it back when it dies.
class ByteShare {
  public:
    /// Octets are taken in steps of this, so that the shared counter is touched seldom.
    static constexpr std::size_t kStep = 64 * 1024;

    explicit ByteShare(ByteBudget& budget) noexcept : budget_(&budget) {}

    ~ByteShare() { clear(); }

    ByteShare(const ByteShare&) = delete;
    ByteShare& operator=(const ByteShare&) = delete;

    ByteShare(ByteShare&& other) noexcept
        : budget_(other.budget_), held_bytes_(std::exchange(other.held_bytes_, 0)) {}

    ByteShare& operator=(ByteShare&& other) noexcept {
        if (this != &other) {
            clear();
            budget_ = other.budget_;
            held_bytes_ = std::exchange(other.held_bytes_, 0);
        }
        return *this;
    }

    /// Makes the share at least `size_bytes`; false, and unchanged, if the budget has no more.
    [[nodiscard]] bool cover(std::size_t size_bytes) noexcept {
        if (size_bytes <= held_bytes_) {
            return true;
        }
        const std::size_t missing = size_bytes - held_bytes_;
        const std::size_t rounded = (missing + kStep - 1) / kStep * kStep;
        if (!budget_->take(rounded)) {
            return false;
        }
        held_bytes_ += rounded;
        return true;
    }

    void clear() noexcept { budget_->give(std::exchange(held_bytes_, 0)); }

    [[nodiscard]] std::size_t held_bytes() const noexcept { return held_bytes_; }

  private:
    ByteBudget* budget_;
    std::size_t held_bytes_ = 0;
};

}  // namespace mta
