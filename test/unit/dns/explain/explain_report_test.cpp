#include "dns/explain/explain_report.h"

#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "dns/answer.h"
#include "dns/directory/pools.h"
#include "dns/explain/explain_text.h"
#include "dns/snapshot_builder.h"
#include "test/unit/dns/directory/world.h"

namespace {

using dns::PoolName;
using dns::explain::ExplainReport;
using dns::explain::PoolReport;
using dns::explain::ServerReport;
using dns::steering::Now;
using dns::steering::OverrideKind;
using dns::steering::ServerId;

constexpr std::int64_t kStart = 1'700'000'000;  // seconds since 1970

// A directory whose pools are steered and answered from, at a moment that goes on by hand.
struct World {
    World() {
        directory.overrides.clear();
        directory.domains[1].policy.reset();
    }

    [[nodiscard]] Now now() const {
        return {static_cast<double>(second), (kStart + second) * 1'000'000};
    }

    void start() {
        for (const PoolName name : {PoolName::Mail, PoolName::Access}) {
            auto plan = dns::plan_pool(directory, name);
            for (auto& server : plan.config.servers) {
                server.health.probe_first = false;  // as after the first round of probes
            }
            auto made = dns::steering::SteeringEngine::create(plan.config, now());
            BOOST_REQUIRE(made);
            const auto at = static_cast<std::size_t>(name);
            engines.at(at).emplace(std::move(made).take_value());
            BOOST_REQUIRE(engines.at(at)->set_overrides(plan.overrides, now()));
            hosts.at(at) = std::make_shared<const std::vector<dns::SteeredHost>>(plan.hosts);
        }
        drains.take(directory, now().unix_us);
        poll();
    }

    // Overrides as the directory has them now.
    void override_again() {
        for (const PoolName name : {PoolName::Mail, PoolName::Access}) {
            BOOST_REQUIRE(engines.at(static_cast<std::size_t>(name))
                              ->set_overrides(dns::plan_pool(directory, name).overrides, now()));
        }
        drains.take(directory, now().unix_us);
        poll();
    }

    void poll() {
        for (std::size_t i = 0; i < 2; ++i) {
            if (const auto commit = engines.at(i)->poll(now())) {
                commits.at(i).push_back(commit);
            }
        }
    }

    void publish() {
        dns::BuildInput input;
        input.directory = std::make_shared<const dns::Directory>(directory);
        input.mail = {engines[0]->last_commit(), hosts[0]};
        input.access = {engines[1]->last_commit(), hosts[1]};
        auto built = builder.build(input);
        BOOST_REQUIRE(built);
        snapshot = builder.snapshot(builder.directory_serials(), nullptr).take_value();
    }

    void probe(std::uint64_t server, dns::probe::ProbeOutcome outcome, const char* reason = "") {
        dns::probe::ProbeResult result;
        result.server = ServerId{server};
        result.outcome = outcome;
        result.reason = reason;
        result.time_s = now().monotonic_s;
        engines[0]->on_probe(result, now());
        probes[0].note(result, engines[0]->is_up(ServerId{server}), now().monotonic_s);
        poll();
    }

    void add(OverrideKind kind, std::uint64_t server, double value = 0) {
        dns::DirectoryOverride made;
        made.entry.id = directory.overrides.size() + 1;
        made.entry.kind = kind;
        made.entry.scope = {"mail", {}, ServerId{server}};
        made.entry.value = value;
        made.entry.author = "alice";
        made.entry.reason = "disks";
        made.entry.created_us = now().unix_us;
        directory.overrides.push_back(made);
    }

    [[nodiscard]] dns::explain::ExplainSource source() const {
        dns::explain::ExplainSource made;
        made.name_server = "ns1";
        made.directory = &directory;
        made.snapshot = snapshot.get();
        made.drains = &drains;
        for (std::size_t i = 0; i < 2; ++i) {
            made.pools.at(i) = {static_cast<PoolName>(i),
                                engines.at(i) ? &*engines.at(i) : nullptr,
                                &probes.at(i),
                                &commits.at(i)};
        }
        made.now = now();
        return made;
    }

