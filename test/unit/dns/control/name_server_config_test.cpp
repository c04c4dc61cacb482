#include "dns/control/name_server_config.h"

#include <cstdlib>

#include <boost/test/unit_test.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

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
    BOOST_TEST((read.settings.build_threads >= 1U && read.settings.build_threads <= 4U));
    BOOST_TEST(read.settings.parent_resolvers.empty());
    BOOST_TEST(read.settings.explain_socket == "/var/lib/ns1/explain");
    BOOST_TEST(read.settings.answers.chaos.admins.size() == 2U, "loopback");
    BOOST_TEST(read.settings.answers.chaos.version.empty(), "not told unless somebody wants it");
}

BOOST_AUTO_TEST_CASE(reads_who_may_have_the_steering_explained_and_what_class_chaos_says) {
    const Read read(kLeast +
                    "explain_socket: ''\nadmin_acl: [192.0.2.0/24]\n"
                    "chaos: {version: any, hostname: ns1.test, id: one}\n");
    BOOST_REQUIRE(read.finished);
    BOOST_TEST(read.settings.explain_socket.empty());
    const dns::explain::ChaosPolicy& chaos = read.settings.answers.chaos;
    BOOST_REQUIRE(chaos.admins.size() == 1U);
    BOOST_TEST(chaos.admins[0].contains(base::IpAddress::parse("192.0.2.7").take_value()));
    BOOST_TEST(chaos.version == "any");
    BOOST_TEST(chaos.hostname == "ns1.test");
    BOOST_TEST(chaos.id == "one");
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

BOOST_AUTO_TEST_CASE(what_is_not_said_is_safe) {
    const Read read(kLeast);
    BOOST_REQUIRE(read.finished);
    const dns::AnswerPolicy& answers = read.settings.answers;
    BOOST_TEST(answers.nsid == "ns1");
    BOOST_TEST(answers.cookies);
    BOOST_TEST(answers.rate_limits.answers_per_second == 1000U);
    BOOST_TEST(answers.rate_limits.errors_per_second == 200U);
    BOOST_TEST(answers.slip == 1U);
    BOOST_TEST(answers.exempt.size() == 2U);
    BOOST_TEST(answers.tcp_idle == 100U);
    BOOST_TEST(read.settings.cookie_secrets_file.empty());
    BOOST_TEST(read.settings.tcp.connections_max == 1000U);
    BOOST_TEST(read.settings.tcp.connections_per_client_max == 100U);
    BOOST_TEST(read.settings.transfers.total_max == 20U);
    BOOST_TEST(read.settings.transfers.per_client_max == 10U);
    BOOST_TEST((read.settings.transfers.wait == std::chrono::seconds(3)));
    BOOST_TEST(read.settings.notify_per_second == 500);
    BOOST_TEST(read.settings.udp_receive_buffer == 4U * 1024 * 1024);
}

BOOST_AUTO_TEST_CASE(every_limit_of_the_transport_is_a_setting) {
    const Read read(
        kLeast +
        "nsid: ''\nudp_receive_buffer: 1MiB\n"
        "tcp: {connections: 50, connections_per_client: 5, idle: 30s, slow: 200ms, "
        "pending: 8}\n"
        "transfers: {total: 4, per_client: 2, wait: 0s, notify_per_second: 50}\n"
        "cookies: {enabled: no, secrets_file: /etc/secrets}\n"
        "rate_limit: {answers_per_second: 50, errors_per_second: 5, window: 2s, slip: 3, "
        "ipv4_prefix: 20, ipv6_prefix: 48, entries: 2048, exempt: [10.0.0.0/8]}\n");
    BOOST_REQUIRE(read.finished);
    const dns::NameServerConfig& settings = read.settings;
    BOOST_TEST(settings.answers.nsid.empty());
    BOOST_TEST(settings.udp_receive_buffer == 1024U * 1024);
    BOOST_TEST(settings.tcp.connections_max == 50U);
    BOOST_TEST(settings.tcp.connections_per_client_max == 5U);
    BOOST_TEST((settings.tcp.idle == std::chrono::seconds(30)));
    BOOST_TEST((settings.tcp.slow == std::chrono::milliseconds(200)));
    BOOST_TEST(settings.tcp.taken_max == 8U);
    BOOST_TEST(settings.transfers.total_max == 4U);
    BOOST_TEST(settings.transfers.per_client_max == 2U);
    BOOST_TEST((settings.transfers.wait == base::Duration::zero()));
    BOOST_TEST((settings.transfers.slow == std::chrono::milliseconds(200)));
    BOOST_TEST(settings.notify_per_second == 50);
    BOOST_TEST(settings.answers.tcp_idle == 300U);
    BOOST_TEST(!settings.answers.cookies);
    BOOST_TEST(settings.cookie_secrets_file == "/etc/secrets");
    const dns::RateLimits& limits = settings.answers.rate_limits;
    BOOST_TEST(limits.answers_per_second == 50U);
    BOOST_TEST(limits.errors_per_second == 5U);
    BOOST_TEST((limits.window == std::chrono::seconds(2)));
    BOOST_TEST(limits.ipv4_prefix == 20U);
    BOOST_TEST(limits.ipv6_prefix == 48U);
    BOOST_TEST(limits.entries == 2048U);
    BOOST_TEST(settings.answers.slip == 3U);
    BOOST_TEST(settings.answers.exempt.size() == 1U);

    const Read off(kLeast + "rate_limit: {enabled: no}\ntcp: {connections: 7}\n");
    BOOST_REQUIRE(off.finished);
    BOOST_TEST(off.settings.answers.rate_limits.answers_per_second == 0U);
    BOOST_TEST(off.settings.answers.rate_limits.errors_per_second == 0U);
    BOOST_TEST(off.settings.tcp.connections_per_client_max == 7U);
}

BOOST_AUTO_TEST_CASE(cookie_secrets_are_nobody_else_s) {
    char path[] = "/tmp/roundtable-secrets-XXXXXX";
    const base::Fd file(mkstemp(path));
    BOOST_REQUIRE(file);
    const std::string secret = "000102030405060708090a0b0c0d0e0f\n";
    BOOST_REQUIRE(write(file.get(), secret.data(), secret.size()) ==
                  static_cast<ssize_t>(secret.size()));
    BOOST_TEST(dns::load_cookie_secrets(path).value().size() == 1U);
    BOOST_REQUIRE(fchmod(file.get(), 0644) == 0);
    const auto open_to_all = dns::load_cookie_secrets(path);
    BOOST_REQUIRE(!open_to_all);
    BOOST_TEST((open_to_all.error().code == base::Errc::Refused));
    BOOST_REQUIRE(fchmod(file.get(), 0640) == 0);
    BOOST_REQUIRE(write(file.get(), "x\n", 2) == 2);
    const auto broken = dns::load_cookie_secrets(path);
    BOOST_REQUIRE(!broken);
    BOOST_TEST(broken.error().detail.find(std::string(path) + ": line 2") == 0U,
               broken.error().detail);
    BOOST_REQUIRE(unlink(path) == 0);
    BOOST_TEST((dns::load_cookie_secrets(path).error().code == base::Errc::NotFound));
}

BOOST_AUTO_TEST_CASE(reads_all_of_it) {
    const Read read(kLeast +
                    "internal_listen: ['10.0.0.53:5353', '[fd00::53]:5353']\n"
                    "admin_listen: 127.0.0.1:5380\nthreads: 4\nbuild_threads: 3\n"
                    "parent_resolvers: ['127.0.0.1:53', '[::1]:53']\n");
    BOOST_REQUIRE(read.finished);
    BOOST_TEST(read.settings.internal_listen.size() == 2U);
    BOOST_TEST(read.settings.admin_listen.value().to_text() == "127.0.0.1:5380");
    BOOST_TEST(read.settings.threads == 4U);
    BOOST_TEST(read.settings.build_threads == 3U);
    BOOST_TEST(read.settings.parent_resolvers.size() == 2U);
}

BOOST_AUTO_TEST_CASE(says_what_is_wrong) {
    const std::pair<std::string, std::string> cases[] = {
        {"name: ns1\ndatabase: x\nstate_dir: /x\n", "listen"},
        {"database: x\nstate_dir: /x\nlisten: 127.0.0.1:53\n", "name"},
        {"name: ns1\nstate_dir: /x\nlisten: 127.0.0.1:53\n", "database"},
        {"name: ns1\ndatabase: x\nlisten: 127.0.0.1:53\n", "state_dir"},
        {kLeast + "threads: 0\n", "threads"},
        {kLeast + "threads: 65\n", "threads"},
        {kLeast + "build_threads: 65\n", "build_threads"},
        {kLeast + "parent_resolvers: [nowhere]\n", "parent_resolvers"},
        {kLeast + "parent_resolvers: [127.0.0.1:1, 127.0.0.1:2, 127.0.0.1:3, 127.0.0.1:4, "
                  "127.0.0.1:5]\n",
         "parent_resolvers"},
        {kLeast + "internal_acl: [10.0.0.0/33]\n", "internal_acl"},
        {kLeast + "udp_receive_buffer: 1KiB\n", "udp_receive_buffer"},
        {kLeast + "nsid: " + std::string(65, 'n') + "\n", "nsid"},
        {kLeast + "tcp: {idle: 0}\n", "idle"},
        {kLeast + "tcp: {slow: 2m}\n", "slow"},
        {kLeast + "tcp: {connections: 5, connections_per_client: 6}\n", "connections_per_client"},
        {kLeast + "transfers: {total: 5, per_client: 6}\n", "per_client"},
        {kLeast + "transfers: {wait: 2m}\n", "wait"},
        {kLeast + "transfers: {notify_per_second: 0}\n", "notify_per_second"},
        {kLeast + "rate_limit: {window: 2m}\n", "window"},
        {kLeast + "rate_limit: {ipv6_prefix: 65}\n", "ipv6_prefix"},
        {kLeast + "rate_limit: {rate: 5}\n", "rate"},
        {kLeast + "cookies: {secret: x}\n", "secret"},
        {kLeast + "chaos: {id: " + std::string(256, 'n') + "}\n", "id"},
        {kLeast + "chaos: {author: x}\n", "author"},
        {kLeast + "admin_acl: [10.0.0.0/33]\n", "admin_acl"},
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
