#include "dns/dnssec/key_records.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/dnssec/text.h"

using namespace dns::dnssec;  // NOLINT(google-build-using-namespace): what is tested
using dnssec_test::data;
using dnssec_test::name;

BOOST_AUTO_TEST_SUITE(dns_dnssec_key_records)

// RFC 6605 6.1 and RFC 8080 6.1.
BOOST_AUTO_TEST_CASE(keys_and_ds_are_those_of_the_rfcs) {
    const std::string p256 = dnskey_data(dnssec_test::public_half(dnssec_test::p256_key()));
    BOOST_TEST(p256 ==
               data("DNSKEY",
                    "257 3 13 GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP"
                    "+e+MAnLr+Wi9xMWyQLc8NAA=="));
    BOOST_TEST(key_tag(p256) == 55648);
    BOOST_TEST(ds_data(name("Example.net"), p256) ==
               data("DS",
                    "55648 13 2 "
                    "b4c8c1fe2e7477127b27115656ad6256f424625bf5c1e2770ce6d6e37df61d17"));
    const std::string ed25519 = dnskey_data(dnssec_test::public_half(dnssec_test::ed25519_key()));
    BOOST_TEST(key_tag(ed25519) == 3613);
    BOOST_TEST(ds_data(name("example.com"), ed25519) ==
               data("DS",
                    "3613 15 2 "
                    "3aa5ab37efce57f737fc1627013fee07bdf241bd10f3b1964ab55c78e79a304b"));
}

// RFC 8078 4; the digest and the key are one zero octet (its erratum 5049).
BOOST_AUTO_TEST_CASE(a_parent_is_asked_to_remove_what_it_has) {
    BOOST_TEST(delete_cds_data() == data("CDS", "0 0 0 00"));
    BOOST_TEST(delete_cdnskey_data() == data("CDNSKEY", "0 3 0 AA=="));
}

BOOST_AUTO_TEST_SUITE_END()
