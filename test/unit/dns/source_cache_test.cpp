#include "dns/source_cache.h"

#include <algorithm>
#include <string_view>

#include <boost/test/unit_test.hpp>

#include "dns/answer.h"
#include "test/unit/dns/dnssec/text.h"

using dns::Client;
using dns::SourceCache;
using namespace std::string_view_literals;

namespace {

Client client(dns::Family family, std::string_view octets) {
    Client made;
    made.family = family;
    std::ranges::transform(
        octets, made.address.begin(), [](char c) { return static_cast<std::byte>(c); });
    return made;
}

struct Asker {
    // Whether it was known; the variant, here a piece of the hash, is right in any case.
    bool known(std::uint64_t snapshot, std::uint32_t zone, const Client& who) {
        const dns::Name name = dnssec_test::name("z" + std::to_string(zone) + ".test");
        const dns::SipKey key{snapshot, 7};
        const auto choose = [&] {
            return static_cast<std::uint32_t>(dns::source_hash(key, who, name.wire()).x);
        };
        bool chosen = false;
        const std::uint32_t variant = cache.variant(snapshot, zone, who, [&] {
            chosen = true;
            return choose();
        });
        BOOST_TEST(variant == choose());
        return !chosen;
    }

    SourceCache cache;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_source_cache)

BOOST_AUTO_TEST_CASE(a_network_is_hashed_once_for_each_zone_of_a_snapshot) {
    Asker asker;
    const Client first = client(dns::Family::V4, "\xc0\x00\x02\x01"sv);
    BOOST_TEST(!asker.known(0, 0, first));
    BOOST_TEST(asker.known(0, 0, first));
    BOOST_TEST(asker.known(0, 0, client(dns::Family::V4, "\xc0\x00\x02\xff"sv)));
    BOOST_TEST(!asker.known(0, 0, client(dns::Family::V4, "\xc0\x00\x03\x01"sv)));
    BOOST_TEST(!asker.known(0, 1, first));
    BOOST_TEST(!asker.known(1, 1, first));
    BOOST_TEST(asker.known(1, 1, first));
}

BOOST_AUTO_TEST_CASE(families_are_apart_and_mapped_addresses_are_not_kept) {
    Asker asker;
    const Client six = client(dns::Family::V6, "\x20\x01\x0d\xb8\x00\x01\x00\x09"sv);
    BOOST_TEST(!asker.known(1, 0, six));
    BOOST_TEST(asker.known(1, 0, client(dns::Family::V6, "\x20\x01\x0d\xb8\x00\x01\x77\x00"sv)));
    BOOST_TEST(!asker.known(1, 0, client(dns::Family::V6, "\x20\x01\x0d\xb8\x00\x02"sv)));
    const Client mapped = client(dns::Family::V6, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01"sv);
    BOOST_TEST(!asker.known(1, 0, mapped));
    BOOST_TEST(!asker.known(1, 0, mapped));
}

BOOST_AUTO_TEST_CASE(many_sources_take_each_other_s_place_and_stay_right) {
    Asker asker;
    for (unsigned round = 0; round < 3; ++round) {
        for (unsigned i = 0; i < 4 * SourceCache::kEntries; ++i) {
            Client who;
            who.address[1] = static_cast<std::byte>(i);
            (void)asker.known(round / 2, i % 3, who);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
