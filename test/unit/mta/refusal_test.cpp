#include "mta/refusal.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(refusal)

BOOST_AUTO_TEST_CASE(each_refusal_has_a_name_of_its_own) {
    std::vector<std::string_view> seen;
    for (std::size_t i = 0; i < mta::kRefusalCount; ++i) {
        const std::string_view name = mta::refusal_name(static_cast<mta::Refusal>(i));
        BOOST_TEST(!name.empty());
        BOOST_TEST((std::find(seen.begin(), seen.end(), name) == seen.end()));
        seen.push_back(name);
    }
    BOOST_TEST(mta::refusal_name(mta::Refusal::SenderBlocked) == "sender-blocked");
    BOOST_TEST(mta::refusal_name(mta::Refusal::Shutdown) == "shutdown");
    BOOST_TEST(mta::refusal_name(mta::Refusal::Count_) == "unknown");
}

BOOST_AUTO_TEST_SUITE_END()
