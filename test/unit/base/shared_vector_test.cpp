#include "base/shared_vector.h"

#include <string>

#include <boost/test/unit_test.hpp>

namespace {

using Vector = base::SharedVector<std::string>;

}  // namespace

BOOST_AUTO_TEST_SUITE(shared_vector)

BOOST_AUTO_TEST_CASE(copies_share_until_one_grows) {
    const Vector first = {"a", "b"};
    Vector second = first;
    BOOST_TEST(first.begin() == second.begin());
    second.push_back("c");
    BOOST_TEST(first.size() == 2U);
    BOOST_TEST(second.size() == 3U);
    BOOST_TEST(second[2] == "c");
    BOOST_TEST(first.begin() != second.begin());
    BOOST_TEST((first < second));
    BOOST_TEST(!(first == second));
}

BOOST_AUTO_TEST_CASE(none_has_no_block) {
    Vector none;
    BOOST_TEST(none.empty());
    BOOST_TEST((none.begin() == none.end()));
    BOOST_TEST((none == Vector(std::vector<std::string>())));
    none.push_back("a");
    BOOST_TEST(none.size() == 1U);
    none.clear();
    BOOST_TEST(none.empty());
    BOOST_TEST(none.copy().empty());
}

BOOST_AUTO_TEST_CASE(equal_ones_are_brought_together) {
    base::SharedVectors<std::string> known;
    const Vector first = known.share({"a", "b"});
    const Vector second = known.share({"a", "b"});
    const Vector other = known.share({"a", "c"});
    BOOST_TEST(first.begin() == second.begin());
    BOOST_TEST(first.begin() != other.begin());
    BOOST_TEST(other[1] == "c");
    BOOST_TEST(known.share({}).empty());
}

BOOST_AUTO_TEST_SUITE_END()
