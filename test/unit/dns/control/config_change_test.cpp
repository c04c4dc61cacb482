#include "dns/control/config_change.h"

#include <fstream>
#include <functional>

#include <boost/test/unit_test.hpp>
#include <sys/stat.h>

#include "test/unit/dns/control/control_fixture.h"

namespace {

const std::string kFile =
    "name: ns1\n"
    "database: 'dbname=x'\n"
    "state_dir: /tmp/x\n"
    "listen: ['127.0.0.1:5300']\n";

base::Result<dns::NameServerConfig> load(const std::string& more) {
    return dns::load_name_server_config(
        base::Config::parse(kFile + more, "test.yaml").take_value());
}

dns::NameServerConfig config(const std::string& more = "") {
    return load(more).take_value();
}

std::string changes(const std::string& more) {
    const auto found = dns::config_changes(config(), config(more));
    BOOST_REQUIRE_MESSAGE(found, (found ? "" : found.error().detail));
    std::string text;
    for (const std::string& key : found.value()) {
        text += (text.empty() ? "" : " ") + key;
    }
    return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(config_change)

BOOST_AUTO_TEST_CASE(the_same_file_changes_nothing) {
    BOOST_TEST(changes("").empty());
    BOOST_TEST(changes("nsid: ns1\ncookies: {enabled: true}\ntcp: {idle: 10s}\n").empty(),
               "nor do defaults that are written out");
}

BOOST_AUTO_TEST_CASE(every_setting_that_may_change_is_seen) {
    const struct {
        const char* text;
        const char* key;
    } cases[] = {
        {"internal_acl: ['10.0.0.0/8']\n", "internal_acl"},
        {"nsid: other\n", "nsid"},
        {"tcp: {connections: 1001}\n", "tcp"},
        {"tcp: {connections_per_client: 7}\n", "tcp"},
        {"tcp: {idle: 11s}\n", "tcp"},
        {"tcp: {slow: 6s}\n", "tcp"},
        {"tcp: {pending: 33}\n", "tcp"},
        {"cookies: {enabled: false}\n", "cookies"},
        {"rate_limit: {enabled: false}\n", "rate_limit"},
        {"rate_limit: {answers_per_second: 999}\n", "rate_limit"},
        {"rate_limit: {errors_per_second: 199}\n", "rate_limit"},
        {"rate_limit: {window: 2s}\n", "rate_limit"},
        {"rate_limit: {slip: 2}\n", "rate_limit"},
        {"rate_limit: {ipv4_prefix: 25}\n", "rate_limit"},
        {"rate_limit: {ipv6_prefix: 57}\n", "rate_limit"},
        {"rate_limit: {entries: 2048}\n", "rate_limit"},
        {"rate_limit: {exempt: ['127.0.0.1']}\n", "rate_limit"},
        {"transfers: {total: 30}\n", "transfers"},
        {"transfers: {per_client: 5}\n", "transfers"},
        {"transfers: {wait: 1s}\n", "transfers"},
        {"transfers: {notify_per_second: 100}\n", "transfers"},
    };

    for (const auto& c : cases) {
        BOOST_TEST(changes(c.text) == c.key, c.text);
    }
    BOOST_TEST(changes("nsid: a\nrate_limit: {slip: 3}\n") == "nsid rate_limit");
}

BOOST_AUTO_TEST_CASE(where_the_public_asks_may_change) {
    dns::NameServerConfig next = config();
    next.listen.push_back(base::Endpoint::parse("[::1]:5300").take_value());
    const auto found = dns::config_changes(config(), next);
    BOOST_REQUIRE(found);
    BOOST_TEST((found.value() == std::vector<std::string>{"listen"}));
}

BOOST_AUTO_TEST_CASE(what_needs_a_restart_is_refused_by_name) {
    const struct {
        std::function<void(dns::NameServerConfig&)> change;
        const char* key;
    } cases[] = {
        {[](auto& c) { c.name = "ns2"; }, "name"},
        {[](auto& c) { c.database = "dbname=y"; }, "database"},
        {[](auto& c) { c.state_dir = "/tmp/y"; }, "state_dir"},
        {[](auto& c) { c.internal_listen = c.listen; }, "internal_listen"},
        {[](auto& c) { c.admin_listen = c.listen[0]; }, "admin_listen"},
        {[](auto& c) { c.threads = 2; }, "threads"},
        {[](auto& c) { c.build_threads += 1; }, "build_threads"},
        {[](auto& c) { c.parent_resolvers = c.listen; }, "parent_resolvers"},
        {[](auto& c) { c.udp_receive_buffer *= 2; }, "udp_receive_buffer"},
    };

    for (const auto& c : cases) {
        dns::NameServerConfig next = config("nsid: other\n");
        c.change(next);
        const auto found = dns::config_changes(config(), next);
        BOOST_REQUIRE(!found);
        BOOST_TEST((found.error().code == base::Errc::Refused));
        BOOST_TEST(found.error().detail.ends_with(std::string(": ") + c.key), found.error().detail);
    }
}

BOOST_AUTO_TEST_CASE(new_secrets_in_the_same_file_are_a_change) {
    const dns_test::StateDir dir;
    const std::string path = dir.path() + "/secrets";
    const std::string setting = "cookies: {secrets_file: " + path + "}\n";
    std::ofstream(path) << "e5e973e5a6b2a43f48e7dc849e37bfcf\n";
    BOOST_REQUIRE(::chmod(path.c_str(), 0600) == 0);
    const dns::NameServerConfig before = config(setting);
    BOOST_TEST(dns::config_changes(before, config(setting)).value().empty());
    std::ofstream(path) << "445536bcd2513298075a5d379663c962\n";
    BOOST_TEST(dns::config_changes(before, config(setting)).value().size() == 1U);
    BOOST_REQUIRE(::chmod(path.c_str(), 0644) == 0);
    BOOST_TEST(!load(setting), "everybody may read them");
}

BOOST_AUTO_TEST_CASE(a_file_that_is_wrong_is_no_configuration) {
    BOOST_TEST(!load("tcp: {idle: 0s}\n"));
    BOOST_TEST(!load("nsidd: x\n"));
}

BOOST_AUTO_TEST_SUITE_END()
