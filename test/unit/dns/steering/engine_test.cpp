#include "dns/steering/engine.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/steering/engine_fixture.h"
#include "test/unit/dns/steering/steering_fixture.h"

namespace {

using namespace dns::steering;
using dns::probe::LoadCounters;
using dns::probe::ProbeOutcome;
using dns::probe::ProbeResult;
using namespace fixture;

std::vector<ServerIndex> canonical_servers(const SteeringTable& table) {
    return fixture::servers_of(answer_entries(table, canonical_answer(table), table.list_max));
}

BOOST_AUTO_TEST_SUITE(engine)

BOOST_AUTO_TEST_CASE(first_poll_commits_all_configured_servers) {
    SteeringEngine engine = make_engine(config_of({1, 1, 1}));
    BOOST_TEST(engine.last_commit() == nullptr);
    const auto commit = engine.poll(at(0));
    BOOST_REQUIRE(commit != nullptr);
    BOOST_TEST(commit->id == 100U);
    BOOST_TEST(commit->cause == "start");
    BOOST_TEST(commit->pool == "mail");
    BOOST_TEST(commit->table()->rows[0].level0.size() == 3U);
    BOOST_TEST(engine.poll(at(0)) == nullptr);
    BOOST_TEST(engine.last_commit() == commit);
}

BOOST_AUTO_TEST_CASE(nothing_new_makes_no_commit) {
    SteeringEngine engine = make_engine(config_of({1, 1}));
    (void)engine.poll(at(0));  // the commit of the start
    for (int t = 1; t < 100; ++t) {
        BOOST_TEST(engine.poll(at(t)) == nullptr);
    }
}

BOOST_AUTO_TEST_CASE(death_is_committed_at_once_with_its_cause) {
    SteeringEngine engine = make_engine(config_of({1, 1, 1}));
    (void)engine.poll(at(0));
    engine.on_probe(bare_result(2, ProbeOutcome::Refused, "connection refused"), at(1));
    BOOST_TEST(engine.next_poll_s(at(1)) == 1.0);
    BOOST_TEST(!engine.is_up(ServerId{2}));
    const auto commit = engine.poll(at(1));
    BOOST_REQUIRE(commit != nullptr);
    BOOST_TEST(commit->id == 101U);
    BOOST_TEST(commit->cause == "mx2 down: connection refused");
    BOOST_TEST((commit->urgency == Urgency::AtOnce));
    BOOST_TEST((commit->reach == Reach::Canonical));
    BOOST_TEST(canonical_servers(*commit->table()) == (std::vector<ServerIndex>{0, 2}),
               boost::test_tools::per_element());
    engine.on_probe(bare_result(2, ProbeOutcome::Reply), at(6));
    BOOST_TEST(engine.poll(at(6)) == nullptr);
    engine.on_probe(bare_result(2, ProbeOutcome::Reply), at(11));
    const auto back = engine.poll(at(11));
    BOOST_REQUIRE(back != nullptr);
    BOOST_TEST(back->cause == "mx2 up");
    BOOST_TEST(back->table()->rows[0].level0.size() == 3U);
}

BOOST_AUTO_TEST_CASE(unfit_server_is_steered_away_from) {
    SteeringEngine engine = make_engine(config_of({1, 1, 1}));
    (void)engine.poll(at(0));
    engine.on_probe(bare_result(1, ProbeOutcome::Unfit, "stores-short"), at(1));
    const auto commit = engine.poll(at(1));
    BOOST_REQUIRE(commit != nullptr);
    BOOST_TEST(commit->cause == "mx1 down: stores-short");
    BOOST_TEST(engine.status(at(1))[0].reason == "stores-short");
}

BOOST_AUTO_TEST_CASE(routine_tables_are_held_back) {
    Fleet fleet(config_of({16, 8, 4}), 10, 20);
    double last_s = 0;
    std::uint64_t last_id = fleet.engine.last_commit()->id;
    int commits = 0;
    for (int i = 0; i < 300; ++i) {
        fleet.second();
        const auto commit = fleet.engine.last_commit();
        if (commit->id != last_id) {
            BOOST_TEST(commit->id == last_id + 1);
            BOOST_TEST(fleet.now_s - last_s >= 10);
            BOOST_TEST(commit->cause == "load");
            last_id = commit->id;
            last_s = fleet.now_s;
            ++commits;
        }
    }
    BOOST_TEST(commits > 10);
}

BOOST_AUTO_TEST_CASE(busy_server_loses_more_than_half_its_share_in_90_seconds) {
    for (const double others : {0.05, 0.3}) {
        Fleet fleet(config_of({1, 1, 1}), 10, 30 * others);
        fleet.run(300);
        BOOST_TEST(std::abs(fleet.share[0] - 1.0 / 3) < 0.01);
        fleet.extra[0] = 1;
        fleet.run(90);
        BOOST_TEST_MESSAGE("others " << others << ": share " << fleet.share[0]);
        BOOST_TEST(fleet.share[0] < 0.5 / 3);
    }
}

BOOST_AUTO_TEST_CASE(wrong_weights_are_trimmed_to_equal_load) {
    // The two largest are alike: a single largest one cannot get all of its part, since no row is
    // narrower than two.
    Fleet fleet(config_of({1, 1, 1, 1}), 10, 31.5);
    fleet.capacity = {5, 10, 15, 15};
    fleet.run(900);
    const double load = fleet.share[1] * fleet.demand / 10;
    for (std::size_t i = 0; i < 4; ++i) {
        const double each = fleet.share[i] * fleet.demand / fleet.capacity[i];
        BOOST_TEST(std::abs(each - load) < 0.1 * load);
    }
}

BOOST_AUTO_TEST_CASE(liar_keeps_losing_weight_in_a_small_pool) {
    Fleet fleet(config_of({1, 1, 1}), 10, 15);
    fleet.run(120);
    fleet.fails_fast[0] = true;
    fleet.run(300);
    BOOST_TEST_MESSAGE("liar's share " << fleet.share[0]);
    BOOST_TEST(fleet.share[0] < 0.12);
    fleet.run(3600);
    BOOST_TEST_MESSAGE("liar's share an hour later " << fleet.share[0]);
    BOOST_TEST(fleet.share[0] < 0.12);
    fleet.fails_fast[0] = false;
    fleet.run(900);
    BOOST_TEST(std::abs(fleet.share[0] - 1.0 / 3) < 0.05);
}

BOOST_AUTO_TEST_CASE(restarted_server_ramps_one_that_was_unreachable_does_not) {
    for (const bool restarts : {true, false}) {
        Fleet fleet(config_of({1, 1, 1}), 10, 15);
        fleet.run(120);
        fleet.engine.on_probe(bare_result(1, ProbeOutcome::Refused), at(fleet.now_s));
        fleet.take();
        BOOST_TEST(fleet.share[0] == 0.0);
        if (restarts) {
            fleet.counters[0] = {};
            fleet.counters[0].start_id = 2;
        }
        fleet.run(11);  // two replies
        BOOST_TEST(fleet.engine.is_up(ServerId{1}));
        const double ramp = fleet.engine.status(at(fleet.now_s))[0].ramp;
        if (restarts) {
            BOOST_TEST(ramp == 0.1);
            BOOST_TEST(fleet.share[0] < 0.08);
            fleet.run(60);
            BOOST_TEST(fleet.share[0] > 0.1);
            BOOST_TEST(fleet.engine.last_commit()->cause.find("slow start of mx1") !=
                       std::string::npos);
            fleet.run(80);
        } else {
            BOOST_TEST(ramp == 1.0);
        }
        BOOST_TEST(std::abs(fleet.share[0] - 1.0 / 3) < 0.02);
    }
}

BOOST_AUTO_TEST_CASE(restart_between_two_probes_ramps_too) {
    Fleet fleet(config_of({1, 1, 1}), 10, 15);
    fleet.run(60);
    fleet.counters[1].start_id = 9;
    fleet.run(5);
    BOOST_TEST(fleet.engine.status(at(fleet.now_s))[1].ramp == 0.1);
    BOOST_TEST(fleet.share[1] < 0.08);
}

BOOST_AUTO_TEST_CASE(drain_removes_at_once_and_undrain_ramps) {
    Fleet fleet(config_of({1, 1, 1}), 10, 15);
    fleet.run(61);
    BOOST_REQUIRE(fleet.engine.set_overrides({make_override(1, OverrideKind::Drain, 2)}, at(61)));
    fleet.take();
    const auto commit = fleet.engine.last_commit();
    BOOST_TEST(commit->cause == "drain mx2 by alice: test");
    BOOST_TEST((commit->urgency == Urgency::AtOnce));
    BOOST_TEST(fleet.share[1] == 0.0);
    fleet.run(600);
    BOOST_TEST(fleet.engine.status(at(fleet.now_s))[1].trim == 0.0,
               boost::test_tools::tolerance(1e-9));
    BOOST_REQUIRE(fleet.engine.set_overrides({}, at(fleet.now_s)));
    fleet.take();
    BOOST_TEST(fleet.engine.last_commit()->cause == "removed: drain mx2 by alice: test");
    BOOST_TEST(fleet.share[1] > 0.0);
    BOOST_TEST(fleet.share[1] < 0.08);
    fleet.run(130);
    BOOST_TEST(std::abs(fleet.share[1] - 1.0 / 3) < 0.02);
}

BOOST_AUTO_TEST_CASE(overrides_take_effect_and_expire_at_once) {
    SteeringEngine engine = make_engine(config_of({1, 1, 1}));
    (void)engine.poll(at(0));
    Override pin = make_override(1, OverrideKind::Pin, 3, 5);
    pin.expires_us = at(60).unix_us;
    BOOST_REQUIRE(engine.set_overrides({pin}, at(1)));
    const auto pinned = engine.poll(at(1));
    BOOST_REQUIRE(pinned != nullptr);
    BOOST_TEST((canonical_preference(*pinned->table(), 2) == std::uint16_t{5}));
    (void)engine.poll(at(59));
    BOOST_TEST(std::abs(engine.next_poll_s(at(59)) - 60) < 1e-6);
    const auto expired = engine.poll(at(60));
    BOOST_REQUIRE(expired != nullptr);
    BOOST_TEST(expired->cause == "expired: pin mx3 5 by alice: test");
    BOOST_TEST((canonical_preference(*expired->table(), 2) == std::uint16_t{10}));
}

BOOST_AUTO_TEST_CASE(forced_states_are_stronger_than_probes_and_panic) {
    SteeringEngine engine = make_engine(config_of({1, 1, 1, 1}));
    BOOST_REQUIRE(engine.set_overrides(
        {make_override(1, OverrideKind::Up, 1), make_override(2, OverrideKind::Down, 2)}, at(0)));
    (void)engine.poll(at(0));
    for (std::uint64_t id = 1; id <= 4; ++id) {
        engine.on_probe(bare_result(id, ProbeOutcome::Refused), at(1));
    }
    const auto commit = engine.poll(at(1));
    BOOST_REQUIRE(commit != nullptr);
    // A third of what is not forced out is up (by force): enough to believe the probes.
    BOOST_TEST((commit->table()->basis == TableBasis::Healthy));
    BOOST_TEST(canonical_servers(*commit->table()) == std::vector<ServerIndex>{0},
               boost::test_tools::per_element());
    BOOST_REQUIRE(engine.set_overrides({make_override(2, OverrideKind::Down, 2)}, at(2)));
    const auto panic = engine.poll(at(2));
    BOOST_TEST((panic->table()->basis == TableBasis::Panic));
    BOOST_TEST(canonical_servers(*panic->table()) == (std::vector<ServerIndex>{0, 2, 3}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(weight_trim_off_and_freeze_do_what_they_say) {
    Fleet fleet(config_of({1, 1, 1}), 10, 20);
    fleet.capacity = {5, 10, 15};
    fleet.run(300);
    const auto trim_of = [&](std::size_t i) {
        return fleet.engine.status(at(fleet.now_s))[i].trim;
    };
    BOOST_TEST(trim_of(0) < -0.2);
    const double frozen_at = trim_of(1);
    Override freeze = make_override(1, OverrideKind::Freeze, 0);
    freeze.scope.server.reset();
    BOOST_REQUIRE(fleet.engine.set_overrides({freeze,
                                              make_override(2, OverrideKind::TrimOff, 1),
                                              make_override(3, OverrideKind::Weight, 3, 2)},
                                             at(fleet.now_s)));
    const double third = trim_of(2);
    fleet.run(100);
    BOOST_TEST(trim_of(0) == 0.0);
    BOOST_TEST(trim_of(1) == frozen_at);
    const SteeringTable& table = *fleet.engine.last_commit()->table();
    BOOST_TEST(table.servers[2].weight == 2 * std::exp(third), boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(other_pools_overrides_make_no_table) {
    SteeringEngine engine = make_engine(config_of({1, 1}));
    (void)engine.poll(at(0));
    Override entry = make_override(1, OverrideKind::Drain, 1);
    entry.scope.pool = "access";
    BOOST_REQUIRE(engine.set_overrides({entry}, at(1)));
    BOOST_TEST(engine.poll(at(1)) == nullptr);
}

BOOST_AUTO_TEST_CASE(bad_overrides_and_configurations_leave_the_old_ones) {
    SteeringEngine engine = make_engine(config_of({1, 1}));
    BOOST_REQUIRE(engine.set_overrides({make_override(1, OverrideKind::Pin, 1, 5)}, at(0)));
    BOOST_TEST(!engine.set_overrides({make_override(2, OverrideKind::Pin, 2, -1)}, at(0)));
    BOOST_TEST(!engine.configure(config_of({1, 0}), at(0)));
    BOOST_TEST(!engine.configure(config_of({}), at(0)));
    PoolConfig foreign = config_of({1, 1});
    foreign.zones = {{"example.org", {}, {}, {}, {{ServerId{9}, 10}}}};
    BOOST_TEST(!engine.configure(foreign, at(0)));
    foreign.zones = {{"example.org", {}, {}, {}, {}}, {"example.org", {}, {}, {}, {}}};
    BOOST_TEST(!engine.configure(foreign, at(0)));
    const auto commit = engine.poll(at(0));
    BOOST_TEST(commit->table()->servers.size() == 2U);
    BOOST_TEST((commit->table()->servers[0].pin == std::uint16_t{5}));
}

BOOST_AUTO_TEST_CASE(edit_keeps_what_is_known_of_servers_that_stay) {
    Fleet fleet(config_of({1, 1, 1}), 10, 20);
    fleet.capacity = {5, 10, 15};
    fleet.run(300);
    const double trim = fleet.engine.status(at(300))[2].trim;
    PoolConfig edited = config_of({1, 1, 1, 1});
    edited.servers.erase(edited.servers.begin());
    BOOST_REQUIRE(fleet.engine.configure(edited, at(300)));
    const auto commit = fleet.engine.poll(at(300));
    BOOST_REQUIRE(commit != nullptr);
    BOOST_TEST(commit->cause == "configuration");
    const auto status = fleet.engine.status(at(300));
    BOOST_REQUIRE_EQUAL(status.size(), 3U);
    BOOST_TEST(status[1].trim == trim);
    BOOST_TEST(status[2].trim == 0.0);
}

BOOST_AUTO_TEST_CASE(zones_that_are_alike_share_a_table) {
    PoolConfig config = config_of({1, 1, 1, 4});
    config.zones = {{"same.example", {}, {}, {}, {}},
                    {"turn.example", Policy::Rotate, {}, {}, {}},
                    {"turn2.example", Policy::Rotate, PolicyForm::Paired, 60, {}},
                    {"part.example", {}, {}, 300, {{ServerId{3}, 10}, {ServerId{1}, 20}}}};
    SteeringEngine engine = make_engine(config);
    const auto commit = engine.poll(at(0));
    BOOST_TEST(commit->tables.size() == 3U);
    BOOST_TEST(commit->table_for("same.example") == commit->table());
    BOOST_TEST(commit->table_for("unknown.example") == commit->table());
    BOOST_TEST(commit->table_for("turn.example") == commit->table_for("turn2.example"));
    BOOST_TEST((commit->table_for("turn.example")->policy == Policy::Rotate));
    const SteeringTable& part = *commit->table_for("part.example");
    BOOST_REQUIRE_EQUAL(part.servers.size(), 2U);
    BOOST_TEST((part.servers[0].id == ServerId{1}));
    BOOST_TEST(part.ttl_s == 300U);
}

BOOST_AUTO_TEST_CASE(override_of_a_zone_shapes_that_zone_only) {
    PoolConfig config = config_of({1, 1, 1});
    config.zones = {{"a.example", Policy::Roundtable, {}, {}, {}},
                    {"b.example", Policy::Roundtable, {}, {}, {}}};
    SteeringEngine engine = make_engine(config);
    (void)engine.poll(at(0));
    Override here = make_override(1, OverrideKind::Pin, 1, 5);
    here.scope.zone = "a.example";
    Override unlisted = make_override(2, OverrideKind::Drain, 2);
    unlisted.scope.zone = "c.example";
    BOOST_REQUIRE(engine.set_overrides({here, unlisted}, at(1)));
    const auto commit = engine.poll(at(1));
    BOOST_REQUIRE(commit != nullptr);
    const auto preference = [&](const char* zone, ServerIndex server) {
        return canonical_preference(*commit->table_for(zone), server);
    };
    BOOST_TEST((preference("a.example", 0) == std::uint16_t{5}));
    BOOST_TEST((preference("b.example", 0) == std::uint16_t{10}));
    BOOST_TEST((preference("c.example", 0) == std::uint16_t{10}));
    BOOST_TEST(!preference("c.example", 1).has_value());
    BOOST_TEST((preference("d.example", 1) == std::uint16_t{10}));
    BOOST_TEST(std::ranges::any_of(commit->diff, [](const ServerDiff& diff) {
        return diff.zone == "a.example" && diff.name == "mx1";
    }));
}

BOOST_AUTO_TEST_CASE(trims_survive_a_restart_of_the_name_server) {
    Fleet fleet(config_of({1, 1, 1}), 10, 20);
    fleet.capacity = {5, 10, 15};
    fleet.run(300);
    const auto saved = fleet.engine.save_trims();
    SteeringEngine fresh = make_engine(config_of({1, 1, 1}));
    fresh.restore_trims(saved);
    fresh.restore_trims({{ServerId{77}, 1.0}, {ServerId{2}, 50}});
    const auto status = fresh.status(at(0));
    BOOST_TEST(status[0].trim == saved[0].z);
    BOOST_TEST(status[1].trim == std::log(2), boost::test_tools::tolerance(1e-9));
}

/// One recorded day: what was fed, so that it can be fed again.
struct Script {
    Random random;
    SteeringEngine engine;
    std::vector<LoadCounters> counters = std::vector<LoadCounters>(12);
    std::vector<Override> overrides;
    PoolConfig config;
    double now_s = 0;

    explicit Script(std::uint64_t seed)
        : random(seed), engine(make_engine(config_of({4, 16, 8, 4, 12, 8, 16, 6}))) {
        config = engine.config();
    }

    void probe() {
        const std::size_t i = random.below(config.servers.size() + 1);
        auto outcome = ProbeOutcome::Reply;
        if (random.one_in(3)) {
            outcome = static_cast<ProbeOutcome>(random.below(6));
        }
        ProbeResult result = bare_result(i + 1, outcome);
        if (outcome == ProbeOutcome::Reply && !random.one_in(10)) {
            LoadCounters& each = counters[i];
            each.start_id += random.one_in(30) ? 1U : 0U;
            each.busy_us += random.below(5'000'000);
            each.arrivals += random.below(100);
            each.refused += random.below(10);
            each.accepted += random.below(90);
            result.counters = each;
        }
        result.check = static_cast<std::uint8_t>(random.below(3));
        if (random.one_in(10)) {
            result.weight = random.unit() * 2;
        }
        engine.on_probe(result, at(now_s));
    }

    void override_something() {
        if (random.one_in(2) && !overrides.empty()) {
            overrides.erase(overrides.begin());
        } else if (overrides.size() < 8) {
            Override entry = make_override(random.next(),
                                           static_cast<OverrideKind>(random.below(7)),
                                           1 + random.below(9),
                                           static_cast<double>(1 + random.below(40)));
            if (random.one_in(3)) {
                entry.scope.zone = "example.org";
            }
            if (random.one_in(3)) {
                entry.scope.server.reset();
            }
            if (random.one_in(3)) {
                entry.expires_us = at(now_s + 30).unix_us;
            }
            overrides.push_back(entry);
        }
        BOOST_REQUIRE(engine.set_overrides(overrides, at(now_s)));
    }

    void edit() {
        std::vector<double> weights(1 + random.below(11));
        for (double& weight : weights) {
            weight = 1 + random.unit() * 10;
        }
        config = config_of(weights);
        for (ServerConfig& server : config.servers) {
            server.health.probe_first = random.one_in(2);
            server.health.dwell_s = random.one_in(2) ? 0 : 10;
            server.checks = random.one_in(2) ? std::vector<std::string>{"report:4000", "smtp:25"}
                                             : std::vector<std::string>{};
        }
        config.policy = static_cast<Policy>(random.below(4));
        config.zones = {{"example.org", static_cast<Policy>(random.below(4)), {}, {}, {}}};
        BOOST_REQUIRE(engine.configure(config, at(now_s)));
    }

    std::shared_ptr<const SteeringCommit> step() {
        now_s += random.unit() * 2;
        if (random.one_in(20)) {
            override_something();
        } else if (random.one_in(100)) {
            edit();
        } else {
            probe();
        }
        return engine.poll(at(now_s));
    }
};

void check_promises(const SteeringTable& table, const PoolConfig& config, Random& random) {
    for (int i = 0; i < 4; ++i) {
        const AnswerKey key = choose_answer(table, random.next(), random.next(), table.list_max);
        const auto entries = answer_entries(table, key, table.list_max);
        BOOST_REQUIRE(!entries.empty());
        for (const RowEntry& entry : entries) {
            const ServerId id = table.servers[entry.server].id;
            BOOST_TEST(
                (std::ranges::find(config.servers, id, &ServerConfig::id) != config.servers.end()));
        }
        const bool pinned = std::ranges::any_of(
            table.servers, [](const TableServer& server) { return server.pin.has_value(); });
        const auto healthy = std::ranges::count_if(
            table.servers, [](const TableServer& server) { return server.up; });
        if (!pinned && table.policy != Policy::Static && healthy >= 2) {
            BOOST_REQUIRE(entries.size() >= 2U);
            BOOST_TEST(entries[0].preference == entries[1].preference);
        }
    }
}

BOOST_AUTO_TEST_CASE(random_days_keep_the_promises_and_can_be_replayed) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        BOOST_TEST_MESSAGE("seed " << seed);
        Script first(seed);
        Script second(seed);
        Random random(seed + 1000);
        std::uint64_t commits = 0;
        for (int i = 0; i < 1500; ++i) {
            const auto commit = first.step();
            const auto again = second.step();
            BOOST_REQUIRE((commit == nullptr) == (again == nullptr));
            if (commit == nullptr) {
                continue;
            }
            BOOST_TEST(commit->id == 100 + commits++);
            BOOST_TEST(!commit->cause.empty());
            BOOST_TEST(commit->cause == again->cause);
            BOOST_TEST(commit->tables.size() == again->tables.size());
            for (std::size_t t = 0; t < commit->tables.size(); ++t) {
                BOOST_TEST((*commit->tables[t] == *again->tables[t]));
                check_promises(*commit->tables[t], first.config, random);
            }
        }
        BOOST_TEST(commits > 100U);
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
