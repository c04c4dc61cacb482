#pragma once

// Addresses for tests: views of one domain, made from local parts.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dns/account_view.h"

namespace dns_test {

struct TestAccount {
    std::string_view local_part;
    std::uint64_t account = 0;
    dns::AccountState state = dns::AccountState::Active;
};

inline dns::AccountList account_list(std::vector<dns::AccountEntry> entries) {
    std::ranges::sort(entries, {}, &dns::AccountEntry::digest);
    dns::AccountListBuilder builder;
    for (const dns::AccountEntry& entry : entries) {
        builder.add(entry);
    }
    return builder.finish();
}

inline std::shared_ptr<const dns::DomainAccounts> domain_accounts(
    std::int64_t id, std::string_view name, const std::vector<TestAccount>& accounts) {
    std::vector<dns::AccountEntry> entries;
    for (const TestAccount& one : accounts) {
        entries.emplace_back(dns::account_digest(one.local_part), one.account, one.state);
    }
    return std::make_shared<const dns::DomainAccounts>(dns::DomainAccounts{
        {id, dns::Name::from_text(name).take_value()}, account_list(std::move(entries))});
}

/// mail.test, number 1, with these.
inline dns::AccountView account_view(const std::vector<TestAccount>& accounts) {
    return {{domain_accounts(1, "mail.test", accounts)}, {7, 8, "mark"}};
}

}  // namespace dns_test
