#include "base/fd_wait.h"

#include <array>

#include <boost/test/unit_test.hpp>
#include <poll.h>
#include <unistd.h>

#include "base/fd.h"

using base::Deadline;
using std::chrono::milliseconds;

BOOST_AUTO_TEST_SUITE(fd_wait)

BOOST_AUTO_TEST_CASE(it_waits_for_octets_for_the_end_and_no_longer_than_it_may) {
    std::array<int, 2> ends{};
    BOOST_REQUIRE(::pipe(ends.data()) == 0);
    const base::Fd reader(ends[0]);
    base::Fd writer(ends[1]);
    BOOST_TEST(bool(base::wait_ready(writer.get(), POLLOUT, Deadline::after(milliseconds(0)))));

    const Deadline deadline = Deadline::after(milliseconds(20));
    const base::Status none = base::wait_ready(reader.get(), POLLIN, deadline);
    BOOST_REQUIRE(!none);
    BOOST_CHECK(none.error().code == base::Errc::Timeout);
    BOOST_TEST(deadline.passed(), "it did not wait");

    BOOST_REQUIRE(::write(writer.get(), "x", 1) == 1);
    BOOST_TEST(bool(base::wait_ready(reader.get(), POLLIN, Deadline::after(milliseconds(0)))));
    char octet = 0;
    BOOST_REQUIRE(::read(reader.get(), &octet, 1) == 1);
    writer = base::Fd();
    BOOST_TEST(
        bool(base::wait_ready(reader.get(), POLLIN, Deadline::after(std::chrono::hours(9)))));
}

BOOST_AUTO_TEST_SUITE_END()
