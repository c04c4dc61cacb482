// Fuzzes the internal view's answer. Octet 0 chooses transport, admission, certainty and whether a
// view is loaded; the rest is the packet. A client that is not admitted never learns of an address,
// and an unsure view never denies one.

#include <cstdint>

#include "dns/internal_answer.h"
#include "test/fuzz/dns_fuzz.h"

namespace {

dns::AccountView fixed() {
    auto accounts = std::make_shared<dns::DomainAccounts>();
    accounts->name = dns::Name::from_text("mail.test").take_value();
    accounts->entries.emplace_back(dns::account_digest("alice"), 42, dns::AccountState::Active);
    accounts->entries.emplace_back(dns::account_digest("bob"), 43, dns::AccountState::Disabled);
    accounts->finish();
    return dns::AccountView({accounts});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const dns::AccountView kView = fixed();
    if (size == 0) {
        return 0;
    }
    dns::InternalQuery asked;
    asked.packet = std::as_bytes(std::span(data, size)).subspan(1);
    asked.transport = (data[0] & 1) != 0 ? dns::Transport::Tcp : dns::Transport::Udp;
    asked.admission = (data[0] & 2) != 0 ? dns::Admission::Refused : dns::Admission::Allowed;
    asked.certainty = (data[0] & 4) != 0 ? dns::Certainty::Unsure : dns::Certainty::Sure;
    dns::InternalCounters counters;
    std::vector<std::byte> out(dns::kUdpResponseMax);
    const std::size_t answered =
        dns::answer_internal((data[0] & 8) != 0 ? nullptr : &kView, asked, counters, out);
    dns_fuzz::require(answered <= out.size());
    const auto reply = std::span<const std::byte>(out).first(answered);
    dns_fuzz::check_reply(asked.packet, reply);
    if (!reply.empty()) {
        const unsigned rcode = std::to_integer<unsigned>(reply[3]) & 15U;
        const bool refused = asked.admission == dns::Admission::Refused;
        dns_fuzz::require(!refused || dns::load_u16(reply.data() + 6) == 0);
        dns_fuzz::require(asked.certainty == dns::Certainty::Sure || rcode != 3);
    }
    return 0;
}
