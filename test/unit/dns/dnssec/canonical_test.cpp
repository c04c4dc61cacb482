#include "dns/dnssec/canonical.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/dnssec/text.h"

using dns::dnssec::canonical_data;
using dnssec_test::data;
using dnssec_test::name;

namespace {

struct Lowered {
    const char* type;
    const char* written;
    const char* canonical;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_dnssec_canonical)

BOOST_AUTO_TEST_CASE(names_of_old_types_are_lowered) {
    const Lowered cases[] = {
        {"NS", "NS.Example.", "ns.example."},
        {"MX", "10 MX.Example.", "10 mx.example."},
        {"SOA", "A.B. C.D. 1 2 3 4 5", "a.b. c.d. 1 2 3 4 5"},
        {"SRV", "0 5 143 Host.Example.", "0 5 143 host.example."},
        {"RP", "A.B. C.D.", "a.b. c.d."},
        {"PX", "10 A.B. C.D.", "10 a.b. c.d."},
        {"NAPTR", "1 2 \"S\" \"SIP+D2U\" \"!X!Y!\" A.B.", "1 2 \"S\" \"SIP+D2U\" \"!X!Y!\" a.b."},
        {"DNAME", "A.B.", "a.b."},
    };
    for (const Lowered& line : cases) {
        const auto type = dns::record_type(line.type).value();
        const auto made = canonical_data(type, data(line.type, line.written));
        BOOST_REQUIRE(made);
        BOOST_TEST(made.value() == data(line.type, line.canonical), line.type);
    }
}

BOOST_AUTO_TEST_CASE(other_data_is_kept) {
    for (const auto& [type, text] : {std::pair{"TXT", "\"Hello A.B.\""},
                                     std::pair{"NSEC", "Next.Example. A RRSIG NSEC"},
                                     std::pair{"HINFO", "\"PC\" \"UNIX\""},
                                     std::pair{"CAA", "0 issue \"CA.Example\""}}) {
        BOOST_TEST(canonical_data(dns::record_type(type).value(), data(type, text)).value() ==
                   data(type, text));
    }
}

BOOST_AUTO_TEST_CASE(data_that_ends_inside_a_name_is_refused) {
    const std::string soa = data("SOA", "a.b. c.d. 1 2 3 4 5");
    for (std::size_t size = 0; size < 10; ++size) {
        BOOST_TEST(!canonical_data(6, soa.substr(0, size)));
    }
    const std::string naptr = data("NAPTR", "1 2 \"S\" \"X\" \"!X!Y!\" a.b.");
    for (std::size_t size = 0; size < naptr.size(); ++size) {
        BOOST_TEST(!canonical_data(35, naptr.substr(0, size)));
    }
    BOOST_TEST(!canonical_data(2, "\xc0\x0c"));
}

BOOST_AUTO_TEST_CASE(a_set_is_sorted_by_octets_and_has_each_record_once) {
    const auto set = dns::dnssec::canonical_set(
        15, {data("MX", "20 a."), data("MX", "10 B."), data("MX", "10 b."), data("MX", "10 a.")});
    BOOST_REQUIRE(set);
    BOOST_TEST(set.value() == (std::vector<std::string>{
                                  data("MX", "10 a."), data("MX", "10 b."), data("MX", "20 a.")}));
    // RFC 4034 6.3: an octet that is not there sorts before a zero; octets have no sign.
    const auto texts = dns::dnssec::canonical_set(65280, {std::string("a\0", 2), "a", "\xff", "b"});
    BOOST_TEST(texts.value() ==
               (std::vector<std::string>{"a", std::string("a\0", 2), "b", "\xff"}));
}

BOOST_AUTO_TEST_CASE(a_wildcard_s_signature_is_made_over_the_wildcard) {
    BOOST_TEST(dns::dnssec::signed_labels(name("*.example.test")) == 2);
    BOOST_TEST(dns::dnssec::signed_labels(name("a.example.test")) == 3);
    BOOST_TEST(dns::dnssec::signed_labels(dns::Name()) == 0);
    BOOST_TEST((dns::dnssec::signed_owner(name("a.b.example.test"), 2) == name("*.example.test")));
    BOOST_TEST((dns::dnssec::signed_owner(name("example.test"), 2) == name("example.test")));
}

BOOST_AUTO_TEST_SUITE_END()
