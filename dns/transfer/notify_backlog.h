#pragma once

// NotifyBacklog: which zones one address has been told of, and which are still to come. After a
// start, or when the steering moved a hundred thousand zones at once, that is all of them: they are
// looked at little by little, as fast as they can be told, and not queued. A zone whose serial
// moves again before its turn is told once.
//
// Memory: what was told, some 50 octets a zone. Zones are known by a hash of 64 bits: of two that
// share one, which nobody will see, one may be told late, by its refresh timer.
//
// Pure: no socket or clock. Thread rule: one thread at a time.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "dns/transfer/transfer_view.h"

namespace dns::transfer {

/// Zones that one call of next() looks at: some 200 us.
inline constexpr std::size_t kNotifyScanMax = 1000;

/// See the top of this file.
class NotifyBacklog {
  public:
    /// What may be fetched now. `all`: any zone may be news, so that all will be looked at again.
    void take(SharedView view, bool all);

    /// True if this serial was not told yet; from now on it counts as told.
    bool note(const PublishedZone& zone);

    /// It could not be told after all: it is news when all zones are looked at the next time.
    void forget(const Name& zone);

    /// The next zones that are news and that `wanted` takes, at most `most`; they count as told.
    [[nodiscard]] std::vector<SharedZone> next(
        std::size_t most, const std::function<bool(const PublishedZone&)>& wanted);

    /// Some zones are still to be looked at.
    [[nodiscard]] bool pending() const noexcept { return scanning_ || again_; }

    /// Zones that are remembered.
    [[nodiscard]] std::size_t size() const noexcept { return told_.size(); }

  private:
    struct Told {
        std::uint32_t serial = 0;
        std::uint32_t pass = 0;
    };

    void begin();
    void end();

    SharedView view_;
    std::unordered_map<std::uint64_t, Told> told_;
    std::uint32_t pass_ = 0;
    bool scanning_ = false;
    bool again_ = false;  // from the first zone, once this pass is over
    std::size_t at_ = 0;  // of view_'s zones: the next
    std::string last_;    // wire form of the one before; empty: there is none
};

}  // namespace dns::transfer
