#include "mta/recipient_cache.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/hash.h"
#include "mta/little_endian.h"

namespace mta {

namespace {

constexpr std::string_view kMagic = "RTRECIP1";
constexpr std::size_t kEntrySize = 16 + 8 + 8;
constexpr std::size_t kBucketsMin = 1024;

static_assert(kRecipientCacheFileMax ==
              kMagic.size() + 8 + kEntrySize * RecipientCache::kEntriesMax + 4);

}  // namespace

RecipientCache::RecipientCache(std::size_t entries_max)
    : entries_max_(entries_max), buckets_(kBucketsMin, kNone) {
    CHECK(entries_max > 0 && entries_max <= kEntriesMax);
}

RecipientCache::Key RecipientCache::key_of(std::string_view address) {
    const base::Digest256 digest = base::sha256(base::as_bytes(address));
    Key key;
    std::copy_n(digest.begin(), key.size(), key.begin());
    return key;
}

std::optional<RecipientCache::Verdict> RecipientCache::find(const Key& key) {
    const std::uint32_t index = find_slot(key);
    if (index == kNone) {
        return std::nullopt;
    }
    unlink(index);
    link_newest(index);
    return slots_[index].entry.verdict;
}

void RecipientCache::put(const Key& key, const Verdict& verdict) {
    std::uint32_t index = find_slot(key);
    if (index != kNone) {
        unlink(index);
    } else {
        index = take_slot();
        Slot& slot = slots_[index];
        slot.used = true;
        slot.entry.key = key;
        const std::size_t bucket = bucket_of(key);
        slot.chain = buckets_[bucket];
        buckets_[bucket] = index;
        ++size_;
    }
    slots_[index].entry.verdict = verdict;
    link_newest(index);
    if (size_ > buckets_.size()) {
        grow_buckets();
    }
}

void RecipientCache::erase(const Key& key) {
    const std::uint32_t index = find_slot(key);
    if (index != kNone) {
        remove(index);
    }
}

bool RecipientCache::copy_some(Cursor& cursor,
                               std::size_t count_max,
                               std::vector<Entry>& out) const {
    if (!cursor.started) {
        cursor.started = true;
        cursor.slot = oldest_;
    }
    for (std::size_t i = 0; i < count_max && cursor.slot != kNone; ++i) {
        const Slot& slot = slots_[cursor.slot];
        if (!slot.used) {
            // The slot under the cursor was given up between two calls: end early, the next round
            // of writing has them.
            cursor.slot = kNone;
            break;
        }
        out.push_back(slot.entry);
        cursor.slot = slot.newer;
    }
    return cursor.slot != kNone;
}

// The key is the beginning of a SHA-256: any of its bits are as good as a hash.
std::size_t RecipientCache::bucket_of(const Key& key) const {
    std::uint64_t number = 0;
    std::memcpy(&number, key.data(), sizeof(number));
    return static_cast<std::size_t>(number % buckets_.size());
}

std::uint32_t RecipientCache::find_slot(const Key& key) const {
    std::uint32_t index = buckets_[bucket_of(key)];
    while (index != kNone && slots_[index].entry.key != key) {
        index = slots_[index].chain;
    }
    return index;
}

std::uint32_t RecipientCache::take_slot() {
    if (size_ >= entries_max_) {
        remove(oldest_);
    }
    if (free_ != kNone) {
        const std::uint32_t index = free_;
        free_ = slots_[index].newer;
        return index;
    }
    slots_.emplace_back();
    return static_cast<std::uint32_t>(slots_.size() - 1);
}

void RecipientCache::link_newest(std::uint32_t index) {
    Slot& slot = slots_[index];
    slot.older = newest_;
    slot.newer = kNone;
    if (newest_ != kNone) {
        slots_[newest_].newer = index;
    } else {
        oldest_ = index;
    }
    newest_ = index;
}

void RecipientCache::unlink(std::uint32_t index) {
    const Slot& slot = slots_[index];
    (slot.older == kNone ? oldest_ : slots_[slot.older].newer) = slot.newer;
    (slot.newer == kNone ? newest_ : slots_[slot.newer].older) = slot.older;
}

void RecipientCache::remove(std::uint32_t index) {
    unlink(index);
    std::uint32_t* link = &buckets_[bucket_of(slots_[index].entry.key)];
    while (*link != index) {
        link = &slots_[*link].chain;
    }
    *link = slots_[index].chain;
    slots_[index] = Slot();
    slots_[index].newer = free_;
    free_ = index;
    --size_;
}

void RecipientCache::grow_buckets() {
    buckets_.assign(buckets_.size() * 2, kNone);
    for (std::uint32_t index = oldest_; index != kNone; index = slots_[index].newer) {
        const std::size_t bucket = bucket_of(slots_[index].entry.key);
        slots_[index].chain = buckets_[bucket];
        buckets_[bucket] = index;
    }
}

std::string encode_recipient_cache(const std::vector<RecipientCache::Entry>& entries) {
    std::string out;
    out.reserve(kMagic.size() + 8 + entries.size() * kEntrySize + 4);
    out += kMagic;
    put_number(out, entries.size(), 8);
    for (const RecipientCache::Entry& entry : entries) {
        out += base::as_text(entry.key);
        put_number(out, static_cast<std::uint64_t>(entry.verdict.account_id), 8);
        put_number(out, static_cast<std::uint64_t>(entry.verdict.verified_at_us), 8);
    }
    put_number(out, base::crc32c(base::as_bytes(out)), 4);
    return out;
}

base::Result<std::vector<RecipientCache::Entry>> decode_recipient_cache(std::string_view bytes) {
    const std::size_t frame = kMagic.size() + 8 + 4;
    if (bytes.size() < frame || !bytes.starts_with(kMagic)) {
        return base::Error{base::Errc::Corrupt, "not a recipient cache"};
    }
    std::string_view tail = bytes.substr(bytes.size() - 4);
    if (take_number(tail, 4) != base::crc32c(base::as_bytes(bytes.substr(0, bytes.size() - 4)))) {
        return base::Error{base::Errc::Corrupt, "recipient cache: wrong checksum"};
    }
    std::string_view in = bytes.substr(kMagic.size(), bytes.size() - kMagic.size() - 4);
    const std::uint64_t count = take_number(in, 8);
    if (count > RecipientCache::kEntriesMax) {
        return base::Error{base::Errc::TooLarge, "recipient cache: too many entries"};
    }
    if (in.size() != count * kEntrySize) {
        return base::Error{base::Errc::Corrupt, "recipient cache: wrong length"};
    }
    std::vector<RecipientCache::Entry> entries(static_cast<std::size_t>(count));
    for (RecipientCache::Entry& entry : entries) {
        std::memcpy(entry.key.data(), in.data(), entry.key.size());
        in.remove_prefix(entry.key.size());
        entry.verdict.account_id = static_cast<std::int64_t>(take_number(in, 8));
        entry.verdict.verified_at_us = static_cast<std::int64_t>(take_number(in, 8));
    }
    return entries;
}

}  // namespace mta
