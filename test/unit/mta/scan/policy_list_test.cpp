#include "mta/scan/policy_list.h"

#include <string>

#include <boost/test/unit_test.hpp>

namespace {

using base::Errc;
using mta::NoScannerPolicy;
using mta::PolicyList;
using mta::ScanPolicy;
using mta::VirusPolicy;

PolicyList sample() {
    return PolicyList({VirusPolicy::Tag, NoScannerPolicy::Accept},
                      {{"a.example", {VirusPolicy::Reject, NoScannerPolicy::TempFail}},
                       {"b.example", {VirusPolicy::Quarantine, NoScannerPolicy::Accept}}});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(policy_list)

BOOST_AUTO_TEST_CASE(who_knows_nothing_refuses_and_puts_off) {
    const PolicyList list;
    BOOST_TEST(
        (list.find("any.example") == ScanPolicy{VirusPolicy::Reject, NoScannerPolicy::TempFail}));
    BOOST_TEST(list.any_tempfail());
}

BOOST_AUTO_TEST_CASE(a_domain_has_its_own_others_the_clusters) {
    const PolicyList list = sample();
    BOOST_TEST((list.find("a.example").virus == VirusPolicy::Reject));
    BOOST_TEST((list.find("b.example").virus == VirusPolicy::Quarantine));
    BOOST_TEST((list.find("c.example").virus == VirusPolicy::Tag));
    BOOST_TEST(list.any_tempfail());
    BOOST_TEST(!PolicyList({}, {{"b.example", {VirusPolicy::Tag, NoScannerPolicy::Accept}}})
                    .any_tempfail());
}

BOOST_AUTO_TEST_CASE(the_file_says_it_all_and_no_damaged_one_is_taken) {
    const std::string file = mta::encode_policy_list(sample());
    const auto read = mta::decode_policy_list(file);
    BOOST_REQUIRE(read);
    BOOST_TEST((read.value().domains() == sample().domains()));
    BOOST_TEST((read.value().cluster() == sample().cluster()));
    for (std::size_t i = 0; i < file.size(); ++i) {
        std::string bad = file;
        bad[i] = static_cast<char>(bad[i] ^ 1);
        BOOST_TEST(!mta::decode_policy_list(bad), i);
        BOOST_TEST(!mta::decode_policy_list(file.substr(0, i)), i);
    }
    BOOST_TEST((mta::decode_policy_list(file + "x").error().code == Errc::Corrupt));
}

BOOST_AUTO_TEST_CASE(words_of_the_directory) {
    BOOST_TEST((mta::parse_virus_policy("quarantine").value() == VirusPolicy::Quarantine));
    BOOST_TEST((mta::parse_virus_policy("tag").value() == VirusPolicy::Tag));
    BOOST_TEST((mta::parse_virus_policy("reject").value() == VirusPolicy::Reject));
    BOOST_TEST(!mta::parse_virus_policy("delete"));
    BOOST_TEST((mta::parse_no_scanner_policy("accept").value() == NoScannerPolicy::Accept));
    BOOST_TEST((mta::parse_no_scanner_policy("tempfail").value() == NoScannerPolicy::TempFail));
    BOOST_TEST(!mta::parse_no_scanner_policy(""));
}

BOOST_AUTO_TEST_SUITE_END()
