// SteeringEngine and the health of its servers: several checks, agents, first probes, old news,
// restarts.

#include <utility>

#include <boost/test/unit_test.hpp>

#include "dns/steering/engine.h"
#include "test/unit/dns/steering/engine_fixture.h"

namespace {

using namespace dns::steering;
using namespace fixture;
using dns::probe::ProbeOutcome;
using dns::probe::ProbeResult;

BOOST_AUTO_TEST_SUITE(engine_health)

BOOST_AUTO_TEST_CASE(a_broken_idle_server_attracts_nothing) {
    PoolConfig config = config_of({1, 1, 1});
    for (ServerConfig& server : config.servers) {
        server.checks = {"report:4000", "smtp:25"};
    }
    Fleet fleet(config, 10, 15);
    fleet.run(120);
    // Its report is good and says that it has all the room there is; its service does not answer.
    fleet.extra[1] = -1;
    ProbeResult broken = bare_result(2, ProbeOutcome::BadBanner, "greeting: 554 no");
    broken.check = 1;
    fleet.engine.on_probe(broken, at(fleet.now_s));
    fleet.take();
    BOOST_TEST(fleet.share[1] == 0.0);
    BOOST_TEST(fleet.engine.last_commit()->cause.find("mx2 down: smtp:25: greeting: 554 no") !=
               std::string::npos);
    fleet.run(300);
    BOOST_TEST(fleet.share[1] == 0.0);
    BOOST_TEST(!fleet.engine.is_up(ServerId{2}));
}

BOOST_AUTO_TEST_CASE(an_agents_share_scales_the_weight_slowly_and_an_operators_word_wins) {
    SteeringEngine engine = make_engine(config_of({1, 1}));
    const auto hear = [&engine](double share, double now_s) {
        ProbeResult result = bare_result(1, ProbeOutcome::Reply);
        result.weight = share;
        engine.on_probe(result, at(now_s));
        (void)engine.poll(at(now_s));
        return engine.status(at(now_s))[0].weight;
    };
    BOOST_TEST(hear(0.5, 20) == 0.5, "the first word counts at once");
    BOOST_TEST(hear(1, 40) < 0.6, "later ones do not");
    double weight = 0;
    for (int t = 60; t < 1800; t += 20) {
        weight = hear(1, t);
    }
    BOOST_TEST(weight > 0.99);
    hear(0, 1e7);
    BOOST_TEST(hear(0, 2e7) > 0.0, "never none: that is an outcome of its own");
    BOOST_REQUIRE(engine.set_overrides({make_override(1, OverrideKind::Weight, 1, 7)}, at(2e7)));
    BOOST_TEST(hear(0.5, 2e7 + 20) == 7.0);
}

BOOST_AUTO_TEST_CASE(a_server_that_was_never_probed_gets_nothing_while_others_are_up) {
    PoolConfig config = config_of({1, 1});
    for (ServerConfig& server : config.servers) {
        server.health.probe_first = true;
    }
    SteeringEngine engine = make_engine(config);
    const auto weights = [&engine](double now_s) {
        (void)engine.poll(at(now_s));
        const auto status = engine.status(at(now_s));
        return std::pair(status[0].weight, status[1].weight);
    };
    BOOST_TEST(engine.unproven() == 2U);
    BOOST_TEST((weights(0) == std::pair(1.0, 1.0)), "nobody was probed: all");
    engine.on_probe(bare_result(1, ProbeOutcome::Reply), at(1));
    BOOST_TEST((weights(1) == std::pair(1.0, 0.0)));
    BOOST_TEST(engine.unproven() == 1U);
    BOOST_TEST(engine.status(at(1))[1].reason == "not probed yet");
    BOOST_TEST(!engine.status(at(1))[1].probe_age_s.has_value());
    BOOST_TEST(engine.wants_news(ServerId{2}));
    engine.on_probe(bare_result(2, ProbeOutcome::Reply), at(2));
    BOOST_TEST((weights(2) == std::pair(1.0, 1.0)));
    BOOST_TEST(engine.unproven() == 0U);
    BOOST_TEST(engine.status(at(3))[1].probe_age_s.value() == 1.0);
}

BOOST_AUTO_TEST_CASE(health_is_kept_while_no_news_comes_and_its_age_is_known) {
    PoolConfig config = config_of({1, 1});
    config.servers[0].health.probe_first = true;
    SteeringEngine engine = make_engine(config);
    BOOST_TEST(engine.oldest_news_s(at(4)) == 4.0, "from when it was configured");
    engine.on_probe(bare_result(1, ProbeOutcome::Reply), at(5));
    engine.on_probe(bare_result(2, ProbeOutcome::Refused), at(5));
    (void)engine.poll(at(5));
    BOOST_TEST(engine.oldest_news_s(at(6)) == 1.0);
    for (int t = 10; t < 1000; t += 10) {
        (void)engine.poll(at(t));
    }
    BOOST_TEST(engine.oldest_news_s(at(1000)) == 995.0, "of a server that is probed only");
    BOOST_TEST(engine.is_up(ServerId{1}));
    BOOST_TEST(!engine.is_up(ServerId{2}));
}

BOOST_AUTO_TEST_CASE(health_survives_a_restart_of_the_name_server) {
    PoolConfig config = config_of({1, 1, 1});
    for (ServerConfig& server : config.servers) {
        server.health.probe_first = true;
    }
    SteeringEngine first = make_engine(config);
    first.on_probe(bare_result(1, ProbeOutcome::Reply), at(1));
    first.on_probe(bare_result(2, ProbeOutcome::Refused, "connection refused"), at(1));
    const auto saved = first.save_health(at(2));
    BOOST_TEST(saved.size() == 2U, "of the third nothing is known");
    SteeringEngine next = make_engine(config);
    auto changed = saved;
    changed.push_back({ServerId{99}, true, "", 0});
    next.restore_health(changed, at(0));
    BOOST_TEST(next.is_up(ServerId{1}));
    BOOST_TEST(!next.is_up(ServerId{2}));
    BOOST_TEST(next.unproven() == 1U);
    const auto status = next.status(at(0));
    BOOST_TEST(status[1].reason == "connection refused");
}

BOOST_AUTO_TEST_CASE(rules_and_checks_that_make_no_sense_are_refused) {
    PoolConfig config = config_of({1, 1});
    SteeringEngine engine = make_engine(config);
    config.servers[0].health.dwell_s = -1;
    BOOST_TEST(!engine.configure(config, at(1)));
    config = config_of({1, 1});
    config.servers[0].checks = {"smtp:25", "smtp:25"};
    BOOST_TEST(!engine.configure(config, at(1)));
    config.servers[0].checks = std::vector<std::string>(kChecksMax + 1);
    BOOST_TEST(!engine.configure(config, at(1)));
    BOOST_TEST((engine.config() == config_of({1, 1})));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
