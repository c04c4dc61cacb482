#include "access/session_table.h"

#include <boost/test/unit_test.hpp>

using accessd::SessionTable;

namespace {

const base::IpAddress kOne = base::IpAddress::parse("192.0.2.1").value();
const base::IpAddress kTwo = base::IpAddress::parse("192.0.2.2").value();

base::IpAddress v6(const char* text) {
    return base::IpAddress::parse(text).value();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(session_table)

BOOST_AUTO_TEST_CASE(admits_up_to_its_limits) {
    const base::Instant now = base::monotonic_now();
    SessionTable table(3, 2, 7, now);
    auto a = table.admit(kOne, now);
    auto b = table.admit(kOne, now);
    BOOST_TEST(bool(a));
    BOOST_TEST(bool(b));
    BOOST_TEST(!table.admit(kOne, now));
    auto c = table.admit(kTwo, now);
    BOOST_TEST(bool(c));
    BOOST_TEST(!table.admit(kTwo, now));
    BOOST_TEST(table.sessions() == 3U);
    a = SessionTable::Slot();
    BOOST_TEST(bool(table.admit(kOne, now)));
    const base::LoadReport report = table.report(now);
    BOOST_TEST(report.arrivals == 6U);
    BOOST_TEST(report.refused == 2U);
    BOOST_TEST(report.accepted == 4U);
}

BOOST_AUTO_TEST_CASE(slot_is_given_back_once) {
    const base::Instant now = base::monotonic_now();
    SessionTable table(10, 10, 7, now);
    {
        auto a = table.admit(kOne, now);
        auto b = std::move(a);
        BOOST_TEST(!a);
        BOOST_TEST(bool(b));
        BOOST_TEST(table.sessions() == 1U);
    }
    BOOST_TEST(table.sessions() == 0U);
}

BOOST_AUTO_TEST_CASE(utilisation_is_integrated_over_time) {
    const base::Instant start = base::monotonic_now();
    SessionTable table(4, 4, 7, start);
    auto a = table.admit(kOne, start);
    // Half of 10 s at one quarter, half at two.
    auto b = table.admit(kOne, start + std::chrono::seconds(5));
    const base::LoadReport report = table.report(start + std::chrono::seconds(10));
    BOOST_TEST(report.busy_us == 1'250'000U + 2'500'000U);
    BOOST_TEST(report.start_id == 7U);
}

BOOST_AUTO_TEST_CASE(is_unfit_until_told_otherwise) {
    const base::Instant now = base::monotonic_now();
    SessionTable table(4, 4, 7, now);
    BOOST_TEST(!table.report(now).fit);
    table.set_fit(true, "ok");
    BOOST_TEST(table.report(now).fit);
    table.set_fit(false, "stopping");
    BOOST_TEST(table.report(now).reason == "stopping");
}

BOOST_AUTO_TEST_CASE(one_site_is_one_source) {
    BOOST_TEST(accessd::source_key(kOne) != accessd::source_key(kTwo));
    BOOST_TEST(accessd::source_key(v6("2001:db8::1")) == accessd::source_key(v6("2001:db8::2:3")));
    BOOST_TEST(accessd::source_key(v6("2001:db8::1")) !=
               accessd::source_key(v6("2001:db8:0:1::1")));
}

BOOST_AUTO_TEST_SUITE_END()
