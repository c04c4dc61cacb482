#include "dns/snapshot_builder.h"

#include <algorithm>
#include <set>
#include <utility>

#include "dns/directory/byte_format.h"
#include "dns/dnssec/key_plan.h"
#include "dns/zone_sealer.h"

namespace dns {
namespace {

// What of a zone's keys its records depend on.
void put_keys(ByteWriter& out, const dnssec::StoredKeys& keys, const dnssec::Secrets* secrets) {
    out.text(dnssec::denial_name(keys.denial));
    out.u8(keys.keys.wish == dnssec::Wish::Removing ? 1 : 0);
    out.i64(keys.times.key_ttl_s);
    for (const dnssec::KeyRecord& key : keys.keys.keys) {
        out.i64(key.id);
        out.text(key.key.octets);
        out.text(dnssec::key_state_name(key.state));
        out.u8(secrets != nullptr && secrets->contains(key.id) ? 1 : 0);
    }
}

base::Digest256 digest_of(const ZoneSource& source,
                          const dnssec::StoredKeys* keys,
                          const dnssec::Secrets* secrets) {
    ByteWriter out;
    out.text(source.name);
    out.text(source.soa.primary);
    out.text(source.soa.contact);
    for (const std::uint32_t number : {source.soa.refresh,
                                       source.soa.retry,
                                       source.soa.expire,
                                       source.soa.minimum,
                                       source.soa.ttl}) {
        out.u32(number);
    }
    out.u8(source.steers_mail ? 1 : 0);
    out.u8(source.steers_access ? 1 : 0);
    for (const RecordRow& row : source.records) {
        out.text(row.owner);
        out.text(row.type);
        out.u32(row.ttl);
        out.text(row.data);
    }
    if (keys != nullptr) {
        put_keys(out, *keys, secrets);
    }
    return base::sha256(base::as_bytes(out.take()));
}

const dnssec::StoredKeys* keys_of(const Directory& directory, const std::string& domain) {
    const auto found =
        std::ranges::lower_bound(directory.signing, domain, {}, &dnssec::StoredKeys::domain);
    const bool has =
        found != directory.signing.end() && found->domain == domain && !found->keys.keys.empty();
    return has ? &*found : nullptr;
}

}  // namespace

SnapshotBuilder::ZonePlan SnapshotBuilder::plan_of(const Directory& directory,
                                                   const HostsByDomain& hosts,
                                                   const DirectoryDomain& domain) {
    ZonePlan plan;
    plan.source = zone_source(directory, hosts, domain);
    plan.keys = keys_of(directory, domain.name);
    plan.digest = digest_of(plan.source, plan.keys, directory.secrets.get());
    return plan;
}

base::Result<SnapshotBuilder::ServedZone> SnapshotBuilder::compile(
    const Directory& directory, const ZonePlan& plan, const DirectoryDomain& domain) const {
    Zone zone = TRY(build_zone(plan.source));
    ServedZone served;
    served.digest = plan.digest;
    if (plan.keys != nullptr) {
        if (plan.keys->denial != dnssec::Denial::Nsec) {
            return base::Error{base::Errc::Unsupported,
                               domain.name + ": answers deny by nsec only, not " +
                                   std::string(dnssec::denial_name(plan.keys->denial))};
        }
        static const dnssec::Secrets kNone;
        served.sealing.plan = std::make_shared<const dnssec::ZoneSigning>(TRY(dnssec::plan_signing(
            *plan.keys, directory.secrets == nullptr ? kNone : *directory.secrets)));
        TRY(add_key_sets(zone, *served.sealing.plan));
    }
    served.image = std::make_shared<const ZoneImage>(TRY(compile_zone(zone)));
    if (is_transferred(zone.apex) && plan.keys == nullptr) {
        served.content =
            std::make_shared<const transfer::FixedContent>(transfer::fixed_content(zone));
    }
    served.domain = domain;
    return served;
}

void SnapshotBuilder::take_directory(const std::shared_ptr<const Directory>& directory) {
    directory_ = directory;
    refused_.clear();
    const HostsByDomain hosts = hosts_by_domain(*directory);
    bool names_changed = names_ == nullptr;
    std::set<std::string_view> present;
    for (const DirectoryDomain& domain : directory->domains) {
        present.insert(domain.name);
        const ZonePlan plan = plan_of(*directory, hosts, domain);
        const auto old = zones_.find(domain.name);
        if (old != zones_.end() && old->second.digest == plan.digest) {
            old->second.domain = domain;
            continue;
        }
        auto compiled = compile(*directory, plan, domain);
        if (!compiled) {
            refused_.push_back({domain.name, compiled.error().detail, old != zones_.end()});
            if (old != zones_.end()) {
                keep_records(old->second, hosts, names_changed);
            }
            continue;
        }
        ServedZone& place = zones_[domain.name];
        replace(place, std::move(compiled).take_value());
        names_changed = true;
        if (built_) {
            changed_.push_back(domain.name);
        }
    }
    names_changed |= std::erase_if(zones_, [&present](const auto& zone) {
                         return !present.contains(zone.first);
                     }) != 0;
    if (names_changed) {
        arrange_names();
    }
    note_servers();
    keep_last_good();
}

void SnapshotBuilder::note_servers() {
    for (const DirectoryDomain& domain : directory_->domains) {
        const auto zone = zones_.find(domain.name);
        if (zone != zones_.end()) {
            zone->second.mail.has_servers = !domain.mail.empty();
            zone->second.access.has_servers = !domain.access.empty();
        }
    }
}

// The steering's part stays until the next is assigned.
void SnapshotBuilder::replace(ServedZone& zone, ServedZone by) {
    by.mail = std::move(zone.mail);
    by.access = std::move(zone.access);
    by.sealing.cache = std::move(zone.sealing.cache);
    if (by.sealing.plan != nullptr) {
        by.sealing.seal.variants = std::move(zone.sealing.seal.variants);
    }
    zone = std::move(by);
}

// A domain that is refused keeps its records of before; its servers' hosts are those of today all
// the same, since answers name them.
void SnapshotBuilder::keep_records(ServedZone& served,
                                   const HostsByDomain& hosts,
                                   bool& names_changed) {
    const ZonePlan plan = plan_of(*directory_, hosts, served.domain);
    if (plan.digest == served.digest) {
        return;
    }
    auto compiled = compile(*directory_, plan, served.domain);
    if (compiled) {
        replace(served, std::move(compiled).take_value());
        names_changed = true;
        changed_.push_back(served.domain.name);
    }
}

void SnapshotBuilder::arrange_names() {
    NameTable::Zones images;
    images.reserve(zones_.size());
    for (const auto& [name, zone] : zones_) {
        images.push_back(zone.image);
    }
    names_ = std::make_shared<const NameTable>(std::move(images), seed_);
}

void SnapshotBuilder::keep_last_good() {
    last_good_ = directory_;
    if (refused_.empty()) {
        return;
    }
    auto good = std::make_shared<Directory>(*directory_);
    for (const RefusedDomain& bad : refused_) {
        const auto place = std::ranges::find(good->domains, bad.name, &DirectoryDomain::name);
        const auto served = zones_.find(bad.name);
        if (served != zones_.end()) {
            *place = served->second.domain;
        } else {
            good->domains.erase(place);
        }
    }
    last_good_ = std::move(good);
}

base::Result<Snapshot::SharedSet> SnapshotBuilder::set_for(PoolKind kind,
                                                           const PoolInput& pool,
                                                           const std::string& domain) {
    ServedHosts& named = served_hosts(kind);
    CachedSet wanted{
        pool.commit->table_for(domain), named.take(pool.hosts, names_), names_, nullptr};
    const auto same = [&wanted](const CachedSet& set) {
        return set.table == wanted.table && set.hosts == wanted.hosts && set.names == wanted.names;
    };
    const auto made = std::ranges::find_if(next_sets_, same);
    if (made != next_sets_.end()) {
        return made->set;
    }
    const auto known = std::ranges::find_if(sets_, same);
    if (known != sets_.end()) {
        next_sets_.push_back(*known);
        return known->set;
    }
    SteeredSource source;
    source.table = named.servable(wanted.table);
    if (source.table == nullptr) {
        next_sets_.push_back(wanted);
        return wanted.set;  // none: the answer is SERVFAIL, and senders wait
    }
    source.kind = kind;
    source.ttl = wanted.table->ttl_s;
    source.slot = next_slot_++;
    source.hosts = *wanted.hosts;
    wanted.set = TRY(SteeredSet::build(source, *names_));
    next_sets_.push_back(wanted);
    return wanted.set;
}

// A domain that is refused now may have lost its servers in the same change: its sets of before
// stay while these hosts are there, since the pool's own table would name hosts that are none of
// its. The commit has a table for it all the same if an override is for its name.
base::Status SnapshotBuilder::assign_set(PoolKind kind,
                                         const PoolInput& pool,
                                         const std::string& domain,
                                         SteeredPart& part) {
    if (pool.commit == nullptr || !part.has_servers || !pool.commit->zones->contains(domain)) {
        part.nameless = part.set != nullptr && !is_servable(*names_, *part.set);
        return base::Done{};
    }
    const Snapshot::SharedSet set = TRY(set_for(kind, pool, domain));
    part.nameless = set == nullptr;
    if (set != nullptr) {
        part.set = set;
    }
    return base::Done{};
}

base::Status SnapshotBuilder::assign_sets(const BuildInput& input) {
    next_sets_.clear();
    for (auto& [name, zone] : zones_) {
        if (zone.image->steers_mail()) {
            TRY(assign_set(PoolKind::Mail, input.mail, name, zone.mail));
        }
        if (zone.image->steers_access()) {
            TRY(assign_set(PoolKind::Access, input.access, name, zone.access));
        }
    }
    sets_ = std::move(next_sets_);
    return base::Done{};
}

bool SnapshotBuilder::is_transferred(const Name& zone) const {
    return rights_ != nullptr && rights_->is_transferred(zone);
}

// Zones that somebody may fetch now and nobody could before. One that would not be built again (its
// domain is refused at present) is not fetched until it is.
void SnapshotBuilder::fill_contents() {
    const HostsByDomain hosts = hosts_by_domain(*directory_);
    for (auto& [name, zone] : zones_) {
        if (!is_transferred(zone.image->apex())) {
            zone.content = nullptr;
        } else if (zone.content == nullptr) {
            const ZonePlan plan = plan_of(*directory_, hosts, zone.domain);
            if (plan.keys != nullptr) {
                zone.sealing.image = nullptr;  // its content comes with its signatures
                continue;
            }
            auto built = build_zone(plan.source);
            if (built && plan.digest == zone.digest) {
                zone.content = std::make_shared<const transfer::FixedContent>(
                    transfer::fixed_content(built.value()));
            }
        }
    }
}

transfer::SteeredParts SnapshotBuilder::steered_parts(std::string_view domain) const {
    const auto zone = zones_.find(domain);
    if (zone == zones_.end()) {
        return {};
    }
    const ServedZone& served = zone->second;
    return {served.mail.set == nullptr ? nullptr : served.mail.set->canonical(),
            served.access.set == nullptr ? nullptr : served.access.set->canonical()};
}

std::vector<transfer::ZoneOffer> SnapshotBuilder::offers() const {
    std::vector<transfer::ZoneOffer> offers;
    for (const auto& [name, zone] : zones_) {
        // A zone without the part that the steering never made would lack its MX.
        const bool whole = (!zone.image->steers_mail() || zone.mail.set != nullptr) &&
                           (!zone.image->steers_access() || zone.access.set != nullptr);
        if (zone.content != nullptr && whole) {
            transfer::ZoneOffer offer;
            offer.domain_id = zone.domain.id;
            offer.serial = zone.domain.serial;
            offer.fixed = zone.content;
            offer.steered = steered_parts(name);
            if (zone.sealing.plan != nullptr) {
                offer.variants = zone.sealing.seal.variants;
            }
            offers.push_back(std::move(offer));
        }
    }
    return offers;
}

std::uint32_t SnapshotBuilder::serial_of(const BuildInput& input,
                                         const std::string& name,
                                         const ServedZone& zone) const {
    const auto serial = input.serials.find(name);
    return serial != input.serials.end() ? serial->second : zone.domain.serial;
}

bool SnapshotBuilder::is_sealed(const ServedZone& zone, std::int64_t now_s) {
    const Sealing& sealing = zone.sealing;
    return sealing.image == zone.image.get() && sealing.problem.empty() &&
           now_s < sealing.resign_at_s &&
           has_anchors_of(*sealing.seal.variants, {zone.mail.set, zone.access.set});
}

void SnapshotBuilder::seal_zones(const BuildInput& input) {
    std::optional<HostsByDomain> hosts;
    for (auto& [name, zone] : zones_) {
        if (zone.sealing.plan == nullptr || is_sealed(zone, input.now_s)) {
            continue;
        }
        if (!hosts) {
            hosts = hosts_by_domain(*directory_);
        }
        const base::Status sealed = seal(input, name, *hosts, zone);
        zone.sealing.problem = sealed ? "" : sealed.error().detail;
    }
    saved_.clear();
}

// If it fails the seal of before stays, as long as the records are the same.
base::Status SnapshotBuilder::seal(const BuildInput& input,
                                   const std::string& name,
                                   const HostsByDomain& hosts,
                                   ServedZone& zone) {
    const ZonePlan plan = plan_of(*directory_, hosts, zone.domain);
    if (plan.digest != zone.digest) {
        return base::Error{base::Errc::Busy, "not signed anew while its records are refused"};
    }
    const Zone records = TRY(build_zone(plan.source));
    Sealing& sealing = zone.sealing;
    const auto saved = saved_.find(name);
    if (saved != saved_.end() && sealing.cache.signatures().empty()) {
        sealing.cache = std::move(saved->second);
    }
    const Snapshot::ZoneSets sets{zone.mail.set, zone.access.set};
    const SealInput wanted{records,
                           *zone.image,
                           sets,
                           sealing.plan,
                           serial_of(input, name, zone),
                           input.now_s,
                           input.validity};
    Sealed sealed = TRY(seal_zone(wanted, sealing.cache, sealing.seal.variants.get()));
    if (sealing.image == zone.image.get() && zone.content != nullptr && built_) {
        changed_.push_back(name);  // secondaries have the signatures of before
    }
    signed_anew_ = true;
    sealing.seal = std::move(sealed.seal);
    sealing.image = zone.image.get();
    sealing.resign_at_s = sealed.resign_at_s;
    zone.content = !is_transferred(records.apex)
                       ? nullptr
                       : std::make_shared<const transfer::FixedContent>(
                             transfer::fixed_content(records, sealed.zone));
    return base::Done{};
}

void SnapshotBuilder::add_seal(const ServedZone& zone,
                               Snapshot::ZoneSeal& seal,
                               BuildReport& report) {
    seal.wanted = true;
    if (zone.sealing.image != zone.image.get()) {
        return;
    }
    seal = zone.sealing.seal;
    ++report.zones_signed;
    report.memory += seal.signatures->memory() + seal.variants->memory();
    report.resign_at_s =
        std::min(report.resign_at_s.value_or(zone.sealing.resign_at_s), zone.sealing.resign_at_s);
}

SignatureCaches SnapshotBuilder::signatures() const {
    SignatureCaches caches;
    for (const auto& [name, zone] : zones_) {
        if (zone.sealing.plan != nullptr) {
            caches.emplace(name, zone.sealing.cache);
        }
    }
    return caches;
}

base::Result<BuildReport> SnapshotBuilder::build(const BuildInput& input) {
    BuildReport report;
    const bool other_rights = input.rights != rights_;
    rights_ = input.rights;
    if (input.directory != directory_) {
        take_directory(input.directory);
    }
    if (other_rights) {
        fill_contents();
    }
    TRY(assign_sets(input));
    seal_zones(input);
    Snapshot::Source source;
    source.id = next_id_;
    source.key = sip_key(input.directory->steering_key);
    source.names = names_;
    source.transfer = input.transfer;
    for (const auto& [name, zone] : zones_) {
        source.zones.push_back({zone.mail.nameless ? nullptr : zone.mail.set,
                                zone.access.nameless ? nullptr : zone.access.set,
                                zone.mail.nameless || zone.access.nameless});
        source.serials.push_back(serial_of(input, name, zone));
        report.memory += zone.image->memory();
        if (zone.sealing.plan != nullptr) {
            source.seals.resize(source.zones.size());
            add_seal(zone, source.seals.back(), report);
        }
    }
    for (const CachedSet& set : sets_) {
        report.memory += set.set == nullptr ? 0 : set.set->memory();
    }
    report.memory += names_->memory();
    report.domains = zones_.size();
    report.snapshot = TRY(Snapshot::create(std::move(source)));
    report.refused = refused_;
    for (const auto& [name, zone] : zones_) {
        if (!zone.sealing.problem.empty()) {
            report.refused.push_back({name, zone.sealing.problem, false});
        }
    }
    report.changed = std::exchange(changed_, {});
    report.signed_anew = std::exchange(signed_anew_, false);
    ++next_id_;
    built_ = true;
    return report;
}

}  // namespace dns
