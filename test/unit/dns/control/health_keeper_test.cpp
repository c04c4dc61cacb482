#include "dns/control/health_keeper.h"

#include <boost/test/unit_test.hpp>

#include "base/clock.h"
#include "base/db.h"
#include "test/support/loop_runner.h"
#include "test/unit/dns/directory/world.h"

namespace {

constexpr std::int64_t kNow_us = 1'795'345'200'000'000;
constexpr std::int64_t kMinute_us = 60'000'000;

// Two pools without sockets; a journal whose database is never asked.
struct World {
    explicit World(base::Loop& loop)
        : mail(loop, dns::PoolName::Mail, [](const auto&) {}),
          access(loop, dns::PoolName::Access, [](const auto&) {}),
          database("host=/nonexistent", "test", {}),
          journal(database, "ns1", priorities),
          keeper(mail, access, journal) {}

    dns::SteeringPool mail;
    dns::SteeringPool access;
    base::DbPool database;
    dns::PriorityReport priorities;
    dns::SteeringJournal journal;
    dns::HealthKeeper keeper;
};

const dns::SavedPoolHealth kSaved{kNow_us, {{{1}, true, "", 0}, {{2}, false, "why", 1}}, {}};

void run(const std::function<void(World&)>& body) {
    test_support::run_in_fiber([&body](base::Loop& loop) {
        World world(loop);
        body(world);
    });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(health_keeper)

BOOST_AUTO_TEST_CASE(what_was_saved_is_believed_for_ten_minutes) {
    run([](World& world) {
        world.keeper.restore(kSaved, kNow_us + 10 * kMinute_us + 1);
        BOOST_TEST(world.mail.save_health().empty());
        world.keeper.restore(kSaved, kNow_us - 1);
        BOOST_TEST(world.mail.save_health().empty(), "from the future");
        world.keeper.restore(kSaved, kNow_us + 10 * kMinute_us);
        BOOST_TEST((world.mail.save_health() == kSaved.mail));
    });
}

BOOST_AUTO_TEST_CASE(it_is_written_when_it_changes_and_each_minute) {
    run([](World& world) {
        BOOST_TEST(!world.keeper.unsaved(kNow_us).has_value(), "nothing is known");
        world.mail.restore_health(kSaved.mail);
        const auto first = world.keeper.unsaved(kNow_us);
        BOOST_REQUIRE(first.has_value());
        BOOST_TEST((*first == kSaved));
        BOOST_TEST(world.keeper.unsaved(kNow_us).has_value(), "until it was written");
        world.keeper.set_saved(*first);
        auto faded = kSaved.mail;
        faded[1].flaps = 0.9;
        world.mail.restore_health(faded);
        BOOST_TEST(!world.keeper.unsaved(kNow_us + kMinute_us - 1).has_value());
        BOOST_TEST(world.keeper.unsaved(kNow_us + kMinute_us).has_value());
        faded[0].up = false;
        world.mail.restore_health(faded);
        BOOST_TEST(world.keeper.unsaved(kNow_us + 1).has_value());
    });
}

BOOST_AUTO_TEST_SUITE_END()
