#include "dns/transfer/transfer_keeper.h"

#include <algorithm>
#include <utility>

#include "dns/serial.h"
#include "dns/transfer/catalog_zone.h"

namespace dns::transfer {
namespace {

// Null: there is none yet.
SharedZone version_of(const SharedZone& before,
                      const ZoneOffer& offer,
                      std::uint64_t now_s,
                      const dnssec::ValidityPolicy& policy) {
    if (before != nullptr && before->serial == offer.serial) {
        return before;
    }
    SharedSeal seal;
    if (offer.variants != nullptr) {
        EarlierSeal earlier;
        if (before != nullptr) {
            earlier = {before->fixed.get(), &before->steered, before->seal.get()};
        }
        auto made = seal_version(
            *offer.variants,
            dnssec::validity_at(static_cast<std::int64_t>(now_s), offer.fixed->apex, policy),
            offer.serial,
            *offer.fixed,
            offer.steered,
            earlier);
        if (!made) {
            return before;
        }
        seal = std::move(made).take_value();
    }
    return next_version(
        before, offer.serial, offer.origin, offer.fixed, offer.steered, std::move(seal));
}

void note_moved(MovedZones& moved, const SharedZone& zone) {
    if (!moved.all && moved.zones.size() == kMovedMax) {
        moved = {};
    } else if (!moved.all) {
        moved.zones.push_back(zone);
    }
}

}  // namespace

base::Result<SharedView> TransferKeeper::update(const std::shared_ptr<const TransferRights>& rights,
                                                const std::vector<ZoneOffer>& offers,
                                                std::uint64_t now_s,
                                                const dnssec::ValidityPolicy& validity,
                                                const std::stop_token& stop) {
    if (rights == nullptr) {
        zones_.clear();
        catalog_ = nullptr;
        return SharedView();
    }
    Zones next;
    MovedZones moved{.all = std::exchange(unseen_, false)};
    for (const ZoneOffer& offer : offers) {
        if (stop.stop_requested()) {
            return base::Error{base::Errc::Cancelled, "the name server ends"};
        }
        const Name& apex = offer.fixed->apex;
        const auto known = zones_.find(apex);
        const SharedZone before = known == zones_.end() ? nullptr : known->second;
        SharedZone version = version_of(before, offer, now_s, validity);
        if (version != nullptr) {
            if (version != before) {
                note_moved(moved, version);
            }
            next.emplace(apex, std::move(version));
        }
    }
    zones_ = std::move(next);
    const SharedZone catalog_before = catalog_;
    const base::Status catalog = update_catalog(rights->catalog(), offers, now_s);
    std::vector<SharedZone> zones;
    zones.reserve(zones_.size() + 1);
    for (const auto& [name, zone] : zones_) {
        zones.push_back(zone);
    }
    if (catalog_ != nullptr && !zones_.contains(catalog_->apex())) {
        zones.push_back(catalog_);
        if (catalog_ != catalog_before) {
            note_moved(moved, catalog_);
        }
    }
    std::ranges::sort(zones, [](const SharedZone& left, const SharedZone& right) {
        return std::ranges::lexicographical_compare(left->apex().wire(), right->apex().wire());
    });
    if (!catalog) {
        unseen_ = true;
        return catalog.error();
    }
    return std::make_shared<const TransferView>(rights, std::move(zones), std::move(moved));
}

base::Status TransferKeeper::update_catalog(const Name& apex,
                                            const std::vector<ZoneOffer>& offers,
                                            std::uint64_t now_s) {
    if (apex.is_root()) {
        catalog_ = nullptr;
        return base::Done{};
    }
    std::vector<CatalogMember> members;
    members.reserve(offers.size());
    for (const ZoneOffer& offer : offers) {
        members.push_back({offer.domain_id, offer.fixed->apex});
    }
    FixedContent content = TRY(catalog_content(apex, members));
    if (catalog_ != nullptr && *catalog_->fixed == content) {
        return base::Done{};
    }
    auto serial = static_cast<std::uint32_t>(now_s);
    if (catalog_ != nullptr && !is_newer_serial(serial, catalog_->serial)) {
        serial = next_serial(catalog_->serial);
    }
    catalog_ = next_version(catalog_,
                            serial,
                            SerialOrigin::Own,
                            std::make_shared<const FixedContent>(std::move(content)),
                            {});
    return base::Done{};
}

}  // namespace dns::transfer
