#include "dns/ldns_door.h"

#include <string>

#include <boost/test/unit_test.hpp>

#include "base/hash.h"

BOOST_AUTO_TEST_SUITE(dns_ldns_door)

BOOST_AUTO_TEST_CASE(knows_types_by_name_and_number) {
    BOOST_TEST(dns::record_type("MX").value() == 15);
    BOOST_TEST(dns::record_type("TYPE65280").value() == 65280);
    BOOST_TEST(dns::record_type_name(15) == "MX");
    BOOST_TEST(dns::record_type_name(65280) == "TYPE65280");
    BOOST_TEST(!dns::record_type("NOSUCH"));
    BOOST_TEST(!dns::record_type(""));
    BOOST_TEST(dns::record_type("type1").value() == 1);
    for (const char* none : {"TYPE65536", "TYPE652805280", "TYPE0", "TYPE", "TYPE1x", "TYPE-1"}) {
        BOOST_TEST(!dns::record_type(none), none);
    }
}

BOOST_AUTO_TEST_CASE(reads_record_data_of_many_types) {
    const auto origin = dns::Name::from_text("example.test").take_value();

    const struct {
        const char* type;
        const char* text;
        const char* hex;
    } cases[] = {
        {"A", "192.0.2.1", "c0000201"},
        {"MX", "10 mail", "000a046d61696c076578616d706c65047465737400"},
        {"MX", "10 mail.test.", "000a046d61696c047465737400"},
        {"TXT", "\"a b\" c", "036120620163"},
        {"TXT", "\"a;b\"", "03613b62"},
        {"SRV", "0 5 143 .", "00000005008f00"},
        {"CAA",
         "0 issue \"ca.test\"",
         "000569737375656361"
         "2e74657374"},
        {"TYPE65280", "\\# 3 abcdef", "abcdef"},
        {"A", "\\# 4 c0000201", "c0000201"},
        {"TLSA", "3 1 1 00ff", "03010100ff"},
    };

    for (const auto& c : cases) {
        const auto type = dns::record_type(c.type).take_value();
        const auto data = dns::record_data(type, c.text, origin);
        BOOST_REQUIRE_MESSAGE(data, c.text << ": " << (data ? "" : data.error().detail));
        BOOST_TEST(base::to_hex(base::as_bytes(data.value())) == c.hex);
        BOOST_TEST(bool(dns::record_data_text(type, data.value())));
    }
}

BOOST_AUTO_TEST_CASE(refuses_what_ldns_lets_pass) {
    const dns::Name origin;

    const struct {
        const char* type;
        const char* text;
    } cases[] = {
        {"MX", "99999 mail"},
        {"SRV", "0 65536 1 a"},
        {"TXT", "\"open"},
        {"TXT", "x ; comment"},
        {"TXT", "x\ny"},
        {"TXT", "x\\"},
        {"A", "192.0.2.1 5"},
        {"A", "\\# 3 010203"},
        {"A", ""},
    };

    for (const auto& c : cases) {
        BOOST_TEST(!dns::record_data(dns::record_type(c.type).take_value(), c.text, origin),
                   c.type << " " << c.text);
    }
}

// Before ldns sees them, which would lose memory.
BOOST_AUTO_TEST_CASE(refuses_certificates_of_type_0_by_itself) {
    for (const char* text :
         {"0 1 1 AQID", " ( 0 1 1 AQID )", "00( 1 1 AQID)", "65536 1 1 AQID", "-0 1 1"}) {
        const auto refused = dns::record_data(37, text, dns::Name());
        BOOST_REQUIRE(!refused);
        BOOST_TEST(refused.error().detail == "certificate type 0 is reserved", text);
    }
    BOOST_TEST(bool(dns::record_data(37, "1 0 1 AQID", dns::Name())));
    BOOST_TEST(bool(dns::record_data(37, "PGP 0 0 AQID", dns::Name())));
}

BOOST_AUTO_TEST_CASE(refuses_wire_data_that_does_not_fit_its_type) {
    BOOST_TEST(!dns::record_data_text(1, "abc"));
    BOOST_TEST(dns::record_data_text(1, "abcd").value() == "97.98.99.100");
}

BOOST_AUTO_TEST_SUITE_END()
