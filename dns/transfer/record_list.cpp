#include "dns/transfer/record_list.h"

#include <algorithm>
#include <unordered_set>

#include "base/check.h"
#include "base/hash.h"
#include "dns/limits.h"
#include "dns/wire.h"

namespace dns::transfer {
namespace {

constexpr std::size_t kFixedSize = 10;  // type, class, TTL, data length

std::size_t owner_size(std::string_view octets) noexcept {
    std::size_t at = 0;
    while (octets[at] != '\0') {
        at += static_cast<unsigned char>(octets[at]) + 1U;
    }
    return at + 1;
}

std::uint16_t word_at(std::string_view octets, std::size_t at) noexcept {
    return load_u16(base::as_bytes(octets).data() + at);
}

std::size_t record_size(std::string_view octets) noexcept {
    const std::size_t owner = owner_size(octets);
    return owner + kFixedSize + word_at(octets, owner + 8);
}

using Records = std::unordered_set<std::string_view>;

Records records_of(const RecordList& list) {
    Records records;
    records.reserve(list.count());
    for (const RecordView record : list) {
        records.insert(record.octets());
    }
    return records;
}

// The records of `list` that are not in `others`, in their order.
RecordList without(const RecordList& list, const Records& others) {
    RecordList rest;
    for (const RecordView record : list) {
        if (!others.contains(record.octets())) {
            rest.add(record);
        }
    }
    rest.shrink_to_fit();
    return rest;
}

// Takes `record` from `pending`, where the opposite was to be done; else it is to be done.
void cancel_or_add(Records& pending, Records& todo, std::string_view record) {
    if (pending.erase(record) == 0) {
        todo.insert(record);
    }
}

// In an order that does not depend on hashes.
RecordList listed(const Records& records) {
    std::vector<std::string_view> sorted(records.begin(), records.end());
    std::ranges::sort(sorted);
    RecordList list;
    for (const std::string_view octets : sorted) {
        list.add(RecordView(octets));
    }
    return list;
}

}  // namespace

RecordView::RecordView(std::string_view octets) noexcept
    : octets_(octets), owner_size_(owner_size(octets)) {
}

std::uint16_t RecordView::type() const noexcept {
    return word_at(octets_, owner_size_);
}

std::uint32_t RecordView::ttl() const noexcept {
    return (std::uint32_t{word_at(octets_, owner_size_ + 4)} << 16) |
           word_at(octets_, owner_size_ + 6);
}

std::string_view RecordView::data() const noexcept {
    return octets_.substr(owner_size_ + kFixedSize);
}

RecordView RecordList::Iterator::operator*() const noexcept {
    return RecordView(rest_.substr(0, record_size(rest_)));
}

RecordList::Iterator& RecordList::Iterator::operator++() noexcept {
    rest_.remove_prefix(record_size(rest_));
    return *this;
}

void RecordList::add(std::span<const std::byte> owner,
                     std::uint16_t type,
                     std::uint32_t ttl,
                     std::string_view data) {
    CHECK(data.size() <= kMessageMax);
    std::array<std::byte, kFixedSize> fixed{};
    store_u16(fixed.data(), type);
    store_u16(fixed.data() + 2, static_cast<std::uint16_t>(RrClass::In));
    store_u32(fixed.data() + 4, ttl);
    store_u16(fixed.data() + 8, static_cast<std::uint16_t>(data.size()));
    octets_ += base::as_text(owner);
    octets_ += base::as_text(fixed);
    octets_ += data;
    ++count_;
}

void RecordList::add(const RecordView& record) {
    octets_ += record.octets();
    ++count_;
}

RecordDelta difference(const RecordList& before, const RecordList& after) {
    if (before == after) {
        return {};
    }
    return {without(before, records_of(after)), without(after, records_of(before))};
}

RecordDelta condense(std::span<const RecordDelta* const> steps) {
    Records removed;
    Records added;
    for (const RecordDelta* const step : steps) {
        for (const RecordView record : step->removed) {
            cancel_or_add(added, removed, record.octets());
        }
        for (const RecordView record : step->added) {
            cancel_or_add(removed, added, record.octets());
        }
    }
    return {listed(removed), listed(added)};
}

}  // namespace dns::transfer
