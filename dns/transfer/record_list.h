#pragma once

// RecordList: records one after another in one piece of memory, as secondaries are sent them; and
// the difference between two such lists, which is what an IXFR carries (RFC 1995 4).
//
// A record is kept in wire form without compression: owner (lower case), type, class IN, TTL, data
// length, data. Two records are the same if all of that is. Immutable once built. Thread rule: any
// thread may read. Byte order: the octets in network order, numbers that are given out in host
// order.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dns/name.h"

namespace dns::transfer {

/// A record in a list. Borrowed from it.
class RecordView {
  public:
    explicit RecordView(std::string_view octets) noexcept;

    [[nodiscard]] std::string_view octets() const noexcept { return octets_; }

    [[nodiscard]] std::string_view owner() const noexcept { return octets_.substr(0, owner_size_); }

    [[nodiscard]] std::uint16_t type() const noexcept;

    [[nodiscard]] std::uint32_t ttl() const noexcept;

    [[nodiscard]] std::string_view data() const noexcept;

  private:
    std::string_view octets_;
    std::size_t owner_size_;
};

/// See the top of this file.
class RecordList {
  public:
    class Iterator {
      public:
        explicit Iterator(std::string_view rest) noexcept : rest_(rest) {}

        [[nodiscard]] RecordView operator*() const noexcept;
        Iterator& operator++() noexcept;

        [[nodiscard]] bool operator==(const Iterator& other) const noexcept {
            return rest_.size() == other.rest_.size();
        }

      private:
        std::string_view rest_;
    };

    /// `data`: at most 65,535 octets, in wire form without compression.
    void add(std::span<const std::byte> owner,
             std::uint16_t type,
             std::uint32_t ttl,
             std::string_view data);

    void add(const RecordView& record);

    void shrink_to_fit() { octets_.shrink_to_fit(); }

    [[nodiscard]] Iterator begin() const noexcept { return Iterator(octets_); }

    [[nodiscard]] Iterator end() const noexcept { return Iterator({}); }

    [[nodiscard]] std::size_t count() const noexcept { return count_; }

    /// Octets of all records.
    [[nodiscard]] std::size_t size() const noexcept { return octets_.size(); }

    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }

    bool operator==(const RecordList&) const = default;

  private:
    std::string octets_;
    std::size_t count_ = 0;
};

/// What leads from one list to another: without `removed`, with `added`.
struct RecordDelta {
    RecordList removed;
    RecordList added;

    [[nodiscard]] bool empty() const noexcept { return removed.empty() && added.empty(); }

    [[nodiscard]] std::size_t size() const noexcept { return removed.size() + added.size(); }
};

/// Both lists hold each record once.
[[nodiscard]] RecordDelta difference(const RecordList& before, const RecordList& after);

/// The one step that does what `steps` do one after another. What is added and removed again, or
/// removed and added again, is not in it (RFC 1995 5, condensation).
[[nodiscard]] RecordDelta condense(std::span<const RecordDelta* const> steps);

}  // namespace dns::transfer
