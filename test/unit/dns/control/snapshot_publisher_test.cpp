#include "dns/control/snapshot_publisher.h"

#include <algorithm>
#include <optional>

#include <boost/test/unit_test.hpp>

#include "dns/directory/pools.h"
#include "dns/steering/engine.h"
#include "test/support/loop_runner.h"
#include "test/unit/dns/control/control_fixture.h"
#include "test/unit/dns/directory/world.h"

namespace {

using dns::Published;
using dns::steering::Urgency;
using dns_test::wait_until;

struct Publishing {
    explicit Publishing(base::Loop& loop)
        : publisher(std::make_unique<dns::SnapshotPublisher>(
              loop, holder, [this](const Published& published) { done.push_back(published); })) {}

    [[nodiscard]] dns::PublishRequest request(Urgency urgency = Urgency::AtOnce) const {
        dns::PublishRequest made;
        made.input.directory = std::make_shared<const dns::Directory>(directory);
        made.input.mail = pool(dns::PoolName::Mail);
        made.input.access = pool(dns::PoolName::Access);
        made.urgency = urgency;
        return made;
    }

    [[nodiscard]] dns::PoolInput pool(dns::PoolName name) const {
        const auto plan = dns::plan_pool(directory, name);
        auto engine = dns::steering::SteeringEngine::create(plan.config, {}).take_value();
        (void)engine.set_overrides(plan.overrides, {});
        return {engine.poll({}), std::make_shared<const std::vector<dns::SteeredHost>>(plan.hosts)};
    }

    const Published& publish(Urgency urgency = Urgency::AtOnce) {
        const std::size_t before = done.size();
        publisher->request(request(urgency));
        BOOST_REQUIRE(wait_until([&] { return done.size() > before; }));
        BOOST_REQUIRE(done.back().outcome);
        return done.back();
    }

    dns::DirectoryDomain& mail() { return directory.domains[1]; }

