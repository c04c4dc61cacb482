#pragma once

// ByteBudget: how much memory all sessions together may hold for one purpose. Any thread.

#include <atomic>
#include <cstddef>
#include <utility>

namespace accessd {

class ByteBudget {
  public:
    explicit ByteBudget(std::size_t bytes_max) noexcept : left_(bytes_max) {}

    ByteBudget(const ByteBudget&) = delete;
    ByteBudget& operator=(const ByteBudget&) = delete;

    /// A part of the budget; given back when destroyed.
    class Share {
      public:
        Share() noexcept = default;

        ~Share() { release(); }

        Share(Share&& other) noexcept
            : budget_(std::exchange(other.budget_, nullptr)), bytes_(other.bytes_) {}

        Share& operator=(Share&& other) noexcept {
            release();
            budget_ = std::exchange(other.budget_, nullptr);
            bytes_ = other.bytes_;
            return *this;
        }

        Share(const Share&) = delete;
        Share& operator=(const Share&) = delete;

        explicit operator bool() const noexcept { return budget_ != nullptr; }

      private:
        friend class ByteBudget;

        Share(ByteBudget* budget, std::size_t bytes) noexcept : budget_(budget), bytes_(bytes) {}

        void release() noexcept {
            if (budget_ != nullptr) {
                budget_->left_.fetch_add(bytes_, std::memory_order_relaxed);
                budget_ = nullptr;
            }
        }

        ByteBudget* budget_ = nullptr;
        std::size_t bytes_ = 0;
    };

    /// An empty share if there is not so much left.
    [[nodiscard]] Share take(std::size_t bytes) noexcept {
        std::size_t left = left_.load(std::memory_order_relaxed);
        do {
            if (bytes > left) {
                return {};
            }
        } while (!left_.compare_exchange_weak(left, left - bytes, std::memory_order_relaxed));
        return {this, bytes};
    }

  private:
    std::atomic<std::size_t> left_;
};

}  // namespace accessd
