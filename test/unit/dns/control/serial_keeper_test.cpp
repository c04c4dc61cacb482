#include "dns/control/serial_keeper.h"

#include <optional>

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/steering/steering_fixture.h"

namespace {

using dns::CanonicalAnswer;
using dns::GroupToPublish;
using dns::SerialKeeper;
using dns::steering::ServerId;
using dns::steering::Urgency;

std::shared_ptr<const CanonicalAnswer> answer(std::uint16_t second) {
    return std::make_shared<const CanonicalAnswer>(
        CanonicalAnswer{{ServerId{1}, 10}, {ServerId{2}, second}});
}

// mail.test alone, as it is published time and again.
struct OneZone {
    // Its serial, or nothing where it did not move.
    std::optional<std::uint32_t> update(const GroupToPublish& group,
                                        Urgency urgency,
                                        double now_s,
                                        std::uint32_t directory_serial = 7,
                                        bool records_changed = false) {
        keeper.take_zones({{"mail.test", directory_serial, 0}});
        const auto moved = keeper.update(
            {group},
            records_changed ? std::vector<std::uint32_t>{0} : std::vector<std::uint32_t>{},
            urgency,
            now_s);
        return moved.empty() ? std::nullopt : std::optional(serial());
    }

    void leave() {
        keeper.take_zones({});
        BOOST_TEST(keeper.update({}, {}, Urgency::Routine, 0).empty());
        BOOST_TEST(keeper.serials()->empty());
    }

    [[nodiscard]] std::uint32_t serial() const { return keeper.serials()->at(0); }

    SerialKeeper keeper;
};

GroupToPublish zone(std::shared_ptr<const CanonicalAnswer> canonical) {
    return {std::move(canonical), {}};
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
    OneZone world;
    BOOST_TEST(world.update(zone(answer(10)), Urgency::Routine, 0).value() == 8U);
    const auto serials = world.keeper.serials();
    BOOST_TEST(!world.update(zone(answer(10)), Urgency::AtOnce, 100));
    BOOST_TEST(world.serial() == 8U);
    BOOST_TEST(world.keeper.serials() == serials, "the same ones");
    BOOST_TEST(!world.keeper.due_s());
}

BOOST_AUTO_TEST_CASE(a_plain_zone_keeps_its_serial_until_its_records_change) {
    OneZone world;
    BOOST_TEST(!world.update({}, Urgency::AtOnce, 0));
    BOOST_TEST(world.serial() == 7U);
    BOOST_TEST(world.update({}, Urgency::Routine, 1, 7, true).value() == 8U);
}

// A TTL or a host name of the same servers, or an access name.
BOOST_AUTO_TEST_CASE(what_secondaries_get_moves_a_serial) {
    const auto content = [](std::uint32_t ttl) {
        dns::transfer::SteeredContent made;
        made.ttl = ttl;
        return std::make_shared<const dns::transfer::SteeredContent>(made);
    };
    OneZone world;
    GroupToPublish steered = zone(answer(10));
    steered.steered = {content(60), content(60)};
    BOOST_TEST(world.update(steered, Urgency::AtOnce, 0).value() == 8U);
    steered.steered = {content(60), content(60)};
    BOOST_TEST(!world.update(steered, Urgency::AtOnce, 1));
    steered.steered.access = content(61);
    BOOST_TEST(world.update(steered, Urgency::AtOnce, 2).value() == 9U);
    steered.steered.mail = content(61);
    BOOST_TEST(!world.update(steered, Urgency::Routine, 3));
    BOOST_TEST(world.update(steered, Urgency::Routine, 40).value() == 10U);
}

BOOST_AUTO_TEST_CASE(load_moves_a_serial_once_per_hold_and_is_then_owed) {
    OneZone world;
    (void)world.update(zone(answer(10)), Urgency::Routine, 0);
    BOOST_TEST(!world.update(zone(answer(20)), Urgency::Routine, 10));
    BOOST_REQUIRE(world.keeper.due_s());
    BOOST_TEST(*world.keeper.due_s() == dns::kSerialHold);
    BOOST_TEST(world.update(zone(answer(20)), Urgency::Routine, 30).value() == 9U);
    BOOST_TEST(!world.keeper.due_s());
}

BOOST_AUTO_TEST_CASE(a_change_that_is_taken_back_within_the_hold_is_none) {
    OneZone world;
    (void)world.update(zone(answer(10)), Urgency::Routine, 0);
    (void)world.update(zone(answer(20)), Urgency::Routine, 10);
    BOOST_TEST(!world.update(zone(answer(10)), Urgency::Routine, 31));
    BOOST_TEST(world.serial() == 8U);
}

BOOST_AUTO_TEST_CASE(what_is_urgent_moves_at_once) {
    OneZone world;
    (void)world.update(zone(answer(10)), Urgency::Routine, 0);
    BOOST_TEST(world.update(zone(answer(20)), Urgency::AtOnce, 1).value() == 9U);
}

BOOST_AUTO_TEST_CASE(the_directorys_newer_serial_is_taken_over) {
    OneZone world;
    (void)world.update(zone(answer(10)), Urgency::Routine, 0);
    BOOST_TEST(!world.update(zone(answer(10)), Urgency::Routine, 1, 500));
    BOOST_TEST(world.serial() == 500U);
    BOOST_TEST(world.update(zone(answer(20)), Urgency::AtOnce, 2, 500).value() == 501U);
}

BOOST_AUTO_TEST_CASE(a_zone_that_left_and_comes_back_goes_on_from_its_serial) {
    OneZone world;
    BOOST_TEST(world.update(zone(answer(10)), Urgency::Routine, 0, 500).value() == 501U);
    world.leave();
    world.leave();
    BOOST_TEST(world.update({}, Urgency::Routine, 3, 1).value() == 502U);
    BOOST_TEST(!world.update({}, Urgency::Routine, 4, 1));
    // The directory may be ahead of what is remembered.
    world.leave();
    BOOST_TEST(world.update({}, Urgency::Routine, 6, 900).value() == 901U);
}

BOOST_AUTO_TEST_CASE(zones_move_with_their_groups_and_keep_their_serials_between_places) {
    SerialKeeper keeper;
    keeper.take_zones({{"a.test", 1, 0}, {"b.test", 1, 1}, {"c.test", 1, 0}});
    const auto first = keeper.update({zone(answer(10)), {}}, {}, Urgency::AtOnce, 0);
    BOOST_TEST((first == std::vector<std::uint32_t>{0, 2}));
    BOOST_TEST((keeper.update({zone(answer(20)), {}}, {1}, Urgency::AtOnce, 1) ==
                std::vector<std::uint32_t>{0, 1, 2}));
    BOOST_TEST((*keeper.serials() == std::vector<std::uint32_t>{3, 2, 3}));
    keeper.take_zones({{"a.test", 1, 0}, {"aa.test", 9, 1}, {"c.test", 1, 0}});
    BOOST_TEST(keeper.update({zone(answer(20)), {}}, {}, Urgency::AtOnce, 2).empty());
    BOOST_TEST((*keeper.serials() == std::vector<std::uint32_t>{3, 9, 3}));
    // Into another group, which is another content for it.
    keeper.take_zones({{"a.test", 1, 0}, {"aa.test", 9, 1}, {"c.test", 1, 1}});
    BOOST_TEST((keeper.update({zone(answer(20)), {}}, {}, Urgency::AtOnce, 3) ==
                std::vector<std::uint32_t>{2}));
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
