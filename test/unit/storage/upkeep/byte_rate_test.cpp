#include "storage/upkeep/byte_rate.h"

#include <optional>

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/path/loop_fixture.h"

using namespace storage;
using namespace storage_test;

BOOST_AUTO_TEST_SUITE(storage_byte_rate)

BOOST_AUTO_TEST_CASE(what_was_used_is_paid_for_before_the_next) {
    run_in_fiber([](base::Loop&) {
        ByteRate rate(1'000'000);
        BOOST_REQUIRE(rate.wait());  // nothing is due at the start
        const base::Instant begin = base::monotonic_now();
        rate.use(20'000);
        rate.use(10'000);
        BOOST_TEST((rate.due() > milliseconds(20)));
        BOOST_REQUIRE(rate.wait());
        BOOST_TEST((base::monotonic_now() - begin >= milliseconds(30)));
        BOOST_TEST((rate.due() == base::Duration::zero()));
    });
}

BOOST_AUTO_TEST_CASE(a_new_rate_holds_for_what_is_used_from_then_on) {
    ByteRate rate(1);
    rate.set_per_second(1'000'000'000);
    rate.use(1'000'000);
    BOOST_TEST((rate.due() <= milliseconds(1)));
    rate.set_per_second(0);
    BOOST_TEST(rate.per_second() == 1U);
}

BOOST_AUTO_TEST_CASE(a_wait_ends_when_its_fiber_is_cancelled) {
    run_in_fiber([](base::Loop& loop) {
        ByteRate rate(1);
        rate.use(3'600);
        std::optional<base::Status> ended;
        const auto waiter = base::spawn(loop, "waiter", [&] { ended = rate.wait(); });
        BOOST_REQUIRE(waiter);
        base::cancel_fiber(loop, waiter.value());
        BOOST_REQUIRE(eventually([&] { return ended.has_value(); }));
        BOOST_CHECK(code_of(*ended) == base::Errc::Cancelled);
    });
}

BOOST_AUTO_TEST_SUITE_END()
