#include "dns/dnssec/zone_signer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/hash.h"
#include "dns/dnssec/canonical.h"
#include "dns/ldns_door.h"
#include "dns/wire.h"

namespace dns::dnssec {
namespace {

constexpr auto kNs = static_cast<std::uint16_t>(RrType::Ns);
constexpr auto kSoa = static_cast<std::uint16_t>(RrType::Soa);
constexpr std::size_t kSoaNumbers = 20;  // octets of the five numbers that end an SOA

base::Error broken(const Name& owner, std::uint16_t type, const std::string& rule) {
    return {base::Errc::Invalid, owner.to_text() + " " + record_type_name(type) + ": " + rule};
}

void write_serial(std::string& soa, std::uint32_t serial) {
    std::string octets;
    put_u32(octets, serial);
    soa.replace(soa.size() - kSoaNumbers, octets.size(), octets);
}

// Whose name a set is: the zone's own, the delegation's, or glue.
enum class Place : std::uint8_t { Own, Cut, Below };

class ZoneSigner {
  public:
    ZoneSigner(const Zone& zone, const ZoneSigning& signing, const SignatureCache& known)
        : zone_(zone), signing_(signing), known_(known) {}

    base::Result<SignedZone> run() {
        out_.apex = zone_.apex;
        out_.denial = signing_.denial;
        out_.serial = signing_.serial;
        out_.negative_ttl = zone_.negative_ttl;
        out_.validity = signing_.validity;
        if (signing_.zone_keys.empty()) {
            return broken(zone_.apex, kTypeDnskey, "no key to sign with");
        }
        out_.signer = signer();
        for (const auto& [owner, sets] : zone_.names) {
            TRY(add_sets(owner, sets));
        }
        for (const auto& [owner, sets] : signing_.steered) {
            TRY(add_sets(owner, sets));
        }
        TRY(add_sets(zone_.apex, key_sets(zone_.apex, signing_)));
        TRY(add_soa());
        TRY(add_denials());
        TRY(sign_all());
        return std::move(out_);
    }

    [[nodiscard]] SignatureCache take_used() { return std::move(used_); }

  private:
    base::Status add_sets(const Name& owner, const RecordSets& sets) {
        SignedSets& place = out_.names[owner];
        for (const auto& [type, set] : sets) {
            if (!place.emplace(type, SignedSet{set, {}}).second) {
                return broken(owner, type, "written as a record and made by the name server");
            }
        }
        return base::Done{};
    }

    [[nodiscard]] std::uint64_t signer() const {
        std::string octets;
        put_name(octets, zone_.apex);
        put_u32(octets, zone_.negative_ttl);
        for (const ZoneKey& key : signing_.zone_keys) {
            octets += dnskey_data(key.half);
        }
        const base::Digest256 digest = base::sha256(base::as_bytes(octets));
        std::uint64_t number = 0;
        std::memcpy(&number, digest.data(), sizeof number);
        return number;
    }

    base::Status add_soa() {
        const auto soa = out_.names[zone_.apex].find(kSoa);
        if (soa == out_.names[zone_.apex].end() || soa->second.set.data.size() != 1 ||
            soa->second.set.data.front().size() < kSoaNumbers) {
            return broken(zone_.apex, kSoa, "a zone has one");
        }
        write_serial(soa->second.set.data.front(), signing_.serial);
        return base::Done{};
    }

    [[nodiscard]] Place place_of(const Name& owner) const {
        const Name* const cut = delegation_above(zone_, owner);
        if (cut == nullptr) {
            return Place::Own;
        }
        return *cut == owner ? Place::Cut : Place::Below;
    }

    [[nodiscard]] static bool is_signed(Place place, std::uint16_t type) {
        return place == Place::Own ||
               (place == Place::Cut && (type == kTypeDs || type == kTypeNsec));
    }

    // Types by owner, as denial lists them: without those of glue. Empty non-terminals as empty.
    [[nodiscard]] std::map<Name, TypeSet> listed_types() const {
        std::map<Name, TypeSet> listed;
        for (const auto& [owner, sets] : out_.names) {
            const Place place = place_of(owner);
            if (place == Place::Below) {
                continue;
            }
            for (Name at = owner; at != zone_.apex; at = at.parent()) {
                listed[at];
            }
            TypeSet& types = listed[owner];
            for (const auto& [type, set] : sets) {
                if (is_signed(place, type) || type == kNs) {
                    types.insert(type);
                }
            }
        }
        return listed;
    }

