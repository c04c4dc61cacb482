#include "dns/snapshot_builder.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/parallel.h"
#include "dns/directory/byte_format.h"
#include "dns/dnssec/key_plan.h"
#include "dns/zone_sealer.h"

namespace dns {
namespace {

// Fewer zones are compiled or signed before other threads have begun to help.
constexpr std::size_t kTogetherMin = 32;
// So many are compiled before they are taken.
constexpr std::size_t kDraftsMax = 1024;

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

base::Status stopped(const std::stop_token& stop) {
    if (stop.stop_requested()) {
        return base::Error{base::Errc::Cancelled, "the name server ends"};
    }
    return base::Done{};
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
        if (plan.keys->denial == dnssec::Denial::Compact && is_transferred(zone.apex)) {
            return base::Error{base::Errc::Refused,
                               domain.name +
                                   ": denies by compact records and is to be transferred; "
                                   "secondaries need a chain (nsec or nsec3)"};
        }
        static const dnssec::Secrets kNone;
        served.sealing = std::make_unique<Sealing>();
        served.sealing->plan = std::make_shared<const dnssec::ZoneSigning>(TRY(dnssec::plan_signing(
            *plan.keys, directory.secrets == nullptr ? kNone : *directory.secrets)));
        TRY(add_key_sets(zone, *served.sealing->plan));
    }
    served.image = std::make_shared<const ZoneImage>(TRY(compile_zone(zone)));
    if (is_transferred(zone.apex) && plan.keys == nullptr) {
        served.content =
            std::make_shared<const transfer::FixedContent>(transfer::fixed_content(zone));
    }
    return served;
}

// What zones are made from beside their own domain, but for hosts.
bool SnapshotBuilder::same_surroundings(const Directory& left, const Directory& right) {
    const bool same_secrets =
        left.secrets == right.secrets ||
        (left.secrets != nullptr && right.secrets != nullptr && *left.secrets == *right.secrets);
    return left.name_servers == right.name_servers && left.signing == right.signing && same_secrets;
}

base::Status SnapshotBuilder::take_directory(const BuildInput& input) {
    const auto& directory = input.directory;
    HostsByDomain hosts = hosts_by_domain(*directory);
    // Of many domains an edit changes few, and the others are the same objects.
    const bool same_around =
        directory_ != nullptr && hosts == hosts_ && same_surroundings(*directory_, *directory);
    directory_ = directory;
    hosts_ = std::move(hosts);
    refused_.clear();
    bool names_changed = names_ == nullptr;
    std::set<std::string_view> present;
    std::vector<Draft> drafts;
    for (std::size_t i = 0; i < directory->domains.size(); ++i) {
        const DirectoryDomain& domain = directory->domains[i];
        present.insert(domain.name);
        const auto old = zones_.find(domain.name);
        const bool known = old != zones_.end();
        if (!same_around || !known || old->second.domain.get() != &domain) {
            drafts.push_back({i, known ? &old->second : nullptr, std::nullopt});
        }
        if (drafts.size() == kDraftsMax || i + 1 == directory->domains.size()) {
            compile_drafts(drafts, input);
            TRY(stopped(input.stop));
            for (Draft& draft : drafts) {
                names_changed |= take_draft(draft);
            }
            drafts.clear();
        }
    }
    names_changed |= std::erase_if(zones_, [&present](const auto& zone) {
                         return !present.contains(zone.first);
                     }) != 0;
    if (names_changed) {
        arrange_names();
    }
    place_zones();
    keep_last_good();
    return base::Done{};
}

// Each by itself; what all share is only read meanwhile. Some are missing when it is to stop.
void SnapshotBuilder::compile_drafts(std::vector<Draft>& drafts, const BuildInput& input) const {
    const std::size_t threads = drafts.size() < kTogetherMin ? 1 : input.build_threads;
    base::parallel_for("dns-compile", threads, drafts.size(), [&](std::size_t i) {
        if (input.stop.stop_requested()) {
            return;
        }
        Draft& draft = drafts[i];
        const DirectoryDomain& domain = directory_->domains[draft.domain];
        const ZonePlan plan = plan_of(*directory_, hosts_, domain);
        if (draft.old == nullptr || draft.old->digest != plan.digest) {
            draft.compiled = compile(*directory_, plan, domain);
        }
    });
}

bool SnapshotBuilder::take_draft(Draft& draft) {
    const DirectoryDomain& domain = directory_->domains[draft.domain];
    if (!draft.compiled) {
        draft.old->domain = directory_->domains.share(draft.domain);
        return false;
    }
    ++compiled_;
    if (!*draft.compiled) {
        refused_.push_back({domain.name, draft.compiled->error().detail, draft.old != nullptr});
        return draft.old != nullptr && keep_records(*draft.old);
    }
    ServedZone& place = zones_[domain.name];
    replace(place, std::move(*draft.compiled).take_value());
    place.domain = directory_->domains.share(draft.domain);
    if (built_) {
        changed_.insert(domain.name);
    }
    return true;
}

// Places are those of zones_, which are those of the names and of last_good_'s domains: all ascend.
void SnapshotBuilder::place_zones() {
    std::vector<GroupedZone> grouped;
    grouped.reserve(zones_.size());
    zones_memory_ = names_->memory();
    signed_.clear();
    auto domain = directory_->domains.begin();
    for (auto& [name, zone] : zones_) {
        while (domain->name != name) {
            ++domain;  // one that never was good
        }
        zone.place = static_cast<std::uint32_t>(grouped.size());
        zones_memory_ += zone.image->memory();
        if (zone.sealing != nullptr) {
            signed_.push_back(&zone);
        }
        grouped.push_back({name,
                           zone.image->steers_mail(),
                           zone.image->steers_access(),
                           !domain->mail.empty(),
                           !domain->access.empty()});
    }
    groups_.take_zones(std::move(grouped));
}

// What was signed is used again where it can be.
void SnapshotBuilder::replace(ServedZone& zone, ServedZone by) {
    by.domain = std::move(zone.domain);
    if (by.sealing != nullptr && zone.sealing != nullptr) {
        by.sealing->cache = std::move(zone.sealing->cache);
        by.sealing->seal.variants = std::move(zone.sealing->seal.variants);
    }
    zone = std::move(by);
}

// A domain that is refused keeps its records of before; its servers' hosts are those of today all
// the same, since answers name them.
bool SnapshotBuilder::keep_records(ServedZone& served) {
    const ZonePlan plan = plan_of(*directory_, hosts_, *served.domain);
    if (plan.digest == served.digest) {
        return false;
    }
    auto compiled = compile(*directory_, plan, *served.domain);
    if (!compiled) {
        return false;
    }
    replace(served, std::move(compiled).take_value());
    changed_.insert(served.domain->name);
    return true;
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
        const auto& domains = std::as_const(good->domains);
        const auto place = std::ranges::lower_bound(domains, bad.name, {}, &DirectoryDomain::name);
        const auto served = zones_.find(bad.name);
        if (served != zones_.end()) {
            good->domains.set(static_cast<std::size_t>(place - domains.begin()),
                              served->second.domain);
        } else {
            good->domains.erase(place);
        }
    }
    last_good_ = std::move(good);
}

