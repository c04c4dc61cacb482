#pragma once

// RecipientCache: which addresses the internal view has lately called existing, so that mail for
// them is still taken when no name server answers (DESIGN.md, promise 2). Only positive verdicts
// are kept: that an address does not exist is never concluded from the past.
//
// Bounded: the verdict unused for longest makes room for a new one. An entry is the first 16 octets
// of the SHA-256 of the normalised address, the account and when the view said so.
//
// File form (recipient_cache.bin in the state directory), numbers little-endian: magic "RTRECIP1",
// u64 entry count, then the entries from the least to the most recently used: 16 octets key, i64
// account, i64 wall clock microseconds; CRC32C of all before it. A file that does not check out is
// dropped: the cache is a help, never the truth.
//
// Thread rule: one thread at a time (shared in a Guarded). Times are wall clock microseconds, so
// that they mean something after a restart; a verdict from the future is not believed.

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mta {

class RecipientCache {
  public:
    using Key = std::array<std::byte, 16>;

    struct Verdict {
        std::int64_t account_id = 0;
        std::int64_t verified_at_us = 0;
    };

    struct Entry {
        Key key{};
        Verdict verdict;
    };

    static constexpr std::size_t kEntriesMax = 1'000'000;

    explicit RecipientCache(std::size_t entries_max = kEntriesMax);

    /// `address`: normalised, wire form.
    [[nodiscard]] static Key key_of(std::string_view address);

    /// Marks it as used.
    [[nodiscard]] std::optional<Verdict> find(const Key& key);

    void put(const Key& key, const Verdict& verdict);

    /// The view says that it does not exist (any more).
    void erase(const Key& key);

    [[nodiscard]] std::size_t size() const { return size_; }

    /// Appends up to `count_max` entries to `out`, the least recently used first, from where the
    /// cursor stands; false when there are no more. So that a writer need not hold the lock for all
    /// of them: entries used meanwhile may come twice or move behind the cursor and come later.
    struct Cursor {
        std::uint32_t slot = kNone;
        bool started = false;
    };

    [[nodiscard]] bool copy_some(Cursor& cursor,
                                 std::size_t count_max,
                                 std::vector<Entry>& out) const;

  private:
    static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

    // Slots are linked in order of use; free ones are linked by `newer`. `chain` links slots with
    // the same bucket.
    struct Slot {
        Entry entry;
        std::uint32_t older = kNone;
        std::uint32_t newer = kNone;
        std::uint32_t chain = kNone;
        bool used = false;
    };

    [[nodiscard]] std::size_t bucket_of(const Key& key) const;
    [[nodiscard]] std::uint32_t find_slot(const Key& key) const;
    [[nodiscard]] std::uint32_t take_slot();
    void link_newest(std::uint32_t index);
    void unlink(std::uint32_t index);
    void remove(std::uint32_t index);
    void grow_buckets();

    std::size_t entries_max_;
    std::size_t size_ = 0;
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> buckets_;
    std::uint32_t oldest_ = kNone;
    std::uint32_t newest_ = kNone;
    std::uint32_t free_ = kNone;
};

/// The file form of entries.
[[nodiscard]] std::string encode_recipient_cache(const std::vector<RecipientCache::Entry>& entries);

/// Corrupt: not that form, or damaged. TooLarge: more entries than kEntriesMax.
[[nodiscard]] base::Result<std::vector<RecipientCache::Entry>> decode_recipient_cache(
    std::string_view bytes);

/// The longest file that decode_recipient_cache takes, octets.
inline constexpr std::size_t kRecipientCacheFileMax = 8 + 8 + 32 * RecipientCache::kEntriesMax + 4;

}  // namespace mta
