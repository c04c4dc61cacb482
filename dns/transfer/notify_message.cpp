#include "dns/transfer/notify_message.h"

#include <algorithm>
#include <string>

#include "base/hash.h"
#include "dns/packet_cursor.h"

namespace dns::transfer {
namespace {

void put_u16(std::vector<std::byte>& out, std::uint16_t value) {
    out.push_back(static_cast<std::byte>(value >> 8));
    out.push_back(static_cast<std::byte>(value & 0xff));
}

void put(std::vector<std::byte>& out, std::span<const std::byte> octets) {
    out.insert(out.end(), octets.begin(), octets.end());
}

void put_type_and_class(std::vector<std::byte>& out) {
    put_u16(out, static_cast<std::uint16_t>(RrType::Soa));
    put_u16(out, static_cast<std::uint16_t>(RrClass::In));
}

}  // namespace

NotifyMessage notify_message(const PublishedZone& zone,
                             std::uint16_t id,
                             const TsigKey* key,
                             std::uint64_t now_s) {
    NotifyMessage message;
    std::vector<std::byte>& out = message.packet;
    for (const std::uint16_t word : {id,
                                     static_cast<std::uint16_t>(kFlagNotify | kFlagAuthoritative),
                                     std::uint16_t{1},
                                     std::uint16_t{1},
                                     std::uint16_t{0},
                                     std::uint16_t{0}}) {
        put_u16(out, word);
    }
    put(out, zone.apex().wire());
    put_type_and_class(out);
    put_u16(out, 0xc000 | kHeaderSize);
    put_type_and_class(out);
    std::array<std::byte, 4> ttl{};
    store_u32(ttl.data(), zone.fixed->soa.ttl);
    put(out, ttl);
    const std::string soa = zone.soa();
    put_u16(out, static_cast<std::uint16_t>(soa.size()));
    put(out, base::as_bytes(soa));
    if (key != nullptr) {
        const std::size_t size = out.size();
        out.resize(size + tsig_record_size(*key));
        TsigSigner signer(*key);
        out.resize(signer.sign(out, size, now_s));
        message.mac = signer.mac();
    }
    return message;
}

std::optional<NotifyAnswer> read_notify_answer(std::span<const std::byte> packet) {
    if (packet.size() < kHeaderSize) {
        return std::nullopt;
    }
    const std::uint16_t flags = load_u16(packet.data() + 2);
    if ((flags & kFlagResponse) == 0 || (flags & kFlagOpcode) != kFlagNotify ||
        load_u16(packet.data() + 4) != 1) {
        return std::nullopt;
    }
    PacketCursor cursor(packet, kHeaderSize);
    WireName name;  // NOLINT(cppcoreguidelines-pro-type-member-init): see WireName
    cursor.take_name(name);
    const std::uint16_t type = cursor.take_u16();
    (void)cursor.take_u16();  // the class
    if (cursor.failed() || type != static_cast<std::uint16_t>(RrType::Soa)) {
        return std::nullopt;
    }
    auto zone = Name::from_wire(name.wire());
    if (!zone) {
        return std::nullopt;
    }
    NotifyAnswer answer;
    answer.id = load_u16(packet.data());
    answer.rcode = flags & 0x000f;
    answer.zone = std::move(zone).take_value();
    return answer;
}

}  // namespace dns::transfer