    dns::Directory directory = dns_test::directory();
    dns::SnapshotHolder holder;
    std::vector<Published> done;
    std::unique_ptr<dns::SnapshotPublisher> publisher;
};

std::size_t place_of(const Published& done, std::string_view domain) {
    const auto& domains = done.last_good->domains;
    const auto found = std::ranges::find(domains, domain, &dns::DirectoryDomain::name);
    BOOST_REQUIRE(found != domains.end());
    return static_cast<std::size_t>(found - domains.begin());
}

std::uint32_t serial(const Published& done, std::string_view domain) {
    return done.serials->at(place_of(done, domain));
}

// Its serial if that moved; else nothing.
std::optional<std::uint32_t> moved(const Published& done, std::string_view domain) {
    const std::int64_t id = done.last_good->domains[place_of(done, domain)].id;
    const auto found = std::ranges::find(done.moved, id, &dns::SerialMove::domain_id);
    return found == done.moved.end() ? std::nullopt : std::optional(found->serial);
}

void run(const std::function<void(Publishing&)>& body) {
    test_support::run_in_fiber([&body](base::Loop& loop) {
        Publishing publishing(loop);
        body(publishing);
    });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(snapshot_publisher)

BOOST_AUTO_TEST_CASE(puts_a_snapshot_in_force_and_tells) {
    run([](Publishing& world) {
        BOOST_TEST(world.holder.empty());
        const Published& done = world.publish();
        BOOST_TEST(!world.holder.empty());
        BOOST_TEST(done.domains == 2U);
        BOOST_TEST(done.memory > 0U);
        BOOST_TEST(done.refused.empty());
        BOOST_TEST(done.last_good->domains.size() == 2U);
        BOOST_TEST(moved(done, "mail.test").value() == 13U, "a steered zone at first sight");
        BOOST_TEST(!moved(done, "hosts.test"));
        BOOST_TEST(serial(done, "hosts.test") == 1U);
    });
}

BOOST_AUTO_TEST_CASE(a_burst_of_requests_costs_two_builds_and_the_last_wins) {
    run([](Publishing& world) {
        for (std::uint32_t ttl = 100; ttl < 120; ++ttl) {
            world.mail().ttl = ttl;
            world.publisher->request(world.request());
        }
        BOOST_REQUIRE(wait_until([&] { return world.done.size() == 2U; }));
        BOOST_TEST(world.done[1].last_good->domains[1].ttl == 119U);
        BOOST_TEST(
            !wait_until([&] { return world.done.size() > 2U; }, std::chrono::milliseconds(100)));
    });
}

BOOST_AUTO_TEST_CASE(serials_move_with_records_and_overrides_at_once) {
    run([](Publishing& world) {
        (void)world.publish();
        BOOST_TEST(world.publish().moved.empty(), "nothing changed");
        world.mail().records.push_back({"new", "A", std::nullopt, "192.0.2.9"});
        BOOST_TEST(moved(world.publish(Urgency::Routine), "mail.test").value() == 14U);
        world.directory.overrides.clear();
        BOOST_TEST(moved(world.publish(), "mail.test").value() == 15U);
        world.mail().serial = 40;
        BOOST_TEST(world.publish().moved.empty(), "taken over, not moved");
        BOOST_TEST(serial(world.done.back(), "mail.test") == 40U);
    });
}

BOOST_AUTO_TEST_CASE(a_load_change_keeps_its_serial_for_a_while) {
    run([](Publishing& world) {
        (void)world.publish();
        world.directory.overrides.clear();
        const Published& done = world.publish(Urgency::Routine);
        BOOST_TEST(done.moved.empty());
        BOOST_TEST(serial(done, "mail.test") == 13U);
        // An urgent request that waits behind a routine one keeps its urgency.
        world.publisher->request(world.request(Urgency::Routine));
        world.publisher->request(world.request(Urgency::AtOnce));
        world.publisher->request(world.request(Urgency::Routine));
        BOOST_REQUIRE(wait_until([&] { return world.done.size() == 4U; }));
        BOOST_TEST(moved(world.done.back(), "mail.test").value() == 14U);
    });
}

BOOST_AUTO_TEST_CASE(a_refused_domain_is_told_and_what_is_kept_is_the_good_one) {
    run([](Publishing& world) {
        (void)world.publish();
        world.mail().records.push_back({"bad", "A", std::nullopt, "no address"});
        for (int i = 0; i < 2; ++i) {
            const Published& done = world.publish();
            BOOST_REQUIRE(done.refused.size() == 1U);
            BOOST_TEST(done.refused[0].serves_old);
            BOOST_TEST(done.last_good->domains[1].records.size() == 2U);
            BOOST_TEST(done.moved.empty());
        }
    });
}

BOOST_AUTO_TEST_CASE(what_cannot_be_built_leaves_the_old_one_in_force) {
    run([](Publishing& world) {
        (void)world.publish();
        auto request = world.request();
        request.input.mail.hosts = std::make_shared<const std::vector<dns::SteeredHost>>();
        world.publisher->request(request);
        BOOST_REQUIRE(wait_until([&] { return world.done.size() == 2U; }));
        BOOST_TEST(!world.done[1].outcome);
        BOOST_TEST(!world.holder.empty());
        BOOST_TEST(world.publish().moved.empty());
    });
}

// Records that changed in a build that failed still move the serial once one succeeds.
BOOST_AUTO_TEST_CASE(a_change_is_not_forgotten_by_a_build_that_failed) {
    run([](Publishing& world) {
        (void)world.publish();
        world.directory.domains[0].records.push_back({"new", "A", std::nullopt, "192.0.2.9"});
        const auto good = world.request();
        auto bad = good;
        bad.input.mail.hosts = std::make_shared<const std::vector<dns::SteeredHost>>();
        world.publisher->request(bad);
        BOOST_REQUIRE(wait_until([&] { return world.done.size() == 2U; }));
        world.publisher->request(good);
        BOOST_REQUIRE(wait_until([&] { return world.done.size() == 3U; }));
        BOOST_REQUIRE(world.done[2].outcome);
        BOOST_TEST(moved(world.done[2], "hosts.test").has_value());
    });
}

// Or a name server with many zones would end when its last build does, long after it was told to.
BOOST_AUTO_TEST_CASE(gives_up_what_it_builds_when_it_is_to_stop) {
    run([](Publishing& world) {
        (void)world.publish();
        world.publisher->stop();
        world.mail().records.push_back({"new", "A", std::nullopt, "192.0.2.9"});
        world.publisher->request(world.request());
        BOOST_REQUIRE(wait_until([&] { return world.done.size() == 2U; }));
        BOOST_REQUIRE(!world.done[1].outcome);
        BOOST_TEST((world.done[1].outcome.error().code == base::Errc::Cancelled));
    });
}

BOOST_AUTO_TEST_CASE(may_go_while_its_loop_runs_on) {
    test_support::run_in_fiber([](base::Loop&) {
        base::Loop& loop = *base::Loop::current();
        Publishing world(loop);
        for (int i = 0; i < 20; ++i) {
            world.publisher->request(world.request());
            world.publisher = std::make_unique<dns::SnapshotPublisher>(
                loop, world.holder, [&world](const Published& done) {
                    world.done.push_back(done);
                });
        }
        world.publisher.reset();
        const std::size_t told = world.done.size();
        (void)base::sleep_until(base::Deadline::after(std::chrono::milliseconds(20)));
        BOOST_TEST(world.done.size() == told);
    });
}

BOOST_AUTO_TEST_SUITE_END()
