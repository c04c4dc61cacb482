#include "dns/update/record_layout.h"

#include <string_view>

#include <boost/test/unit_test.hpp>

#include "base/hash.h"
#include "dns/ldns_door.h"

using dns::update::DataVerdict;
using dns::update::read_record_data;
using namespace std::string_view_literals;

namespace {

// What becomes of data that fills a message.
DataVerdict judge(std::string_view type, std::string_view data, std::string* read = nullptr) {
    std::string out;
    const auto verdict = read_record_data(
        base::as_bytes(data), 0, data.size(), dns::record_type(type).take_value(), out);
    if (read != nullptr) {
        *read = out;
    }
    return verdict;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_update_record_layout)

BOOST_AUTO_TEST_CASE(takes_good_data_of_each_type_as_it_is) {
    for (const auto& [type, text] :
         {std::pair("A", "192.0.2.1"),
          std::pair("NS", "ns.test."),
          std::pair("CNAME", "Other.Test."),
          std::pair("HINFO", "\"a\" \"\""),
          std::pair("MX", "10 mx.test."),
          std::pair("TXT", "\"one\" \"\" \"three\""),
          std::pair("RP", "a.test. b.test."),
          std::pair("AAAA", "2001:db8::1"),
          std::pair("LOC", "52 22 23.000 N 4 53 32.000 E -2m 0m 10m 10m"),
          std::pair("SRV", "1 2 3 host.test."),
          std::pair("NAPTR", "1 2 \"s\" \"SIP\" \"\" r.test."),
          std::pair("DS", "1 13 2 abcdef"),
          std::pair("SSHFP", "1 1 abcdef"),
          std::pair("TLSA", "3 1 1 abcdef"),
          std::pair("URI", "1 2 \"https://a.test/\""),
          std::pair("CAA", "0 issue \"ca.test\""),
          std::pair("SVCB", "1 svc.test. alpn=h2 port=53"),
          std::pair("TYPE65280", "\\# 2 0102")}) {
        const std::uint16_t number = dns::record_type(type).take_value();
        const std::string data = dns::record_data(number, text, dns::Name()).take_value();
        std::string read;
        BOOST_TEST_CONTEXT(type) {
            BOOST_TEST((judge(type, data, &read) == DataVerdict::Good));
            BOOST_TEST(read == data);
            // ldns writes what was taken, and reads the same again.
            BOOST_TEST(bool(dns::record_data_text(number, read)));
            for (std::size_t size = 0; size < data.size(); ++size) {
                // Of these any part is data, too.
                if (type != "TYPE65280"sv && type != "TXT"sv && type != "URI"sv) {
                    const auto cut = judge(type, std::string_view(data).substr(0, size), &read);
                    BOOST_TEST(
                        (cut != DataVerdict::Good || bool(dns::record_data_text(number, read))));
                }
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(refuses_data_that_no_such_record_has) {
    for (const auto& [type, data] : {std::pair("A", "123"sv),
                                     std::pair("A", "12345"sv),
                                     std::pair("AAAA", "123456789012345"sv),
                                     std::pair("NS", ""sv),
                                     std::pair("NS", "\1a"sv),
                                     std::pair("NS", "\0x"sv),
                                     std::pair("MX", "\0"sv),
                                     std::pair("MX", "\0\1"sv),
                                     std::pair("TXT", ""sv),
                                     std::pair("TXT", "\5four"sv),
                                     std::pair("TXT", "\3two\2x"sv),
                                     std::pair("CAA", "\0\0x"sv),
                                     std::pair("CAA", "\0"sv),
                                     std::pair("DS", "\0\1\1\1"sv),
                                     std::pair("LOC", "123456789012345"sv),
                                     std::pair("SVCB", "\0\1\0\0\2\0\0\0\1\0\0"sv),  // keys go down
                                     std::pair("SVCB", "\0\1\0\0\1\0\5x"sv),
                                     std::pair("DNAME", "\1a\xc0\0"sv)}) {
        BOOST_TEST_CONTEXT(type) {
            BOOST_TEST((judge(type, data) == DataVerdict::Malformed));
        }
    }
}

BOOST_AUTO_TEST_CASE(does_not_take_types_that_it_has_no_layout_of) {
    for (const char* type : {"NSEC", "RRSIG", "DNSKEY", "APL", "IPSECKEY", "KEY", "CSYNC"}) {
        BOOST_TEST((judge(type, "whatever") == DataVerdict::NotTaken));
    }
}

BOOST_AUTO_TEST_CASE(makes_compressed_names_whole_where_they_may_be) {
    const auto message = "\4test\0\0\12\2mx\xc0\0\0\1\1a\xc0\0"sv;
    std::string data;
    BOOST_TEST((read_record_data(base::as_bytes(message), 6, 7, 15, data) == DataVerdict::Good));
    BOOST_TEST(data == "\0\12\2mx\4test\0"sv);
    // Not in types that came later (RFC 3597 4): HTTPS.
    BOOST_TEST(
        (read_record_data(base::as_bytes(message), 13, 6, 65, data) == DataVerdict::Malformed));
    BOOST_TEST(
        (read_record_data(base::as_bytes(message), 15, 99, 16, data) == DataVerdict::Malformed));
}

BOOST_AUTO_TEST_CASE(compares_names_without_case_and_all_else_with_it) {
    using dns::update::comparable_data;
    BOOST_TEST(comparable_data(15, "\0\12\2MX\4Test\0"sv) == "\0\12\2mx\4test\0"sv);
    BOOST_TEST(comparable_data(16, "\2MX"sv) == "\2MX"sv);
    BOOST_TEST(comparable_data(35, "\0\1\0\2\1S\0\0\1A\0"sv) == "\0\1\0\2\1S\0\0\1a\0"sv);
    BOOST_TEST(comparable_data(15, "\0"sv) == "\0"sv);
}

BOOST_AUTO_TEST_SUITE_END()
