#pragma once

// AccountView: which addresses exist, as the internal view knows them: no local part, only the
// first 28 octets of its SHA-256 (the pattern of RFC 7929 3), 36 octets an address.
//
// Immutable; a change makes a new one that shares the domains that did not change. Thread rule: any
// thread may read. find() neither allocates nor locks.

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "dns/name.h"

namespace dns {

inline constexpr std::size_t kAccountDigest = 28;

using AccountDigest = std::array<std::byte, kAccountDigest>;

/// The digest of a local part, which must be in lower case already.
[[nodiscard]] AccountDigest account_digest(std::string_view local_part);

enum class AccountState : std::uint8_t { Active, Disabled };

/// One address. Ordered by its digest.
class AccountEntry {
  public:
    /// `account` below 2^63.
    AccountEntry(const AccountDigest& digest, std::uint64_t account, AccountState state) noexcept;

    [[nodiscard]] const AccountDigest& digest() const noexcept { return digest_; }

    [[nodiscard]] std::uint64_t account() const noexcept;
    [[nodiscard]] AccountState state() const noexcept;

  private:
    AccountDigest digest_;
    std::array<std::byte, 8> account_;  // big-endian; the top bit is the state
};

static_assert(sizeof(AccountEntry) == 36);

/// The addresses of one domain.
struct DomainAccounts {
    Name name;
    std::uint64_t fingerprint = 0;  ///< of the rows they were read from
    std::vector<AccountEntry> entries;

    /// Sorts; of two entries with one digest the last added stays.
    void finish();

    /// Null if there is no such address.
    [[nodiscard]] const AccountEntry* find(std::span<const std::byte> digest) const noexcept;
};

/// The addresses of all our domains, at one moment: what the internal view answers from. Immutable,
/// shared between threads; a newer one shares the domains that did not change.
class AccountView {
  public:
    using Domains = std::vector<std::shared_ptr<const DomainAccounts>>;

    /// Domains have distinct names and are finished.
    explicit AccountView(Domains domains);

    /// Null if the domain is not ours. `name`: lowercased wire form.
    [[nodiscard]] const DomainAccounts* find(std::span<const std::byte> name) const noexcept;

    /// The same, to be kept in another view.
    [[nodiscard]] std::shared_ptr<const DomainAccounts> share(
        std::span<const std::byte> name) const noexcept;

    [[nodiscard]] const Domains& domains() const noexcept { return domains_; }

    [[nodiscard]] std::size_t addresses() const noexcept { return addresses_; }

  private:
    Domains domains_;  // sorted by wire form
    std::size_t addresses_ = 0;
};

}  // namespace dns
