#include "dns/control/denial_signer.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "base/clock.h"
#include "base/hash.h"
#include "dns/dnssec/denial.h"

namespace dns {
namespace {

// Signatures of one batch, before those who wait are told.
constexpr std::size_t kBatchMax = 16;

}  // namespace

base::Result<dnssec::DenialSignatures> sign_denial(const dnssec::ZoneVariants::Source& zone,
                                                   const Name& name,
                                                   const dnssec::Validity& validity) {
    if (zone.plan->zone_keys.size() > dnssec::kDenialKeysMax) {
        return base::Error{base::Errc::TooLarge, zone.apex.to_text() + " has too many keys"};
    }
    const RecordSet set{zone.negative_ttl, {dnssec::compact_no_name(name, zone.apex)}};
    dnssec::DenialSignatures made;
    made.inception_s = static_cast<std::uint32_t>(validity.inception_s);
    made.expiration_s = static_cast<std::uint32_t>(validity.expiration_s);
    for (const dnssec::ZoneKey& key : zone.plan->zone_keys) {
        const std::string data =
            TRY(dnssec::sign_set(key, zone.apex, name, dnssec::kTypeNsec, set, validity));
        const std::string signature = TRY(dnssec::parse_rrsig(data)).signature;
        dnssec::DenialSignatures::One& one = made.all[made.count++];
        if (signature.size() != one.octets.size()) {
            return base::Error{base::Errc::TooLarge, "a signature of another size"};
        }
        one.tag = key.tag;
        one.algorithm = static_cast<std::uint8_t>(key.half.algorithm);
        std::memcpy(one.octets.data(), signature.data(), signature.size());
    }
    return made;
}

base::Result<std::unique_ptr<DenialSigner>> DenialSigner::create(const SnapshotHolder& holder,
                                                                 dnssec::ValidityPolicy policy,
                                                                 std::function<void()> on_signed) {
    auto cache = TRY(dnssec::DenialCache::create());
    std::unique_ptr<DenialSigner> signer(
        new DenialSigner(holder, policy, std::move(on_signed), std::move(cache)));
    TRY(signer->worker_.submit([self = signer.get()] { self->run(); }));
    return signer;
}

DenialSigner::DenialSigner(const SnapshotHolder& holder,
                           dnssec::ValidityPolicy policy,
                           std::function<void()> on_signed,
                           std::unique_ptr<dnssec::DenialCache> cache)
    : holder_(holder),
      policy_(policy),
      on_signed_(std::move(on_signed)),
      cache_(std::move(cache)),
      worker_("dns-deny", 1, 1) {
}

DenialSigner::~DenialSigner() {
    stopping_.store(true);
    cache_->wake();
}

void DenialSigner::run() {
    SnapshotReader reader(holder_);
    dnssec::DenialAsk ask;
    while (!stopping_.load()) {
        std::size_t made = 0;
        reader.online();
        const Snapshot* const snapshot = reader.get();
        for (std::size_t i = 0; i < kBatchMax && cache_->pop(ask); ++i) {
            made += snapshot != nullptr && sign(*snapshot, ask) ? 1U : 0U;
        }
        reader.offline();
        if (made != 0) {
            on_signed_();
        } else {
            cache_->wait();
        }
    }
}

// True: there is one now that may not have been there when it was asked for.
bool DenialSigner::sign(const Snapshot& snapshot, const dnssec::DenialAsk& ask) {
    const bool there = ask.index < snapshot.names().zones().size();
    const dnssec::ZoneVariants* const zone = there ? snapshot.parts(ask.index).variants : nullptr;
    const auto octets = std::span(ask.name).first(ask.size);
    const std::int64_t now_s = base::wall_us() / 1'000'000;
    dnssec::DenialSignatures known;
    if (cache_->find(ask.signer, octets, now_s, known)) {
        counters_.stale.add();
        return true;
    }
    if (zone == nullptr || zone != ask.zone) {
        counters_.stale.add();  // another snapshot is in force: the next query asks again
        return false;
    }
    const auto name = Name::from_wire(octets);
    if (!name) {
        counters_.failed.add();
        return false;
    }
    const auto made = sign_denial(
        zone->source(), name.value(), dnssec::validity_at(now_s, zone->source().apex, policy_));
    if (!made) {
        counters_.failed.add();
        return false;
    }
    cache_->put(ask.signer, octets, now_s, made.value());
    counters_.made.add();
    return true;
}

}  // namespace dns
