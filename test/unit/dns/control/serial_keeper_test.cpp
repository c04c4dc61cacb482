#include "dns/control/serial_keeper.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/steering/steering_fixture.h"

namespace {

using dns::CanonicalAnswer;
using dns::SerialKeeper;
using dns::ZoneToPublish;
using dns::steering::ServerId;
using dns::steering::Urgency;

std::shared_ptr<const CanonicalAnswer> answer(std::uint16_t second) {
    return std::make_shared<const CanonicalAnswer>(
        CanonicalAnswer{{ServerId{1}, 10}, {ServerId{2}, second}});
}

ZoneToPublish zone(std::shared_ptr<const CanonicalAnswer> canonical, std::uint32_t serial = 7) {
    return {"mail.test", serial, false, std::move(canonical)};
}

BOOST_AUTO_TEST_SUITE(serial_keeper)

BOOST_AUTO_TEST_CASE(serials_wrap_and_never_are_zero) {
    BOOST_TEST(dns::next_serial(7) == 8U);
    BOOST_TEST(dns::next_serial(0xffffffffU) == 1U);
    BOOST_TEST(dns::is_newer_serial(8, 7));
    BOOST_TEST(!dns::is_newer_serial(7, 7));
    BOOST_TEST(!dns::is_newer_serial(7, 8));
    BOOST_TEST(dns::is_newer_serial(1, 0xfffffff0U));
}

BOOST_AUTO_TEST_CASE(a_steered_zone_moves_at_first_sight_and_then_only_on_change) {
    SerialKeeper keeper;
    BOOST_TEST(keeper.update({zone(answer(10))}, Urgency::Routine, 0).at("mail.test") == 8U);
    BOOST_TEST(keeper.update({zone(answer(10))}, Urgency::AtOnce, 100).empty());
    BOOST_TEST(keeper.serials().at("mail.test") == 8U);
    BOOST_TEST(!keeper.due_s());
}

BOOST_AUTO_TEST_CASE(a_plain_zone_keeps_its_serial_until_its_records_change) {
    SerialKeeper keeper;
    ZoneToPublish plain = zone(nullptr);
    BOOST_TEST(keeper.update({plain}, Urgency::AtOnce, 0).empty());
    BOOST_TEST(keeper.serials().at("mail.test") == 7U);
    plain.records_changed = true;
    BOOST_TEST(keeper.update({plain}, Urgency::Routine, 1).at("mail.test") == 8U);
}

// A TTL or a host name of the same servers, or an access name.
BOOST_AUTO_TEST_CASE(what_secondaries_get_moves_a_serial) {
    const auto content = [](std::uint32_t ttl) {
        dns::transfer::SteeredContent made;
        made.ttl = ttl;
        return std::make_shared<const dns::transfer::SteeredContent>(made);
    };
    SerialKeeper keeper;
    ZoneToPublish steered = zone(answer(10));
    steered.steered = {content(60), content(60)};
    BOOST_TEST(keeper.update({steered}, Urgency::AtOnce, 0).at("mail.test") == 8U);
    steered.steered = {content(60), content(60)};
    BOOST_TEST(keeper.update({steered}, Urgency::AtOnce, 1).empty());
    steered.steered.access = content(61);
    BOOST_TEST(keeper.update({steered}, Urgency::AtOnce, 2).at("mail.test") == 9U);
    steered.steered.mail = content(61);
    BOOST_TEST(keeper.update({steered}, Urgency::Routine, 3).empty());
    BOOST_TEST(keeper.update({steered}, Urgency::Routine, 40).at("mail.test") == 10U);
}

BOOST_AUTO_TEST_CASE(load_moves_a_serial_once_per_hold_and_is_then_owed) {
    SerialKeeper keeper;
    (void)keeper.update({zone(answer(10))}, Urgency::Routine, 0);
    BOOST_TEST(keeper.update({zone(answer(20))}, Urgency::Routine, 10).empty());
    BOOST_REQUIRE(keeper.due_s());
    BOOST_TEST(*keeper.due_s() == dns::kSerialHold);
    BOOST_TEST(keeper.update({zone(answer(20))}, Urgency::Routine, 30).at("mail.test") == 9U);
    BOOST_TEST(!keeper.due_s());
}

BOOST_AUTO_TEST_CASE(a_change_that_is_taken_back_within_the_hold_is_none) {
    SerialKeeper keeper;
    (void)keeper.update({zone(answer(10))}, Urgency::Routine, 0);
    (void)keeper.update({zone(answer(20))}, Urgency::Routine, 10);
    BOOST_TEST(keeper.update({zone(answer(10))}, Urgency::Routine, 31).empty());
    BOOST_TEST(keeper.serials().at("mail.test") == 8U);
}

BOOST_AUTO_TEST_CASE(what_is_urgent_moves_at_once) {
    SerialKeeper keeper;
    (void)keeper.update({zone(answer(10))}, Urgency::Routine, 0);
    BOOST_TEST(keeper.update({zone(answer(20))}, Urgency::AtOnce, 1).at("mail.test") == 9U);
}

BOOST_AUTO_TEST_CASE(the_directorys_newer_serial_is_taken_over) {
    SerialKeeper keeper;
    (void)keeper.update({zone(answer(10))}, Urgency::Routine, 0);
    BOOST_TEST(keeper.update({zone(answer(10), 500)}, Urgency::Routine, 1).empty());
    BOOST_TEST(keeper.serials().at("mail.test") == 500U);
    BOOST_TEST(keeper.update({zone(answer(20), 500)}, Urgency::AtOnce, 2).at("mail.test") == 501U);
}

BOOST_AUTO_TEST_CASE(a_zone_that_left_and_comes_back_goes_on_from_its_serial) {
    SerialKeeper keeper;
    (void)keeper.update({zone(answer(10), 500)}, Urgency::Routine, 0);
    BOOST_TEST(keeper.serials().at("mail.test") == 501U);
    (void)keeper.update({}, Urgency::Routine, 1);
    BOOST_TEST(keeper.serials().empty());
    (void)keeper.update({}, Urgency::Routine, 2);
    BOOST_TEST(keeper.update({zone(nullptr, 1)}, Urgency::Routine, 3).at("mail.test") == 502U);
    BOOST_TEST(keeper.update({zone(nullptr, 1)}, Urgency::Routine, 4).empty());
    // The directory may be ahead of what is remembered.
    (void)keeper.update({}, Urgency::Routine, 5);
    BOOST_TEST(keeper.update({zone(nullptr, 900)}, Urgency::Routine, 6).at("mail.test") == 901U);
}

BOOST_AUTO_TEST_CASE(the_canonical_answer_is_the_row_of_the_largest_share) {
    using namespace dns::steering;
    const auto table = build_table(fixture::pool_of(fixture::kExample));
    BOOST_REQUIRE(table);
    const CanonicalAnswer canonical = dns::canonical_of(table.value());
    BOOST_TEST(canonical.size() == fixture::kExample.size());
    BOOST_TEST(canonical.front().second == kLevel0Preference);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