    [[nodiscard]] ExplainReport domain(const std::optional<base::IpAddress>& asker = {}) const {
        auto made = dns::explain::explain_domain(source(), "Mail.Test.", asker);
        BOOST_REQUIRE_MESSAGE(made, (made ? "" : made.error().detail));
        return std::move(made).take_value();
    }

    // mx1, mx2, mx3.
    [[nodiscard]] ServerReport server(std::size_t number) const {
        return domain().pools.at(0).servers.at(number - 1);
    }

    [[nodiscard]] bool says(std::string_view words) const {
        return std::ranges::any_of(
            dns::explain::report_lines(domain()),
            [words](const std::string& line) { return line.find(words) != std::string::npos; });
    }

    dns::Directory directory = dns_test::directory();
    std::int64_t second = 0;
    std::array<std::optional<dns::steering::SteeringEngine>, 2> engines;
    std::array<std::shared_ptr<const std::vector<dns::SteeredHost>>, 2> hosts;
    std::array<dns::explain::ProbeLog, 2> probes;
    std::array<std::deque<dns::explain::SharedCommit>, 2> commits;
    dns::explain::DrainWatch drains;
    dns::SnapshotBuilder builder{1};
    std::unique_ptr<const dns::Snapshot> snapshot;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(explain_report, World)

BOOST_AUTO_TEST_CASE(says_nothing_before_there_is_something_to_answer_from) {
    const auto made = dns::explain::explain_domain(source(), "mail.test", {});
    BOOST_REQUIRE(!made);
    BOOST_CHECK(made.error().code == base::Errc::Unavailable);
    BOOST_TEST(!dns::explain::explain_pools(source()));
}

BOOST_AUTO_TEST_CASE(a_domain_that_is_not_ours_is_not_found) {
    start();
    publish();
    const auto made = dns::explain::explain_domain(source(), "other.test", {});
    BOOST_REQUIRE(!made);
    BOOST_CHECK(made.error().code == base::Errc::NotFound);
}

BOOST_AUTO_TEST_CASE(says_snapshot_commit_weights_variants_and_shares) {
    start();
    publish();
    second = 7;
    const ExplainReport report = domain();
    BOOST_TEST(report.name_server == "ns1");
    BOOST_TEST(report.directory == 7);
    BOOST_TEST(report.serial.value() == snapshot->serial(1));
    BOOST_TEST(report.pool_policy);
    BOOST_REQUIRE(report.pools.size() == 2U);
    const PoolReport& pool = report.pools[0];
    BOOST_TEST(pool.pool == "mail");
    BOOST_TEST(pool.policy == "load");
    BOOST_TEST(pool.ttl_s == 30U);
    BOOST_TEST(pool.in_force);
    BOOST_TEST(pool.commit.cause == "start");
    BOOST_TEST(pool.losses_to_down == 4U);
    BOOST_REQUIRE(pool.servers.size() == 3U);
    // Capacities are 1, 2 and 3.
    BOOST_TEST(pool.servers[2].name == "mx3");
    BOOST_TEST(pool.servers[2].capacity == 3.0);
    BOOST_TEST(pool.servers[2].weight == 3.0);
    BOOST_TEST(pool.servers[2].state == "up");
    BOOST_TEST(pool.servers[2].why == "in service");
    double shares = 0;
    for (const auto& row : pool.rows) {
        shares += row.share;
        BOOST_TEST(row.entries.size() == 3U);
    }
    BOOST_TEST(shares == 1.0, boost::test_tools::tolerance(1e-9));
    BOOST_TEST(std::ranges::count_if(pool.rows, &dns::explain::RowReport::canonical) == 1);
    BOOST_TEST(says("commit 1 of 2023-11-14 22:13:20 UTC (7 s ago): start"));
    BOOST_TEST(says("policy load (the pool's), TTL 30 s, made from healthy"));
}

BOOST_AUTO_TEST_CASE(a_source_gets_the_variant_that_the_answer_has) {
    start();
    publish();
    const dns::Name apex = dns::Name::from_text("mail.test").take_value();
    const auto& table = snapshot->parts(1).mail->table();
    for (int i = 0; i < 50; ++i) {
        const auto asker = dns_test::ip("198.51." + std::to_string(i) + ".77");
        const ExplainReport report = domain(asker);
        BOOST_TEST(report.source == "198.51." + std::to_string(i) + ".0/24");
        BOOST_REQUIRE(report.pools[0].source_row.has_value());
        // The answer itself, as the set makes it.
        dns::Client client;
        std::ranges::copy(asker.bytes(), client.address.begin());
        const auto words = dns::source_hash(snapshot->key(), client, apex.wire());
        const auto key = dns::steering::choose_answer(table, words.x, words.y, table.list_max);
        BOOST_TEST(report.pools[0].source_row->index == key.row);
    }
    BOOST_TEST(domain(dns_test::ip("2001:db8:1:2::3")).source == "2001:db8:1::/48");
}

BOOST_AUTO_TEST_CASE(rows_for_other_sources_differ) {
    start();
    publish();
    std::vector<bool> seen(domain().pools[0].rows.size());
    for (int i = 0; i < 200; ++i) {
        const auto asker = dns_test::ip("10.1." + std::to_string(i) + ".1");
        seen.at(domain(asker).pools[0].source_row->index) = true;
    }
    BOOST_TEST(std::ranges::count(seen, true) == static_cast<std::ptrdiff_t>(seen.size()));
}

BOOST_AUTO_TEST_CASE(a_commit_that_is_not_in_the_answers_yet_is_called_so) {
    start();
    publish();
    add(OverrideKind::Down, 3);
    override_again();
    BOOST_TEST(!domain().pools[0].in_force);
    BOOST_TEST(says("not in the answers yet"));
    publish();
    BOOST_TEST(domain().pools[0].in_force);
}

BOOST_AUTO_TEST_CASE(a_dead_server_is_down_since_then_and_why) {
    start();
    probe(2, dns::probe::ProbeOutcome::Reply);
    second = 10;
    probe(2, dns::probe::ProbeOutcome::Refused, "connection refused");
    publish();
    second = 22;
    const ServerReport dead = server(2);
    BOOST_TEST(dead.state == "down");
    BOOST_TEST(dead.why == "down for 12 s: connection refused");
    BOOST_TEST(dead.probe == "refused");
    BOOST_TEST(dead.probe_age_s.value() == 12.0);
    BOOST_TEST(dead.weight == 0.0);
    BOOST_TEST(!dead.preference);
    BOOST_TEST(server(1).probe.empty());
    BOOST_TEST(says("refused 12 s ago"));
    BOOST_TEST(domain().pools[0].commit.cause == "mx2 down: connection refused");
}

BOOST_AUTO_TEST_CASE(when_too_few_are_up_it_is_said_that_nobody_believes_it) {
    start();
    for (const std::uint64_t id : {1U, 2U, 3U}) {
        probe(id, dns::probe::ProbeOutcome::Refused, "connection refused");
    }
    publish();
    BOOST_TEST(domain().pools[0].basis == "panic");
    BOOST_TEST(server(1).why ==
               "down for 0 s: connection refused; too few servers are up for that to be believed");
    BOOST_TEST(server(1).weight > 0.0);
}

BOOST_AUTO_TEST_CASE(a_drained_server_says_who_why_and_when_it_is_quiet) {
    start();
    second = 100;
    add(OverrideKind::Drain, 1);
    override_again();
    publish();
    second = 150;
    BOOST_TEST(server(1).state == "drained");
    BOOST_TEST(server(1).why == "drained by alice: disks; caches may name it for another 4 min");
    BOOST_TEST(says("override 1: drain mx1 by alice: disks; for 50 s"));
    second = 401;
    BOOST_TEST(server(1).state == "quiet");
    BOOST_TEST(server(1).why == "drained by alice: disks; quiet: no cache names it any more");
}

BOOST_AUTO_TEST_CASE(force_pin_and_weight_are_named) {
    start();
    add(OverrideKind::Down, 1);
    add(OverrideKind::Pin, 2, 5);
    add(OverrideKind::Weight, 3, 7);
    add(OverrideKind::Up, 3);
    directory.overrides[0].entry.expires_us = (kStart + 3600) * 1'000'000;
    override_again();
    publish();
    BOOST_TEST(server(1).why == "forced down by alice: disks, until 2023-11-14 23:13:20 UTC");
    BOOST_TEST(server(2).why == "pinned to 5 by alice: disks");
    BOOST_TEST(server(2).preference.value() == 5);
    BOOST_TEST(server(3).state == "forced up");
    BOOST_TEST(server(3).capacity == 7.0);
    BOOST_TEST(domain().pools[0].overrides.size() == 4U);
}

BOOST_AUTO_TEST_CASE(an_override_by_pattern_is_one_with_all_its_servers) {
    start();
    add(OverrideKind::Weight, 1, 2);
    directory.overrides[0].entry.scope.server.reset();
    directory.overrides[0].pattern = "mx?";
    override_again();
    publish();
    const auto overrides = domain().pools[0].overrides;
    BOOST_REQUIRE(overrides.size() == 1U);
    BOOST_TEST(overrides[0].text == "weight mx3, mx2, mx1 2 by alice: disks");
}

BOOST_AUTO_TEST_CASE(taken_out_by_operators_but_answered_all_the_same) {
    start();
    add(OverrideKind::Drain, 1);
    add(OverrideKind::Drain, 2);
    add(OverrideKind::Down, 3);
    override_again();
    publish();
    BOOST_TEST(domain().pools[0].basis == "all-configured");
    BOOST_TEST(server(3).why ==
               "forced down by alice: disks; answered all the same: operators took every server "
               "out");
}

BOOST_AUTO_TEST_CASE(pools_are_shown_with_their_last_commits) {
    start();
    probe(2, dns::probe::ProbeOutcome::Refused, "connection refused");
    publish();
    const auto made = dns::explain::explain_pools(source());
    BOOST_REQUIRE(made);
    const PoolReport& pool = made.value().pools.at(0);
    BOOST_TEST(pool.rows.empty());
    BOOST_REQUIRE(pool.commits.size() == 2U);
    BOOST_TEST(pool.commits[0].id == 2U);
    BOOST_REQUIRE(!pool.commits[0].changes.empty());
    BOOST_TEST(pool.commits[0].changes[0].starts_with("mx"));
    const auto lines = dns::explain::report_lines(made.value());
    BOOST_TEST(lines[0].starts_with("ns1 at 2023-"));
    BOOST_TEST(std::ranges::any_of(lines, [](const std::string& line) {
        return line.find("commit 1 of") != std::string::npos;
    }));
}

BOOST_AUTO_TEST_CASE(lines_have_no_control_characters_and_json_has_them_escaped) {
    start();
    add(OverrideKind::Drain, 1);
    directory.overrides[0].entry.reason = "a\x1b[2J\"b\"\\";
    override_again();
    publish();
    for (const std::string& line : dns::explain::report_lines(domain())) {
        BOOST_TEST(std::ranges::none_of(line, [](char c) { return c >= 0 && c < ' '; }), line);
    }
    const std::string json = dns::explain::report_json(domain(dns_test::ip("192.0.2.1")));
    BOOST_TEST(json.find(R"("reason":"a\u001b[2J\"b\"\\")") != std::string::npos, json);
    BOOST_TEST(json.find(R"("source":"192.0.2.0/24")") != std::string::npos);
    BOOST_TEST(json.find("\"source_variant\":{\"variant\":") != std::string::npos);
    BOOST_TEST(json.find('\n') == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
