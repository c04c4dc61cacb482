#include "test/unit/dns/world.h"

#include <stdexcept>

#include "test/unit/dns/parts.h"

namespace dns_test {
namespace {

template <typename T>
T must(base::Result<T> result) {
    if (!result) {
        throw std::runtime_error(result.error().detail);
    }
    return std::move(result).take_value();
}

}  // namespace

dns::RecordRow row(std::string_view line, std::uint32_t ttl) {
    const std::size_t first = line.find(' ');
    const std::size_t second = line.find(' ', first + 1);
    return {std::string(line.substr(0, first)),
            std::string(line.substr(first + 1, second - first - 1)),
            ttl,
            std::string(line.substr(second + 1))};
}

dns::ZoneSource zone_source(std::string name, const std::vector<std::string>& lines) {
    dns::ZoneSource source;
    source.name = std::move(name);
    source.soa.primary = "ns1.hosts.test";
    source.soa.contact = "hostmaster@hosts.test";
    source.soa.minimum = 60;
    source.records = {row("@ NS ns1.hosts.test."), row("@ NS ns2.hosts.test.")};
    for (const std::string& line : lines) {
        source.records.push_back(row(line));
    }
    return source;
}

dns::SteeredSource Pool::source(std::uint32_t slot) const {
    dns::SteeredSource result;
    result.kind = kind;
    result.ttl = ttl;
    result.slot = slot;
    result.table = std::make_shared<const dns::steering::SteeringTable>(
        must(dns::steering::build_table(input)));
    result.hosts = hosts;
    return result;
}

Pool pool(dns::PoolKind kind, const std::vector<double>& weights) {
    Pool made;
    made.kind = kind;
    std::uint8_t number = 0;
    for (const double weight : weights) {
        ++number;
        const std::string name =
            (kind == dns::PoolKind::Mail ? "mx" : "access") + std::to_string(number);
        dns::steering::ServerInput server;
        server.id.value = number;
        server.name = name + ".hosts.test";
        server.weight = weight;
        made.input.servers.push_back(server);
        dns::SteeredHost host;
        host.id.value = number;
        host.name = must(dns::Name::from_text(server.name));
        host.addresses4 = {std::string("\xc0\0\2", 3) + static_cast<char>(number)};
        host.addresses6 = {std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0", 15) +
                           static_cast<char>(number)};
        made.hosts.push_back(host);
    }
    return made;
}

std::unique_ptr<const dns::Snapshot> snapshot(const std::vector<dns::ZoneSource>& zones,
                                              const Pool* mail,
                                              const Pool* access) {
    dns::NameTable::Zones images;
    for (const dns::ZoneSource& zone : zones) {
        images.push_back(std::make_shared<const dns::ZoneImage>(
            must(dns::compile_zone(must(dns::build_zone(zone))))));
    }
    dns::Snapshot::Source source;
    source.id = 1;
    source.key = {1, 2};
    source.names = std::make_shared<const dns::NameTable>(std::move(images), 7);
    dns::Snapshot::ZoneSets sets;
    if (mail != nullptr) {
        sets.mail = must(dns::SteeredSet::build(mail->source(0), *source.names));
    }
    if (access != nullptr) {
        sets.access = must(dns::SteeredSet::build(access->source(1), *source.names));
    }
    steer_all(source, zones.size(), kSerial, std::move(sets));
    return must(dns::Snapshot::create(std::move(source)));
}

PacketText Asker::ask(std::string_view name, dns::RrType type) {
    return ask(QueryBuilder().question(name, type).opt());
}

PacketText Asker::ask(const QueryBuilder& query) {
    return read_packet(raw(query.bytes()));
}

std::vector<std::byte> Asker::raw(const std::vector<std::byte>& packet) {
    std::vector<std::byte> out(client.transport == dns::Transport::Udp ? dns::kUdpResponseMax
                                                                       : dns::kMessageMax);
    out.resize(dns::answer(snapshot_, packet, client, state_, out));
    return out;
}

}  // namespace dns_test
