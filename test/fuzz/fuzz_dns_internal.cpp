// Fuzzes the internal view's answer. Octet 0 chooses transport, admission, certainty and whether a
// view is loaded, and whether the view has a key (which no input is signed with); the rest is the
// packet. A client that is not admitted never learns of an address, and an unsure view never denies
// one.

#include <algorithm>
#include <cstdint>

#include "base/hash.h"
#include "dns/internal_answer.h"
#include "test/fuzz/dns_fuzz.h"

namespace {

dns::AccountView fixed() {
    std::vector<dns::AccountEntry> entries = {
        {dns::account_digest("alice"), 42, dns::AccountState::Active},
        {dns::account_digest("bob"), 43, dns::AccountState::Disabled}};
    std::ranges::sort(entries, {}, &dns::AccountEntry::digest);
    dns::AccountListBuilder list;
    for (const dns::AccountEntry& entry : entries) {
        list.add(entry);
    }
    return {{std::make_shared<const dns::DomainAccounts>(dns::DomainAccounts{
                {1, dns::Name::from_text("mail.test").take_value()}, list.finish()})},
            {}};
}

dns::TsigKeys fixed_keys() {
    return dns::TsigKeys({{dns::Name::from_text("k.test").take_value(),
                           dns::HmacKey(dns::HmacAlgorithm::Sha256,
                                        base::as_bytes(std::string_view("0123456789abcdef")))}});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const dns::AccountView kView = fixed();
    static const dns::TsigKeys kKey = fixed_keys();
    static const dns::TsigKeys kNoKeys;
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
    const std::size_t answered = dns::answer_internal((data[0] & 8) != 0 ? nullptr : &kView,
                                                      asked,
                                                      (data[0] & 16) != 0 ? kKey : kNoKeys,
                                                      1'700'000'000,
                                                      counters,
                                                      out);
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