bool SnapshotBuilder::is_transferred(const Name& zone) const {
    return rights_ != nullptr && rights_->is_transferred(zone);
}

// There is nothing to fetch of a zone that denies without a chain, whoever has come to have the
// right.
bool SnapshotBuilder::is_fetched(const ServedZone& zone) const {
    return is_transferred(zone.image->apex()) &&
           (zone.sealing == nullptr || zone.sealing->plan->denial != dnssec::Denial::Compact);
}

// Zones that somebody may fetch now and nobody could before. One that is served as it was, because
// it cannot be built with the hosts of today, is not fetched until it can.
void SnapshotBuilder::fill_contents(const std::stop_token& stop) {
    for (auto& [name, zone] : zones_) {
        if (stop.stop_requested()) {
            return;
        }
        if (!is_fetched(zone)) {
            zone.content = nullptr;
        } else if (zone.content == nullptr) {
            const ZonePlan plan = plan_of(*directory_, hosts_, *zone.domain);
            if (plan.digest != zone.digest) {
                continue;
            }
            if (zone.sealing != nullptr) {
                zone.sealing->image = nullptr;  // its content comes with its signatures
                continue;
            }
            if (auto built = build_zone(plan.source)) {
                zone.content = std::make_shared<const transfer::FixedContent>(
                    transfer::fixed_content(built.value()));
            }
        }
    }
}

