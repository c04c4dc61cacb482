#include "dns/transfer/transfer_request.h"

#include <algorithm>

#include "dns/packet_cursor.h"

namespace dns::transfer {
namespace {

constexpr std::size_t kSoaNumbers = 20;
// OPT and no more.
constexpr unsigned kAdditionalMax = 1;

// The authority record of an IXFR query: a SOA of the zone. Its names may be compressed and are
// not looked at; the serial is what counts, and all of the numbers must be there.
bool read_client_soa(PacketCursor& cursor,
                     std::span<const std::byte> packet,
                     TransferRequest& request) noexcept {
    cursor.skip_name();
    const std::uint16_t type = cursor.take_u16();
    const std::uint16_t rr_class = cursor.take_u16();
    (void)cursor.take_u32();  // TTL
    const std::uint16_t length = cursor.take_u16();
    const std::size_t start = cursor.at();
    (void)cursor.take(length);  // cut: failed() tells
    if (cursor.failed() || type != static_cast<std::uint16_t>(RrType::Soa) ||
        rr_class != static_cast<std::uint16_t>(RrClass::In)) {
        return false;
    }
    PacketCursor data(packet.first(cursor.at()), start);
    data.skip_name();
    data.skip_name();
    request.serial = data.take_u32();
    (void)data.take(kSoaNumbers - 4);  // cut: failed() tells
    return !data.failed() && data.left() == 0;
}

bool read_opt(PacketCursor& cursor) noexcept {
    const auto root = cursor.take(1);
    const std::uint16_t type = cursor.take_u16();
    (void)cursor.take(6);
    (void)cursor.take(cursor.take_u16());
    return !cursor.failed() && root.front() == std::byte{0} &&
           type == static_cast<std::uint16_t>(RrType::Opt);
}

}  // namespace

RequestKind read_transfer_request(std::span<const std::byte> packet,
                                  TransferRequest& request) noexcept {
    if (packet.size() < kHeaderSize) {
        return RequestKind::Other;
    }
    const std::uint16_t flags = load_u16(packet.data() + 2);
    if ((flags & (kFlagResponse | kFlagOpcode)) != 0 || load_u16(packet.data() + 4) != 1) {
        return RequestKind::Other;
    }
    PacketCursor cursor(packet, kHeaderSize);
    cursor.take_name(request.name);
    const auto type = static_cast<RrType>(cursor.take_u16());
    const auto rr_class = static_cast<RrClass>(cursor.take_u16());
    if (cursor.failed() || (type != RrType::Axfr && type != RrType::Ixfr) ||
        rr_class != RrClass::In) {
        return RequestKind::Other;
    }
    request.id = load_u16(packet.data());
    request.type = type;
    request.question = packet.subspan(kHeaderSize, cursor.at() - kHeaderSize);
    const std::uint16_t answers = load_u16(packet.data() + 6);
    const std::uint16_t authorities = load_u16(packet.data() + 8);
    const std::uint16_t additionals = load_u16(packet.data() + 10);
    if (answers != 0 || authorities != (type == RrType::Ixfr ? 1 : 0) ||
        additionals > kAdditionalMax) {
        return RequestKind::Malformed;
    }
    if (type == RrType::Ixfr && !read_client_soa(cursor, packet, request)) {
        return RequestKind::Malformed;
    }
    request.has_opt = additionals != 0;
    if (request.has_opt && !read_opt(cursor)) {
        return RequestKind::Malformed;
    }
    return cursor.left() == 0 ? RequestKind::Transfer : RequestKind::Malformed;
}

}  // namespace dns::transfer
