// Fuzzes what a signed packet, a transfer query and an answer to NOTIFY are read by. Octet 0
// chooses: bit 0: the packet is signed first with a key that is known, so that what is behind the
// signature is reached, too.

#include <cstdint>

#include "base/hash.h"
#include "dns/transfer/notify_message.h"
#include "dns/transfer/transfer_request.h"
#include "dns/tsig.h"
#include "test/fuzz/dns_fuzz.h"

namespace {

constexpr std::uint64_t kNow = 1700000000;

dns::TsigKey key() {
    return {dns::Name::from_text("key.test").take_value(),
            dns::HmacKey(dns::HmacAlgorithm::Sha256, base::as_bytes("0123456789abcdef"))};
}

void check(const dns::TsigKeys& keys, std::span<const std::byte> packet) {
    dns::TsigRecord record;
    const dns::TsigVerdict verdict = dns::verify_tsig(keys, packet, kNow, record);
    std::vector<std::byte> out(dns::kUdpResponseMax);
    if (verdict == dns::TsigVerdict::Good) {
        std::vector<std::byte> copy(record.message_size);
        const auto plain = dns::strip_tsig(packet, record, copy);
        dns::transfer::TransferRequest request;
        (void)dns::transfer::read_transfer_request(plain, request);  // must only not crash
        return;
    }
    if (verdict != dns::TsigVerdict::Absent) {
        const std::size_t size = dns::answer_tsig_error(packet, verdict, record, kNow, out);
        dns_fuzz::require(size <= out.size());
        dns_fuzz::check_reply(packet, std::span<const std::byte>(out).first(size));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const dns::TsigKey kKey = key();
    static const dns::TsigKeys kKeys({kKey});
    if (size == 0 || size > dns::kMessageMax) {
        return 0;
    }
    const auto input = std::as_bytes(std::span(data, size)).subspan(1);
    std::vector<std::byte> packet(input.begin(), input.end());
    if ((data[0] & 1) != 0 && packet.size() >= dns::kHeaderSize) {
        packet.resize(input.size() + dns::tsig_record_size(kKey));
        dns::TsigSigner signer(kKey);
        packet.resize(signer.sign(packet, input.size(), kNow));
    }
    check(kKeys, packet);
    dns::transfer::TransferRequest request;
    (void)dns::transfer::read_transfer_request(packet, request);  // must only not crash
    (void)dns::transfer::read_notify_answer(packet);
    const std::array<std::byte, 32> mac{};
    const dns::TsigVerdict answer = dns::verify_tsig_answer(kKey, mac, packet, kNow);
    dns_fuzz::require(answer != dns::TsigVerdict::Good);
    return 0;
}
