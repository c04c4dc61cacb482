#include "dns/account_view.h"

#include <string>

#include <boost/test/unit_test.hpp>

#include "base/hash.h"

using dns::AccountEntry;
using dns::AccountState;

namespace {

dns::Name name(std::string_view text) {
    return dns::Name::from_text(text).take_value();
}

std::shared_ptr<const dns::DomainAccounts> domain(std::string_view text, std::uint64_t count) {
    auto accounts = std::make_shared<dns::DomainAccounts>();
    accounts->name = name(text);
    for (std::uint64_t i = 0; i < count; ++i) {
        accounts->entries.emplace_back(dns::account_digest("user" + std::to_string(i)),
                                       i,
                                       i % 2 == 0 ? AccountState::Active : AccountState::Disabled);
    }
    accounts->finish();
    return accounts;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_account_view)

BOOST_AUTO_TEST_CASE(the_digest_is_28_octets_of_sha_256) {
    // printf alice | sha256sum
    BOOST_TEST(base::to_hex(dns::account_digest("alice")) ==
               "2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db");
}

BOOST_AUTO_TEST_CASE(finds_every_address_and_no_other) {
    const auto accounts = domain("a.test", 1000);
    for (std::uint64_t i = 0; i < 1000; ++i) {
        const auto* entry = accounts->find(dns::account_digest("user" + std::to_string(i)));
        BOOST_REQUIRE(entry != nullptr);
        BOOST_REQUIRE(entry->account() == i);
        BOOST_REQUIRE((entry->state() == AccountState::Active) == (i % 2 == 0));
    }
    BOOST_TEST(accounts->find(dns::account_digest("user1000")) == nullptr);
    BOOST_TEST(domain("b.test", 0)->find(dns::account_digest("user0")) == nullptr);
}

BOOST_AUTO_TEST_CASE(an_entry_keeps_large_numbers_and_its_state) {
    const std::uint64_t largest = (std::uint64_t{1} << 63) - 1;
    const AccountEntry entry(dns::account_digest("x"), largest, AccountState::Disabled);
    BOOST_TEST(entry.account() == largest);
    BOOST_TEST((entry.state() == AccountState::Disabled));
}

BOOST_AUTO_TEST_CASE(of_two_entries_with_one_digest_the_last_stays) {
    dns::DomainAccounts accounts;
    accounts.entries.emplace_back(dns::account_digest("x"), 1, AccountState::Active);
    accounts.entries.emplace_back(dns::account_digest("y"), 3, AccountState::Active);
    accounts.entries.emplace_back(dns::account_digest("x"), 2, AccountState::Active);
    accounts.finish();
    BOOST_TEST(accounts.entries.size() == 2U);
    BOOST_TEST(accounts.find(dns::account_digest("x"))->account() == 2U);
}

BOOST_AUTO_TEST_CASE(finds_domains_by_exact_name) {
    const dns::AccountView view({domain("b.test", 2), domain("a.test", 1), domain("a.b.test", 0)});
    BOOST_TEST(view.addresses() == 3U);
    BOOST_TEST(view.find(name("a.test").wire())->entries.size() == 1U);
    BOOST_TEST(view.find(name("b.test").wire())->entries.size() == 2U);
    BOOST_TEST(view.find(name("a.b.test").wire()) != nullptr);
    BOOST_TEST(view.find(name("test").wire()) == nullptr);
    BOOST_TEST(view.find(name("c.test").wire()) == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
