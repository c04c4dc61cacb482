#include "dns/update/update_rights.h"

#include <algorithm>
#include <array>

#include "dns/ldns_door.h"
#include "dns/wire.h"

namespace dns::update {
namespace {

constexpr auto code(RrType type) {
    return static_cast<std::uint16_t>(type);
}

constexpr std::uint16_t kCaa = 257;
constexpr std::uint16_t kTlsa = 52;
constexpr std::string_view kAcmeLabel = "_acme-challenge";

// What a signer makes, and what speaks for it: SIG, KEY, NXT, RRSIG, NSEC, DNSKEY, NSEC3,
// NSEC3PARAM, CDS, CDNSKEY, ZONEMD.
constexpr std::array<std::uint16_t, 11> kSignerTypes = {24, 25, 30, 46, 47, 48, 50, 51, 59, 60, 63};

char lower(char c) {
    return static_cast<char>(lower_octet(static_cast<std::byte>(c)));
}

// The strings of TXT data, joined, begin with `text`, whatever the case.
bool begins_with(std::string_view data, std::string_view text) {
    std::string joined;
    while (!data.empty() && joined.size() < text.size()) {
        const auto length =
            std::min<std::size_t>(static_cast<unsigned char>(data[0]), data.size() - 1);
        joined += data.substr(1, length);
        data.remove_prefix(length + 1);
    }
    return joined.size() >= text.size() &&
           std::equal(text.begin(), text.end(), joined.begin(), [](char left, char right) {
               return lower(left) == lower(right);
           });
}

}  // namespace

base::Result<GrantMatch> parse_grant_match(std::string_view text) {
    if (text == "exact") {
        return GrantMatch::Exact;
    }
    if (text == "subtree") {
        return GrantMatch::Subtree;
    }
    if (text == "acme") {
        return GrantMatch::Acme;
    }
    return base::Error{base::Errc::Invalid,
                       "no kind of grant '" + std::string(text.substr(0, 32)) + "'"};
}

bool covers(const Grant& grant, const Name& owner, std::uint16_t type) {
    if (!grant.types.empty() && std::ranges::find(grant.types, type) == grant.types.end()) {
        return false;
    }
    return covers_name(grant, owner);
}

bool covers_name(const Grant& grant, const Name& owner) {
    switch (grant.match) {
        case GrantMatch::Exact:
            return owner == grant.name;
        case GrantMatch::Subtree:
            return owner.is_within(grant.name);
        case GrantMatch::Acme:
            break;
    }
    return owner.first_label() == kAcmeLabel && owner.parent().is_within(grant.name);
}

base::Result<UpdateRights> UpdateRights::create(const ZoneSource& source,
                                                std::vector<Grant> grants,
                                                const MailKeeping& mail,
                                                const std::vector<RecordRow>& made) {
    UpdateRights rights;
    rights.apex_ = TRY(Name::from_text(source.name));
    rights.accounts_ = TRY(rights.apex_.below(kAccountLabel));
    rights.access_ = TRY(access_names(rights.apex_));
    rights.steers_mail_ = source.steers_mail;
    rights.steers_access_ = source.steers_access;
    rights.grants_ = std::move(grants);
    for (const RecordRow& row : made) {
        const std::uint16_t type = TRY(record_type(row.type));
        TRY(rights.keep(row.owner, type));
        if (row.type != "NS") {
            TRY(rights.keep(row.owner, code(RrType::A)));
            TRY(rights.keep(row.owner, code(RrType::Aaaa)));
            TRY(rights.keep(row.owner, code(RrType::Cname)));
        }
    }
    if (mail.applied) {
        TRY(rights.keep_mail(mail));
    }
    return rights;
}

base::Status UpdateRights::keep(std::string_view owner, std::uint16_t type, std::string text) {
    Name name = TRY(Name::from_text(owner, apex_));
    kept_.push_back({std::move(name), type, std::move(text), false});
    return base::Done{};
}

base::Status UpdateRights::keep_mail(const MailKeeping& mail) {
    constexpr std::uint16_t kAnyType = 0;
    TRY(keep("@", code(RrType::Txt), "v=spf1"));
    TRY(keep("_dmarc", kAnyType));
    for (const std::string& selector : mail.selectors) {
        TRY(keep(selector + "._domainkey", kAnyType));
    }
    for (const std::string& service : mail.services) {
        TRY(keep("_" + service + "._tcp", kAnyType));
    }
    const auto keep_if = [this](bool wanted, std::string_view owner) -> base::Status {
        return wanted ? keep(owner, kAnyType) : base::Status(base::Done{});
    };
    TRY(keep_if(mail.mta_sts, "_mta-sts"));
    TRY(keep_if(mail.mta_sts, "mta-sts"));
    TRY(keep_if(mail.tls_reports, "_smtp._tls"));
    TRY(keep_if(mail.autoconfig, "autoconfig"));
    TRY(keep_if(mail.autodiscover, "autodiscover"));
    TRY(keep_if(mail.autodiscover, "_autodiscover._tcp"));
    if (mail.caa) {
        TRY(keep("@", kCaa));
    }
    if (mail.tlsa) {
        TRY(keep("_25._tcp", kTlsa));
        kept_.back().below = true;
    }
    return base::Done{};
}

bool UpdateRights::is_kept(const Name& owner, std::uint16_t type, std::string_view data) const {
    return std::ranges::any_of(kept_, [&](const Kept& kept) {
        const bool named = kept.below ? owner.is_within(kept.owner) : owner == kept.owner;
        return named && (kept.type == 0 || kept.type == type) &&
               (kept.text.empty() || begins_with(data, kept.text));
    });
}

bool UpdateRights::grants_name(const Name& owner) const {
    return std::ranges::any_of(grants_,
                               [&owner](const Grant& grant) { return covers_name(grant, owner); });
}

bool UpdateRights::is_steered(const Name& owner, std::uint16_t type) const {
    if (steers_mail_ && owner == apex_ && type == code(RrType::Mx)) {
        return true;
    }
    if (!steers_access_) {
        return false;
    }
    if (owner == access_.imap || owner == access_.pop) {
        return type == code(RrType::A) || type == code(RrType::Aaaa);
    }
    return (owner == access_.imap_srv || owner == access_.pop_srv) && type == code(RrType::Srv);
}

std::string_view UpdateRights::refusal(const Name& owner,
                                       std::uint16_t type,
                                       std::string_view data) const {
    if (owner.is_within(accounts_)) {
        return "a name of the internal view";
    }
    if (type == code(RrType::Soa) || (owner == apex_ && type == code(RrType::Ns))) {
        return "SOA and NS of the zone are not changed by updates";
    }
    if (std::ranges::find(kSignerTypes, type) != kSignerTypes.end()) {
        return "a type that the signer makes";
    }
    const bool access_name = owner == access_.imap || owner == access_.pop ||
                             owner == access_.imap_srv || owner == access_.pop_srv;
    if (is_steered(owner, type) || (steers_access_ && access_name)) {
        return "a name that is steered";
    }
    if (is_kept(owner, type, data)) {
        return "a record that Roundtable itself keeps";
    }
    const bool granted = std::ranges::any_of(
        grants_, [&](const Grant& grant) { return covers(grant, owner, type); });
    return granted ? std::string_view() : "not granted to this key";
}

}  // namespace dns::update
