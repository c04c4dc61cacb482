#include "dns/directory/directory_records.h"

#include <algorithm>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using dns::DirectoryRecord;
using dns::DirectoryRecords;
using dns::DirectoryRecordView;

namespace {

static_assert(std::forward_iterator<DirectoryRecords::Iterator>);

std::vector<DirectoryRecord> some() {
    return {{"@", "MX", 60, "10 mx1"},
            {"www", "A", std::nullopt, "192.0.2.80"},
            {"", "", 0, ""},
            {"@", "TXT", std::nullopt, std::string("a\0b", 3) + std::string(1'000, 'x')}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_directory_records)

BOOST_AUTO_TEST_CASE(records_come_out_as_they_were_put_in) {
    DirectoryRecords list;
    BOOST_TEST(list.empty());
    BOOST_TEST((list.begin() == list.end()));
    for (const DirectoryRecord& record : some()) {
        list.push_back(record);
    }
    list.shrink_to_fit();
    BOOST_TEST(list.size() == 4U);
    BOOST_CHECK(list.copy() == some());
    BOOST_TEST(list[1].owner == "www");
    BOOST_TEST(!list[1].ttl.has_value());
    BOOST_TEST(list[2].ttl.value() == 0U);
    BOOST_CHECK(list.back().copy() == some().back());
    const auto found = std::ranges::find(list, "A", &DirectoryRecordView::type);
    BOOST_REQUIRE((found != list.end()));
    BOOST_TEST((*found).data == "192.0.2.80");
}

BOOST_AUTO_TEST_CASE(lists_are_equal_if_their_records_are) {
    const DirectoryRecords first = some();
    DirectoryRecords second;
    for (const DirectoryRecord& record : some()) {
        second.push_back(record);
    }
    BOOST_CHECK(first == second);
    second.push_back({"a", "A", std::nullopt, "192.0.2.1"});
    BOOST_CHECK(first != second);
    // A TTL that is not stated is none of 0, and texts do not run into one another.
    BOOST_CHECK(DirectoryRecords({{"a", "A", std::nullopt, "x"}}) !=
                DirectoryRecords({{"a", "A", 0, "x"}}));
    BOOST_CHECK(DirectoryRecords({{"ab", "A", 1, "x"}}) != DirectoryRecords({{"a", "bA", 1, "x"}}));
    second.clear();
    BOOST_CHECK(second == DirectoryRecords());
}

BOOST_AUTO_TEST_SUITE_END()
