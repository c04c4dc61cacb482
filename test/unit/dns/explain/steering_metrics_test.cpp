#include "dns/explain/steering_metrics.h"

#include <boost/test/unit_test.hpp>

#include "dns/directory/pools.h"
#include "test/unit/dns/directory/world.h"

BOOST_AUTO_TEST_SUITE(steering_metrics)

BOOST_AUTO_TEST_CASE(a_pool_that_is_not_there_has_none) {
    BOOST_TEST(!dns::explain::measure_pool({}, {}));
    BOOST_TEST(dns::explain::steering_metrics_text({}).empty());
}

BOOST_AUTO_TEST_CASE(every_server_has_its_figures) {
    auto plan = dns::plan_pool(dns_test::directory(), dns::PoolName::Mail);
    for (auto& server : plan.config.servers) {
        server.health.probe_first = false;  // as after the first round of probes
    }
    auto engine = dns::steering::SteeringEngine::create(plan.config, {}).take_value();
    const auto commit = engine.poll({});
    dns::explain::ProbeLog probes;
    dns::probe::ProbeResult result;
    result.server = dns::steering::ServerId{2};
    result.outcome = dns::probe::ProbeOutcome::Refused;
    engine.on_probe(result, {5, 5'000'000});
    probes.note(result, false, 5);
    std::deque<dns::explain::SharedCommit> commits = {commit};
    const auto measured = dns::explain::measure_pool(
        {dns::PoolName::Mail, &engine, &probes, &commits}, {8, 8'000'000});
    BOOST_REQUIRE(measured);
    const std::string text = dns::explain::steering_metrics_text({*measured});
    for (const char* line : {
             "# TYPE roundtable_dns_steering_weight gauge\n",
             "\nroundtable_dns_steering_server_up{pool=\"mail\",server=\"mx1\"} 1\n",
             "\nroundtable_dns_steering_server_up{pool=\"mail\",server=\"mx2\"} 0\n",
             "\nroundtable_dns_steering_weight{pool=\"mail\",server=\"mx3\"} 3\n",
             "\nroundtable_dns_steering_first_share{pool=\"mail\",server=\"mx3\"} 0.416667\n",
             "\nroundtable_dns_steering_trim{pool=\"mail\",server=\"mx1\"} 1\n",
             "\nroundtable_dns_steering_probe_age_seconds{pool=\"mail\",server=\"mx2\"} 3\n",
             "\nroundtable_dns_steering_commit{pool=\"mail\"} 1\n",
             "\nroundtable_dns_steering_commit_age_seconds{pool=\"mail\"} 8\n",
             "\nroundtable_dns_steering_fail_open{pool=\"mail\"} 0\n",
         }) {
        BOOST_TEST(text.find(line) != std::string::npos, line << text);
    }
    BOOST_TEST(text.find("probe_age_seconds{pool=\"mail\",server=\"mx1\"}") == std::string::npos,
               "it was never probed");
    BOOST_TEST(text.find("steering_load{") == std::string::npos, "not known yet");
}

BOOST_AUTO_TEST_SUITE_END()
