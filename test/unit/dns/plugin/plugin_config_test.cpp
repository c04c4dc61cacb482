#include "dns/plugin/plugin_config.h"

#include <boost/test/unit_test.hpp>

using dns::plugin::KeyUse;
using dns::plugin::PluginConfig;

namespace {

struct Read {
    explicit Read(const std::string& yaml)
        : config(base::Config::parse(yaml, "dnsd.yaml").take_value()),
          settings(dns::plugin::read_plugin_config(config.root())),
          finished(config.finish()) {}

    base::Config config;
    PluginConfig settings;
    base::Status finished;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_plugin_config)

BOOST_AUTO_TEST_CASE(without_the_section_there_is_no_socket) {
    const Read read("{}");
    BOOST_TEST(bool(read.finished));
    BOOST_TEST(read.settings.path.empty());
}

BOOST_AUTO_TEST_CASE(a_path_is_enough) {
    const Read read("powerdns_socket: {path: /run/x/powerdns}");
    BOOST_REQUIRE(read.finished);
    BOOST_TEST(read.settings.path == "/run/x/powerdns");
    BOOST_TEST(read.settings.mode == 0660U);
    BOOST_TEST(read.settings.connections == 256U);
    BOOST_TEST((read.settings.keys == KeyUse::None));
    const auto owner = dns::plugin::find_owner(read.settings);
    BOOST_REQUIRE(owner);
    BOOST_TEST(owner.value().user == static_cast<uid_t>(-1));
    BOOST_TEST(owner.value().group == static_cast<gid_t>(-1));
}

BOOST_AUTO_TEST_CASE(reads_all_settings) {
    const Read read(
        "powerdns_socket: {path: /x, mode: '0600', owner: nobody, group: nogroup, connections: 7, "
        "give_keys: true}");
    BOOST_REQUIRE(read.finished);
    BOOST_TEST(read.settings.mode == 0600U);
    BOOST_TEST(read.settings.connections == 7U);
    BOOST_TEST((read.settings.keys == KeyUse::Given));
    const auto owner = dns::plugin::find_owner(read.settings);
    BOOST_REQUIRE(owner);
    BOOST_TEST(owner.value().user != static_cast<uid_t>(-1));
}

BOOST_AUTO_TEST_CASE(refuses_what_cannot_be) {
    for (const char* const bad : {"{}",
                                  "{path: /x, mode: '0777'}",
                                  "{path: /x, mode: '0060'}",
                                  "{path: /x, mode: '0680'}",
                                  "{path: /x, mode: rw}",
                                  "{path: /x, mode: '0666', give_keys: true}",
                                  "{path: /x, connections: 0}",
                                  "{path: /x, connections: 5000}",
                                  "{path: /x, keys: true}"}) {
        BOOST_TEST(!Read("powerdns_socket: " + std::string(bad)).finished, bad);
    }
    PluginConfig config;
    config.owner = "no-such-user-here";
    const auto owner = dns::plugin::find_owner(config);
    BOOST_REQUIRE(!owner);
    BOOST_TEST((owner.error().code == base::Errc::NotFound));
    config.owner.clear();
    config.group = "no-such-group-here";
    BOOST_TEST(!dns::plugin::find_owner(config));
}

BOOST_AUTO_TEST_SUITE_END()
