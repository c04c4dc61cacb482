#include "base/fd.h"

#include <utility>

#include <boost/test/unit_test.hpp>
#include <fcntl.h>
#include <unistd.h>

using base::Fd;

namespace {

int opened() {
    const int number = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    BOOST_REQUIRE(number >= 0);
    return number;
}

bool is_open(int number) {
    return ::fcntl(number, F_GETFD) >= 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fd)

BOOST_AUTO_TEST_CASE(closes_when_it_goes) {
    const int number = opened();
    {
        const Fd owner(number);
        BOOST_TEST(bool(owner));
        BOOST_TEST(owner.get() == number);
    }
    BOOST_TEST(!is_open(number));
}

BOOST_AUTO_TEST_CASE(moves_and_closes_what_it_replaces) {
    const int first = opened();
    const int second = opened();
    Fd owner(first);
    Fd other(second);
    owner = std::move(other);
    BOOST_TEST(!is_open(first));
    BOOST_TEST(owner.get() == second);
    Fd& same = owner;
    owner = std::move(same);
    BOOST_TEST(is_open(second));
    const Fd last(std::move(owner));
    BOOST_TEST(last.get() == second);
}

BOOST_AUTO_TEST_CASE(a_released_number_is_not_closed) {
    const int number = opened();
    {
        Fd owner(number);
        BOOST_TEST(owner.release() == number);
        BOOST_TEST(!owner);
    }
    BOOST_TEST(is_open(number));
    const Fd again(number);
}

BOOST_AUTO_TEST_CASE(none_is_no_number) {
    Fd none;
    BOOST_TEST(!none);
    BOOST_TEST(none.get() == -1);
    none.reset();
}

BOOST_AUTO_TEST_SUITE_END()
