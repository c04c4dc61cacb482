#pragma once

// SharedVector: a vector whose copies share one block, for values that many hold and few change.
// An empty one has no block. SharedVectors brings equal ones of different origin together.
//
// Elements are read-only but for push_back(), which copies what is shared first.
//
// Thread rule: as a vector's; vectors on different threads may share a block.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <set>
#include <utility>
#include <vector>

namespace base {

/// See the top of this file. T: copyable, with == and, for SharedVectors, <.
template <typename T>
class SharedVector {
    using Block = std::vector<T>;

  public:
    using value_type = T;
    using const_iterator = const T*;
    using iterator = const_iterator;

    SharedVector() = default;

    SharedVector(std::initializer_list<T> values) : SharedVector(Block(values)) {}

    // NOLINTNEXTLINE(google-explicit-constructor): the same values
    SharedVector(Block values)
        : block_(values.empty() ? nullptr : std::make_shared<Block>(std::move(values))) {}

    [[nodiscard]] const T* begin() const noexcept { return block_ ? block_->data() : nullptr; }

    [[nodiscard]] const T* end() const noexcept { return begin() + size(); }

    [[nodiscard]] std::size_t size() const noexcept { return block_ ? block_->size() : 0; }

    [[nodiscard]] bool empty() const noexcept { return block_ == nullptr; }

    [[nodiscard]] const T& operator[](std::size_t index) const { return (*block_)[index]; }

    void clear() noexcept { block_.reset(); }

    void push_back(T value) {
        if (block_ == nullptr) {
            block_ = std::make_shared<Block>();
        } else if (block_.use_count() != 1) {
            block_ = std::make_shared<Block>(*block_);
        }
        // What the last other owner read was read before.
        std::atomic_thread_fence(std::memory_order_acquire);
        block_->push_back(std::move(value));
    }

    /// A copy that may be changed.
    [[nodiscard]] std::vector<T> copy() const { return {begin(), end()}; }

    /// Of the values.
    friend bool operator==(const SharedVector& left, const SharedVector& right) {
        return left.block_ == right.block_ || std::ranges::equal(left, right);
    }

    /// Of the values, in lexicographic order.
    friend bool operator<(const SharedVector& left, const SharedVector& right) {
        return left.block_ != right.block_ && std::ranges::lexicographical_compare(left, right);
    }

  private:
    std::shared_ptr<Block> block_;
};

/// Knows all that it was given; of equal ones it gives back the first.
template <typename T>
class SharedVectors {
  public:
    [[nodiscard]] SharedVector<T> share(SharedVector<T> vector) {
        return *known_.insert(std::move(vector)).first;
    }

  private:
    std::set<SharedVector<T>> known_;
};

}  // namespace base