std::vector<transfer::ZoneOffer> SnapshotBuilder::offers() const {
    std::vector<transfer::ZoneOffer> offers;
    for (const auto& [name, zone] : zones_) {
        if (zone.content == nullptr) {
            continue;
        }
        // A zone without the part that the steering never made would lack its MX.
        const ZoneGroup& group = groups_.group(zone.place);
        if ((zone.image->steers_mail() && group.mail.set == nullptr) ||
            (zone.image->steers_access() && group.access.set == nullptr)) {
            continue;
        }
        transfer::ZoneOffer offer;
        offer.domain_id = zone.domain->id;
        offer.place = zone.place;
        offer.fixed = zone.content;
        offer.steered = canonical_parts(group);
        if (zone.sealing != nullptr) {
            offer.variants = zone.sealing->seal.variants;
        }
        offers.push_back(std::move(offer));
    }
    return offers;
}

// Nameless or not: what is signed does not depend on who can be named now.
Snapshot::ZoneSets SnapshotBuilder::anchored_sets(const ServedZone& zone) const {
    const ZoneGroup& group = groups_.group(zone.place);
    return {group.mail.set, group.access.set};
}

bool SnapshotBuilder::is_sealed(const ServedZone& zone, std::int64_t now_s) const {
    const Sealing& sealing = *zone.sealing;
    return sealing.image == zone.image.get() && sealing.problem.empty() &&
           now_s < sealing.resign_at_s &&
           has_anchors_of(*sealing.seal.variants, anchored_sets(zone));
}

// Each zone is sealed by itself; what all share is only read meanwhile.
void SnapshotBuilder::seal_zones(const BuildInput& input) {
    std::vector<ServedZone*> due;
    for (ServedZone* const zone : signed_) {
        if (!is_sealed(*zone, input.now_s)) {
            take_saved(*zone);
            due.push_back(zone);
        }
    }
    saved_.clear();
    if (due.empty()) {
        return;
    }
    const std::size_t threads = due.size() < kTogetherMin ? 1 : input.build_threads;
    base::parallel_for("dns-seal", threads, due.size(), [&](std::size_t i) {
        if (input.stop.stop_requested()) {
            return;
        }
        const base::Status sealed = seal(input, *due[i]);
        due[i]->sealing->problem = sealed ? "" : sealed.error().detail;
    });
    for (ServedZone* const zone : due) {
        signed_anew_ = signed_anew_ || zone->sealing->problem.empty();
        if (std::exchange(zone->sealing->republish, false)) {
            changed_.insert(zone->domain->name);
        }
    }
}

void SnapshotBuilder::take_saved(ServedZone& zone) {
    const auto saved = saved_.find(zone.domain->name);
    if (saved != saved_.end() && zone.sealing->cache.signatures().empty()) {
        zone.sealing->cache = std::move(saved->second);
    }
}

// If it fails the seal of before stays, as long as the records are the same.
base::Status SnapshotBuilder::seal(const BuildInput& input, ServedZone& zone) const {
    const ZonePlan plan = plan_of(*directory_, hosts_, *zone.domain);
    if (plan.digest != zone.digest) {
        return base::Error{base::Errc::Busy, "not signed anew while its records are refused"};
    }
    const Zone records = TRY(build_zone(plan.source));
    Sealing& sealing = *zone.sealing;
    const Snapshot::ZoneSets sets = anchored_sets(zone);
    // The SOA of a serial that moves meanwhile is signed when it is asked for.
    const SealInput wanted{
        records, *zone.image, sets, sealing.plan, zone.domain->serial, input.now_s, input.validity};
    Sealed sealed = TRY(seal_zone(wanted, sealing.cache, sealing.seal.variants.get()));
    sealing.republish = sealing.image == zone.image.get() && zone.content != nullptr && built_;
    sealing.seal = std::move(sealed.seal);
    sealing.image = zone.image.get();
    sealing.resign_at_s = sealed.resign_at_s;
    zone.content = !is_fetched(zone) ? nullptr
                                     : std::make_shared<const transfer::FixedContent>(
                                           transfer::fixed_content(records, sealed.zone));
    return base::Done{};
}