    base::Status add_denials() {
        std::map<Name, TypeSet> listed = listed_types();
        switch (signing_.denial) {
            case Denial::Nsec:
                return add_chain(kTypeNsec, nsec_chain(listed));
            case Denial::Nsec3:
                for (auto& [owner, types] : listed) {
                    const bool has_signature =
                        place_of(owner) == Place::Own ? !types.empty() : types.contains(kTypeDs);
                    if (has_signature) {
                        types.insert(kTypeRrsig);
                    }
                }
                return add_chain(kTypeNsec3, TRY(nsec3_chain(zone_.apex, listed)));
            case Denial::Compact:
                break;
        }
        for (const auto& [owner, types] : listed) {
            out_.denials.emplace(owner,
                                 SignedSet{denying(compact_no_data(owner, zone_.apex, types)), {}});
        }
        return add_chain(kTypeNsec, beside_wildcards(listed));
    }

    base::Status add_chain(std::uint16_t type, std::map<Name, std::string> chain) {
        for (auto& [owner, data] : chain) {
            TRY(add_sets(owner, {{type, denying(std::move(data))}}));
        }
        return base::Done{};
    }

    [[nodiscard]] RecordSet denying(std::string data) const {
        return {zone_.negative_ttl, {std::move(data)}};
    }

    // Of a chain the records in whose intervals names are that wildcards stand for: those of a
    // wildcard's parent, of the names below that, and of the name before them, since the parent
    // may be an empty non-terminal.
    [[nodiscard]] std::map<Name, std::string> beside_wildcards(
        const std::map<Name, TypeSet>& listed) const {
        const auto is_beside = [&](const Name& owner) {
            for (Name at = owner;; at = at.parent()) {
                const auto wildcard = at.below("*");
                if (wildcard && listed.contains(wildcard.value())) {
                    return true;
                }
                if (at == zone_.apex) {
                    return false;
                }
            }
        };
        std::map<Name, std::string> kept;
        bool next = false;
        std::map<Name, std::string> chain = nsec_chain(listed);
        for (auto at = chain.rbegin(); at != chain.rend(); ++at) {
            const bool beside = is_beside(at->first);
            if (beside || next) {
                kept.emplace(at->first, std::move(at->second));
            }
            next = beside;
        }
        return kept;
    }

    base::Status sign_all() {
        for (auto& [owner, sets] : out_.names) {
            const Place place = place_of(owner);
            for (auto& [type, set] : sets) {
                // A hash may have the name of glue; then it is a name of its own.
                if (is_signed(place, type) || type == kTypeNsec3) {
                    TRY(sign(owner, type, set));
                }
            }
        }
        for (auto& [owner, set] : out_.denials) {
            TRY(sign(owner, kTypeNsec, set));
        }
        return base::Done{};
    }

    base::Status sign(const Name& owner, std::uint16_t type, SignedSet& set) {
        const auto data = TRY(canonical_set(type, set.set.data));
        const std::string records = canonical_records(owner, type, set.set.ttl, data);
        const auto sign_with = [&](const ZoneKey& key) -> base::Status {
            const SignatureCache::Mark mark = SignatureCache::mark_of(key.half, records);
            const KeptSignature* const kept = known_.find(mark);
            KeptSignature made;
            if (kept != nullptr && kept->validity.expiration_s > signing_.reuse_after_s) {
                made = *kept;
            } else {
                made.validity = signing_.validity;
                made.data = TRY(sign_records(
                    key, zone_.apex, owner, type, set.set.ttl, records, made.validity));
            }
            out_.validity.inception_s =
                std::max(out_.validity.inception_s, made.validity.inception_s);
            out_.validity.expiration_s =
                std::min(out_.validity.expiration_s, made.validity.expiration_s);
            set.signatures.push_back(made.data);
            used_.keep(mark, std::move(made));
            return base::Done{};
        };
        for (const ZoneKey& key : signing_.zone_keys) {
            TRY(sign_with(key));
        }
        if (type == kTypeDnskey && owner == zone_.apex) {
            for (const ZoneKey& key : signing_.key_keys) {
                TRY(sign_with(key));
            }
        }
        return base::Done{};
    }

