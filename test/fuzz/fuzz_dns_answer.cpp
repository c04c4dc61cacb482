// Fuzzes the public answer over a fixed snapshot. Octet 0 chooses transport and family, the rest is
// the packet. Every reply is well-formed and fits; two of the same query have the same rcode.

#include <cstdint>

#include "test/fuzz/dns_fuzz.h"
#include "test/unit/dns/directory/world.h"

namespace {

dns::Directory fixed() {
    dns::Directory directory = dns_test::directory();
    auto& records = directory.domains[1].records;
    for (int i = 0; i < 20; ++i) {
        records.push_back({"big", "TXT", std::nullopt, std::to_string(i) + std::string(200, 'x')});
    }
    const char* const more[][3] = {{"*.wild", "A", "192.0.2.81"},
                                   {"b.a.ent", "AAAA", "2001:db8::1"},
                                   {"alias", "CNAME", "www"},
                                   {"loop1", "CNAME", "loop2.mail.test."},
                                   {"loop2", "CNAME", "loop1.mail.test."},
                                   {"sub", "NS", "ns.sub.mail.test."},
                                   {"ns.sub", "A", "192.0.2.82"},
                                   {"tree", "DNAME", "wild.mail.test."},
                                   {"_sip._udp", "SRV", "1 2 5060 www.mail.test."},
                                   {"odd", "TYPE65280", "\\# 2 0102"}};
    for (const auto& record : more) {
        records.push_back({record[0], record[1], std::nullopt, record[2]});
    }
    return directory;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto kSnapshot = dns_fuzz::build(fixed());
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
