#include "dns/transfer/transfer_answer.h"

#include <algorithm>
#include <array>

#include "dns/limits.h"
#include "dns/message.h"

namespace dns::transfer {
namespace {

// A signed query that is longer has options that nobody needs.
constexpr std::size_t kSignedQueryMax = 4096;
constexpr std::size_t kSoaNumbers = 20;
constexpr std::size_t kRecordFixed = 12;  // pointer owner, type, class, TTL, data length

base::IpAddress address_of(const Client& client) noexcept {
    if (client.family == Family::V6) {
        return base::IpAddress::v6(client.address);
    }
    std::array<std::byte, 4> bytes{};
    std::copy_n(client.address.begin(), bytes.size(), bytes.begin());
    return base::IpAddress::v4(bytes);
}

// The packet without its signature, and who signed it.
struct Unsigned {
    std::span<const std::byte> packet;
    const TsigKey* key = nullptr;
};

// The SOA record of a zone as the only answer. False: it does not fit.
bool append_soa(const PublishedZone& zone, Message& message) noexcept {
    const std::string& data = zone.fixed->soa.data;
    std::byte* const at = message.append_record(Section::Answer, kRecordFixed + data.size());
    if (at == nullptr) {
        return false;
    }
    store_u16(at, kQuestionPointer);
    store_u16(at + 2, static_cast<std::uint16_t>(RrType::Soa));
    store_u16(at + 4, static_cast<std::uint16_t>(RrClass::In));
    store_u32(at + 6, zone.fixed->soa.ttl);
    store_u16(at + 10, static_cast<std::uint16_t>(data.size()));
    std::ranges::copy(std::as_bytes(std::span(data)), at + kRecordFixed);
    store_u32(at + kRecordFixed + data.size() - kSoaNumbers, zone.serial);
    return true;
}

// IXFR in one datagram, and the SOA of the catalog zone: both are the SOA, for those who may fetch
// the zone. None: neither.
std::optional<std::size_t> answer_soa(const TransferView& view,
                                      const Unsigned& asked,
                                      const Client& client,
                                      std::span<std::byte> out) noexcept {
    Query query;
    const QueryOutcome outcome = parse_query(asked.packet, query);
    const bool ixfr = outcome == QueryOutcome::RefusedType && query.type == RrType::Ixfr;
    const bool soa = outcome == QueryOutcome::Ok && query.type == RrType::Soa &&
                     !view.rights().catalog().is_root() &&
                     std::ranges::equal(query.name.wire(), view.rights().catalog().wire());
    if (!ixfr && !soa) {
        return std::nullopt;
    }
    const SharedZone* const zone = view.find(query.name.wire());
    if (zone == nullptr ||
        !view.rights().may_transfer(query.name.wire(), address_of(client), asked.key)) {
        return std::nullopt;
    }
    TransferRequest request;
    if (ixfr && read_transfer_request(asked.packet, request) != RequestKind::Transfer) {
        return std::nullopt;
    }
    Message message(query, asked.packet, client.transport, out);
    message.set_authoritative();
    if (!append_soa(**zone, message)) {
        message.truncate();
    }
    return message.finish();
}

// Octets of the answer to a signed query before it is signed, so that it fits afterwards.
std::size_t unsigned_limit(std::span<const std::byte> packet,
                           const Client& client,
                           std::size_t room,
                           std::size_t reserved) noexcept {
    std::size_t limit = room;
    if (client.transport == Transport::Udp) {
        Query query;
        const QueryOutcome outcome = parse_query(packet, query);
        const bool has_opt = outcome == QueryOutcome::Ok && query.has_opt;
        const std::size_t size =
            has_opt ? std::clamp<std::size_t>(query.udp_size, kUdpPlainMax, kUdpResponseMax)
                    : kUdpPlainMax;
        limit = std::min(limit, size);
    }
    return limit - reserved;
}

}  // namespace

// The answer without the signature has room for header, question and OPT: what Message asks for.
static_assert(kUdpPlainMax - (kKeyNameMax + 10 + 13 + 10 + kMacMax + 6 + 6) >=
              kHeaderSize + kNameMax + 4 + kOptSize);

std::optional<std::size_t> answer_special(const Snapshot& snapshot,
                                          std::span<const std::byte> packet,
                                          const Client& client,
                                          ThreadState& state,
                                          std::uint64_t now_s,
                                          std::span<std::byte> out) noexcept {
    const TransferView* const view = snapshot.transfer();
    if (view == nullptr || packet.size() < kHeaderSize || packet.size() > kSignedQueryMax) {
        return std::nullopt;
    }
    TsigRecord record;
    const TsigVerdict verdict = verify_tsig(view->rights().keys(), packet, now_s, record);
    if (verdict == TsigVerdict::Absent) {
        return answer_soa(*view, {packet, nullptr}, client, out);
    }
    if (verdict == TsigVerdict::Malformed) {
        return std::nullopt;  // answered as any other malformed packet
    }
    if (verdict != TsigVerdict::Good) {
        return answer_tsig_error(packet, verdict, record, now_s, out);
    }
    std::array<std::byte, kSignedQueryMax> copy;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    const std::span<const std::byte> stripped = strip_tsig(packet, record, copy);
    const std::size_t reserved = tsig_record_size(*record.key);
    const std::span<std::byte> room =
        out.first(unsigned_limit(stripped, client, out.size(), reserved));
    const auto soa = answer_soa(*view, {stripped, record.key}, client, room);
    const std::size_t size = soa ? *soa : answer_plain(snapshot, stripped, client, state, room);
    if (size == 0) {
        return 0;
    }
    store_u16(out.data(), load_u16(packet.data()));
    return TsigSigner(record).sign(out, size, now_s);
}

TransferStart start_transfer(const SharedView& view,
                             std::span<const std::byte> packet,
                             const base::IpAddress& client,
                             const WallClock& clock,
                             PlannedFunction on_planned) {
    if (view == nullptr || packet.size() < kHeaderSize || packet.size() > kSignedQueryMax) {
        return {};
    }
    TsigRecord record;
    std::array<std::byte, kSignedQueryMax> copy;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    std::span<const std::byte> plain = packet;
    std::optional<TsigSigner> signer;
    switch (verify_tsig(view->rights().keys(), packet, clock(), record)) {
        case TsigVerdict::Absent:
            break;
        case TsigVerdict::Good:
            plain = strip_tsig(packet, record, copy);
            signer.emplace(record);
            break;
        default:
            return {};
    }
    TransferRequest request;
    if (read_transfer_request(plain, request) != RequestKind::Transfer) {
        return {};
    }
    request.id = load_u16(packet.data());
    const SharedZone* const zone = view->find(request.name.wire());
    if (zone == nullptr || !view->rights().may_transfer(request.name.wire(), client, record.key)) {
        return {};
    }
    return {std::make_unique<ZoneStream>(
        request, *zone, std::move(signer), clock, view, std::move(on_planned))};
}

}  // namespace dns::transfer
