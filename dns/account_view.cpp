#include "dns/account_view.h"

#include <algorithm>
#include <iterator>

namespace dns {
namespace {

bool wire_less(std::span<const std::byte> left, std::span<const std::byte> right) noexcept {
    return std::ranges::lexicographical_compare(left, right);
}

bool change_less(const AccountChange& left, const AccountChange& right) noexcept {
    return std::pair(left.domain, left.entry.digest()) <
           std::pair(right.domain, right.entry.digest());
}

}  // namespace

void AccountUpdate::add(AccountUpdate later) {
    std::vector<std::int64_t> replaced = later.gone;
    for (const AccountDomain& domain : later.domains) {
        replaced.push_back(domain.id);
    }
    std::ranges::sort(replaced);
    std::erase_if(domains, [&replaced](const AccountDomain& domain) {
        return std::ranges::binary_search(replaced, domain.id);
    });
    std::ranges::move(later.domains, std::back_inserter(domains));
    std::ranges::move(later.gone, std::back_inserter(gone));
    if (changes.empty()) {
        changes = std::move(later.changes);
    } else if (!later.changes.empty()) {
        std::vector<AccountChange> both;
        both.reserve(changes.size() + later.changes.size());
        // Of an address that is in both lists it takes the first one's.
        std::ranges::set_union(later.changes, changes, std::back_inserter(both), change_less);
        changes = std::move(both);
    }
    position = std::move(later.position);
}

AccountView::AccountView(Domains domains, FeedPosition position)
    : domains_(std::move(domains)), position_(std::move(position)) {
    std::ranges::sort(domains_, [](const auto& left, const auto& right) {
        return wire_less(left->domain.name.wire(), right->domain.name.wire());
    });
    Index index;
    index.reserve(domains_.size());
    for (const auto& domain : domains_) {
        addresses_ += domain->entries.size();
        index.emplace_back(domain->domain.id, static_cast<std::uint32_t>(index.size()));
    }
    std::ranges::sort(index);
    by_id_ = std::make_shared<const Index>(std::move(index));
}

const DomainAccounts* AccountView::find(std::span<const std::byte> name) const noexcept {
    const auto at = std::lower_bound(
        domains_.begin(), domains_.end(), name, [](const auto& domain, const auto& wanted) {
            return wire_less(domain->domain.name.wire(), wanted);
        });
    const bool found = at != domains_.end() && std::ranges::equal((*at)->domain.name.wire(), name);
    return found ? at->get() : nullptr;
}

std::size_t AccountView::index_of(std::int64_t domain) const noexcept {
    const auto at = std::ranges::lower_bound(*by_id_, domain, {}, &Index::value_type::first);
    return at != by_id_->end() && at->first == domain ? at->second : domains_.size();
}

const DomainAccounts* AccountView::find(std::int64_t domain) const noexcept {
    const std::size_t at = index_of(domain);
    return at < domains_.size() ? domains_[at].get() : nullptr;
}

AccountView AccountView::with(const AccountUpdate& update) const {
    AccountView made(*this);
    if (!update.domains.empty() || !update.gone.empty()) {
        std::vector<std::int64_t> replaced = update.gone;
        for (const AccountDomain& domain : update.domains) {
            replaced.push_back(domain.id);
        }
        std::ranges::sort(replaced);
        Domains domains;
        for (const auto& domain : domains_) {
            if (!std::ranges::binary_search(replaced, domain->domain.id)) {
                domains.push_back(domain);
            }
        }
        for (const AccountDomain& domain : update.domains) {
            const DomainAccounts* const old = find(domain.id);
            domains.push_back(std::make_shared<const DomainAccounts>(
                DomainAccounts{domain, old == nullptr ? AccountList() : old->entries}));
        }
        made = AccountView(std::move(domains), {});
    }
    made.take_changes(update.changes);
    made.position_ = update.position;
    return made;
}

void AccountView::take_changes(const std::vector<AccountChange>& changes) {
    for (auto start = changes.begin(); start != changes.end();) {
        const auto end = std::find_if(start, changes.end(), [start](const AccountChange& one) {
            return one.domain != start->domain;
        });
        const std::size_t at = index_of(start->domain);
        if (at < domains_.size()) {
            const DomainAccounts& old = *domains_[at];
            auto changed = std::make_shared<const DomainAccounts>(
                DomainAccounts{old.domain, old.entries.with(std::span(start, end))});
            addresses_ += changed->entries.size() - old.entries.size();
            domains_[at] = std::move(changed);
        }
        start = end;
    }
}

AccountUpdate AccountView::domains_to(std::vector<AccountDomain> domains) const {
    AccountUpdate update;
    std::ranges::sort(domains, {}, &AccountDomain::id);
    for (const auto& have : domains_) {
        if (!std::ranges::binary_search(domains, have->domain.id, {}, &AccountDomain::id)) {
            update.gone.push_back(have->domain.id);
        }
    }
    for (AccountDomain& domain : domains) {
        const DomainAccounts* const have = find(domain.id);
        if (have == nullptr || have->domain.name != domain.name) {
            update.domains.push_back(std::move(domain));
        }
    }
    return update;
}

bool AccountView::same_content(const AccountView& other) const noexcept {
    return std::ranges::equal(domains_, other.domains_, [](const auto& left, const auto& right) {
        return left == right ||
               (left->domain == right->domain && left->entries.same_chunks(right->entries));
    });
}

}  // namespace dns
