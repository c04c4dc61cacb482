#include "storage/path/protocol.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "storage/path/relative_path.h"
#include "storage/segment/little_endian.h"

namespace storage::helper {

namespace {

// Request: version 1, type 1, flag 1, slot 1, length 4, id 8, offset 8, handle 8, sizes of path and
// after 2 each, then both.
constexpr std::size_t kRequestFixed = 36;
// Reply: version 1, ok 1, code 1, folder 1, length 4, id 8, value 8, second 8, size of detail 2.
constexpr std::size_t kReplyFixed = 34;
// Entry: size 8, time 8, folder 1, size of name 1, then the name.
constexpr std::size_t kEntryFixed = 18;

static_assert(kRequestFixed + 2 * kRelativePathMax <= kPacketMax);
static_assert(kReplyFixed + kDetailMax <= kPacketMax);
static_assert(kListMax * (kEntryFixed + kRelativePathMax) <= kSlotSize);
static_assert(kRelativePathMax <= 255);

base::Error corrupt() {
    return base::Error{base::Errc::Corrupt, "path helper: bad packet"};
}

base::Status check_version(std::span<const std::byte> packet) {
    if (packet.empty()) {
        return corrupt();
    }
    if (load_le<std::uint8_t>(packet.data()) != kProtocolVersion) {
        return base::Error{base::Errc::Unsupported, "path helper: another protocol version"};
    }
    return base::Done{};
}

void put_text(std::byte* at, std::string_view text) noexcept {
    if (!text.empty()) {
        std::memcpy(at, text.data(), text.size());
    }
}

std::string get_text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::vector<std::byte> encode(const Request& request) {
    CHECK(request.path.size() <= kRelativePathMax && request.after.size() <= kRelativePathMax);
    std::vector<std::byte> packet(kRequestFixed + request.path.size() + request.after.size());
    std::byte* at = packet.data();
    store_le<std::uint8_t>(at, kProtocolVersion);
    store_le<std::uint8_t>(at + 1, static_cast<std::uint8_t>(request.type));
    store_le<std::uint8_t>(at + 2, static_cast<std::uint8_t>(request.flag));
    store_le<std::uint8_t>(at + 3, request.slot);
    store_le<std::uint32_t>(at + 4, request.length);
    store_le<std::uint64_t>(at + 8, request.id);
    store_le<std::uint64_t>(at + 16, request.offset);
    store_le<std::uint64_t>(at + 24, request.handle);
    store_le<std::uint16_t>(at + 32, static_cast<std::uint16_t>(request.path.size()));
    store_le<std::uint16_t>(at + 34, static_cast<std::uint16_t>(request.after.size()));
    put_text(at + kRequestFixed, request.path);
    put_text(at + kRequestFixed + request.path.size(), request.after);
    return packet;
}

base::Result<Request> decode_request(std::span<const std::byte> packet) {
    TRY(check_version(packet));
    if (packet.size() < kRequestFixed) {
        return corrupt();
    }
    const std::byte* at = packet.data();
    Request request;
    const auto type = load_le<std::uint8_t>(at + 1);
    const auto flag = load_le<std::uint8_t>(at + 2);
    request.slot = load_le<std::uint8_t>(at + 3);
    request.length = load_le<std::uint32_t>(at + 4);
    request.id = load_le<std::uint64_t>(at + 8);
    request.offset = load_le<std::uint64_t>(at + 16);
    request.handle = load_le<std::uint64_t>(at + 24);
    const std::size_t path = load_le<std::uint16_t>(at + 32);
    const std::size_t after = load_le<std::uint16_t>(at + 34);
    if (type < static_cast<std::uint8_t>(RequestType::Probe) ||
        type > static_cast<std::uint8_t>(RequestType::Remove) ||
        flag > static_cast<std::uint8_t>(Flag::Detail) ||
        (request.slot >= kSlots && request.slot != kNoSlot) || request.length > kSlotSize ||
        path > kRelativePathMax || after > kRelativePathMax ||
        packet.size() != kRequestFixed + path + after) {
        return corrupt();
    }
    request.type = static_cast<RequestType>(type);
    request.flag = static_cast<Flag>(flag);
    request.path = get_text(packet.subspan(kRequestFixed, path));
    request.after = get_text(packet.subspan(kRequestFixed + path, after));
    return request;
}

std::vector<std::byte> encode(const Reply& reply) {
    const std::string_view detail = std::string_view(reply.detail).substr(0, kDetailMax);
    std::vector<std::byte> packet(kReplyFixed + detail.size());
    std::byte* at = packet.data();
    store_le<std::uint8_t>(at, kProtocolVersion);
    store_le<std::uint8_t>(at + 1, reply.ok ? std::uint8_t{1} : std::uint8_t{0});
    store_le<std::uint8_t>(at + 2, static_cast<std::uint8_t>(reply.code));
    store_le<std::uint8_t>(at + 3, reply.is_folder ? std::uint8_t{1} : std::uint8_t{0});
    store_le<std::uint32_t>(at + 4, reply.length);
    store_le<std::uint64_t>(at + 8, reply.id);
    store_le<std::uint64_t>(at + 16, reply.value);
    store_le<std::uint64_t>(at + 24, reply.second);
    store_le<std::uint16_t>(at + 32, static_cast<std::uint16_t>(detail.size()));
    put_text(at + kReplyFixed, detail);
    return packet;
}

base::Result<Reply> decode_reply(std::span<const std::byte> packet) {
    TRY(check_version(packet));
    if (packet.size() < kReplyFixed) {
        return corrupt();
    }
    const std::byte* at = packet.data();
    Reply reply;
    const auto ok = load_le<std::uint8_t>(at + 1);
    const auto code = load_le<std::uint8_t>(at + 2);
    const auto folder = load_le<std::uint8_t>(at + 3);
    reply.length = load_le<std::uint32_t>(at + 4);
    reply.id = load_le<std::uint64_t>(at + 8);
    reply.value = load_le<std::uint64_t>(at + 16);
    reply.second = load_le<std::uint64_t>(at + 24);
    const std::size_t detail = load_le<std::uint16_t>(at + 32);
    if (ok > 1 || folder > 1 || code > static_cast<std::uint8_t>(base::Errc::Cancelled) ||
        reply.length > kSlotSize || detail > kDetailMax || packet.size() != kReplyFixed + detail) {
        return corrupt();
    }
    reply.ok = ok == 1;
    reply.is_folder = folder == 1;
    reply.code = static_cast<base::Errc>(code);
    reply.detail = get_text(packet.subspan(kReplyFixed, detail));
    return reply;
}

std::size_t put_entries(const std::vector<Entry>& entries, std::span<std::byte> slot) {
    std::size_t used = 0;
    for (const Entry& entry : entries) {
        CHECK(entry.name.size() <= kRelativePathMax &&
              slot.size() - used >= kEntryFixed + entry.name.size());
        std::byte* at = slot.data() + used;
        store_le<std::uint64_t>(at, entry.size);
        store_le<std::uint64_t>(at + 8, static_cast<std::uint64_t>(entry.modified_s));
        store_le<std::uint8_t>(at + 16, entry.is_folder ? std::uint8_t{1} : std::uint8_t{0});
        store_le<std::uint8_t>(at + 17, static_cast<std::uint8_t>(entry.name.size()));
        put_text(at + kEntryFixed, entry.name);
        used += kEntryFixed + entry.name.size();
    }
    return used;
}

base::Result<std::vector<Entry>> get_entries(std::span<const std::byte> bytes) {
    std::vector<Entry> entries;
    while (!bytes.empty()) {
        if (bytes.size() < kEntryFixed || entries.size() >= kListMax) {
            return corrupt();
        }
        const std::byte* at = bytes.data();
        const std::size_t name = load_le<std::uint8_t>(at + 17);
        if (bytes.size() < kEntryFixed + name) {
            return corrupt();
        }
        Entry entry;
        entry.size = load_le<std::uint64_t>(at);
        entry.modified_s = static_cast<std::int64_t>(load_le<std::uint64_t>(at + 8));
        entry.is_folder = load_le<std::uint8_t>(at + 16) == 1;
        entry.name = get_text(bytes.subspan(kEntryFixed, name));
        entries.push_back(std::move(entry));
        bytes = bytes.subspan(kEntryFixed + name);
    }
    return entries;
}

}  // namespace storage::helper
