#pragma once

// Updates that are signed, and a snapshot whose keys know them.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "dns/snapshot.h"
#include "dns/transfer/transfer_view.h"
#include "dns/tsig.h"
#include "test/unit/dns/parts.h"
#include "test/unit/dns/update/update_builder.h"
#include "test/unit/dns/world.h"

namespace dns_test {

[[nodiscard]] inline dns::TsigKey update_key(const char* name = "key.test", char secret = 's') {
    return {dns::Name::from_text(name).take_value(),
            dns::HmacKey(dns::HmacAlgorithm::Sha256, base::as_bytes(std::string(32, secret)))};
}

[[nodiscard]] inline std::uint64_t wall_s() {
    return static_cast<std::uint64_t>(base::wall_us() / 1'000'000);
}

/// An empty update of example.test.
[[nodiscard]] inline std::vector<std::byte> signed_update(const dns::TsigKey& by = update_key(),
                                                          std::uint64_t at = wall_s()) {
    const UpdateBuilder message("example.test");
    std::vector<std::byte> packet(message.bytes().begin(), message.bytes().end());
    packet.resize(packet.size() + dns::tsig_record_size(by));
    packet.resize(dns::TsigSigner(by).sign(packet, message.bytes().size(), at));
    return packet;
}

/// example.test with www, and update_key().
[[nodiscard]] inline std::unique_ptr<const dns::Snapshot> snapshot_with_key() {
    dns::transfer::TransferConfig config;
    config.keys = {{"key.test", "hmac-sha256", std::string(32, 's')}};
    dns::Snapshot::Source source;
    source.names = std::make_shared<const dns::NameTable>(
        dns::NameTable::Zones{std::make_shared<const dns::ZoneImage>(
            dns::compile_zone(
                dns::build_zone(zone_source("example.test", {"www A 192.0.2.1"})).take_value())
                .take_value())},
        7);
    steer_all(source, 1, kSerial);
    source.transfer = std::make_shared<const dns::transfer::TransferView>(
        dns::transfer::TransferRights::create(config).take_value(),
        std::vector<dns::transfer::SharedZone>());
    return dns::Snapshot::create(std::move(source)).take_value();
}

}  // namespace dns_test
