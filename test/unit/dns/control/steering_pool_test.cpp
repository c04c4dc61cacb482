#include "dns/control/steering_pool.h"

#include <boost/test/unit_test.hpp>

#include "test/support/loop_runner.h"
#include "test/unit/dns/control/control_fixture.h"
#include "test/unit/dns/control/load_server.h"
#include "test/unit/dns/directory/world.h"

namespace {

using dns::PoolName;
using dns_test::LoadServer;
using dns_test::wait_until;

// Two mail servers of mail.test that answer probes, and the pool that steers them.
struct Steering {
    explicit Steering(base::Loop& loop)
        : first(loop, "mx1"),
          second(loop, "mx2"),
          pool(
              loop,
              PoolName::Mail,
              [this](const auto& commit) { commits.push_back(commit); },
              [this] { ++first_rounds; }) {
        directory.mail_servers.resize(2);
        auto exchanges = directory.domains[1].mail.copy();
        exchanges.resize(2);
        directory.domains[1].mail = exchanges;
        directory.overrides.clear();
        for (std::size_t i = 0; i < 2; ++i) {
            directory.mail_servers[i].host.address4 = dns_test::ip("127.0.0.1");
            directory.mail_servers[i].load_port =
                static_cast<std::uint16_t>((i == 0 ? first : second).port());
        }
    }

    dns::SteeringPool::Commit take() {
        auto taken = pool.take(std::make_shared<const dns::Directory>(directory));
        BOOST_REQUIRE_MESSAGE(bool(taken), (taken ? "" : taken.error().detail));
        return std::move(taken).take_value();
    }

    void add_override(dns::steering::OverrideKind kind, std::int64_t lasts_us) {
        dns::DirectoryOverride made;
        made.entry.id = directory.overrides.size() + 1;
        made.entry.kind = kind;
        made.entry.scope.server = dns::steering::ServerId{1};
        made.entry.author = "alice";
        made.entry.reason = "test";
        made.entry.created_us = base::wall_us();
        made.entry.expires_us = made.entry.created_us + lasts_us;
        directory.overrides.push_back(made);
    }

    bool committed(std::string_view cause) {
        return wait_until([&] {
            return std::ranges::any_of(commits, [cause](const auto& commit) {
                return commit->cause.find(cause) != std::string::npos;
            });
        });
    }

