#include "dns/hmac.h"

#include <boost/test/unit_test.hpp>

#include "base/hash.h"
#include "test/unit/dns/hex.h"

namespace {

using dns::HmacAlgorithm;
using dns_test::hex;

std::string code(HmacAlgorithm algorithm, std::string_view key, std::string_view text) {
    dns::Hmac hmac(dns::HmacKey(algorithm, base::as_bytes(key)));
    // In two pieces: that must not matter.
    hmac.update(base::as_bytes(text.substr(0, 3)));
    hmac.update(base::as_bytes(text.substr(3)));
    return hex(hmac.finish().bytes());
}

BOOST_AUTO_TEST_SUITE(hmac)

// RFC 4231 4.3: "Jefe".
BOOST_AUTO_TEST_CASE(codes_are_those_of_the_standard) {
    const std::string_view text = "what do ya want for nothing?";
    BOOST_TEST(code(HmacAlgorithm::Sha256, "Jefe", text) ==
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    BOOST_TEST(code(HmacAlgorithm::Sha384, "Jefe", text) ==
               "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
               "8e2240ca5e69e2c78b3239ecfab21649");
    BOOST_TEST(code(HmacAlgorithm::Sha512, "Jefe", text) ==
               "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
               "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
}

// RFC 4231 4.7: a key longer than a block is hashed first.
BOOST_AUTO_TEST_CASE(long_keys_are_hashed) {
    const std::string key(131, '\xaa');
    BOOST_TEST(code(HmacAlgorithm::Sha256,
                    key,
                    "Test Using Larger Than Block-Size Key - Hash Key First") ==
               "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    BOOST_TEST(code(HmacAlgorithm::Sha512,
                    key,
                    "Test Using Larger Than Block-Size Key - Hash Key First") ==
               "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
               "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598");
}

BOOST_AUTO_TEST_CASE(codes_of_other_sizes_differ) {
    const std::string_view text = "0123456789";
    const auto bytes = base::as_bytes(text);
    BOOST_TEST(dns::same_mac(bytes, bytes));
    BOOST_TEST(!dns::same_mac(bytes, bytes.first(9)));
    BOOST_TEST(!dns::same_mac(bytes.first(9), bytes.last(9)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
