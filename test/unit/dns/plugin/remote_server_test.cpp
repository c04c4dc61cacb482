#include "dns/plugin/remote_server.h"

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/unix_socket.h"
#include "test/unit/dns/world.h"

namespace {

constexpr std::string_view kInitialize =
    "{\"method\":\"initialize\",\"parameters\":{\"path\":\"/x\"}}\n";
constexpr std::string_view kDone = "{\"result\":true}\n";

std::string list_line() {
    return "{\"method\":\"list\",\"parameters\":{\"zonename\":\"mail.test.\"}}\n";
}

// A server on a socket of its own, with a zone of `names` names.
struct World {
    std::string directory = "/tmp/rt-powerdns-XXXXXX";
    dns::SnapshotHolder holder;
    dns::plugin::PluginConfig config;
    std::unique_ptr<dns::plugin::RemoteServer> server;

    explicit World(std::size_t names = 0,
                   std::size_t connections = 8,
                   dns::plugin::KeyUse keys = dns::plugin::KeyUse::None) {
        BOOST_REQUIRE(mkdtemp(directory.data()) != nullptr);
        std::vector<std::string> lines;
        for (std::size_t i = 0; i < names; ++i) {
            lines.push_back("n" + std::to_string(i) + " TXT \"" + std::string(200, 'x') + "\"");
        }
        holder.publish(dns_test::snapshot({dns_test::zone_source("mail.test", lines)}));
        config.path = directory + "/socket";
        config.mode = 0600;
        config.connections = connections;
        config.keys = keys;
        server = dns::plugin::RemoteServer::create(holder, config).take_value();
    }

    ~World() {
        server.reset();
        (void)rmdir(directory.c_str());
    }

    World(const World&) = delete;
    World& operator=(const World&) = delete;

    [[nodiscard]] base::Fd connect() const {
        return base::connect_unix(config.path, base::Deadline::after(std::chrono::seconds(5)))
            .take_value();
    }
};

void say(const base::Fd& fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t sent = ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
        text.remove_prefix(static_cast<std::size_t>(sent));
    }
}

