#include "dns/directory/probe_plan.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/directory/world.h"

namespace {

using dns::PoolName;
using dns::ProbeCheck;
using dns::ProbeConfig;
using dns::probe::ProbeKind;
using dns::steering::ServerId;

struct World {
    dns::Directory directory = dns_test::directory();
    std::vector<ProbeConfig> probes;

    ProbeConfig& add(PoolName pool, std::optional<std::uint64_t> server = std::nullopt) {
        ProbeConfig config;
        config.pool = pool;
        if (server) {
            config.server = ServerId{*server};
        }
        probes.push_back(config);
        return probes.back();
    }

    [[nodiscard]] dns::ProbePlan plan(std::size_t server = 0,
                                      PoolName pool = PoolName::Mail) const {
        const auto& servers =
            pool == PoolName::Mail ? directory.mail_servers : directory.access_servers;
        return dns::plan_probes(probes, servers[server], pool);
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(probe_plan, World)

BOOST_AUTO_TEST_CASE(without_a_word_servers_are_asked_what_they_answer) {
    BOOST_TEST(plan(0).names == std::vector<std::string>{"report:4001"});
    BOOST_TEST(plan(0).targets[0].ask.expected_name == "mx1");
    BOOST_TEST(plan(2).names == std::vector<std::string>{"smtp:25"});
    BOOST_TEST(plan(1, PoolName::Access).names == std::vector<std::string>{"imap:143"});
    const auto usual = plan(0);
    BOOST_TEST(usual.targets[0].timing->interval_s == 5.0);
    BOOST_TEST(usual.targets[0].timing->jitter == dns::kProbeJitter);
    BOOST_TEST((usual.health == dns::steering::HealthRule{0, 0, 10, 300, 600, true}));
    directory.mail_servers[0].host.address4.reset();
    BOOST_TEST(plan(0).targets[0].endpoint.to_text() == "[2001:db8::1]:4001");
    directory.mail_servers[0].host.address6.reset();
    BOOST_TEST(plan(0).targets.empty());
    BOOST_TEST(!plan(0).health.probe_first, "who is not probed counts as up");
}

BOOST_AUTO_TEST_CASE(a_server_has_its_own_words_and_else_its_pools) {
    ProbeConfig& pool = add(PoolName::Mail);
    pool.interval_s = 10;
    pool.fall = 2;
    pool.checks = {{ProbeKind::Smtp, 0, {}}};
    ProbeConfig& server = add(PoolName::Mail, 1);
    server.interval_s = 2;
    add(PoolName::Access, 1).interval_s = 7;
    BOOST_TEST(plan(0).targets[0].timing->interval_s == 2.0);
    BOOST_TEST(plan(0).health.fall == 2);
    BOOST_TEST(plan(0).names == std::vector<std::string>{"smtp:25"});
    BOOST_TEST(plan(1).targets[0].timing->interval_s == 10.0);
    BOOST_TEST(plan(0, PoolName::Access).targets[0].timing->interval_s == 7.0);
    probes[1].checks = {{ProbeKind::LoadReport, 0, {}}, {ProbeKind::Http, 8080, "/load"}};
    const auto both = plan(0);
    BOOST_TEST((both.names == std::vector<std::string>{"report:4001", "http:8080/load"}));
    BOOST_TEST(both.targets[1].check == 1);
    BOOST_TEST(both.targets[1].ask.path == "/load");
    BOOST_TEST(both.targets[1].ask.host == "mx1.hosts.test:8080");
    BOOST_TEST(both.targets[1].endpoint.to_text() == "192.0.2.1:8080");
}

BOOST_AUTO_TEST_CASE(checks_without_a_port_are_left_out_and_none_is_the_usual_one) {
    add(PoolName::Mail).checks = {{ProbeKind::LoadReport, 0, {}}, {ProbeKind::Imap, 0, {}}};
    BOOST_TEST(plan(0).names == std::vector<std::string>{"report:4001"});
    BOOST_TEST(plan(2).names == std::vector<std::string>{"smtp:25"});
    probes[0].checks = {{ProbeKind::Smtp, 25, {}}, {ProbeKind::Smtp, 0, {}}};
    BOOST_TEST(plan(2).names == std::vector<std::string>{"smtp:25"}, "the same once only");
}

BOOST_AUTO_TEST_CASE(an_agent_is_never_alone) {
    add(PoolName::Mail).checks = {{ProbeKind::Agent, 7777, {}}};
    BOOST_TEST((plan(0).names == std::vector<std::string>{"report:4001", "agent:7777"}));
    BOOST_TEST((plan(2).names == std::vector<std::string>{"smtp:25", "agent:7777"}));
    add(PoolName::Access).checks = {{ProbeKind::Pop3, 0, {}}, {ProbeKind::Agent, 7777, {}}};
    BOOST_TEST(
        (plan(1, PoolName::Access).names == std::vector<std::string>{"pop3:110", "agent:7777"}));
}

BOOST_AUTO_TEST_CASE(eccentric_numbers_are_brought_into_range) {
    ProbeConfig& config = add(PoolName::Mail);
    config.interval_s = 2;
    config.deadline_s = 30;
    config.jitter = 9;
    config.rise = 99;
    config.fall = 99;
    config.dwell_s = 1e9;
    config.flap_max_s = 1e9;
    config.flap_half_life_s = 0;
    const auto plan = World::plan(0);
    BOOST_TEST(plan.targets[0].timing->timeout_s == 2.0);
    BOOST_TEST(plan.targets[0].timing->jitter == dns::probe::kJitterMax);
    BOOST_TEST(bool(dns::steering::check_health_rule(plan.health)));
}

BOOST_AUTO_TEST_SUITE_END()
