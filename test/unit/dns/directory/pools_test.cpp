#include "dns/directory/pools.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/directory/world.h"

using dns::PoolName;

BOOST_AUTO_TEST_SUITE(dns_pools)

BOOST_AUTO_TEST_CASE(a_plan_makes_an_engine) {
    for (const PoolName pool : {PoolName::Mail, PoolName::Access}) {
        const auto plan = dns::plan_pool(dns_test::directory(), pool);
        auto engine = dns::steering::SteeringEngine::create(plan.config, {});
        BOOST_REQUIRE_MESSAGE(engine, (engine ? "" : engine.error().detail));
        auto steering = std::move(engine).take_value();
        BOOST_REQUIRE(steering.set_overrides(plan.overrides, {}));
        const auto commit = steering.poll({});
        BOOST_REQUIRE(commit != nullptr);
        BOOST_TEST(commit->table_for("mail.test")->ttl_s == 30U);
        BOOST_TEST(commit->pool == dns::pool_name(pool));
    }
}

BOOST_AUTO_TEST_CASE(zones_have_their_own_servers_policy_and_ttl) {
    const auto plan = dns::plan_pool(dns_test::directory(), PoolName::Mail);
    BOOST_REQUIRE(plan.config.zones.size() == 1U);
    const auto& zone = plan.config.zones[0];
    BOOST_TEST(zone.zone == "mail.test");
    BOOST_TEST((zone.policy == dns::steering::Policy::Roundtable));
    BOOST_TEST(zone.ttl_s.value() == 30U);
    BOOST_REQUIRE(zone.servers.size() == 3U);
    BOOST_TEST(zone.servers[1].preference == 20);
    BOOST_TEST(plan.config.servers.size() == 3U);
    BOOST_TEST(plan.config.servers[2].weight == 3.0);
    BOOST_TEST(plan.overrides.size() == 1U);
    BOOST_TEST(dns::plan_pool(dns_test::directory(), PoolName::Access).overrides.empty());
}

BOOST_AUTO_TEST_CASE(only_servers_in_use_are_probed_and_weighed) {
    auto directory = dns_test::directory();
    directory.domains[1].mail = {{{2}, 10}};
    const auto plan = dns::plan_pool(directory, PoolName::Mail);
    BOOST_REQUIRE(plan.config.servers.size() == 1U);
    BOOST_REQUIRE(plan.targets.size() == 1U);
    BOOST_TEST(plan.targets[0].endpoint.to_text() == "192.0.2.2:4002");
    BOOST_TEST(plan.targets[0].ask.expected_name == "mx2");
    directory.domains[1].mail.clear();
    BOOST_TEST(dns::plan_pool(directory, PoolName::Mail).empty());
}

BOOST_AUTO_TEST_CASE(servers_without_a_load_port_are_asked_for_their_service) {
    const auto mail = dns::plan_pool(dns_test::directory(), PoolName::Mail);
    BOOST_REQUIRE(mail.targets.size() == 3U);
    BOOST_TEST((mail.targets[0].ask.kind == dns::probe::ProbeKind::LoadReport));
    BOOST_TEST((mail.targets[2].ask.kind == dns::probe::ProbeKind::Smtp));
    BOOST_TEST(mail.targets[2].endpoint.port() == 25);
    const auto access = dns::plan_pool(dns_test::directory(), PoolName::Access);
    BOOST_REQUIRE(access.targets.size() == 2U);
    BOOST_TEST((access.targets[0].ask.kind == dns::probe::ProbeKind::LoadReport));
    BOOST_TEST((access.targets[1].ask.kind == dns::probe::ProbeKind::Imap));
    BOOST_TEST(access.config.servers[1].checks.at(0) == "imap:143");
    BOOST_TEST(access.config.servers[1].health.probe_first);
}

BOOST_AUTO_TEST_CASE(retired_servers_go_but_never_the_last_of_a_domain) {
    auto directory = dns_test::directory();
    directory.mail_servers[0].state = dns::ServerState::Retired;
    BOOST_TEST(dns::plan_pool(directory, PoolName::Mail).config.servers.size() == 2U);
    for (auto& server : directory.mail_servers) {
        server.state = dns::ServerState::Retired;
    }
    BOOST_TEST(dns::plan_pool(directory, PoolName::Mail).config.servers.size() == 3U);
}

BOOST_AUTO_TEST_CASE(a_domain_that_says_nothing_has_the_policy_of_the_pool) {
    using dns::steering::Policy;
    using dns::steering::PolicyForm;
    auto directory = dns_test::directory();
    directory.domains[1].policy.reset();
    directory.pools = {
        {{Policy::Static, PolicyForm::Paired}, {Policy::Rotate, PolicyForm::Strict}}};
    const auto table = [&directory](PoolName pool) {
        auto plan = dns::plan_pool(directory, pool);
        auto engine = dns::steering::SteeringEngine::create(plan.config, {}).take_value();
        return engine.poll({})->table_for("mail.test");
    };
    BOOST_TEST((table(PoolName::Mail)->policy == Policy::Static));
    BOOST_TEST((table(PoolName::Access)->policy == Policy::Rotate));
    BOOST_TEST((table(PoolName::Access)->form == PolicyForm::Strict));
    directory.domains[1].policy = Policy::Rotate;
    directory.domains[1].form = PolicyForm::Paired;
    BOOST_TEST((table(PoolName::Mail)->policy == Policy::Rotate));
    BOOST_TEST((table(PoolName::Access)->form == PolicyForm::Paired));
}

BOOST_AUTO_TEST_CASE(a_pattern_covers_the_servers_of_its_pool_that_fit) {
    auto directory = dns_test::directory();
    directory.overrides[0].pattern = "mx?";
    directory.overrides[0].entry.scope.server.reset();
    const auto covered = [&directory] {
        std::vector<std::uint64_t> servers;
        for (const auto& entry : dns::plan_pool(directory, PoolName::Mail).overrides) {
            BOOST_TEST(entry.id == 3U);
            BOOST_TEST(entry.scope.by_pattern);
            BOOST_TEST(entry.scope.zone.value() == "mail.test");
            servers.push_back(entry.scope.server.value().value);
        }
        return servers;
    };
    BOOST_TEST((covered() == std::vector<std::uint64_t>{1, 2, 3}));
    directory.overrides[0].pattern = "*3";
    BOOST_TEST((covered() == std::vector<std::uint64_t>{3}));
    directory.overrides[0].pattern = "access*";
    BOOST_TEST(covered().empty(), "those are of another pool");
}

BOOST_AUTO_TEST_CASE(hosts_have_their_addresses_in_wire_form) {
    const auto plan = dns::plan_pool(dns_test::directory(), PoolName::Access);
    BOOST_REQUIRE(plan.hosts.size() == 2U);
    BOOST_TEST(plan.hosts[0].name.to_text() == "access1.hosts.test.");
    BOOST_TEST(plan.hosts[0].addresses4.at(0) == std::string("\xc0\0\2\x0b", 4));
    BOOST_TEST(plan.hosts[0].addresses6.empty());
    BOOST_TEST(plan.hosts[0].imap_port == 143);
    BOOST_TEST(plan.hosts[0].pop_port == 110);
}

BOOST_AUTO_TEST_SUITE_END()
