#include "base/shared_list.h"

#include <algorithm>
#include <string>
#include <utility>

#include <boost/test/unit_test.hpp>

namespace {

using List = base::SharedList<std::string>;

static_assert(std::random_access_iterator<List::const_iterator>);
static_assert(std::random_access_iterator<List::iterator>);

const std::string* address(const List& list, std::size_t index) {
    return &list[index];
}

}  // namespace

BOOST_AUTO_TEST_SUITE(shared_list)

BOOST_AUTO_TEST_CASE(copies_share_what_nobody_changes) {
    const List first = {"a", "b", "c"};
    List second = first;
    BOOST_TEST((first == second));
    second[1] = "B";
    BOOST_TEST(first[1] == "b");
    BOOST_TEST(std::as_const(second)[1] == "B");
    BOOST_TEST(address(second, 0) == address(first, 0));
    BOOST_TEST(address(second, 1) != address(first, 1));
    BOOST_TEST(!(first == second));
    second[1] = "b";
    BOOST_TEST((first == second), "by value");
}

BOOST_AUTO_TEST_CASE(who_is_alone_copies_nothing) {
    List list = {"a"};
    const std::string* const before = address(list, 0);
    list[0] = "A";
    for (std::string& text : list) {
        text += "!";
    }
    list.back() += "?";
    BOOST_TEST(address(list, 0) == before);
    BOOST_TEST(list[0] == "A!?");
}

BOOST_AUTO_TEST_CASE(an_element_can_be_shared_alone) {
    const List first = {"a", "b"};
    List second;
    second.push_back(first.share(1));
    second.push_back("new");
    BOOST_TEST(address(second, 0) == address(first, 1));
    second[0] = "B";
    BOOST_TEST(first[1] == "b");
}

BOOST_AUTO_TEST_CASE(is_a_range_that_algorithms_take) {
    List list = {"a", "c"};
    BOOST_TEST(*std::ranges::find(std::as_const(list), "c") == "c");
    BOOST_TEST(*std::ranges::lower_bound(std::as_const(list), std::string("b")) == "c");
    list.erase(std::ranges::find(std::as_const(list), "a"));
    BOOST_TEST(list.size() == 1U);
    list.resize(3);
    BOOST_TEST(list.back().empty());
    list.pop_back();
    BOOST_TEST(list.size() == 2U);
    list.clear();
    BOOST_TEST(list.empty());
}

BOOST_AUTO_TEST_SUITE_END()