// A line with its end; less at the end of the connection or after 20 s.
std::string hear(const base::Fd& fd) {
    std::string line;
    pollfd wanted{fd.get(), POLLIN, 0};
    char octet = 0;
    while (!line.ends_with('\n') && ::poll(&wanted, 1, 20'000) == 1 &&
           ::recv(fd.get(), &octet, 1, 0) == 1) {
        line.push_back(octet);
    }
    return line;
}

// A directory with one signed zone; of the files, if without secrets.
std::shared_ptr<const dns::Directory> directory_with_key(const std::string& secret) {
    auto directory = std::make_shared<dns::Directory>();
    dns::dnssec::StoredKeys stored;
    stored.domain = "mail.test";
    dns::dnssec::KeyRecord record;
    record.id = 3;
    record.state = dns::dnssec::KeyState::Active;
    stored.keys.keys = {record};
    directory->signing = {stored};
    if (!secret.empty()) {
        directory->secrets =
            std::make_shared<const dns::dnssec::Secrets>(dns::dnssec::Secrets{{3, secret}});
    }
    return directory;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_plugin_remote_server)

BOOST_AUTO_TEST_CASE(answers_line_by_line_whole_or_in_octets) {
    World world;
    const base::Fd fd = world.connect();
    say(fd, kInitialize);
    BOOST_TEST(hear(fd) == kDone);
    for (const char octet : kInitialize) {
        say(fd, std::string(1, octet));
    }
    BOOST_TEST(hear(fd) == kDone);
    say(fd, std::string(kInitialize) + "nonsense\n" + std::string(kInitialize));
    BOOST_TEST(hear(fd) == kDone);
    BOOST_TEST(hear(fd) == "{\"result\":false}\n");
    BOOST_TEST(hear(fd) == kDone);
    BOOST_TEST(world.server->counters().calls[0].value() == 4U);
    BOOST_TEST(world.server->counters().calls[3].value() == 1U);
}

BOOST_AUTO_TEST_CASE(the_socket_has_its_mode_and_goes_with_the_server) {
    World world;

    struct stat about {};

    BOOST_REQUIRE(stat(world.config.path.c_str(), &about) == 0);
    BOOST_TEST((about.st_mode & 0777U) == 0600U);
    world.server.reset();
    BOOST_TEST(stat(world.config.path.c_str(), &about) != 0);
}

BOOST_AUTO_TEST_CASE(knows_zones_by_the_numbers_of_the_directory) {
    World world;
    dns::Directory directory;
    directory.domains.resize(1);
    directory.domains[0].id = 42;
    directory.domains[0].name = "mail.test";
    world.server->set_directory(std::make_shared<const dns::Directory>(directory));
    const base::Fd fd = world.connect();
    say(fd, "{\"method\":\"getDomainInfo\",\"parameters\":{\"name\":\"mail.test.\"}}\n");
    BOOST_TEST(hear(fd).find("{\"id\":42,") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(hands_out_the_keys_of_the_directory) {
    const std::string first(32, 'a');
    const std::string second(32, 'b');
    const auto asked = [](const World& world) {
        const base::Fd fd = world.connect();
        say(fd, "{\"method\":\"getDomainKeys\",\"parameters\":{\"name\":\"mail.test.\"}}\n");
        return hear(fd);
    };
    const auto has = [](const std::string& reply, const std::string& secret) {
        return reply.find(base::base64(secret)) != std::string::npos;
    };
    World world(0, 8, dns::plugin::KeyUse::Given);
    world.server->set_directory(directory_with_key(""));
    BOOST_TEST(asked(world).find("\"result\"") == std::string::npos, "not known yet");
    world.server->set_directory(directory_with_key(first));
    BOOST_TEST(has(asked(world), first));
    world.server->set_directory(directory_with_key(""));
    BOOST_TEST(has(asked(world), first), "still the last that are known");
    world.server->set_directory(directory_with_key(second));
    BOOST_TEST(has(asked(world), second));
    World other;
    other.server->set_directory(directory_with_key(first));
    BOOST_TEST(!has(asked(other), first), "nobody said that they are given");
}

BOOST_AUTO_TEST_CASE(a_request_without_an_end_ends_the_connection) {
    World world;
    const base::Fd fd = world.connect();
    say(fd, std::string(dns::plugin::kRemoteLineMax + 1, 'x'));
    BOOST_TEST(hear(fd).empty());
    BOOST_TEST(world.server->counters().slow.value() == 0U);  // at once, by its size
    const base::Fd other = world.connect();
    say(other, kInitialize);
    BOOST_TEST(hear(other) == kDone);
}

BOOST_AUTO_TEST_CASE(one_connection_too_many_is_refused_and_the_others_go_on) {
    World world(0, 2);
    const base::Fd first = world.connect();
    const base::Fd second = world.connect();
    for (const base::Fd* const fd : {&first, &second}) {
        say(*fd, kInitialize);
        BOOST_TEST(hear(*fd) == kDone);
    }
    const base::Fd third = world.connect();
    BOOST_TEST(hear(third).empty());
    say(first, kInitialize);
    BOOST_TEST(hear(first) == kDone);
    BOOST_TEST(world.server->counters().refused.value() == 1U);
}

BOOST_AUTO_TEST_CASE(who_does_not_read_a_long_list_keeps_nobody_waiting) {
    World world(30'000);
    const base::Fd slow = world.connect();
    say(slow, list_line() + list_line());
    const base::Fd other = world.connect();
    for (int i = 0; i < 200; ++i) {
        say(other, kInitialize);
        BOOST_REQUIRE(hear(other) == kDone);
    }
    // A new snapshot does not wait for it, nor does the end.
    world.holder.publish(dns_test::snapshot({dns_test::zone_source("other.test", {})}));
    say(other, list_line());
    BOOST_TEST(hear(other) == "{\"result\":false}\n");
}

BOOST_AUTO_TEST_CASE(many_connections_at_once_while_snapshots_are_replaced) {
    World world(200, 64);
    std::vector<std::thread> threads;
    std::vector<std::size_t> whole(8);
    for (std::size_t i = 0; i < whole.size(); ++i) {
        threads.emplace_back([&world, &sum = whole[i]] {
            const base::Fd fd = world.connect();
            for (int n = 0; n < 50; ++n) {
                say(fd, list_line());
                sum += hear(fd).ends_with("]}\n") ? 1U : 0U;
            }
        });
    }
    for (int i = 0; i < 100; ++i) {
        world.holder.publish(
            dns_test::snapshot({dns_test::zone_source("mail.test", {"a A 1.2.3.4"})}));
    }
    for (auto& thread : threads) {
        thread.join();
    }
    for (const std::size_t sum : whole) {
        BOOST_TEST(sum == 50U);
    }
}

BOOST_AUTO_TEST_SUITE_END()
