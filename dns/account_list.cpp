#include "dns/account_list.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/hash.h"

namespace dns {
namespace {

constexpr std::byte kDisabledBit{0x80};

int compare(std::span<const std::byte> left, std::span<const std::byte> right) noexcept {
    return std::memcmp(left.data(), right.data(), kAccountDigest);
}

std::uint64_t prefix(std::span<const std::byte> digest) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(value); ++i) {
        value = (value << 8) | std::to_integer<std::uint64_t>(digest[i]);
    }
    return value;
}

bool ends_chunk(const AccountEntry& entry) noexcept {
    return entry.digest().back() == std::byte{0};
}

const AccountEntry* find_in(std::span<const AccountEntry> entries,
                            std::span<const std::byte> digest) noexcept {
    const auto at = std::lower_bound(
        entries.begin(), entries.end(), digest, [](const AccountEntry& entry, const auto& wanted) {
            return compare(entry.digest(), wanted) < 0;
        });
    const bool found = at != entries.end() && compare(at->digest(), digest) == 0;
    return found ? &*at : nullptr;
}

}  // namespace

AccountDigest account_digest(std::string_view local_part) {
    const base::Digest256 whole = base::sha256(base::as_bytes(local_part));
    AccountDigest digest{};
    std::copy_n(whole.begin(), digest.size(), digest.begin());
    return digest;
}

AccountEntry::AccountEntry(const AccountDigest& digest,
                           std::uint64_t account,
                           AccountState state) noexcept
    : digest_(digest) {
    for (std::size_t i = 0; i < account_.size(); ++i) {
        account_[i] = static_cast<std::byte>(account >> (56 - 8 * i));
    }
    account_[0] &= ~kDisabledBit;
    if (state == AccountState::Disabled) {
        account_[0] |= kDisabledBit;
    }
}

AccountEntry::AccountEntry(std::span<const std::byte, kAccountEntry> octets) noexcept {
    std::ranges::copy(octets.first<kAccountDigest>(), digest_.begin());
    std::ranges::copy(octets.last<kAccountEntry - kAccountDigest>(), account_.begin());
}

std::uint64_t AccountEntry::account() const noexcept {
    std::uint64_t value = 0;
    for (const std::byte octet : account_) {
        value = (value << 8) | std::to_integer<std::uint64_t>(octet);
    }
    return value & ~(std::uint64_t{1} << 63);
}

AccountState AccountEntry::state() const noexcept {
    return (account_[0] & kDisabledBit) == std::byte{0} ? AccountState::Active
                                                        : AccountState::Disabled;
}

std::array<std::byte, kAccountEntry> AccountEntry::octets() const noexcept {
    std::array<std::byte, kAccountEntry> all{};
    std::copy(
        account_.begin(), account_.end(), std::copy(digest_.begin(), digest_.end(), all.begin()));
    return all;
}

std::size_t AccountList::chunk_of(std::span<const std::byte> digest) const noexcept {
    const std::uint64_t wanted = prefix(digest);
    // The first chunk that starts behind the digest; what has the digest is the one before it.
    const auto behind =
        std::partition_point(chunks_.begin(), chunks_.end(), [&digest, wanted](const Chunk& chunk) {
            return chunk.first < wanted ||
                   (chunk.first == wanted && compare(chunk.entries->front().digest(), digest) <= 0);
        });
    return behind == chunks_.begin() ? 0 : static_cast<std::size_t>(behind - chunks_.begin()) - 1;
}

const AccountEntry* AccountList::find(std::span<const std::byte> digest) const noexcept {
    return chunks_.empty() ? nullptr : find_in(*chunks_[chunk_of(digest)].entries, digest);
}

AccountList AccountList::with(std::span<const AccountChange> changes) const {
    AccountListBuilder made;
    auto change = changes.begin();
    const auto take_change = [&made, &change] {
        if (change->presence == Presence::There) {
            made.add(change->entry);
        }
        ++change;
    };
    made.made_.chunks_.reserve(chunks_.size() + 1);
    for (std::size_t i = 0; i < chunks_.size(); ++i) {
        // The changes from here to `end` lie before the next chunk.
        auto end = changes.end();
        if (i + 1 < chunks_.size()) {
            const Chunk& next = chunks_[i + 1];
            end = std::find_if(change, changes.end(), [&next](const AccountChange& one) {
                const std::uint64_t first = prefix(one.entry.digest());
                return first > next.first ||
                       (first == next.first &&
                        compare(one.entry.digest(), next.entries->front().digest()) >= 0);
            });
        }
        if (change == end && made.at_boundary()) {
            made.share(chunks_[i]);
            continue;
        }
        for (const AccountEntry& entry : *chunks_[i].entries) {
            int order = 1;
            while (change != end && (order = compare(change->entry.digest(), entry.digest())) < 0) {
                take_change();
            }
            if (change != end && order == 0) {
                take_change();  // it replaces what was there
            } else {
                made.add(entry);
            }
        }
        while (change != end) {
            take_change();
        }
    }
    while (change != changes.end()) {
        take_change();
    }
    return made.finish();
}

bool AccountList::same_chunks(const AccountList& other) const noexcept {
    return std::ranges::equal(chunks_, other.chunks_, {}, &Chunk::entries, &Chunk::entries);
}

std::size_t AccountList::shared_chunks(const AccountList& other) const noexcept {
    return static_cast<std::size_t>(std::ranges::count_if(chunks_, [&other](const Chunk& chunk) {
        return !other.chunks_.empty() &&
               other.chunks_[other.chunk_of(chunk.entries->front().digest())].entries ==
                   chunk.entries;
    }));
}

bool AccountListBuilder::at_boundary() const noexcept {
    return open_.empty() || ends_chunk(open_.back());
}

const AccountEntry* AccountListBuilder::last() const noexcept {
    if (!open_.empty()) {
        return &open_.back();
    }
    return made_.chunks_.empty() ? nullptr : &made_.chunks_.back().entries->back();
}

void AccountListBuilder::add(const AccountEntry& entry) {
    const AccountEntry* const before = last();
    CHECK(before == nullptr || compare(before->digest(), entry.digest()) < 0);
    if (!open_.empty() && (at_boundary() || open_.size() == kAccountChunkMax)) {
        close();
    }
    open_.push_back(entry);
}

void AccountListBuilder::share(const AccountList::Chunk& chunk) {
    close();
    made_.chunks_.push_back(chunk);
    made_.size_ += chunk.entries->size();
}

void AccountListBuilder::close() {
    if (open_.empty()) {
        return;
    }
    AccountList::Chunk chunk;
    chunk.first = prefix(open_.front().digest());
    if (known_ != nullptr && !known_->chunks_.empty()) {
        const AccountList::Chunk& old = known_->chunks_[known_->chunk_of(open_.front().digest())];
        if (std::ranges::equal(*old.entries, open_)) {
            chunk.entries = old.entries;
        }
    }
    if (chunk.entries == nullptr) {
        // Of its exact size: there are many of them.
        chunk.entries =
            std::make_shared<const std::vector<AccountEntry>>(open_.begin(), open_.end());
    }
    made_.size_ += open_.size();
    made_.chunks_.push_back(std::move(chunk));
    open_.clear();
}

AccountList AccountListBuilder::finish() {
    close();
    made_.chunks_.shrink_to_fit();
    return std::exchange(made_, {});
}

}  // namespace dns
