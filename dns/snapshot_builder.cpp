#include "dns/snapshot_builder.h"

#include <algorithm>
#include <set>
#include <utility>

#include "dns/directory/byte_format.h"
#include "dns/directory/zone_sources.h"

namespace dns {
namespace {

base::Digest256 digest_of(const ZoneSource& source) {
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
    return base::sha256(base::as_bytes(out.take()));
}

}  // namespace

base::Result<SnapshotBuilder::ServedZone> SnapshotBuilder::compile(
    const ZoneSource& source, const base::Digest256& digest, const DirectoryDomain& domain) const {
    const Zone zone = TRY(build_zone(source));
    ServedZone served;
    served.digest = digest;
    served.image = std::make_shared<const ZoneImage>(TRY(compile_zone(zone)));
    if (is_transferred(zone.apex)) {
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
        const ZoneSource source = zone_source(*directory, hosts, domain);
        const base::Digest256 digest = digest_of(source);
        const auto old = zones_.find(domain.name);
        if (old != zones_.end() && old->second.digest == digest) {
            old->second.domain = domain;
            continue;
        }
        auto compiled = compile(source, digest, domain);
        if (!compiled) {
            refused_.push_back({domain.name, compiled.error().detail, old != zones_.end()});
            continue;
        }
        ServedZone& place = zones_[domain.name];
        Snapshot::ZoneSets sets = std::move(place.sets);
        place = std::move(compiled).take_value();
        place.sets = std::move(sets);
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
    keep_last_good();
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
    CachedSet wanted{pool.commit->table_for(domain), pool.hosts, names_, nullptr};
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
    source.kind = kind;
    source.ttl = wanted.table->ttl_s;
    source.slot = next_slot_++;
    source.table = wanted.table;
    source.hosts = *pool.hosts;
    wanted.set = TRY(SteeredSet::build(source, *names_));
    next_sets_.push_back(wanted);
    return wanted.set;
}

base::Status SnapshotBuilder::assign_sets(const BuildInput& input) {
    next_sets_.clear();
    // A domain that is refused now may have lost its servers in the same change: its sets of before
    // stay, since the pool's own table would name hosts that are none of its.
    const auto has_table = [](const PoolInput& pool, const std::string& name) {
        return pool.commit != nullptr && pool.commit->zones->contains(name);
    };
    for (auto& [name, zone] : zones_) {
        if (zone.image->steers_mail() && has_table(input.mail, name)) {
            zone.sets.mail = TRY(set_for(PoolKind::Mail, input.mail, name));
        }
        if (zone.image->steers_access() && has_table(input.access, name)) {
            zone.sets.access = TRY(set_for(PoolKind::Access, input.access, name));
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
            const ZoneSource source = zone_source(*directory_, hosts, zone.domain);
            auto built = build_zone(source);
            if (built && digest_of(source) == zone.digest) {
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
    const Snapshot::ZoneSets& sets = zone->second.sets;
    return {sets.mail == nullptr ? nullptr : sets.mail->canonical(),
            sets.access == nullptr ? nullptr : sets.access->canonical()};
}

std::vector<transfer::ZoneOffer> SnapshotBuilder::offers() const {
    std::vector<transfer::ZoneOffer> offers;
    for (const auto& [name, zone] : zones_) {
        if (zone.content != nullptr) {
            transfer::ZoneOffer offer;
            offer.domain_id = zone.domain.id;
            offer.serial = zone.domain.serial;
            offer.fixed = zone.content;
            offer.steered = steered_parts(name);
            offers.push_back(std::move(offer));
        }
    }
    return offers;
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
    Snapshot::Source source;
    source.id = next_id_;
    source.key = sip_key(input.directory->steering_key);
    source.names = names_;
    source.transfer = input.transfer;
    for (const auto& [name, zone] : zones_) {
        source.zones.push_back(zone.sets);
        const auto serial = input.serials.find(name);
        source.serials.push_back(serial != input.serials.end() ? serial->second
                                                               : zone.domain.serial);
        report.memory += zone.image->memory();
    }
    for (const CachedSet& set : sets_) {
        report.memory += set.set->memory();
    }
    report.memory += names_->memory();
    report.domains = zones_.size();
    report.snapshot = TRY(Snapshot::create(std::move(source)));
    report.refused = refused_;
    report.changed = std::exchange(changed_, {});
    ++next_id_;
    built_ = true;
    return report;
}

}  // namespace dns
