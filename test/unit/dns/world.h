#pragma once

// A small world of zones and pools for the tests of the answer path, and a way to ask it.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dns/answer.h"
#include "dns/snapshot.h"
#include "dns/steered_set.h"
#include "dns/zone.h"
#include "test/unit/dns/packet_text.h"
#include "test/unit/dns/query_builder.h"

namespace dns_test {

/// Serial of every zone of a snapshot() here.
inline constexpr std::uint32_t kSerial = 2026112201;

/// A record row from "owner type data".
[[nodiscard]] dns::RecordRow row(std::string_view line, std::uint32_t ttl = 300);

/// A zone with SOA, two name servers outside it, and the given rows.
[[nodiscard]] dns::ZoneSource zone_source(std::string name, const std::vector<std::string>& lines);

/// A pool of `count` hosts mx1.hosts.test ..., ids 1.., addresses 192.0.2.i and 2001:db8::i, with
/// a table of policy and weights.
struct Pool {
    dns::PoolKind kind = dns::PoolKind::Mail;
    dns::steering::TableInput input;
    std::vector<dns::SteeredHost> hosts;
    std::uint32_t ttl = 60;

    [[nodiscard]] dns::SteeredSource source(std::uint32_t slot = 0) const;
};

[[nodiscard]] Pool pool(dns::PoolKind kind, const std::vector<double>& weights);

/// Builds a snapshot: all zones that are steered share the given pools. Throws on a bad zone.
[[nodiscard]] std::unique_ptr<const dns::Snapshot> snapshot(
    const std::vector<dns::ZoneSource>& zones,
    const Pool* mail = nullptr,
    const Pool* access = nullptr);

/// Asks and reads the response.
class Asker {
  public:
    explicit Asker(const dns::Snapshot& snapshot) : snapshot_(snapshot), state_(0) {}

    dns::Client client;

    [[nodiscard]] PacketText ask(std::string_view name, dns::RrType type);
    [[nodiscard]] PacketText ask(const QueryBuilder& query);
    [[nodiscard]] std::vector<std::byte> raw(const std::vector<std::byte>& packet);

    [[nodiscard]] dns::ThreadState& state() { return state_; }

  private:
    const dns::Snapshot& snapshot_;
    dns::ThreadState state_;
};

}  // namespace dns_test
