#pragma once

// AccountView: which addresses exist in all our domains at one moment, and up to which change of
// the database's feed (schema 0031) it knows: what the internal view answers from.
//
// Immutable; a change makes a new one that shares everything else. Thread rule: any thread may
// read. find() neither allocates nor locks.
//
// Memory: 36 octets an address, about 0.5 for the chunks, and about 200 a domain.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dns/account_list.h"
#include "dns/name.h"

namespace dns {

/// A domain of ours by its number in the directory.
struct AccountDomain {
    std::int64_t id = 0;
    Name name;

    bool operator==(const AccountDomain&) const = default;
};

/// The addresses of one domain.
struct DomainAccounts {
    AccountDomain domain;
    AccountList entries;

    /// Null if there is no such address.
    [[nodiscard]] const AccountEntry* find(std::span<const std::byte> digest) const noexcept {
        return entries.find(digest);
    }
};

/// How much of the feed is known.
struct FeedPosition {
    std::int64_t configuration = -1;  ///< changes of configuration: when the domains were read
    std::int64_t number = -1;         ///< of the newest change; below 0: nothing is known
    std::string mark;                 ///< the newest change's

    bool operator==(const FeedPosition&) const = default;
};

/// What leads from one view to a later one.
struct AccountUpdate {
    std::vector<AccountDomain> domains;  ///< that are new, or have another name now
    std::vector<std::int64_t> gone;      ///< domains that are no longer ours
    std::vector<AccountChange> changes;  ///< distinct, ascending by domain, then digest
    FeedPosition position;

    /// How many domains and addresses it is about.
    [[nodiscard]] std::size_t size() const noexcept {
        return domains.size() + gone.size() + changes.size();
    }

    /// What leads from before this one to behind `later`.
    void add(AccountUpdate later);

    bool operator==(const AccountUpdate&) const = default;
};

/// See the top of this file.
class AccountView {
  public:
    using Domains = std::vector<std::shared_ptr<const DomainAccounts>>;

    AccountView() : AccountView(Domains(), FeedPosition()) {}

    /// Domains have distinct names and numbers.
    AccountView(Domains domains, FeedPosition position);

    /// Null if the domain is not ours. `name`: lowercased wire form.
    [[nodiscard]] const DomainAccounts* find(std::span<const std::byte> name) const noexcept;

    /// Null if there is none of that number.
    [[nodiscard]] const DomainAccounts* find(std::int64_t domain) const noexcept;

    /// The view after an update. Changes of domains that it does not have are passed over: a
    /// domain goes after its addresses.
    [[nodiscard]] AccountView with(const AccountUpdate& update) const;

    /// What an update must say of domains, so that they are `domains` (distinct) after it.
    [[nodiscard]] AccountUpdate domains_to(std::vector<AccountDomain> domains) const;

    /// The same domains and the same chunks of addresses. The positions may differ.
    [[nodiscard]] bool same_content(const AccountView& other) const noexcept;

    /// In the order of their names.
    [[nodiscard]] const Domains& domains() const noexcept { return domains_; }

    [[nodiscard]] const FeedPosition& position() const noexcept { return position_; }

    [[nodiscard]] std::size_t addresses() const noexcept { return addresses_; }

  private:
    using Index = std::vector<std::pair<std::int64_t, std::uint32_t>>;

    // Index of a domain in domains_; their count if there is none of that number.
    [[nodiscard]] std::size_t index_of(std::int64_t domain) const noexcept;
    void take_changes(const std::vector<AccountChange>& changes);

    Domains domains_;                     // sorted by wire form
    std::shared_ptr<const Index> by_id_;  // ascending; shared while the domains are the same
    std::size_t addresses_ = 0;
    FeedPosition position_;
};

}  // namespace dns
