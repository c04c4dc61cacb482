#include "dns/compact_denial.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace dns {
namespace {

constexpr std::size_t kRrsigFixedSize = 18;  // RFC 4034 3.1, before the signer's name

// Window 0, 17 octets: RRSIG (46), NSEC (47), NXNAME (128). RFC 4034 4.1.2.
constexpr std::array<std::uint8_t, 19> kBitmap = {
    0, 17, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80};

constexpr auto code(RrType type) {
    return static_cast<std::uint16_t>(type);
}

std::size_t labels_of(std::span<const std::byte> wire) noexcept {
    std::size_t labels = 0;
    for (std::size_t at = 0; wire[at] != std::byte{0};
         at += std::to_integer<std::size_t>(wire[at]) + 1) {
        ++labels;
    }
    return labels;
}

// RFC 4034 3.1.3: without a leading "*".
std::uint8_t signed_labels(const WireName& name) noexcept {
    const bool wildcard = name.octets[0] == std::byte{1} && name.octets[1] == std::byte{'*'};
    return static_cast<std::uint8_t>(name.label_count - (wildcard ? 1U : 0U));
}

}  // namespace

std::size_t write_next_name(const WireName& name,
                            std::size_t apex_labels,
                            std::span<std::byte, kNameMax> out) noexcept {
    const auto wire = name.wire();
    const std::size_t first = std::to_integer<std::size_t>(wire[0]);
    if (wire.size() + 2 <= kNameMax) {
        out[0] = std::byte{1};
        out[1] = std::byte{0};
        std::memcpy(out.data() + 2, wire.data(), wire.size());
        return wire.size() + 2;
    }
    if (wire.size() < kNameMax && first < kLabelMax) {
        out[0] = static_cast<std::byte>(first + 1);
        std::memcpy(out.data() + 1, wire.data() + 1, first);
        out[first + 1] = std::byte{0};
        std::memcpy(out.data() + first + 2, wire.data() + first + 1, wire.size() - first - 1);
        return wire.size() + 1;
    }
    // The first label that can be counted up, without what stands before it (RFC 4471 3.1.2).
    for (std::size_t i = 0; i + apex_labels < name.label_count; ++i) {
        const std::byte* const label = wire.data() + name.label_at[i];
        std::size_t size = std::to_integer<std::size_t>(*label);
        while (size > 0 && label[size] == std::byte{0xff}) {
            --size;
        }
        if (size > 0) {
            out[0] = static_cast<std::byte>(size);
            std::memcpy(out.data() + 1, label + 1, size);
            const auto last = std::to_integer<unsigned>(out[size]);
            // Names are lower case here: what follows '@' is '['.
            out[size] = static_cast<std::byte>(last == '@' ? '[' : last + 1);
            const auto rest = name.suffix(i + 1);
            std::memcpy(out.data() + 1 + size, rest.data(), rest.size());
            return 1 + size + rest.size();
        }
    }
    const auto apex = name.suffix(name.label_count - apex_labels);
    std::memcpy(out.data(), apex.data(), apex.size());
    return apex.size();
}

bool write_compact_denial(const CompactDenial& denial, Section section, Message& message) noexcept {
    std::array<std::byte, kNameMax> next;  // NOLINT: written before it is read
    const std::size_t next_size = write_next_name(denial.name, labels_of(denial.apex), next);
    std::byte* const nsec = message.start_record(
        section, denial.owner, RrType::Nsec, denial.ttl, next_size + kBitmap.size());
    if (nsec == nullptr) {
        return false;
    }
    std::memcpy(nsec, next.data(), next_size);
    std::memcpy(nsec + next_size, kBitmap.data(), kBitmap.size());
    for (std::size_t i = 0; i < denial.signatures.count; ++i) {
        const dnssec::DenialSignatures::One& one = denial.signatures.all[i];
        std::byte* const at =
            message.start_record(section,
                                 denial.owner,
                                 RrType::Rrsig,
                                 denial.ttl,
                                 kRrsigFixedSize + denial.apex.size() + one.octets.size());
        if (at == nullptr) {
            return false;
        }
        store_u16(at, code(RrType::Nsec));
        at[2] = static_cast<std::byte>(one.algorithm);
        at[3] = static_cast<std::byte>(signed_labels(denial.name));
        store_u32(at + 4, denial.ttl);
        store_u32(at + 8, denial.signatures.expiration_s);
        store_u32(at + 12, denial.signatures.inception_s);
        store_u16(at + 16, one.tag);
        std::memcpy(at + kRrsigFixedSize, denial.apex.data(), denial.apex.size());
        std::memcpy(
            at + kRrsigFixedSize + denial.apex.size(), one.octets.data(), one.octets.size());
    }
    return true;
}

}  // namespace dns
