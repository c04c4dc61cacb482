#pragma once

// ZoneVariants: what of a signed zone is signed when it is asked for: the variants of its steered
// sets, and the SOA of each new serial. Each is a *place* with an anchor, which was signed with the
// zone, and a list of what has been signed since, the newest first. What of it is served:
// variant_choice.h.
//
// Shared by snapshots as long as zone, keys and anchors stay; what comes after it takes over what
// is still good. The lists are replaced whole under readers' eyes: readers are threads with a
// SnapshotReader that is online, and whoever replaces a list frees the old one after a grace
// period.
//
// Thread rule: list(), anchor(), ask() from any thread, without lock or allocation; replace() from
// one thread at a time for each object. Immutable but for the lists.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/result.h"
#include "dns/dnssec/variant_choice.h"
#include "dns/dnssec/zone_signer.h"
#include "dns/name.h"
#include "dns/zone_image.h"

namespace dns::dnssec {

/// See the top of this file.
class ZoneVariants {
  public:
    using List = std::vector<SignedVariant>;

    /// Place 0 is the SOA; then the steered sets in the order of the zone's image.
    static constexpr std::size_t kSoaPlace = 0;

    [[nodiscard]] static std::size_t place_of(const SetRef& steered) noexcept {
        return steered.image_at + std::size_t{1};
    }

    struct Place {
        Name owner;
        std::uint16_t type = 0;
        SteeredKind kind = SteeredKind::None;
        SignedVariant anchor;
    };

    struct Source {
        Name apex;
        std::shared_ptr<const ZoneSigning> plan;  ///< the keys
        RecordSet soa;                            ///< of any serial
        std::uint32_t negative_ttl = 0;
        std::vector<Place> places;
    };

    /// `before`: takes over what was signed with the same keys and expires after `reuse_after_s`.
    /// Null: nothing.
    ZoneVariants(Source source, const ZoneVariants* before, std::int64_t reuse_after_s);
    ~ZoneVariants();
    ZoneVariants(const ZoneVariants&) = delete;
    ZoneVariants& operator=(const ZoneVariants&) = delete;

    [[nodiscard]] const Source& source() const noexcept { return source_; }

    [[nodiscard]] std::size_t places() const noexcept { return places_.size(); }

    [[nodiscard]] const SignedVariant& anchor(std::size_t place) const noexcept {
        return source_.places.data()[place].anchor;
    }

    [[nodiscard]] const List& list(std::size_t place) const noexcept {
        return *places_.data()[place].list.load(std::memory_order_acquire);
    }

    /// True for the first of those who ask for a content in a row: the others need not.
    [[nodiscard]] bool ask(std::size_t place, std::uint64_t content) const noexcept {
        return places_.data()[place].asked.exchange(content, std::memory_order_relaxed) != content;
    }

    /// The next to ask for a content asks in earnest: the asking before came to nothing.
    void forget_asking(std::size_t place) const noexcept {
        places_.data()[place].asked.store(0, std::memory_order_relaxed);
    }

    /// Puts a variant in front of a place's list; gives the old list, which readers may still see.
    [[nodiscard]] std::unique_ptr<const List> add(std::size_t place,
                                                  const SignedVariant& made,
                                                  std::int64_t now_s) const;

    /// Octets of memory, without the lists.
    [[nodiscard]] std::size_t memory() const noexcept;

  private:
    struct Slot {
        std::atomic<const List*> list{nullptr};
        std::atomic<std::uint64_t> asked{0};
    };

    void take_over(const ZoneVariants& before, std::int64_t reuse_after_s);

    Source source_;
    mutable std::mutex changing_;  // replacing, and copying from an older object
    mutable std::vector<Slot> places_;
};

/// The content of an SOA variant. Never 0.
[[nodiscard]] constexpr std::uint64_t soa_content(std::uint32_t serial) noexcept {
    return (std::uint64_t{1} << 32U) | serial;
}

/// An RRset that is signed, as a variant: images and validity; the rest is the caller's to fill in.
/// Errors: TooLarge.
[[nodiscard]] base::Result<SignedVariant> signed_variant(const Name& apex,
                                                         std::uint16_t type,
                                                         const SignedSet& set,
                                                         const Validity& validity);

/// The same of an SOA, which denials carry, too.
[[nodiscard]] base::Result<SignedVariant> signed_soa(const Name& apex,
                                                     const SignedSet& set,
                                                     std::uint32_t negative_ttl,
                                                     const Validity& validity);

/// Signs a place's set with the keys of its zone. Unavailable without their private halves; Invalid
/// if it is none of the type.
[[nodiscard]] base::Result<SignedVariant> sign_place(const ZoneVariants::Source& zone,
                                                     const ZoneVariants::Place& place,
                                                     RecordSet set,
                                                     const Validity& validity);

}  // namespace dns::dnssec
