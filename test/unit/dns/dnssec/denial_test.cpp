#include "dns/dnssec/denial.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/dnssec/text.h"

using namespace dns::dnssec;  // NOLINT(google-build-using-namespace): what is tested
using dnssec_test::data;
using dnssec_test::name;

BOOST_AUTO_TEST_SUITE(dns_dnssec_denial)

// RFC 4034 4.3.
BOOST_AUTO_TEST_CASE(a_bitmap_is_that_of_the_rfc) {
    BOOST_TEST(nsec_data(name("host.example.com"), {1, 15, 46, 47, 1234}) ==
               data("NSEC", "host.example.com. A MX RRSIG NSEC TYPE1234"));
    BOOST_TEST(type_bitmap({}).empty());
    // RFC 4034 4.1.2: types of questions are not listed.
    BOOST_TEST(type_bitmap({41, 250, 251, 255}).empty());
    BOOST_TEST(dnssec_test::hex(type_bitmap({46, 47, 128})) ==
               "001100000000000300000000000000000000"
               "80");
}

BOOST_AUTO_TEST_CASE(a_chain_leads_through_all_names_with_records_and_back) {
    const auto chain = nsec_chain({{name("example.test"), {6, 2}},
                                   {name("a.example.test"), {}},
                                   {name("b.a.example.test"), {1}},
                                   {name("z.example.test"), {16}}});
    BOOST_REQUIRE(chain.size() == 3U);
    BOOST_TEST(chain.at(name("example.test")) ==
               data("NSEC", "b.a.example.test. NS SOA RRSIG NSEC"));
    BOOST_TEST(chain.at(name("b.a.example.test")) == data("NSEC", "z.example.test. A RRSIG NSEC"));
    BOOST_TEST(chain.at(name("z.example.test")) == data("NSEC", "example.test. TXT RRSIG NSEC"));
}

BOOST_AUTO_TEST_CASE(hashes_are_base32hex_of_sha1) {
    // ldns-nsec3-hash -t 0 example.
    BOOST_TEST(nsec3_owner(nsec3_hash(name("example")), name("example")).value().to_text() ==
               "3msev9usmd4br9s97v51r2tdvmr9iqo1.example.");
    const auto chain = nsec3_chain(
        name("example"),
        {{name("example"), {6, 46}}, {name("a.example"), {}}, {name("b.a.example"), {1, 46}}});
    BOOST_REQUIRE(chain);
    BOOST_TEST(chain.value().size() == 3U);
    for (const auto& [owner, record] : chain.value()) {
        BOOST_TEST(dnssec_test::text("NSEC3", record).substr(0, 8) == "1 0 0 - ");
    }
    BOOST_TEST(nsec3param_data() == data("NSEC3PARAM", "1 0 0 -"));
}

BOOST_AUTO_TEST_CASE(nothing_is_between_a_name_and_the_next) {
    const dns::Name zone = name("example.test");
    BOOST_TEST(next_name(name("a.example.test"), zone).to_text() == "\\000.a.example.test.");
    // As long as a name may be: the label grows, or counts up, or its parent's does.
    const std::string full(63, 'x');
    const std::string tail = full + "." + full + "." + full.substr(0, 48);
    const dns::Name full_but_one = name(full.substr(0, 62) + "." + tail + ".example.test");
    BOOST_TEST(full_but_one.size() == 254U);
    BOOST_TEST(next_name(full_but_one, zone).first_label() ==
               full.substr(0, 62) + std::string(1, '\0'));
    const dns::Name longest = name(full + "." + tail + ".example.test");
    BOOST_TEST(longest.size() == 255U);
    BOOST_TEST(next_name(longest, zone).first_label() == full.substr(0, 62) + "y");
    std::string last;
    for (int i = 0; i < 63; ++i) {
        last += "\\255";
    }
    const dns::Name last_child = name(last + "." + tail + ".example.test");
    const dns::Name after = next_name(last_child, zone);
    BOOST_TEST((after > last_child));
    BOOST_TEST(after.first_label() == full.substr(0, 62) + "y");
    for (const dns::Name& at : {name("a.example.test"), full_but_one, longest, last_child}) {
        BOOST_TEST((next_name(at, zone) > at));
    }
}

// RFC 9824 3.
BOOST_AUTO_TEST_CASE(compact_records_deny_a_type_or_a_name) {
    const dns::Name zone = name("example.test");
    BOOST_TEST(compact_no_data(name("a.example.test"), zone, {1, 16}) ==
               data("NSEC", "\\000.a.example.test. A TXT RRSIG NSEC"));
    BOOST_TEST(compact_no_data(name("ent.example.test"), zone, {}) ==
               data("NSEC", "\\000.ent.example.test. RRSIG NSEC"));
    BOOST_TEST(compact_no_name(name("no.example.test"), zone) ==
               data("NSEC", "\\000.no.example.test. RRSIG NSEC TYPE128"));
}

BOOST_AUTO_TEST_SUITE_END()
