#include "dns/dnssec/denial_cache.h"

#include <atomic>
#include <cstring>

#include <boost/test/unit_test.hpp>

#include "base/hash.h"
#include "base/worker_pool.h"
#include "test/unit/dns/dnssec/text.h"

using namespace dns::dnssec;  // NOLINT(google-build-using-namespace): what is tested
using dnssec_test::name;

namespace {

constexpr std::int64_t kNow = 1'800'000'000;

DenialSignatures made(unsigned number) {
    DenialSignatures signatures;
    signatures.inception_s = static_cast<std::uint32_t>(kNow) - number % 1000;
    signatures.expiration_s = static_cast<std::uint32_t>(kNow) + 10 * 86400;
    signatures.count = 2;
    for (auto& one : signatures.all) {
        one.tag = static_cast<std::uint16_t>(number);
        one.algorithm = 13;
        one.octets.fill(static_cast<std::byte>(number));
    }
    return signatures;
}

dns::Name numbered(unsigned number) {
    return name("n" + std::to_string(number) + ".z.test");
}

DenialAsk ask_for(unsigned number) {
    const dns::Name text = numbered(number);
    DenialAsk ask;
    ask.index = number;
    ask.size = static_cast<std::uint8_t>(text.size());
    std::memcpy(ask.name.data(), text.wire().data(), text.size());
    return ask;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_dnssec_denial_cache)

BOOST_AUTO_TEST_CASE(what_was_put_is_found_while_it_holds) {
    const auto cache = DenialCache::create().take_value();
    DenialSignatures found;
    const dns::Name text = numbered(1);
    BOOST_TEST(!cache->find(7, text.wire(), kNow, found));
    cache->put(7, text.wire(), kNow, made(1));
    BOOST_REQUIRE(cache->find(7, text.wire(), kNow, found));
    BOOST_TEST((found == made(1)));
    BOOST_TEST(!cache->find(8, text.wire(), kNow, found), "another zone or key");
    BOOST_TEST(!cache->find(7, numbered(2).wire(), kNow, found));
    BOOST_TEST(cache->find(7, text.wire(), kNow + 9 * 86400 - 1, found));
    BOOST_TEST(!cache->find(7, text.wire(), kNow + 9 * 86400, found), "less than a day is left");
    cache->put(7, text.wire(), kNow, made(3));
    BOOST_REQUIRE(cache->find(7, text.wire(), kNow, found));
    BOOST_TEST((found == made(3)));
}

BOOST_AUTO_TEST_CASE(a_flood_takes_no_memory_and_others_their_places) {
    const auto cache = DenialCache::create().take_value();
    const unsigned count = 4 * kDenialsKept;
    for (unsigned i = 0; i < count; ++i) {
        cache->put(7, numbered(i).wire(), kNow, made(i));
    }
    unsigned kept = 0;
    DenialSignatures found;
    for (unsigned i = 0; i < count; ++i) {
        if (cache->find(7, numbered(i).wire(), kNow, found)) {
            BOOST_TEST_REQUIRE((found == made(i)));
            ++kept;
        }
    }
    BOOST_TEST(kept <= kDenialsKept);
    BOOST_TEST(kept > kDenialsKept * 9 / 10);
}

BOOST_AUTO_TEST_CASE(asks_come_in_order_and_are_bounded) {
    const auto cache = DenialCache::create().take_value();
    DenialAsk asked;
    BOOST_TEST(!cache->pop(asked));
    unsigned taken = 0;
    for (unsigned round = 0; round < 3; ++round) {
        unsigned pushed = 0;
        while (cache->ask(ask_for(taken + pushed))) {
            ++pushed;
        }
        BOOST_TEST(pushed == kDenialAsksMax);
        while (cache->pop(asked)) {
            BOOST_TEST(asked.index == taken);
            const dns::Name wanted = numbered(taken);
            BOOST_TEST(std::ranges::equal(std::span(asked.name).first(asked.size), wanted.wire()));
            ++taken;
        }
    }
    BOOST_TEST(taken == 3 * kDenialAsksMax);
}

// Readers see a signature whole or not at all while its slot is written.
BOOST_AUTO_TEST_CASE(nobody_reads_half_a_signature) {
    const auto cache = DenialCache::create().take_value();
    const dns::Name text = numbered(1);
    std::atomic<bool> stop{false};
    std::atomic<unsigned> torn{0};
    std::atomic<unsigned> seen{0};
    {
        base::WorkerPool readers("reader", 2, 2);
        for (int i = 0; i < 2; ++i) {
            BOOST_REQUIRE(readers.submit([&] {
                DenialSignatures found;
                while (!stop.load()) {
                    if (cache->find(7, text.wire(), kNow, found)) {
                        seen.fetch_add(1);
                        torn.fetch_add(found == made(found.all[0].tag) ? 0 : 1);
                    }
                }
            }));
        }
        for (unsigned i = 0; i < 200'000 || (seen.load() == 0 && i < 100'000'000); ++i) {
            cache->put(7, text.wire(), kNow, made(i % 250));
        }
        stop.store(true);
    }
    BOOST_TEST(torn.load() == 0U);
    BOOST_TEST(seen.load() > 0U);
}

BOOST_AUTO_TEST_SUITE_END()
