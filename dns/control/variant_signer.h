#pragma once

// VariantSigner: the thread that makes signatures of steered variants and of new serials when a
// query has asked for them (dnssec/zone_variants.h). What is asked for twice is made once: who
// comes second finds it made.
//
// Owner: NameServer; destroyed before the holder, and after the threads that push into its queue.
// Thread rule: queue() and counters() from any thread; the callback comes on the signer's thread.

#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "base/worker_pool.h"
#include "dns/counter.h"
#include "dns/dnssec/ask_queue.h"
#include "dns/dnssec/rrsig.h"
#include "dns/snapshot_holder.h"

namespace dns {

struct SigningCounters {
    Counter made;    ///< sets signed when they were asked for
    Counter stale;   ///< asked for, and no longer served or signed already
    Counter failed;  ///< no private key at hand
};

/// See the top of this file.
class VariantSigner {
  public:
    /// `on_signed`: after each batch that made something.
    static base::Result<std::unique_ptr<VariantSigner>> create(const SnapshotHolder& holder,
                                                               dnssec::ValidityPolicy policy,
                                                               std::function<void()> on_signed);
    ~VariantSigner();
    VariantSigner(const VariantSigner&) = delete;
    VariantSigner& operator=(const VariantSigner&) = delete;

    [[nodiscard]] dnssec::AskQueue& queue() noexcept { return *queue_; }

    [[nodiscard]] const SigningCounters& counters() const noexcept { return counters_; }

  private:
    VariantSigner(const SnapshotHolder& holder,
                  dnssec::ValidityPolicy policy,
                  std::function<void()> on_signed,
                  std::unique_ptr<dnssec::AskQueue> queue);

    using OldLists = std::vector<std::unique_ptr<const dnssec::ZoneVariants::List>>;

    void run();
    void sign(const Snapshot& snapshot, const dnssec::Ask& ask, OldLists& old);

    const SnapshotHolder& holder_;
    const dnssec::ValidityPolicy policy_;
    const std::function<void()> on_signed_;
    std::unique_ptr<dnssec::AskQueue> queue_;
    std::atomic<bool> stopping_{false};
    SigningCounters counters_;
    base::WorkerPool worker_;  // goes first
};

}  // namespace dns
