#pragma once

// Reads a response with ldns, a second implementation, and gives it as text for tests.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace dns_test {

/// A response as ldns reads it. Records as "owner ttl type data", names lowercased.
struct PacketText {
    bool parsed = false;
    bool response = false;
    bool authoritative = false;
    bool truncated = false;
    bool recursion_desired = false;
    bool recursion_available = false;
    unsigned opcode = 0;
    unsigned rcode = 0;  ///< with the OPT's extension
    bool has_opt = false;
    bool dnssec_ok = false;
    unsigned udp_size = 0;
    std::size_t size = 0;
    std::string question;  ///< "owner type", case as sent
    std::vector<std::string> answer;
    std::vector<std::string> authority;
    std::vector<std::string> additional;
};

[[nodiscard]] PacketText read_packet(std::span<const std::byte> packet);

}  // namespace dns_test