void SnapshotBuilder::collect_seals() {
    seals_ = nullptr;
    seals_memory_ = 0;
    zones_signed_ = 0;
    resign_at_s_.reset();
    if (signed_.empty()) {
        return;
    }
    auto seals = std::make_shared<std::vector<Snapshot::ZoneSeal>>(zones_.size());
    for (const ServedZone* const zone : signed_) {
        const Sealing& sealing = *zone->sealing;
        Snapshot::ZoneSeal& seal = (*seals)[zone->place];
        seal.wanted = true;
        if (sealing.image != zone->image.get()) {
            continue;
        }
        seal = sealing.seal;
        ++zones_signed_;
        seals_memory_ += seal.signatures->memory() + seal.variants->memory();
        resign_at_s_ = std::min(resign_at_s_.value_or(sealing.resign_at_s), sealing.resign_at_s);
    }
    seals_ = std::move(seals);
}

SignatureCaches SnapshotBuilder::signatures() const {
    SignatureCaches caches;
    for (const ServedZone* const zone : signed_) {
        caches.emplace(zone->domain->name, zone->sealing->cache);
    }
    return caches;
}

base::Result<BuildReport> SnapshotBuilder::build(const BuildInput& input) {
    const bool other_rights = input.rights != rights_;
    const bool other_directory = input.directory != directory_;
    rights_ = input.rights;
    if (other_directory) {
        TRY(take_directory(input));
    }
    if (other_rights) {
        fill_contents(input.stop);
    }
    const auto group_of = groups_.group_of();
    TRY(groups_.assign(input.mail, input.access, names_));
    seal_zones(input);
    TRY(stopped(input.stop));
    BuildReport report;
    report.signed_anew = std::exchange(signed_anew_, false);
    report.compiled = std::exchange(compiled_, 0);
    if (other_directory || other_rights || report.signed_anew) {
        collect_seals();
    }
    report.other_zones = other_directory || groups_.group_of() != group_of;
    report.refused = refused_;
    for (const ServedZone* const zone : signed_) {
        if (!zone->sealing->problem.empty()) {
            report.refused.push_back({zone->domain->name, zone->sealing->problem, false});
        }
    }
    for (const std::string& name : std::exchange(changed_, {})) {
        const auto zone = zones_.find(name);
        if (zone != zones_.end()) {
            report.changed.push_back(zone->second.place);
        }
    }
    report.domains = zones_.size();
    report.memory = zones_memory_ + seals_memory_ + groups_.memory();
    report.zones_signed = zones_signed_;
    report.resign_at_s = resign_at_s_;
    built_ = true;
    return report;
}

base::Result<std::unique_ptr<const Snapshot>> SnapshotBuilder::snapshot(
    Snapshot::PerZone<std::uint32_t> serials, transfer::SharedView transfer) {
    Snapshot::Source source;
    source.id = next_id_;
    source.key = sip_key(directory_->steering_key);
    source.names = names_;
    for (const ZoneGroup& group : groups_.groups()) {
        source.groups.push_back(group.sets());
    }
    source.group_of = groups_.group_of();
    source.serials = std::move(serials);
    source.seals = seals_;
    source.transfer = std::move(transfer);
    const Snapshot::Source parts = source;
    auto made = TRY(Snapshot::create(std::move(source), last_.names == nullptr ? nullptr : &last_));
    last_ = parts;
    last_.transfer = nullptr;
    ++next_id_;
    return made;
}

Snapshot::PerZone<std::uint32_t> SnapshotBuilder::directory_serials() const {
    auto serials = std::make_shared<std::vector<std::uint32_t>>();
    serials->reserve(zones_.size());
    for (const auto& [name, zone] : zones_) {
        serials->push_back(zone.domain->serial);
    }
    return serials;
}

}  // namespace dns
