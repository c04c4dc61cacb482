// What the addresses of the internal view cost: memory, and how much of it a change touches.
// ROUNDTABLE_ACCOUNTS says how many there are; a million by default.

#include <cstdlib>
#include <string>

#include <boost/test/unit_test.hpp>
#include <malloc.h>

#include "test/unit/dns/accounts.h"

namespace {

std::uint64_t wanted() {
    const char* const given = std::getenv("ROUNDTABLE_ACCOUNTS");  // NOLINT(concurrency-mt-unsafe)
    return given == nullptr ? 1'000'000 : std::strtoull(given, nullptr, 10);
}

// Memory in use by this process, in octets, with what malloc needs for itself. Not what the system
// sees: what earlier tests have freed would be taken again and not be counted. What the system sees
// of a whole name server, test/bench/accounts measures.
std::uint64_t in_use() {
    const struct mallinfo2 info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
}

// The digest of address `i` of a list in order: as even as a hash, without the sorting.
dns::AccountDigest digest(std::uint64_t i, std::uint64_t count) {
    dns::AccountDigest made{};
    const std::uint64_t place = i * (~std::uint64_t{0} / count);
    std::uint64_t rest = (i + 1) * 0x9e3779b97f4a7c15U;
    for (std::size_t at = 0; at < made.size(); ++at) {
        made[at] = static_cast<std::byte>(at < 8 ? place >> (56 - 8 * at) : rest >> 56U);
        rest = rest * 6364136223846793005U + 1442695040888963407U;
    }
    return made;
}

dns::AccountList list(std::uint64_t count) {
    dns::AccountListBuilder builder;
    for (std::uint64_t i = 0; i < count; ++i) {
        builder.add({digest(i, count), i, dns::AccountState::Active});
    }
    return builder.finish();
}

}  // namespace

// A sanitizer's allocator counts otherwise.
#ifndef __SANITIZE_ADDRESS__

BOOST_AUTO_TEST_SUITE(dns_account_memory)

BOOST_AUTO_TEST_CASE(an_address_takes_less_than_64_octets_in_one_domain) {
    const std::uint64_t count = wanted();
    const std::uint64_t before = in_use();
    const dns::AccountList all = list(count);
    const double each = static_cast<double>(in_use() - before) / static_cast<double>(count);
    BOOST_TEST_MESSAGE(count << " addresses, " << each << " octets each");
    BOOST_TEST(each <= 64.0);
    BOOST_TEST(each >= 36.0, "it was measured");
    const dns::AccountChange change{
        1, {digest(count / 2, count), 7, dns::AccountState::Disabled}, dns::Presence::There};
    const dns::AccountList next = all.with({&change, 1});
    BOOST_TEST(next.shared_chunks(all) == all.chunk_count() - 1);
    BOOST_TEST(next.find(change.entry.digest())->account() == 7U);
    BOOST_TEST(all.find(change.entry.digest())->account() == count / 2);
}

BOOST_AUTO_TEST_CASE(an_address_takes_less_than_64_octets_in_domains_of_20) {
    const std::uint64_t domains = wanted() / 20;
    const std::uint64_t before = in_use();
    const dns::AccountView view = [domains] {
        dns::AccountView::Domains made;
        made.reserve(domains);
        for (std::uint64_t i = 0; i < domains; ++i) {
            const std::string name = "customer" + std::to_string(i) + ".example";
            made.push_back(std::make_shared<const dns::DomainAccounts>(dns::DomainAccounts{
                {static_cast<std::int64_t>(i), dns::Name::from_text(name).take_value()},
                list(20)}));
        }
        return dns::AccountView(std::move(made), {});
    }();
    const double each =
        static_cast<double>(in_use() - before) / static_cast<double>(view.addresses());
    BOOST_TEST_MESSAGE(view.addresses() << " addresses, " << each << " octets each");
    BOOST_TEST(each <= 64.0);
}

BOOST_AUTO_TEST_SUITE_END()

#endif
