#include "mta/recipient_cache.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/hash.h"

namespace {

using mta::RecipientCache;

RecipientCache::Key key(int number) {
    return RecipientCache::key_of("user" + std::to_string(number) + "@example.org");
}

std::vector<RecipientCache::Entry> entries_of(const RecipientCache& cache, std::size_t slice) {
    std::vector<RecipientCache::Entry> out;
    RecipientCache::Cursor cursor;
    while (cache.copy_some(cursor, slice, out)) {
    }
    return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(recipient_cache)

BOOST_AUTO_TEST_CASE(remembers_and_forgets) {
    RecipientCache cache(10);
    BOOST_TEST(!cache.find(key(1)).has_value());
    cache.put(key(1), {17, 1'000});
    BOOST_REQUIRE(cache.find(key(1)).has_value());
    BOOST_TEST(cache.find(key(1))->account_id == 17);
    BOOST_TEST(cache.find(key(1))->verified_at_us == 1'000);
    cache.put(key(1), {18, 2'000});
    BOOST_TEST(cache.size() == 1U);
    BOOST_TEST(cache.find(key(1))->account_id == 18);
    cache.erase(key(1));
    cache.erase(key(1));
    BOOST_TEST(!cache.find(key(1)).has_value());
    BOOST_TEST(cache.size() == 0U);
}

BOOST_AUTO_TEST_CASE(the_least_recently_used_makes_room) {
    RecipientCache cache(3);
    for (int i = 1; i <= 3; ++i) {
        cache.put(key(i), {i, 0});
    }
    (void)cache.find(key(1));
    cache.put(key(4), {4, 0});
    BOOST_TEST(cache.size() == 3U);
    BOOST_TEST(cache.find(key(1)).has_value());
    BOOST_TEST(!cache.find(key(2)).has_value());
    BOOST_TEST(cache.find(key(3)).has_value());
    BOOST_TEST(cache.find(key(4)).has_value());
}

BOOST_AUTO_TEST_CASE(stays_right_over_many_puts_and_erases) {
    RecipientCache cache(2'000);
    for (int i = 0; i < 10'000; ++i) {
        cache.put(key(i), {i, i});
        if (i % 3 == 0) {
            cache.erase(key(i / 2));
        }
    }
    BOOST_TEST(cache.size() <= 2'000U);
    int found = 0;
    for (int i = 0; i < 10'000; ++i) {
        const auto verdict = cache.find(key(i));
        if (verdict) {
            ++found;
            BOOST_TEST(verdict->account_id == i);
        }
    }
    BOOST_TEST(found == static_cast<int>(cache.size()));
    BOOST_TEST(entries_of(cache, 7).size() == cache.size());
}

BOOST_AUTO_TEST_CASE(comes_back_from_its_file_in_the_same_order) {
    RecipientCache cache(100);
    for (int i = 0; i < 50; ++i) {
        cache.put(key(i), {i + 1, -i});
    }
    (void)cache.find(key(0));
    const auto entries = entries_of(cache, 8);
    const auto decoded = mta::decode_recipient_cache(mta::encode_recipient_cache(entries));
    BOOST_REQUIRE(decoded);
    BOOST_REQUIRE(decoded.value().size() == 50U);
    BOOST_TEST((decoded.value().front().key == key(1)));
    BOOST_TEST((decoded.value().back().key == key(0)));
    BOOST_TEST(decoded.value().back().verdict.account_id == 1);
    BOOST_TEST(decoded.value().front().verdict.verified_at_us == -1);
}

BOOST_AUTO_TEST_CASE(a_damaged_file_is_dropped_at_any_octet) {
    RecipientCache cache(10);
    cache.put(key(1), {1, 2});
    const std::string good = mta::encode_recipient_cache(entries_of(cache, 10));
    for (std::size_t i = 0; i < good.size(); ++i) {
        std::string bad = good;
        bad[i] = static_cast<char>(bad[i] ^ 1);
        BOOST_TEST(!mta::decode_recipient_cache(bad));
        BOOST_TEST(!mta::decode_recipient_cache(good.substr(0, i)));
    }
    BOOST_TEST(!mta::decode_recipient_cache(good + "x"));
}

BOOST_AUTO_TEST_CASE(a_count_that_does_not_fit_is_refused_whatever_the_checksum_says) {
    for (const std::uint64_t count : {std::uint64_t{2}, std::uint64_t{1} << 59U, UINT64_MAX}) {
        std::string file = "RTRECIP1";
        for (unsigned i = 0; i < 8; ++i) {
            file += static_cast<char>(static_cast<unsigned char>(count >> (8 * i)));
        }
        file += std::string(32, 'x');
        const std::uint32_t sum = base::crc32c(base::as_bytes(file));
        for (unsigned i = 0; i < 4; ++i) {
            file += static_cast<char>(static_cast<unsigned char>(sum >> (8 * i)));
        }
        BOOST_TEST(!mta::decode_recipient_cache(file));
    }
}

BOOST_AUTO_TEST_SUITE_END()
