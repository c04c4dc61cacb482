#pragma once

// DrainWatch: when a drained server is quiet. It is out of the answers at once, but caches go on
// naming it: for the TTL, or five minutes where a resolver stretches a shorter one (STEERING 5.7).
// After that nobody can have learnt of it from us, and an operator may switch it off.
//
// A drain that this name server took up while it was answering counts from that moment; one that
// was there when it started counts from when it was made, since an earlier life has taken it up, or
// nobody was answering. What other name servers answer that were cut off is not known here.
//
// Pure. Owner: ExplainService. Thread rule: loop thread only. Times: microseconds since 1970.

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "dns/directory/directory.h"

namespace dns::explain {

/// Caches forget no sooner than this.
inline constexpr std::uint32_t kCacheFloorS = 300;

/// See the top of this file.
class DrainWatch {
  public:
    /// The directory in force from `now_us` on.
    void take(const Directory& directory, std::int64_t now_us);

    /// Overrides whose servers have become quiet since the last call, by id; each once.
    [[nodiscard]] std::vector<std::uint64_t> due(std::int64_t now_us);

    /// From when on the servers of a drain are quiet; none for another override.
    [[nodiscard]] std::optional<std::int64_t> quiet_from(std::uint64_t override_id) const;

  private:
    struct Drain {
        std::int64_t since_us = 0;
        std::int64_t quiet_us = 0;
        std::optional<std::int64_t> expires_us;
        bool told = false;
    };

    std::map<std::uint64_t, Drain> drains_;
    bool started_ = false;
};

}  // namespace dns::explain
