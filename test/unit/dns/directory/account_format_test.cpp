#include "dns/directory/account_format.h"

#include <random>
#include <string>

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/accounts.h"

using dns::AccountFileReader;
using dns::AccountUpdate;
using dns::AccountView;
using dns::Presence;
using dns_test::domain_accounts;

namespace {

std::string written(const AccountView& view) {
    std::string bytes;
    const base::Status done = dns::write_accounts(view, [&bytes](std::string_view piece) {
        bytes += piece;
        return base::Status(base::Done{});
    });
    BOOST_REQUIRE(done);
    return bytes;
}

base::Result<AccountFileReader::Outcome> read(std::string_view file, std::size_t piece = 100'000) {
    AccountFileReader reader;
    for (std::size_t at = 0; at < file.size(); at += piece) {
        reader.take(file.substr(at, piece));
    }
    return reader.finish();
}

// Two domains, one of them large enough for several blocks.
AccountView view() {
    std::vector<dns::AccountEntry> entries;
    for (std::uint64_t i = 0; i < 5000; ++i) {
        entries.emplace_back(dns::account_digest("u" + std::to_string(i)),
                             i,
                             i % 2 == 0 ? dns::AccountState::Active : dns::AccountState::Disabled);
    }
    return {{std::make_shared<const dns::DomainAccounts>(
                 dns::DomainAccounts{{4, dns::Name::from_text("mail.test").take_value()},
                                     dns_test::account_list(std::move(entries))}),
             domain_accounts(9, "empty.test", {}),
             domain_accounts(2, "small.test", {{"x", 1}})},
            {3, 17, "b8454cc5-4068-4178-b4a3-02546d114ead"}};
}

AccountUpdate update(std::int64_t number, std::string_view user, Presence presence) {
    AccountUpdate made;
    made.changes = {{4, {dns::account_digest(user), 77, dns::AccountState::Active}, presence}};
    made.position = {3, number, "mark" + std::to_string(number)};
    return made;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_account_format)

BOOST_AUTO_TEST_CASE(a_view_comes_back_as_it_was_whatever_the_pieces) {
    const std::string file = written(view());
    for (const std::size_t piece :
         {std::size_t{1}, std::size_t{7}, std::size_t{70'000}, file.size()}) {
        const auto found = read(file, piece);
        BOOST_REQUIRE(found);
        const AccountView& back = found.value().view;
        BOOST_TEST(found.value().good == file.size());
        BOOST_TEST(found.value().whole == file.size());
        BOOST_TEST(back.addresses() == 5001U);
        BOOST_TEST(back.domains().size() == 3U);
        BOOST_TEST((back.position() == view().position()));
        const auto* entry = back.find(4)->find(dns::account_digest("u7"));
        BOOST_REQUIRE(entry != nullptr);
        BOOST_TEST(entry->account() == 7U);
        BOOST_TEST((entry->state() == dns::AccountState::Disabled));
        BOOST_TEST(written(back) == file);
    }
}

BOOST_AUTO_TEST_CASE(updates_follow_and_the_later_one_counts) {
    std::string file = written(view());
    const std::size_t whole = file.size();
    file += dns::encode_update(update(18, "new", Presence::There));
    file += dns::encode_update(update(19, "u0", Presence::Gone));
    file += dns::encode_update(update(20, "new", Presence::Gone));
    AccountUpdate domains = update(21, "u1", Presence::There);
    domains.gone = {2};
    domains.domains = {{11, dns::Name::from_text("late.test").take_value()}};
    file += dns::encode_update(domains);
    domains.domains[0].name = dns::Name::from_text("later.test").take_value();
    domains.gone.clear();
    file += dns::encode_update(domains);
    const auto found = read(file);
    BOOST_REQUIRE(found);
    BOOST_TEST(found.value().whole == whole);
    BOOST_TEST(found.value().good == file.size());
    BOOST_TEST(found.value().changes == 5U);
    const AccountView& back = found.value().view;
    BOOST_TEST(back.position().number == 21);
    BOOST_TEST(back.addresses() == 4999U);
    BOOST_TEST(back.find(4)->find(dns::account_digest("new")) == nullptr);
    BOOST_TEST(back.find(4)->find(dns::account_digest("u0")) == nullptr);
    BOOST_TEST(back.find(4)->find(dns::account_digest("u1"))->account() == 77U);
    BOOST_TEST(back.find(2) == nullptr);
    BOOST_TEST(back.find(11)->domain.name.to_text() == "later.test.");
}

BOOST_AUTO_TEST_CASE(a_cut_or_damaged_tail_leaves_what_stands_before_it) {
    const std::string whole = written(view());
    const std::string first = dns::encode_update(update(18, "new", Presence::There));
    const std::string second = dns::encode_update(update(19, "newer", Presence::There));
    for (std::size_t at = 0; at < second.size(); ++at) {
        const auto cut = read(whole + first + second.substr(0, at));
        BOOST_REQUIRE(cut);
        BOOST_REQUIRE(cut.value().view.position().number == 18);
        BOOST_REQUIRE(cut.value().good == whole.size() + first.size());
        std::string bad = second;
        bad[at] = static_cast<char>(bad[at] ^ 0x10);
        const auto damaged = read(whole + first + bad + first);
        BOOST_REQUIRE(damaged);
        BOOST_REQUIRE(damaged.value().view.position().number == 18);
        BOOST_REQUIRE(damaged.value().view.find(4)->find(dns::account_digest("newer")) == nullptr);
    }
}

BOOST_AUTO_TEST_CASE(a_view_that_is_not_whole_is_refused) {
    const AccountView small = dns_test::account_view({{"alice", 42}, {"bob", 43}});
    const std::string file = written(small);
    for (std::size_t at = 0; at < file.size(); ++at) {
        std::string bad = file;
        bad[at] = static_cast<char>(bad[at] ^ 0x10);
        BOOST_REQUIRE(!read(bad));
        BOOST_REQUIRE(!read(file.substr(0, at)));
    }
    BOOST_TEST(!read(""));
    BOOST_REQUIRE(read(file));
}

BOOST_AUTO_TEST_CASE(more_updates_than_a_start_has_room_for_are_not_taken) {
    const AccountView small = dns_test::account_view({{"alice", 42}});
    AccountUpdate many;
    for (std::uint64_t i = 0; i < dns::kAccountTailMax / 4 + 1; ++i) {
        dns::AccountDigest digest{};
        for (std::size_t at = 0; at < 8; ++at) {
            digest[at] = static_cast<std::byte>(i >> (56 - 8 * at));
        }
        many.changes.push_back({1, {digest, i, dns::AccountState::Active}, Presence::There});
    }
    std::string file = written(small);
    std::size_t before = 0;
    for (int i = 0; i < 4; ++i) {
        many.position.number = i;
        before = file.size();
        file += dns::encode_update(many);
    }
    const auto found = read(file);
    BOOST_REQUIRE(found);
    BOOST_TEST(found.value().good == before);
    BOOST_TEST(found.value().view.position().number == 2);
}

BOOST_AUTO_TEST_SUITE_END()
