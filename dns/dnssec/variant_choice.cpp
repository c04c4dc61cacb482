#include "dns/dnssec/variant_choice.h"

#include <array>

#include "base/hash.h"
#include "dns/dnssec/canonical.h"

namespace dns::dnssec {
namespace {

bool holds(const SignedVariant& variant, std::int64_t now_s) noexcept {
    return now_s < variant.validity.expiration_s && now_s >= variant.validity.inception_s;
}

// A variant of another list of servers may name anybody.
bool names_any(const SignedVariant& variant, std::uint32_t roster, const HostMask& hosts) noexcept {
    return variant.roster != roster || (variant.hosts & hosts).any();
}

}  // namespace

std::string_view variant_served_name(VariantServed served) noexcept {
    static constexpr std::array<std::string_view, kVariantsServed> kNames = {
        "wanted", "fallback", "anchor", "wait", "nothing"};
    return kNames[static_cast<std::size_t>(served)];
}

base::Result<std::uint64_t> variant_content(std::uint16_t type, const RecordSet& set) {
    const auto records = TRY(canonical_set(type, set.data));
    const base::Digest256 digest =
        base::sha256(base::as_bytes(canonical_records(Name(), type, set.ttl, records)));
    std::uint64_t content = 0;
    for (std::size_t i = 0; i < sizeof content; ++i) {
        content = (content << 8) | std::to_integer<std::uint64_t>(digest[i]);
    }
    return content;
}

VariantChoice choose_variant(std::uint64_t wanted,
                             std::span<const SignedVariant> newest_first,
                             const SignedVariant& anchor,
                             const HostsOut& out,
                             std::int64_t now_s) noexcept {
    const SignedVariant* fallback = nullptr;
    for (const SignedVariant& variant : newest_first) {
        if (!holds(variant, now_s)) {
            continue;
        }
        if (variant.content == wanted) {
            return {VariantServed::Wanted, &variant};
        }
        if (fallback == nullptr && !names_any(variant, out.roster, out.withdrawn | out.removed)) {
            fallback = &variant;
        }
    }
    if (holds(anchor, now_s) && anchor.content == wanted) {
        return {VariantServed::Wanted, &anchor};
    }
    if (fallback != nullptr) {
        return {VariantServed::Fallback, fallback};
    }
    if (!holds(anchor, now_s)) {
        return {};
    }
    return {
        names_any(anchor, out.roster, out.removed) ? VariantServed::Wait : VariantServed::Anchor,
        &anchor};
}

std::vector<SignedVariant> with_variant(std::vector<SignedVariant> newest_first,
                                        const SignedVariant& made,
                                        std::int64_t now_s) {
    std::erase_if(newest_first, [&](const SignedVariant& variant) {
        return variant.content == made.content || !holds(variant, now_s);
    });
    newest_first.insert(newest_first.begin(), made);
    if (newest_first.size() > kVariantsMax) {
        newest_first.resize(kVariantsMax);
    }
    return newest_first;
}

}  // namespace dns::dnssec
