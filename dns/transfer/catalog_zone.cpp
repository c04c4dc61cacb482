#include "dns/transfer/catalog_zone.h"

#include <string>

#include "base/hash.h"
#include "dns/wire.h"

namespace dns::transfer {
namespace {

constexpr std::uint32_t kTtl = 0;  // RFC 9432 3: nobody resolves from it
constexpr std::uint32_t kRefresh = 3600;
constexpr std::uint32_t kRetry = 600;
constexpr std::uint32_t kExpire = 2147483646;  // a catalog that is not reached must not vanish
constexpr std::uint32_t kMinimum = 0;
constexpr std::string_view kInvalidName("\x07invalid\0", 9);  // RFC 9432 4.1: NS invalid.
constexpr std::string_view kVersion(
    "\x01"
    "2",
    2);

constexpr auto code(RrType type) {
    return static_cast<std::uint16_t>(type);
}

SoaContent catalog_soa() {
    SoaContent soa;
    soa.ttl = kTtl;
    soa.data.append(kInvalidName).append(kInvalidName);
    for (const std::uint32_t number : {0U, kRefresh, kRetry, kExpire, kMinimum}) {
        std::array<std::byte, 4> octets{};
        store_u32(octets.data(), number);
        soa.data += base::as_text(octets);
    }
    return soa;
}

}  // namespace

base::Result<FixedContent> catalog_content(const Name& apex,
                                           const std::vector<CatalogMember>& members) {
    FixedContent content;
    content.apex = apex;
    content.soa = catalog_soa();
    content.records.add(apex.wire(), code(RrType::Ns), kTtl, kInvalidName);
    const Name version = TRY(apex.below("version"));
    content.records.add(version.wire(), code(RrType::Txt), kTtl, kVersion);
    const Name zones = TRY(apex.below("zones"));
    for (const CatalogMember& member : members) {
        const Name owner = TRY(zones.below("d" + std::to_string(member.id)));
        content.records.add(
            owner.wire(), code(RrType::Ptr), kTtl, base::as_text(member.zone.wire()));
    }
    content.records.shrink_to_fit();
    return content;
}

}  // namespace dns::transfer
