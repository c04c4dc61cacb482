#include "dns/control/variant_signer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/clock.h"

namespace dns {
namespace {

// Signatures of one batch, before readers of the old lists are waited for.
constexpr std::size_t kBatchMax = 64;
constexpr std::size_t kSerialBack = 20;  // a SOA's numbers end its data (RFC 1035 3.3.13)

// What an ask is about, as it is served now; none: nobody would serve it any more.
struct Wanted {
    RecordSet records;
    dnssec::HostMask hosts;
    std::uint32_t roster = 0;
};

std::optional<Wanted> soa_of(const Snapshot& snapshot,
                             const dnssec::ZoneVariants& zone,
                             const dnssec::Ask& ask) {
    const std::uint32_t serial = snapshot.serial(ask.index);
    if (ask.content != dnssec::soa_content(serial)) {
        return std::nullopt;
    }
    Wanted wanted{zone.source().soa, {}, 0};
    std::string& data = wanted.records.data.front();
    for (std::size_t i = 0; i < sizeof serial; ++i) {
        data[data.size() - kSerialBack + i] = static_cast<char>(serial >> (24 - 8 * i));
    }
    return wanted;
}

std::optional<Wanted> variant_of(const Snapshot& snapshot,
                                 const dnssec::ZoneVariants::Place& place,
                                 const dnssec::Ask& ask) {
    const SteeredSet* const set = snapshot.parts(ask.index).set_for(place.kind);
    if (set == nullptr || !set->has(place.kind)) {
        return std::nullopt;
    }
    const SteeredSet::Variant* const variant = set->find_variant(place.kind, ask.content);
    if (variant == nullptr) {
        return std::nullopt;
    }
    return Wanted{variant->records, variant->hosts, set->out().roster};
}

}  // namespace

base::Result<std::unique_ptr<VariantSigner>> VariantSigner::create(
    const SnapshotHolder& holder, dnssec::ValidityPolicy policy, std::function<void()> on_signed) {
    auto queue = TRY(dnssec::AskQueue::create());
    std::unique_ptr<VariantSigner> signer(
        new VariantSigner(holder, policy, std::move(on_signed), std::move(queue)));
    TRY(signer->worker_.submit([self = signer.get()] { self->run(); }));
    return signer;
}

VariantSigner::VariantSigner(const SnapshotHolder& holder,
                             dnssec::ValidityPolicy policy,
                             std::function<void()> on_signed,
                             std::unique_ptr<dnssec::AskQueue> queue)
    : holder_(holder),
      policy_(policy),
      on_signed_(std::move(on_signed)),
      queue_(std::move(queue)),
      worker_("dns-sign", 1, 1) {
}

VariantSigner::~VariantSigner() {
    stopping_.store(true);
    queue_->wake();
}

void VariantSigner::run() {
    SnapshotReader reader(holder_);
    while (!stopping_.load()) {
        OldLists old;
        reader.online();
        const Snapshot* const snapshot = reader.get();
        for (std::size_t i = 0; i < kBatchMax; ++i) {
            const auto ask = queue_->pop();
            if (!ask) {
                break;
            }
            if (snapshot != nullptr) {
                sign(*snapshot, *ask, old);
            }
        }
        reader.offline();
        if (old.empty()) {
            queue_->wait();
            continue;
        }
        on_signed_();
        SnapshotHolder::wait_for_readers();
    }
}

void VariantSigner::sign(const Snapshot& snapshot, const dnssec::Ask& ask, OldLists& old) {
    const bool there = ask.index < snapshot.names().zones().size();
    const dnssec::ZoneVariants* const zone = there ? snapshot.parts(ask.index).variants : nullptr;
    if (zone == nullptr || zone != ask.zone || ask.place >= zone->places()) {
        counters_.stale.add();  // another snapshot is in force: the next query asks again
        return;
    }
    const dnssec::ZoneVariants::Place& place = zone->source().places[ask.place];
    const auto wanted = ask.place == dnssec::ZoneVariants::kSoaPlace
                            ? soa_of(snapshot, *zone, ask)
                            : variant_of(snapshot, place, ask);
    const std::int64_t now_s = base::wall_us() / 1'000'000;
    const auto& list = zone->list(ask.place);
    const bool known = std::ranges::any_of(list, [&](const dnssec::SignedVariant& variant) {
        return variant.content == ask.content && now_s < variant.validity.expiration_s;
    });
    if (!wanted || known) {
        counters_.stale.add();
        zone->forget_asking(ask.place);
        return;
    }
    auto made = dnssec::sign_place(zone->source(),
                                   place,
                                   wanted->records,
                                   dnssec::validity_at(now_s, zone->source().apex, policy_));
    zone->forget_asking(ask.place);
    if (!made) {
        counters_.failed.add();
        return;
    }
    dnssec::SignedVariant variant = std::move(made).take_value();
    variant.content = ask.content;
    variant.hosts = wanted->hosts;
    variant.roster = wanted->roster;
    counters_.made.add();
    old.push_back(zone->add(ask.place, variant, now_s));
}

}  // namespace dns
