#include "dns/account_view.h"

#include <string>

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/accounts.h"

using dns::AccountUpdate;
using dns::AccountView;
using dns::Presence;
using dns_test::domain_accounts;

namespace {

dns::Name name(std::string_view text) {
    return dns::Name::from_text(text).take_value();
}

dns::AccountChange change(std::int64_t domain, std::string_view user, Presence presence) {
    return {domain, {dns::account_digest(user), 9, dns::AccountState::Active}, presence};
}

AccountView three() {
    return {{domain_accounts(3, "b.test", {{"x", 1}, {"y", 2}}),
             domain_accounts(1, "a.test", {{"x", 3}}),
             domain_accounts(2, "a.b.test", {})},
            {5, 6, "m"}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_account_view)

BOOST_AUTO_TEST_CASE(finds_domains_by_exact_name_and_by_number) {
    const AccountView view = three();
    BOOST_TEST(view.addresses() == 3U);
    BOOST_TEST(view.find(name("a.test").wire())->entries.size() == 1U);
    BOOST_TEST(view.find(name("b.test").wire())->entries.size() == 2U);
    BOOST_TEST(view.find(name("a.b.test").wire()) != nullptr);
    BOOST_TEST(view.find(name("test").wire()) == nullptr);
    BOOST_TEST(view.find(name("c.test").wire()) == nullptr);
    BOOST_TEST((view.find(3)->domain.name == name("b.test")));
    BOOST_TEST(view.find(4) == nullptr);
    BOOST_TEST(AccountView().find(4) == nullptr);
}

BOOST_AUTO_TEST_CASE(an_update_changes_addresses_of_the_domains_that_are_there) {
    const AccountView view = three();
    AccountUpdate update;
    update.changes = {change(1, "x", Presence::Gone),
                      change(2, "new", Presence::There),
                      change(4, "nowhere", Presence::There)};
    update.position = {5, 9, "n"};
    const AccountView next = view.with(update);
    BOOST_TEST(next.addresses() == 3U);
    BOOST_TEST(next.find(1)->entries.size() == 0U);
    BOOST_TEST(next.find(2)->find(dns::account_digest("new"))->account() == 9U);
    BOOST_TEST(next.find(3) == view.find(3), "shared");
    BOOST_TEST((next.position() == update.position));
    BOOST_TEST(!next.same_content(view));
    BOOST_TEST(view.with({}).same_content(view));
}

BOOST_AUTO_TEST_CASE(domains_come_go_and_are_renamed) {
    const AccountView view = three();
    AccountUpdate update =
        view.domains_to({{1, name("a.test")}, {3, name("new.test")}, {7, name("b.test")}});
    BOOST_REQUIRE(update.gone.size() == 1U);
    BOOST_TEST(update.gone[0] == 2);
    BOOST_TEST(update.domains.size() == 2U);
    update.changes = {change(7, "first", Presence::There)};
    const AccountView next = view.with(update);
    BOOST_TEST(next.domains().size() == 3U);
    BOOST_TEST(next.addresses() == 4U);
    BOOST_TEST(next.find(name("new.test").wire())->entries.same_chunks(view.find(3)->entries));
    BOOST_TEST(next.find(name("b.test").wire())->entries.size() == 1U);
    BOOST_TEST(next.find(name("a.b.test").wire()) == nullptr);
    BOOST_TEST(
        (next.domains_to({{1, name("a.test")}, {3, name("new.test")}, {7, name("b.test")}}) ==
         AccountUpdate{}));
}

BOOST_AUTO_TEST_CASE(two_updates_are_as_good_as_one) {
    const AccountView view = three();
    AccountUpdate first;
    first.domains = {{8, name("eight.test")}, {9, name("nine.test")}};
    first.changes = {change(1, "p", Presence::There), change(3, "x", Presence::Gone)};
    AccountUpdate second;
    second.gone = {8};
    second.domains = {{9, name("ninth.test")}};
    second.changes = {change(1, "p", Presence::Gone), change(9, "q", Presence::There)};
    second.position = {6, 10, "z"};
    const AccountView stepwise = view.with(first).with(second);
    AccountUpdate both = first;
    both.add(second);
    BOOST_TEST(both.changes.size() == 3U);
    const AccountView at_once = view.with(both);
    BOOST_TEST((at_once.position() == second.position));
    BOOST_REQUIRE(at_once.domains().size() == stepwise.domains().size());
    BOOST_TEST(at_once.addresses() == stepwise.addresses());
    for (const auto& domain : stepwise.domains()) {
        const auto* other = at_once.find(domain->domain.id);
        BOOST_REQUIRE(other != nullptr);
        BOOST_TEST((other->domain == domain->domain));
        domain->entries.for_each([other](const dns::AccountEntry& entry) {
            BOOST_TEST(other->find(entry.digest()) != nullptr);
        });
    }
}

BOOST_AUTO_TEST_SUITE_END()
