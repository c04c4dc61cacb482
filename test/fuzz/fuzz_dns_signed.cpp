// Fuzzes answers of signed zones: mail.test is denied by NSEC, hosts.test by NSEC3. Octet 0 chooses
// transport and family, and when it is, before or after signatures have ended; the rest is the
// packet.

#include <cstdint>

#include "test/fuzz/dns_answer_world.h"
#include "test/fuzz/dns_fuzz.h"
#include "test/unit/dns/dnssec/text.h"

namespace {

constexpr std::uint32_t kNow = 1'800'000'000;
constexpr std::uint32_t kYear = 366 * 86'400;

dns::Directory signed_world() {
    dns::Directory directory = dns_fuzz::answer_world();
    const auto key = dnssec_test::p256_key();
    dns::dnssec::StoredKeys stored;
    stored.revision = 1;
    dns::dnssec::KeyRecord record;
    record.id = 1;
    record.key = dnssec_test::public_half(key);
    stored.keys.keys = {record};
    stored.domain = "hosts.test";
    stored.denial = dns::dnssec::Denial::Nsec3;
    directory.signing.push_back(stored);
    stored.domain = "mail.test";
    stored.denial = dns::dnssec::Denial::Nsec;
    directory.signing.push_back(stored);
    directory.secrets =
        std::make_shared<const dns::dnssec::Secrets>(dns::dnssec::Secrets{{1, key.secret()}});
    return directory;
}

void check(std::span<const std::byte> packet, std::span<const std::byte> reply, bool ended) {
    dns::Query query;  // NOLINT: what is read of it is written
    if (reply.empty() || dns::parse_query(packet, query) != dns::QueryOutcome::Ok ||
        !query.has_opt || !query.dnssec_ok) {
        return;
    }
    const bool is_signed = dns_fuzz::has_record(reply, dns::RrType::Rrsig);
    const unsigned flags = dns::load_u16(reply.data() + 2);
    const bool denies = (flags & 0xfU) == static_cast<unsigned>(dns::Rcode::NxDomain);
    dns_fuzz::require(!ended || (!is_signed && !denies));
    if (denies && (flags & dns::kFlagTruncated) == 0) {
        dns_fuzz::require(is_signed &&
                          (dns_fuzz::has_record(reply, dns::RrType::Nsec) ||
                           dns_fuzz::has_record(reply, dns::RrType{dns::dnssec::kTypeNsec3})));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto kSnapshot = dns_fuzz::build(signed_world(), kNow);
    dns_fuzz::require(kSnapshot != nullptr);
    dns_fuzz::require(kSnapshot->parts(1).signatures != nullptr);
    if (size == 0) {
        return 0;
    }
    static dns::ThreadState state(0);
    const bool ended = (data[0] & 4) != 0;
    state.guard.set_time({ended ? kNow + kYear : kNow, 0});
    dns::Client client;
    client.transport = (data[0] & 1) != 0 ? dns::Transport::Tcp : dns::Transport::Udp;
    client.family = (data[0] & 2) != 0 ? dns::Family::V6 : dns::Family::V4;
    client.address.fill(std::byte{data[0]});
    const auto packet = std::as_bytes(std::span(data, size)).subspan(1);
    check(packet, dns_fuzz::ask(*kSnapshot, packet, client, state), ended);
    return 0;
}
