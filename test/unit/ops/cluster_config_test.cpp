#include "ops/cluster_config.h"

#include <boost/test/unit_test.hpp>

#include "base/config.h"
#include "ops/json.h"

namespace {

ops::ClusterLayout layout(ops::Ports ports) {
    return ops::default_layout("/srv/rt", ports).take_value();
}

const std::string kDatabase = "host=/srv/rt/run dbname=roundtable";

}  // namespace

BOOST_AUTO_TEST_CASE(each_daemon_gets_a_file_that_is_yaml_and_its_own_role) {
    const auto configs =
        ops::daemon_configs(layout(ops::Ports::High), ops::ClusterFiles("/srv/rt"), kDatabase);
    BOOST_TEST(configs.size() == 7U);
    for (const auto& config : configs) {
        BOOST_TEST_CONTEXT(config.name) {
            const auto parsed = base::Config::parse(config.yaml, config.name);
            BOOST_REQUIRE(parsed);
            const auto root = parsed.value().root();
            BOOST_TEST(root.text("name") == config.name);
            const std::string role = config.program.substr(std::string("roundtable-").size());
            BOOST_TEST(root.text("database") == kDatabase + " user=roundtable_" + role);
            BOOST_TEST(root.text("state_dir") == "/srv/rt/state/" + config.name);
        }
    }
}

BOOST_AUTO_TEST_CASE(mail_servers_run_hooks_when_the_layout_names_their_directory) {
    auto with = layout(ops::Ports::High);
    BOOST_TEST(ops::format_layout(with).find("waiting_hooks") == std::string::npos);
    with.waiting_hooks = "/etc/roundtable/hooks";
    for (const auto& config : ops::daemon_configs(with, ops::ClusterFiles("/srv/rt"), kDatabase)) {
        const auto root = base::Config::parse(config.yaml, config.name).value().root();
        BOOST_TEST(root.has("waiting_hooks") == (config.program == "roundtable-mtad"));
    }
    BOOST_TEST(ops::format_layout(with).find("waiting_hooks: \"/etc/roundtable/hooks\"") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(mail_servers_scan_when_the_layout_names_a_clamd) {
    auto with = layout(ops::Ports::High);
    with.clamd = {"unix:/run/clamd"};
    for (const auto& [scans, each] :
         {std::pair(true, with), std::pair(false, layout(ops::Ports::High))}) {
        for (const auto& config :
             ops::daemon_configs(each, ops::ClusterFiles("/srv/rt"), kDatabase)) {
            const auto root = base::Config::parse(config.yaml, config.name).value().root();
            BOOST_TEST(root.has("scan") == (scans && config.program == "roundtable-mtad"));
        }
    }
}

BOOST_AUTO_TEST_CASE(only_standard_ports_need_the_right_to_bind_them) {
    for (const auto& config :
         ops::daemon_configs(layout(ops::Ports::High), ops::ClusterFiles("/srv/rt"), kDatabase)) {
        BOOST_TEST(!config.low_port, config.name);
    }
    for (const auto& config : ops::daemon_configs(
             layout(ops::Ports::Standard), ops::ClusterFiles("/srv/rt"), kDatabase)) {
        BOOST_TEST(config.low_port == (config.program != "roundtable-trackerd"), config.name);
    }
}

BOOST_AUTO_TEST_CASE(endpoints_are_json_with_every_server) {
    const auto json = ops::Json::parse(
        ops::endpoints_json(layout(ops::Ports::High), ops::ClusterFiles("/srv/rt"), kDatabase));
    BOOST_TEST(json["mail_servers"][0]["ingest_socket"] == "/srv/rt/state/mail1/ingest");
    BOOST_TEST(json["mail_servers"].size() == 3U);
    BOOST_TEST(json["mail_servers"][1]["address"] == "127.0.1.2");
    BOOST_TEST(json["access_servers"][0]["imap_port"] == 1143);
    BOOST_TEST(json["storage_servers"][2]["directories"][0] == "/srv/rt/stores/store3");
    BOOST_TEST(json["name_servers"][0]["internal_port"] == 5301);
}