    dns::Directory directory = dns_test::directory();
    LoadServer first;
    LoadServer second;
    std::vector<dns::SteeringPool::Commit> commits;
    int first_rounds = 0;
    dns::SteeringPool pool;
};

void run(const std::function<void(Steering&)>& body) {
    test_support::run_in_fiber([&body](base::Loop& loop) {
        Steering steering(loop);
        body(steering);
    });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(steering_pool)

BOOST_AUTO_TEST_CASE(the_first_configuration_gives_a_commit_and_the_same_again_none) {
    run([](Steering& world) {
        BOOST_TEST(!world.pool.input().commit);
        BOOST_TEST(world.pool.servers_up() == 0U);
        const auto commit = world.take();
        BOOST_REQUIRE(commit);
        BOOST_TEST(commit->pool == "mail");
        BOOST_TEST((world.pool.input().commit == commit));
        BOOST_TEST(world.pool.input().hosts->size() == 2U);
        BOOST_TEST(!world.take());
        BOOST_TEST(world.commits.empty(), "never from inside a call");
    });
}

BOOST_AUTO_TEST_CASE(a_server_that_dies_is_withdrawn_by_a_commit) {
    run([](Steering& world) {
        (void)world.take();
        BOOST_REQUIRE(wait_until([&] { return world.pool.probe_counts().replies >= 2; }));
        BOOST_TEST(world.pool.servers_up() == 2U);
        world.second.stop();
        BOOST_TEST(world.committed("mx2 down"));
        BOOST_TEST(world.pool.servers_up() == 1U);
        BOOST_TEST((world.commits.back()->urgency == dns::steering::Urgency::AtOnce));
    });
}

BOOST_AUTO_TEST_CASE(an_override_holds_until_it_expires) {
    run([](Steering& world) {
        (void)world.take();
        world.add_override(dns::steering::OverrideKind::Down, 300'000);
        const auto commit = world.take();
        BOOST_REQUIRE(commit);
        BOOST_TEST(commit->cause.find("down mx1 by alice: test") != std::string::npos);
        BOOST_TEST(world.committed("expired: down mx1"));
        BOOST_TEST(world.commits.back()->table()->servers[0].weight > 0);
    });
}

BOOST_AUTO_TEST_CASE(overrides_that_are_refused_leave_the_servers_right) {
    run([](Steering& world) {
        (void)world.take();
        world.add_override(dns::steering::OverrideKind::Pin, 1'000'000);
        world.directory.overrides[0].entry.value = 0.5;
        world.directory.mail_servers[1].host.host_name = "renamed.hosts.test";
        world.directory.domains[1].policy = dns::steering::Policy::Rotate;
        const dns_test::LogCapture log;
        BOOST_TEST(bool(world.take()));
        BOOST_TEST(log.count("overrides-refused") == 1U);
        BOOST_TEST(world.pool.input().hosts->at(1).name.to_text() == "renamed.hosts.test.");
    });
}

BOOST_AUTO_TEST_CASE(a_pool_that_disappears_is_probed_no_more_and_may_come_back) {
    run([](Steering& world) {
        (void)world.take();
        BOOST_REQUIRE(wait_until([&] { return world.pool.probe_counts().replies >= 1; }));
        const auto mail = std::exchange(world.directory.domains[1].mail, {});
        BOOST_TEST(!world.take());
        BOOST_TEST(!world.pool.input().commit);
        BOOST_TEST(!world.pool.input().hosts);
        BOOST_TEST(world.pool.servers_up() == 0U);
        world.first.stop();
        const auto replies = world.pool.probe_counts().replies;
        const auto before = world.commits.size();
        (void)base::sleep_until(base::Deadline::after(std::chrono::milliseconds(50)));
        BOOST_TEST(world.commits.size() == before, "nobody looks at a server that is not used");
        BOOST_TEST(world.pool.probe_counts().replies == replies);
        world.directory.domains[1].mail = mail;
        BOOST_TEST(bool(world.take()));
    });
}

BOOST_AUTO_TEST_CASE(what_was_learnt_is_restored_once_there_is_a_pool) {
    run([](Steering& world) {
        world.pool.restore_trims({{{2}, -0.5}, {{99}, 1}});
        BOOST_TEST(world.pool.save_trims().size() == 2U, "kept until there is a pool");
        world.directory.domains[1].policy = dns::steering::Policy::Load;
        const auto commit = world.take();
        const auto saved = world.pool.save_trims();
        BOOST_REQUIRE(saved.size() == 2U);
        BOOST_TEST(saved[0].z == 0);
        BOOST_TEST(saved[1].z == -0.5);
        BOOST_TEST(commit->table_for("mail.test")->servers[1].trim == -0.5);
    });
}

// What was learnt in this life must survive, not what the file said at its start.
BOOST_AUTO_TEST_CASE(a_pool_that_comes_back_knows_what_it_last_knew) {
    run([](Steering& world) {
        world.pool.restore_trims({{{2}, -0.5}});
        (void)world.take();
        auto trimless = world.directory;
        dns::DirectoryOverride off;
        off.entry.id = 1;
        off.entry.kind = dns::steering::OverrideKind::TrimOff;
        trimless.overrides = {off};
        BOOST_REQUIRE(world.pool.take(std::make_shared<const dns::Directory>(trimless)));
        BOOST_TEST(world.pool.save_trims()[1].z == 0);
        auto empty = world.directory;
        empty.domains[1].mail.clear();
        BOOST_REQUIRE(world.pool.take(std::make_shared<const dns::Directory>(empty)));
        (void)world.take();
        BOOST_TEST(world.pool.save_trims()[1].z == 0);
    });
}

BOOST_AUTO_TEST_CASE(servers_are_probed_before_anybody_is_sent_to_them) {
    run([](Steering& world) {
        BOOST_TEST(bool(world.take()));
        BOOST_TEST(!world.pool.is_ready());
        BOOST_TEST(world.pool.servers_up() == 0U);
        BOOST_TEST(wait_until([&] { return world.first_rounds == 1; }));
        BOOST_TEST(world.pool.is_ready());
        BOOST_TEST(world.pool.servers_up() == 2U);
        BOOST_TEST(world.commits.size() <= 1U, "the round is one commit, not one for each server");
        const auto news = world.pool.watch();
        BOOST_TEST(news.servers_up == 2U);
        BOOST_TEST(news.changes == 2U);
        BOOST_TEST(news.age_s < 5);
        BOOST_TEST(!news.old);
    });
}

BOOST_AUTO_TEST_CASE(the_first_round_is_not_waited_for_for_ever) {
    run([](Steering& world) {
        // It takes connections and says nothing.
        std::vector<base::Fd> taken;
        const auto silent = base::Listener::create(
            *base::Loop::current(),
            base::Endpoint(base::IpAddress::loopback_v4(), 0),
            16,
            [&taken](base::Fd socket, const auto&) { taken.push_back(std::move(socket)); });
        BOOST_REQUIRE(silent);
        world.directory.mail_servers[1].load_port = silent.value()->bound().port();
        (void)world.take();
        BOOST_TEST(wait_until([&] { return world.pool.is_ready(); }));
        BOOST_TEST(world.pool.save_health().size() == 1U, "four losses would be a verdict");
        BOOST_TEST(world.pool.servers_up() == 1U);
        BOOST_TEST(world.pool.input().commit->table()->servers[1].weight == 0);
    });
}

BOOST_AUTO_TEST_CASE(health_that_is_known_from_before_needs_no_first_round) {
    run([](Steering& world) {
        world.pool.restore_health({{{1}, true, "", 0}, {{2}, false, "connection refused", 2}});
        BOOST_TEST(world.pool.save_health().size() == 2U, "kept until there is a pool");
        const auto commit = world.take();
        BOOST_REQUIRE(commit);
        BOOST_TEST(world.pool.is_ready());
        BOOST_TEST(world.first_rounds == 0);
        BOOST_TEST(commit->table()->servers[0].weight > 0);
        BOOST_TEST(commit->table()->servers[1].weight == 0);
    });
}

BOOST_AUTO_TEST_SUITE_END()
