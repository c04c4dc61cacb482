#pragma once

// HealthKeeper: what the name server does with the health of its pools beside steering by it: keeps
// it over a restart, shows it in metrics, and tells operators by an event when no news of servers
// comes in any more.
//
// Owner: NameServer; destroyed before what it borrows. Thread rule: loop thread only.

#include <array>
#include <cstdint>
#include <optional>

#include "base/metrics.h"
#include "dns/control/steering_journal.h"
#include "dns/control/steering_pool.h"
#include "dns/directory/directory_file.h"

namespace dns {

/// See the top of this file.
class HealthKeeper {
  public:
    /// All three outlive it.
    HealthKeeper(SteeringPool& mail, SteeringPool& access, SteeringJournal& journal);

    /// What an earlier life left, if it is not older than kHealthKept; before the pools' first
    /// take(). `now_us`: microseconds since 1970.
    void restore(const SavedPoolHealth& saved, std::int64_t now_us);

    /// About once a second: metrics and events.
    void watch();

    /// What is to be written to the file now: it has changed, or is a minute old. Else nothing.
    [[nodiscard]] std::optional<SavedPoolHealth> unsaved(std::int64_t now_us) const;

    /// It was written.
    void set_saved(SavedPoolHealth written) { saved_ = std::move(written); }

  private:
    struct Pool {
        SteeringPool* steering = nullptr;
        PoolName name = PoolName::Mail;
        bool old = false;  // and operators know it
        base::Gauge* age = nullptr;
        base::Gauge* is_old = nullptr;
        base::Gauge* held_down = nullptr;
        base::Counter* changes = nullptr;
        std::uint64_t changes_taken = 0;
    };

    [[nodiscard]] static Pool make_pool(SteeringPool& steering, PoolName name);
    void watch(Pool& pool);

    std::array<Pool, 2> pools_;
    SteeringJournal* journal_;
    SavedPoolHealth saved_;
};

}  // namespace dns
