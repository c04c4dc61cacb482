#pragma once

// TransferKeeper: keeps what secondaries may fetch from one publication to the next. A version is
// made when a zone's serial moves and only then: while a move is held back (serial_keeper.h) the
// secondaries' zone is the one that belongs to the serial, not what the steering says meanwhile.
//
// The catalog zone's serial is the time at which its content changed, at least one more than
// before: it needs no place in the database.
//
// Pure: no clock. Owner: the publisher's worker. Thread rule: one thread at a time.

#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <vector>

#include "base/result.h"
#include "dns/transfer/transfer_view.h"

namespace dns::transfer {

/// A zone as it is about to be published.
struct ZoneOffer {
    std::int64_t domain_id = 0;
    std::uint32_t place = 0;  ///< among all zones that are served
    std::uint32_t serial = 0;
    SerialOrigin origin = SerialOrigin::Own;  ///< of the serial, where it moved
    SharedFixed fixed;
    SteeredParts steered;
    std::shared_ptr<const dnssec::ZoneVariants> variants;  ///< who signs; null: it is not signed
};

/// See the top of this file.
class TransferKeeper {
  public:
    /// Takes all zones that may be fetched; others are forgotten. A version that cannot be signed
    /// is not made: the one before stays. Null rights: nobody may fetch anything, and the view is
    /// null. TooLarge: the catalog zone, which then stays as it was. Cancelled: asked to stop; it
    /// is then good for nothing more.
    base::Result<SharedView> update(const std::shared_ptr<const TransferRights>& rights,
                                    const std::vector<ZoneOffer>& offers,
                                    std::uint64_t now_s,
                                    const dnssec::ValidityPolicy& validity = {},
                                    const std::stop_token& stop = {});

  private:
    using Zones = std::map<Name, SharedZone>;

    base::Status update_catalog(const Name& apex,
                                const std::vector<ZoneOffer>& offers,
                                std::uint64_t now_s);

    Zones zones_;
    SharedZone catalog_;
    bool unseen_ = false;  // zones have moved of which no view told
};

}  // namespace dns::transfer
