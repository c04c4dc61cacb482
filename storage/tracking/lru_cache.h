#pragma once

// LruCache: values by key, bounded by the sum of their weights; the least recently used go first.
// Thread rule: one thread.

#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>
#include <utility>

namespace storage {

/// See the top of this file. Value is cheap to copy (a shared pointer, a few words).
template <typename Key, typename Value>
class LruCache {
  public:
    explicit LruCache(std::uint64_t weight_max) noexcept : weight_max_(weight_max) {}

    /// Null if it is not there. Valid until the next call of put() or erase().
    [[nodiscard]] const Value* find(const Key& key) {
        const auto at = index_.find(key);
        if (at == index_.end()) {
            return nullptr;
        }
        order_.splice(order_.begin(), order_, at->second);
        return &at->second->value;
    }

    /// Replaces. A value that is heavier than the whole cache is not kept.
    void put(const Key& key, Value value, std::uint64_t weight) {
        erase(key);
        if (weight > weight_max_) {
            return;
        }
        order_.push_front({key, std::move(value), weight});
        index_[key] = order_.begin();
        weight_ += weight;
        while (weight_ > weight_max_) {
            erase(order_.back().key);
        }
    }

    void erase(const Key& key) {
        const auto at = index_.find(key);
        if (at != index_.end()) {
            weight_ -= at->second->weight;
            order_.erase(at->second);
            index_.erase(at);
        }
    }

    [[nodiscard]] std::size_t size() const noexcept { return index_.size(); }

    [[nodiscard]] std::uint64_t weight() const noexcept { return weight_; }

  private:
    struct Entry {
        Key key;
        Value value;
        std::uint64_t weight = 0;
    };

    std::uint64_t weight_max_;
    std::uint64_t weight_ = 0;
    std::list<Entry> order_;  // most recently used first
    std::unordered_map<Key, typename std::list<Entry>::iterator> index_;
};

}  // namespace storage
