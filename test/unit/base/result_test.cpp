#include "base/result.h"

#include <cerrno>
#include <memory>
#include <set>

#include <boost/test/unit_test.hpp>

#include "test/support/errors.h"

using base::Done;
using base::Errc;
using base::Error;
using base::Result;
using base::Status;

namespace {

Result<int> half(int number) {
    if (number % 2 != 0) {
        return Error{Errc::Invalid, "odd"};
    }
    return number / 2;
}

Result<int> quarter(int number) {
    const int first = TRY(half(number));
    return TRY(half(first));
}

Status check_even(int number) {
    TRY(half(number));
    return Done{};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(result)

BOOST_AUTO_TEST_CASE(holds_a_value_or_an_error) {
    BOOST_REQUIRE(half(4));
    BOOST_TEST(half(4).value() == 2);
    const auto odd = half(3);
    BOOST_REQUIRE(!odd);
    BOOST_CHECK(odd.error().code == Errc::Invalid);
    BOOST_TEST(odd.error().detail == "odd");
}

BOOST_AUTO_TEST_CASE(try_passes_the_first_error_on) {
    BOOST_TEST(quarter(8).value() == 2);
    BOOST_TEST(quarter(6).error().detail == "odd");
    BOOST_TEST(quarter(7).error().detail == "odd");
    BOOST_TEST(bool(check_even(2)));
    BOOST_TEST(!check_even(1));
}

BOOST_AUTO_TEST_CASE(values_that_only_move_are_taken_out) {
    Result<std::unique_ptr<int>> made = std::make_unique<int>(7);
    const std::unique_ptr<int> taken = std::move(made).take_value();
    BOOST_TEST(*taken == 7);
}

BOOST_AUTO_TEST_CASE(each_kind_has_a_name_of_its_own) {
    std::set<std::string_view> names;
    for (const Errc code : test_support::kAllErrors) {
        BOOST_TEST(base::errc_name(code) != "unknown");
        names.insert(base::errc_name(code));
    }
    BOOST_TEST(names.size() == std::size(test_support::kAllErrors));
}

BOOST_AUTO_TEST_CASE(what_may_succeed_later_is_temporary) {
    for (const Errc code : test_support::kAllErrors) {
        const bool permanent = code == Errc::Invalid || code == Errc::NotFound ||
                               code == Errc::Exists || code == Errc::Refused ||
                               code == Errc::TooLarge || code == Errc::Corrupt ||
                               code == Errc::Unsupported;
        BOOST_TEST(base::is_temporary(code) == !permanent, base::errc_name(code));
    }
}

BOOST_AUTO_TEST_CASE(errors_of_the_system_keep_their_kind) {
    const struct {
        int number;
        Errc code;
    } cases[] = {
        {ENOENT, Errc::NotFound},
        {ENOTDIR, Errc::NotFound},
        {EEXIST, Errc::Exists},
        {EACCES, Errc::Refused},
        {EPERM, Errc::Refused},
        {EROFS, Errc::Refused},
        {ENOSPC, Errc::Io},
        {EIO, Errc::Io},
    };

    for (const auto& c : cases) {
        BOOST_CHECK(base::errno_error("open", c.number).code == c.code);
    }
    BOOST_TEST(base::errno_error("open /x", ENOENT).detail == "open /x: No such file or directory");
}

BOOST_AUTO_TEST_SUITE_END()
