#pragma once

// What the answer path is asked when it is warm: a snapshot of a plain zone and signed ones that
// are steered by one pool, and a query of each kind, with everything signed that they need.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dns/answer.h"
#include "dns/dnssec/ask_queue.h"
#include "dns/snapshot.h"
#include "dns/zone_sealer.h"

namespace dns_test {

/// A query, and what the answer has to be like.
struct WarmQuery {
    std::string name;  ///< "static", "steered", "signed-steered", ...
    std::vector<std::byte> packet;
    unsigned rcode = 0;
    std::size_t answers = 0;  ///< records of the answer section
};

/// Settings as the name server has them by default.
[[nodiscard]] dns::AnswerPolicy warm_policy();

/// See the top of this file. Signatures hold at `now_s`.
class WarmWorld {
  public:
    explicit WarmWorld(std::int64_t now_s);

    /// The snapshot, once: for a holder.
    [[nodiscard]] std::unique_ptr<const dns::Snapshot> take() { return std::move(snapshot_); }

    [[nodiscard]] const dns::Snapshot& snapshot() const { return *snapshot_; }

    [[nodiscard]] const std::vector<WarmQuery>& queries() const { return queries_; }

    /// Asks until nothing more is wanted to be signed, and signs it. Before take().
    void warm_up(const dns::Client& client);

  private:
    void sign(const dns::dnssec::Ask& ask);

    std::int64_t now_s_;
    std::vector<dns::Sealed> sealed_;  // by the index of the zone
    std::unique_ptr<const dns::Snapshot> snapshot_;
    std::vector<WarmQuery> queries_;
};

}  // namespace dns_test
