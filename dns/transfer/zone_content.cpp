#include "dns/transfer/zone_content.h"

#include <algorithm>
#include <tuple>

#include "base/check.h"
#include "base/hash.h"
#include "dns/wire.h"

namespace dns::transfer {
namespace {

constexpr std::size_t kSoaNumbers = 20;  // serial, refresh, retry, expire, minimum

constexpr auto code(RrType type) {
    return static_cast<std::uint16_t>(type);
}

bool same(const SharedSteered& left, const SharedSteered& right) noexcept {
    return left == right || (left != nullptr && right != nullptr && *left == *right);
}

void add_kind(RecordList& list,
              const Name& owner,
              RrType type,
              const SteeredContent& content,
              SteeredKind kind) {
    for (const std::string& data : content.data[static_cast<std::size_t>(kind)]) {
        list.add(owner.wire(), code(type), content.ttl, data);
    }
}

// Apex and steered names; no records.
FixedContent outline_of(const Zone& zone) {
    FixedContent content;
    content.apex = zone.apex;
    content.steered.mail = zone.steers_mail;
    const auto access = access_names(zone.apex);
    if (zone.steers_access && access) {
        const AccessNames& names = access.value();
        content.steered.imap = is_free(zone, names.imap);
        content.steered.pop = is_free(zone, names.pop);
        content.steered.imap_srv = is_free(zone, names.imap_srv);
        content.steered.pop_srv = is_free(zone, names.pop_srv);
    }
    return content;
}

bool is_steered(const Zone& zone,
                const SteeredOwners& owners,
                const Name& owner,
                std::uint16_t type) {
    if (owners.mail && owner == zone.apex && type == code(RrType::Mx)) {
        return true;
    }
    const auto names = access_names(zone.apex);
    if (!names) {
        return false;
    }
    const bool address = type == code(RrType::A) || type == code(RrType::Aaaa);
    const bool service = type == code(RrType::Srv);
    return (owners.imap && address && owner == names.value().imap) ||
           (owners.pop && address && owner == names.value().pop) ||
           (owners.imap_srv && service && owner == names.value().imap_srv) ||
           (owners.pop_srv && service && owner == names.value().pop_srv);
}

// By type, then data.
using SignedRecord = std::tuple<std::uint16_t, std::string, std::uint32_t>;

void put_set(std::vector<SignedRecord>& records, std::uint16_t type, const dnssec::SignedSet& set) {
    for (const std::string& data : set.set.data) {
        records.emplace_back(type, data, set.set.ttl);
    }
    for (const std::string& data : set.signatures) {
        records.emplace_back(dnssec::kTypeRrsig, data, set.set.ttl);
    }
}

}  // namespace

std::string soa_data(const SoaContent& soa, std::uint32_t serial) {
    CHECK(soa.data.size() > kSoaNumbers);
    std::array<std::byte, 4> number{};
    store_u32(number.data(), serial);
    std::string data = soa.data;
    data.replace(data.size() - kSoaNumbers, number.size(), base::as_text(number));
    return data;
}

FixedContent fixed_content(const Zone& zone) {
    FixedContent content = outline_of(zone);
    const auto accounts = zone.apex.below(kAccountLabel);
    for (const auto& [owner, sets] : zone.names) {
        if (accounts && owner.is_within(accounts.value())) {
            continue;  // the internal view's names are never transferred
        }
        for (const auto& [type, set] : sets) {
            if (type == code(RrType::Soa)) {
                content.soa = {set.ttl, set.data.front()};
                continue;
            }
            for (const std::string& data : set.data) {
                content.records.add(owner.wire(), type, set.ttl, data);
            }
        }
    }
    content.records.shrink_to_fit();
    return content;
}

FixedContent fixed_content(const Zone& zone, const dnssec::SignedZone& signed_zone) {
    FixedContent content = outline_of(zone);
    const auto accounts = zone.apex.below(kAccountLabel);
    for (const auto& [owner, sets] : signed_zone.names) {
        if (accounts && owner.is_within(accounts.value())) {
            continue;
        }
        std::vector<SignedRecord> records;
        for (const auto& [type, set] : sets) {
            if (type == code(RrType::Soa)) {
                content.soa = {set.set.ttl, set.set.data.front()};
            } else if (!is_steered(zone, content.steered, owner, type)) {
                put_set(records, type, set);
            }
        }
        std::ranges::sort(records);
        for (const auto& [type, data, ttl] : records) {
            content.records.add(owner.wire(), type, ttl, data);
        }
    }
    content.records.shrink_to_fit();
    return content;
}

bool SteeredParts::same_as(const SteeredParts& other) const noexcept {
    return same(mail, other.mail) && same(access, other.access);
}

RecordList steered_records(const Name& apex,
                           const SteeredOwners& owners,
                           const SteeredParts& parts) {
    RecordList list;
    if (owners.mail && parts.mail != nullptr) {
        add_kind(list, apex, RrType::Mx, *parts.mail, SteeredKind::Mx);
    }
    const auto names = access_names(apex);
    if (parts.access == nullptr || !names) {
        return list;
    }
    const SteeredContent& access = *parts.access;
    const auto add_host = [&](const Name& host) {
        add_kind(list, host, RrType::A, access, SteeredKind::A);
        add_kind(list, host, RrType::Aaaa, access, SteeredKind::Aaaa);
    };
    if (owners.imap) {
        add_host(names.value().imap);
    }
    if (owners.pop) {
        add_host(names.value().pop);
    }
    if (owners.imap_srv) {
        add_kind(list, names.value().imap_srv, RrType::Srv, access, SteeredKind::ImapSrv);
    }
    if (owners.pop_srv) {
        add_kind(list, names.value().pop_srv, RrType::Srv, access, SteeredKind::PopSrv);
    }
    return list;
}

}  // namespace dns::transfer
