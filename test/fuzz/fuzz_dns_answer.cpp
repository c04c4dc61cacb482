// Fuzzes the public answer over a fixed snapshot. Octet 0 chooses transport and family, the rest is
// the packet. Every reply is well-formed and fits; two of the same query have the same rcode.

#include <cstdint>

#include "test/fuzz/dns_answer_world.h"
#include "test/fuzz/dns_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto kSnapshot = dns_fuzz::build(dns_fuzz::answer_world());
    dns_fuzz::require(kSnapshot != nullptr);
    if (size == 0) {
        return 0;
    }
    static dns::ThreadState state(0);
    dns::Client client;
    client.transport = (data[0] & 1) != 0 ? dns::Transport::Tcp : dns::Transport::Udp;
    client.family = (data[0] & 2) != 0 ? dns::Family::V6 : dns::Family::V4;
    client.address.fill(std::byte{data[0]});
    dns_fuzz::ask(*kSnapshot, std::as_bytes(std::span(data, size)).subspan(1), client, state);
    return 0;
}
