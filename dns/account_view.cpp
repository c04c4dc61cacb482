#include "dns/account_view.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"

namespace dns {
namespace {

constexpr std::byte kDisabledBit{0x80};

bool wire_less(std::span<const std::byte> left, std::span<const std::byte> right) noexcept {
    return std::ranges::lexicographical_compare(left, right);
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

void DomainAccounts::finish() {
    std::ranges::stable_sort(entries, {}, &AccountEntry::digest);
    // Of equal ones the last: walk backwards, keep the first seen.
    const auto kept =
        std::unique(entries.rbegin(), entries.rend(), [](const auto& a, const auto& b) {
            return a.digest() == b.digest();
        });
    entries.erase(entries.begin(), kept.base());
    entries.shrink_to_fit();
}

const AccountEntry* DomainAccounts::find(std::span<const std::byte> digest) const noexcept {
    const auto at = std::lower_bound(
        entries.begin(), entries.end(), digest, [](const AccountEntry& entry, const auto& wanted) {
            return std::memcmp(entry.digest().data(), wanted.data(), kAccountDigest) < 0;
        });
    const bool found =
        at != entries.end() && std::memcmp(at->digest().data(), digest.data(), kAccountDigest) == 0;
    return found ? &*at : nullptr;
}

AccountView::AccountView(Domains domains) : domains_(std::move(domains)) {
    std::ranges::sort(domains_, [](const auto& left, const auto& right) {
        return wire_less(left->name.wire(), right->name.wire());
    });
    for (const auto& domain : domains_) {
        addresses_ += domain->entries.size();
    }
}

std::shared_ptr<const DomainAccounts> AccountView::share(
    std::span<const std::byte> name) const noexcept {
    const auto at = std::lower_bound(
        domains_.begin(), domains_.end(), name, [](const auto& domain, const auto& wanted) {
            return wire_less(domain->name.wire(), wanted);
        });
    const bool found = at != domains_.end() && std::ranges::equal((*at)->name.wire(), name);
    return found ? *at : nullptr;
}

const DomainAccounts* AccountView::find(std::span<const std::byte> name) const noexcept {
    return share(name).get();
}

}  // namespace dns
