#pragma once

// Zones to transfer, and a secondary that takes them: it reads the messages with ldns, a second
// implementation, and applies them as RFC 5936 and RFC 1995 say, strictly.

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "dns/transfer/published_zone.h"
#include "dns/transfer/zone_stream.h"

namespace dns_test {

/// The fixed part of example.test with these rows ("owner type data").
[[nodiscard]] dns::transfer::SharedFixed fixed(const std::vector<std::string>& rows,
                                               bool steers_mail = false);

/// A pool's canonical answer: MX of mx<host>.hosts.test with its preference.
[[nodiscard]] dns::transfer::SharedSteered steered(
    const std::vector<std::pair<int, std::uint16_t>>& hosts, std::uint32_t ttl = 60);

/// An AXFR query, or with `serial` an IXFR query, as a packet.
[[nodiscard]] std::vector<std::byte> transfer_query(std::string_view zone);
[[nodiscard]] std::vector<std::byte> transfer_query(std::string_view zone, std::uint32_t serial);

/// Reads such a packet; throws if it is none.
[[nodiscard]] dns::transfer::TransferRequest request_of(const std::vector<std::byte>& packet);

/// All records of a stream, as "owner ttl type data"; throws on a message that is none.
[[nodiscard]] std::vector<std::string> records_of(dns::ReplyStream& stream,
                                                  std::size_t* messages = nullptr);

class Secondary {
  public:
    std::multiset<std::string> records;  ///< without the SOA
    std::string soa;
    std::uint32_t serial = 0;

    /// Asks by IXFR, or by AXFR if it has nothing. Throws on what a secondary must refuse.
    dns::transfer::TransferKind fetch(const dns::transfer::SharedZone& zone);

  private:
    void take_whole(const std::vector<std::string>& records);
    void take_delta(const std::vector<std::string>& records);
};

}  // namespace dns_test
