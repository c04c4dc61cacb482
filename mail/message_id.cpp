#include "mail/message_id.h"

#include <algorithm>

namespace mail {

namespace {

using Bytes = std::array<std::byte, MessageId::kSize>;

void store_be(std::byte* out, std::uint64_t value, std::size_t octets) {
    for (std::size_t i = 0; i < octets; ++i) {
        out[i] = static_cast<std::byte>((value >> (8 * (octets - 1 - i))) & 0xffU);
    }
}

}  // namespace

MessageId MessageId::make(std::uint64_t unix_ms, MessageIdRandom random) noexcept {
    constexpr std::uint64_t kVersion = 7;
    constexpr std::uint64_t kVariant = 2;
    constexpr std::uint64_t kLowBits = 62;
    Bytes bytes{};
    store_be(bytes.data(), unix_ms, 6);
    store_be(bytes.data() + 6, (kVersion << 12U) | (random.high & 0xfffU), 2);
    store_be(bytes.data() + 8,
             (kVariant << kLowBits) | (random.low & ((std::uint64_t{1} << kLowBits) - 1)),
             8);
    return from_bytes(bytes);
}

MessageId MessageId::first_of(std::uint64_t unix_ms) noexcept {
    return make(unix_ms, {});
}

MessageId MessageId::from_bytes(std::span<const std::byte, kSize> bytes) noexcept {
    Bytes copy{};
    std::ranges::copy(bytes, copy.begin());
    return from_uuid(base::Uuid(copy));
}

MessageId MessageId::from_uuid(const base::Uuid& uuid) noexcept {
    MessageId id;
    id.uuid_ = uuid;
    return id;
}

base::Result<MessageId> MessageId::parse(std::string_view text) {
    return from_uuid(TRY(base::Uuid::parse(text)));
}

std::string MessageId::text() const {
    return uuid_.to_text();
}

std::uint64_t MessageId::unix_ms() const noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 6; ++i) {
        value = (value << 8U) | std::to_integer<std::uint64_t>(bytes()[i]);
    }
    return value;
}

}  // namespace mail

std::size_t std::hash<mail::MessageId>::operator()(const mail::MessageId& id) const noexcept {
    return std::hash<base::Uuid>()(id.uuid());
}
