#pragma once

// A directory for tests: two name servers, mail and access servers, two domains.

#include "dns/directory/directory.h"

namespace dns_test {

[[nodiscard]] inline base::IpAddress ip(std::string_view text) {
    return base::IpAddress::parse(text).take_value();
}

/// hosts.test (the hosts' own) and mail.test (served by mx1..mx3 and access1, access2).
[[nodiscard]] inline dns::Directory directory() {
    dns::Directory made;
    made.version = 7;
    made.steering_key.fill(std::byte{5});
    for (std::uint64_t i = 1; i <= 3; ++i) {
        const std::string name = "mx" + std::to_string(i);
        dns::DirectoryServer server;
        server.id.value = i;
        server.name = name;
        server.host = {name + ".hosts.test",
                       ip("192.0.2." + std::to_string(i)),
                       ip("2001:db8::" + std::to_string(i))};
        server.port = 25;
        server.load_port = static_cast<std::uint16_t>(i == 3 ? 0 : 4000 + i);
        server.capacity = static_cast<double>(i);
        made.mail_servers.push_back(server);
    }
    for (std::uint64_t i = 1; i <= 2; ++i) {
        const std::string name = "access" + std::to_string(i);
        dns::DirectoryServer server;
        server.id.value = i;
        server.name = name;
        server.host = {name + ".hosts.test", ip("192.0.2.1" + std::to_string(i)), std::nullopt};
        server.port = 143;
        server.pop_port = 110;
        server.load_port = i == 1 ? 5001 : 0;
        made.access_servers.push_back(server);
    }
    made.name_servers = {{"ns1.hosts.test", ip("192.0.2.53"), std::nullopt},
                         {"ns2.hosts.test", std::nullopt, ip("2001:db8::53")}};
    dns::DirectoryDomain hosts;
    hosts.id = 1;
    hosts.name = "hosts.test";
    dns::DirectoryDomain mail;
    mail.id = 2;
    mail.name = "mail.test";
    mail.contact = "post.master@mail.test";
    mail.mx_ttl = 30;
    mail.policy = dns::steering::Policy::Roundtable;
    mail.serial = 12;
    mail.records = {{"www", "A", 100, "192.0.2.99"}, {"txt", "TXT", std::nullopt, "\"hello\""}};
    mail.mail = {{{1}, 10}, {{2}, 20}, {{3}, 30}};
    mail.access = {{1}, {2}};
    made.domains = {hosts, mail};
    dns::DirectoryOverride pin;
    pin.entry.id = 3;
    pin.entry.kind = dns::steering::OverrideKind::Pin;
    pin.entry.scope = {"mail", "mail.test", dns::steering::ServerId{2}};
    pin.entry.value = 5;
    pin.entry.author = "alice";
    pin.entry.reason = "test";
    pin.entry.created_us = 1000;
    pin.entry.expires_us = 4102444800000000;
    made.overrides = {pin};
    return made;
}

}  // namespace dns_test
