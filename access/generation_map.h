#pragma once

// GenerationMap: a bounded map that forgets by age without looking at its entries: two generations,
// and when the young one is old or full it becomes the old one, whose entries are dropped. An entry
// that is not renewed lives between one and two spans.
//
// Thread rule: one thread at a time (guard it). Memory: at most twice `entries_max`.

#include <cstddef>
#include <unordered_map>
#include <utility>

#include "base/clock.h"

namespace accessd {

template <typename Key, typename Value, typename Hash = std::hash<Key>>
class GenerationMap {
  public:
    GenerationMap(base::Duration span, std::size_t entries_max, base::Instant now)
        : span_(span), entries_max_(entries_max), turned_(now) {}

    /// The entry, or null. Valid until the next call.
    [[nodiscard]] Value* find(const Key& key, base::Instant now) {
        turn(now);
        if (const auto young = young_.find(key); young != young_.end()) {
            return &young->second;
        }
        const auto old = old_.find(key);
        return old == old_.end() ? nullptr : &old->second;
    }

    /// The young entry of this key, made or moved there. Valid until the next call.
    Value& renew(const Key& key, base::Instant now) {
        turn(now);
        if (const auto young = young_.find(key); young != young_.end()) {
            return young->second;
        }
        if (young_.size() >= entries_max_) {
            turn_over(now);
        }
        Value value{};
        if (const auto old = old_.find(key); old != old_.end()) {
            value = std::move(old->second);
            old_.erase(old);
        }
        return young_.emplace(key, std::move(value)).first->second;
    }

    void erase(const Key& key) {
        young_.erase(key);
        old_.erase(key);
    }

    [[nodiscard]] std::size_t size() const { return young_.size() + old_.size(); }

  private:
    void turn(base::Instant now) {
        if (now - turned_ >= 2 * span_) {
            old_.clear();
            young_.clear();
            turned_ = now;
        } else if (now - turned_ >= span_) {
            turn_over(now);
        }
    }

    void turn_over(base::Instant now) {
        std::swap(young_, old_);
        young_.clear();
        turned_ = now;
    }

    base::Duration span_;
    std::size_t entries_max_;
    base::Instant turned_;
    std::unordered_map<Key, Value, Hash> young_;
    std::unordered_map<Key, Value, Hash> old_;
};

}  // namespace accessd
