#include "dns/control/name_server_config.h"

#include <boost/test/unit_test.hpp>

namespace {

struct Read {
    explicit Read(const std::string& yaml)
        : config(base::Config::parse(yaml, "dnsd.yaml").take_value()),
          settings(dns::read_name_server_config(config.root())),
          finished(config.finish()) {}

    base::Config config;
    dns::NameServerConfig settings;
    base::Status finished;
};

const std::string kLeast =
    "name: ns1\ndatabase: host=/run/postgresql\nstate_dir: /var/lib/ns1\nlisten: 192.0.2.53:53\n";

bool admits(const dns::NameServerConfig& settings, std::string_view address) {
    const auto ip = base::IpAddress::parse(address).take_value();
    return std::ranges::any_of(settings.internal_acl,
                               [&ip](const auto& network) { return network.contains(ip); });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(name_server_config)

BOOST_AUTO_TEST_CASE(four_settings_are_enough) {
    const Read read(kLeast);
    BOOST_REQUIRE(read.finished);
    BOOST_TEST(read.settings.name == "ns1");
    BOOST_TEST(read.settings.database == "host=/run/postgresql");
    BOOST_TEST(read.settings.state_dir == "/var/lib/ns1");
    BOOST_REQUIRE(read.settings.listen.size() == 1U);
    BOOST_TEST(read.settings.listen[0].to_text() == "192.0.2.53:53");
    BOOST_TEST(read.settings.internal_listen.empty());
    BOOST_TEST(!read.settings.admin_listen);
    BOOST_TEST(read.settings.threads == 1U);
}

BOOST_AUTO_TEST_CASE(only_loopback_may_ask_the_internal_view_unless_others_are_named) {
    const Read silent(kLeast + "internal_listen: 10.0.0.53:5353\n");
    BOOST_REQUIRE(silent.finished);
    BOOST_TEST(admits(silent.settings, "127.0.0.9"));
    BOOST_TEST(admits(silent.settings, "::1"));
    BOOST_TEST(!admits(silent.settings, "10.0.0.1"));

    const Read named(kLeast + "internal_acl: [10.0.0.0/8]\n");
    BOOST_REQUIRE(named.finished);
    BOOST_TEST(admits(named.settings, "10.0.0.1"));
    BOOST_TEST(!admits(named.settings, "127.0.0.1"), "what is named replaces the default");
}

BOOST_AUTO_TEST_CASE(reads_all_of_it) {
    const Read read(kLeast +
                    "internal_listen: ['10.0.0.53:5353', '[fd00::53]:5353']\n"
                    "admin_listen: 127.0.0.1:5380\nthreads: 4\n");
    BOOST_REQUIRE(read.finished);
    BOOST_TEST(read.settings.internal_listen.size() == 2U);
    BOOST_TEST(read.settings.admin_listen.value().to_text() == "127.0.0.1:5380");
    BOOST_TEST(read.settings.threads == 4U);
}

BOOST_AUTO_TEST_CASE(says_what_is_wrong) {
    const std::pair<std::string, std::string> cases[] = {
        {"name: ns1\ndatabase: x\nstate_dir: /x\n", "listen"},
        {"database: x\nstate_dir: /x\nlisten: 127.0.0.1:53\n", "name"},
        {"name: ns1\nstate_dir: /x\nlisten: 127.0.0.1:53\n", "database"},
        {"name: ns1\ndatabase: x\nlisten: 127.0.0.1:53\n", "state_dir"},
        {kLeast + "threads: 0\n", "threads"},
        {kLeast + "threads: 65\n", "threads"},
        {kLeast + "internal_acl: [10.0.0.0/33]\n", "internal_acl"},
        {kLeast + "lisen: 127.0.0.1:53\n", "lisen"},
    };
    for (const auto& [yaml, word] : cases) {
        const Read read(yaml);
        BOOST_REQUIRE_MESSAGE(!read.finished, yaml);
        BOOST_TEST(read.finished.error().detail.find(word) != std::string::npos,
                   read.finished.error().detail);
    }
}

BOOST_AUTO_TEST_SUITE_END()
