// No reply of a name server breaks the stub resolver's parser, and what it accepts is in bounds.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/resolver.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::array kTypes{base::DnsType::A,
                                base::DnsType::Aaaa,
                                base::DnsType::Mx,
                                base::DnsType::Txt,
                                base::DnsType::Ptr,
                                base::DnsType::Cname,
                                base::DnsType::Ns,
                                base::DnsType::Ds};
    const std::string_view message(reinterpret_cast<const char*>(data), size);
    for (const base::DnsType type : kTypes) {
        const auto parsed = base::parse_dns_reply(message, 7, "a.example", type);
        if (!parsed) {
            continue;
        }
        const base::DnsReply& reply = parsed.value().reply;
        CHECK(reply.addresses.size() + reply.texts.size() + reply.exchanges.size() +
                  reply.names.size() + reply.delegations.size() <=
              base::kDnsRecordsMax);
        for (const base::DnsMx& exchange : reply.exchanges) {
            // Each of 255 bytes takes at most four characters.
            CHECK(exchange.host.size() <= 4 * 255);
            CHECK(exchange.host.empty() ||
                  base::encode_dns_query(1, exchange.host, base::DnsType::A, true));
        }
    }
    return 0;
}
