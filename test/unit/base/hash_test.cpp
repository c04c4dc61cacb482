#include "base/hash.h"

#include <boost/test/unit_test.hpp>

#include "base/sha384.h"

using base::as_bytes;
using base::crc32c;

BOOST_AUTO_TEST_SUITE(hash)

// RFC 3720 B.4.
BOOST_AUTO_TEST_CASE(crc32c_matches_the_published_values) {
    BOOST_TEST(crc32c(as_bytes("123456789")) == 0xE3069283U);
    BOOST_TEST(crc32c(as_bytes(std::string(32, '\0'))) == 0x8A9136AAU);
    BOOST_TEST(crc32c(as_bytes(std::string(32, '\xFF'))) == 0x62A8AB43U);
    BOOST_TEST(crc32c({}) == 0U);
}

BOOST_AUTO_TEST_CASE(crc32c_by_table_and_by_processor_agree_at_every_length) {
    std::string text;
    for (int length = 0; length < 70; ++length) {
        BOOST_TEST(crc32c(as_bytes(text)) == base::crc32c_portable(as_bytes(text)));
        text.push_back(static_cast<char>(length * 37));
    }
}

BOOST_AUTO_TEST_CASE(crc32c_goes_on_from_a_seed) {
    const std::string text = "one frame after another";
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        const auto first = crc32c(as_bytes(text.substr(0, cut)));
        BOOST_TEST(crc32c(as_bytes(text.substr(cut)), first) == crc32c(as_bytes(text)));
    }
}

// FIPS 180-4 examples.
BOOST_AUTO_TEST_CASE(sha256_matches_the_published_values) {
    const std::string abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    BOOST_TEST(base::to_hex(base::sha256(as_bytes("abc"))) == abc);
    BOOST_TEST(base::to_hex(base::sha256({})) ==
               "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    base::Sha256 pieces;
    for (int round = 0; round < 2; ++round) {
        pieces.update(as_bytes("a"));
        pieces.update({});
        pieces.update(as_bytes("bc"));
        BOOST_TEST(base::to_hex(pieces.finish()) == abc);
    }
}

// RFC 4231 4.3 (test case 2), and an empty key.
BOOST_AUTO_TEST_CASE(sha384_matches_the_published_value) {
    // FIPS 180-2 D.1.
    BOOST_TEST(base::to_hex(base::sha384(base::as_bytes("abc"))) ==
               "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
               "8086072ba1e7cc2358baeca134c825a7");
}

BOOST_AUTO_TEST_CASE(hmac_matches_the_published_values) {
    BOOST_TEST(base::to_hex(
                   base::hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?"))) ==
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    BOOST_TEST(base::to_hex(base::hmac_sha256({}, {})) ==
               "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

BOOST_AUTO_TEST_CASE(constant_time_comparison_sees_each_difference) {
    BOOST_TEST(base::equal_constant_time(as_bytes("same"), as_bytes("same")));
    BOOST_TEST(base::equal_constant_time({}, {}));
    BOOST_TEST(!base::equal_constant_time(as_bytes("same"), as_bytes("sams")));
    BOOST_TEST(!base::equal_constant_time(as_bytes("same"), as_bytes("same ")));
}

BOOST_AUTO_TEST_SUITE_END()
