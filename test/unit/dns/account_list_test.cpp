#include "dns/account_list.h"

#include <map>
#include <random>
#include <string>

#include <boost/test/unit_test.hpp>

#include "base/hash.h"
#include "test/unit/dns/accounts.h"

using dns::AccountChange;
using dns::AccountEntry;
using dns::AccountList;
using dns::AccountState;
using dns::Presence;

namespace {

using Model = std::map<dns::AccountDigest, AccountEntry>;

AccountEntry entry(std::uint64_t number, std::uint64_t account) {
    return {dns::account_digest("user" + std::to_string(number)),
            account,
            account % 2 == 0 ? AccountState::Active : AccountState::Disabled};
}

AccountList list_of(const Model& model, const AccountList* known = nullptr) {
    dns::AccountListBuilder builder(known);
    for (const auto& [digest, one] : model) {
        builder.add(one);
    }
    return builder.finish();
}

Model users(std::uint64_t count) {
    Model model;
    for (std::uint64_t i = 0; i < count; ++i) {
        model.emplace(entry(i, i).digest(), entry(i, i));
    }
    return model;
}

bool is(const AccountList& list, const Model& model) {
    std::vector<AccountEntry> entries;
    list.for_each([&entries](const AccountEntry& one) { entries.push_back(one); });
    return list.size() == model.size() &&
           std::equal(entries.begin(), entries.end(), model.begin(), [](const auto& a, auto& b) {
               return a == b.second;
           });
}

// A digest of our choice: 27 octets of it, and the last.
AccountEntry at(std::uint32_t place, unsigned last) {
    dns::AccountDigest digest{};
    for (std::size_t i = 0; i < 4; ++i) {
        digest[i] = static_cast<std::byte>(place >> (24 - 8 * i));
    }
    digest.back() = static_cast<std::byte>(last);
    return {digest, place, AccountState::Active};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_account_list)

BOOST_AUTO_TEST_CASE(the_digest_is_28_octets_of_sha_256) {
    // printf alice | sha256sum
    BOOST_TEST(base::to_hex(dns::account_digest("alice")) ==
               "2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db");
}

BOOST_AUTO_TEST_CASE(finds_every_address_and_no_other) {
    const AccountList list = list_of(users(3000));
    BOOST_TEST(list.chunk_count() > 3U);
    for (std::uint64_t i = 0; i < 3000; ++i) {
        const auto* found = list.find(entry(i, 0).digest());
        BOOST_REQUIRE(found != nullptr);
        BOOST_REQUIRE(found->account() == i);
        BOOST_REQUIRE((found->state() == AccountState::Active) == (i % 2 == 0));
    }
    for (std::uint64_t i = 3000; i < 6000; ++i) {
        BOOST_REQUIRE(list.find(entry(i, 0).digest()) == nullptr);
    }
    BOOST_TEST(AccountList().find(entry(0, 0).digest()) == nullptr);
}

BOOST_AUTO_TEST_CASE(an_entry_keeps_large_numbers_and_its_state) {
    const std::uint64_t largest = (std::uint64_t{1} << 63) - 1;
    const AccountEntry one(dns::account_digest("x"), largest, AccountState::Disabled);
    BOOST_TEST(one.account() == largest);
    BOOST_TEST((one.state() == AccountState::Disabled));
    BOOST_TEST((AccountEntry(one.octets()) == one));
}

// Digests that share their first octets lie on both sides of the end of a chunk.
BOOST_AUTO_TEST_CASE(digests_with_the_same_beginning_are_told_apart) {
    Model model;
    for (std::uint32_t place = 0; place < 4; ++place) {
        for (unsigned last = 0; last < 200; last += 2) {
            AccountEntry one = at(place, last);
            model.emplace(one.digest(), one);
        }
    }
    const AccountList list = list_of(model);
    for (std::uint32_t place = 0; place < 5; ++place) {
        for (unsigned last = 0; last < 256; ++last) {
            const bool there = place < 4 && last < 200 && last % 2 == 0;
            BOOST_REQUIRE((list.find(at(place, last).digest()) != nullptr) == there);
        }
    }
}

BOOST_AUTO_TEST_CASE(chunks_end_even_if_no_digest_ends_one) {
    dns::AccountListBuilder builder;
    for (std::uint32_t i = 0; i < 2 * dns::kAccountChunkMax + 1; ++i) {
        builder.add(at(i, 1));
    }
    const AccountList list = builder.finish();
    BOOST_TEST(list.chunk_count() == 3U);
    const AccountChange gone{0, at(3, 1), Presence::Gone};
    const AccountList less = list.with({&gone, 1});
    BOOST_TEST(less.size() == list.size() - 1);
    BOOST_TEST(less.find(at(3, 1).digest()) == nullptr);
    BOOST_TEST(less.find(at(20'000 - 8000, 1).digest()) != nullptr);
}

BOOST_AUTO_TEST_CASE(changes_give_what_a_new_list_would_be_and_share_the_rest) {
    const unsigned seed = 20261126;
    BOOST_TEST_MESSAGE("seed " << seed);
    std::mt19937_64 random(seed);
    Model model = users(20'000);
    AccountList list = list_of(model);
    for (int round = 0; round < 300; ++round) {
        std::map<dns::AccountDigest, AccountChange> changes;
        // Few, many, or (each 50th) enough to empty the list.
        const std::uint64_t count =
            round % 50 == 49 ? 60'000 : random() % (round % 7 == 0 ? 900 : 5);
        for (std::uint64_t i = 0; i < count; ++i) {
            const AccountEntry one = entry(random() % 40'000, random() % 1000);
            const bool gone = round % 50 == 49 || random() % 3 == 0;
            changes.insert_or_assign(
                one.digest(), AccountChange{1, one, gone ? Presence::Gone : Presence::There});
            if (gone) {
                model.erase(one.digest());
            } else {
                model.insert_or_assign(one.digest(), one);
            }
        }
        std::vector<AccountChange> sorted;
        for (const auto& [digest, change] : changes) {
            sorted.push_back(change);
        }
        const AccountList next = list.with(sorted);
        BOOST_REQUIRE(is(next, model));
        if (changes.size() < 5) {
            BOOST_REQUIRE(next.shared_chunks(list) + 3 * changes.size() >= list.chunk_count());
        }
        // Where chunks end follows from what is in them.
        const AccountList anew = list_of(model, &next);
        BOOST_REQUIRE(anew.same_chunks(next));
        list = next;
    }
}

BOOST_AUTO_TEST_CASE(two_chunks_become_one_where_the_end_of_the_first_goes) {
    const Model model = users(5000);
    const AccountList list = list_of(model);
    int ends = 0;
    for (const auto& [digest, one] : model) {
        if (digest.back() != std::byte{0}) {
            continue;
        }
        ++ends;
        const AccountChange gone{1, one, Presence::Gone};
        const AccountList less = list.with({&gone, 1});
        Model left = model;
        left.erase(digest);
        BOOST_REQUIRE(is(less, left));
        BOOST_REQUIRE(list_of(left, &less).same_chunks(less));
        const AccountChange back{1, one, Presence::There};
        const AccountList again = less.with({&back, 1});
        BOOST_REQUIRE(list_of(model, &again).same_chunks(again));
    }
    BOOST_TEST(ends > 10);
}

BOOST_AUTO_TEST_CASE(no_change_shares_everything) {
    const AccountList list = list_of(users(5000));
    BOOST_TEST(list.with({}).same_chunks(list));
    BOOST_TEST(!list_of(users(5000)).same_chunks(list));
    BOOST_TEST(list_of(users(5000), &list).same_chunks(list));
    BOOST_TEST(list_of(users(4999), &list).shared_chunks(list) == list.chunk_count() - 1);
}

BOOST_AUTO_TEST_CASE(an_empty_list_takes_changes) {
    const AccountChange one{1, entry(1, 5), Presence::There};
    const AccountList list = AccountList().with({&one, 1});
    BOOST_TEST(list.size() == 1U);
    const AccountChange gone{1, entry(1, 0), Presence::Gone};
    BOOST_TEST(list.with({&gone, 1}).size() == 0U);
    BOOST_TEST(list.with({&gone, 1}).chunk_count() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