    const Zone& zone_;
    const ZoneSigning& signing_;
    const SignatureCache& known_;
    SignatureCache used_;
    SignedZone out_;
};

void sort_unique(std::vector<std::string>& data) {
    std::sort(data.begin(), data.end());
    data.erase(std::unique(data.begin(), data.end()), data.end());
}

base::Status put_record(std::string& out,
                        const Name& owner,
                        std::uint16_t type,
                        std::uint32_t ttl,
                        std::string_view data) {
    out += owner.to_text() + " " + std::to_string(ttl) + " IN " + record_type_name(type) + " ";
    out += TRY(record_data_text(type, data));
    out += "\n";
    return base::Done{};
}

}  // namespace

RecordSets key_sets(const Name& apex, const ZoneSigning& signing) {
    RecordSets sets;
    RecordSet keys{signing.key_ttl, {}};
    for (const PublicKey& key : signing.published) {
        keys.data.push_back(dnskey_data(key));
    }
    RecordSet cds{signing.key_ttl, {}};
    RecordSet cdnskey{signing.key_ttl, {}};
    if (signing.delegation_removed) {
        cds.data.push_back(delete_cds_data());
        cdnskey.data.push_back(delete_cdnskey_data());
    } else {
        for (const PublicKey& key : signing.delegation_wanted) {
            cdnskey.data.push_back(dnskey_data(key));
            cds.data.push_back(ds_data(apex, cdnskey.data.back()));
        }
    }
    if (signing.denial == Denial::Nsec3) {
        // RFC 5155 4: for servers that answer from the zone; its TTL says nothing to resolvers.
        sets.emplace(kTypeNsec3param, RecordSet{0, {nsec3param_data()}});
    }
    for (auto& [type, set] : {std::pair{kTypeDnskey, &keys},
                              std::pair{kTypeCds, &cds},
                              std::pair{kTypeCdnskey, &cdnskey}}) {
        sort_unique(set->data);
        if (!set->data.empty()) {
            sets.emplace(type, std::move(*set));
        }
    }
    return sets;
}

base::Result<SignedZone> sign_zone(const Zone& zone,
                                   const ZoneSigning& signing,
                                   SignatureCache& cache) {
    ZoneSigner signer(zone, signing, cache);
    SignedZone made = TRY(signer.run());
    cache = signer.take_used();
    cache.set_serial(signing.serial);
    return made;
}

base::Result<SignedZone> sign_zone(const Zone& zone, const ZoneSigning& signing) {
    SignatureCache none;
    return sign_zone(zone, signing, none);
}

base::Status sign_serial(SignedZone& zone, const ZoneSigning& signing, std::uint32_t serial) {
    SignedSet soa = zone.names.at(zone.apex).at(kSoa);
    write_serial(soa.set.data.front(), serial);
    soa.signatures.clear();
    for (const ZoneKey& key : signing.zone_keys) {
        soa.signatures.push_back(
            TRY(sign_set(key, zone.apex, zone.apex, kSoa, soa.set, signing.validity)));
    }
    zone.names.at(zone.apex).at(kSoa) = std::move(soa);
    zone.serial = serial;
    return base::Done{};
}

base::Result<std::string> zone_text(const SignedZone& zone) {
    std::string out;
    // Readers want the SOA first.
    const SignedSets& apex = zone.names.at(zone.apex);
    const SignedSet& soa = apex.at(kSoa);
    TRY(put_record(out, zone.apex, kSoa, soa.set.ttl, soa.set.data.front()));
    for (const auto& [owner, sets] : zone.names) {
        for (const auto& [type, set] : sets) {
            for (const std::string& data : set.set.data) {
                if (type != kSoa) {
                    TRY(put_record(out, owner, type, set.set.ttl, data));
                }
            }
            for (const std::string& data : set.signatures) {
                TRY(put_record(out, owner, kTypeRrsig, set.set.ttl, data));
            }
        }
    }
    return out;
}

}  // namespace dns::dnssec
