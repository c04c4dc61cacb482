#pragma once

// DenialSigner: the thread that signs denials of names in zones with compact denial when queries
// have asked for them (dnssec/denial_cache.h). A thread of its own: a flood of names must not keep
// the signatures of steered answers waiting. What is asked for twice is made once.
//
// Owner: NameServer; destroyed before the holder, and after the threads that ask. Thread rule:
// cache() and counters() from any thread; the callback comes on the signer's thread. Errors of
// create(): Io.

#include <atomic>
#include <functional>
#include <memory>

#include "base/result.h"
#include "base/worker_pool.h"
#include "dns/counter.h"
#include "dns/dnssec/denial_cache.h"
#include "dns/dnssec/rrsig.h"
#include "dns/snapshot_holder.h"

namespace dns {

struct DenialCounters {
    Counter made;
    Counter stale;   ///< the zone has changed since, or it was signed already
    Counter failed;  ///< no private key at hand
};

/// See the top of this file.
class DenialSigner {
  public:
    /// `on_signed`: after each batch that made something.
    static base::Result<std::unique_ptr<DenialSigner>> create(const SnapshotHolder& holder,
                                                              dnssec::ValidityPolicy policy,
                                                              std::function<void()> on_signed);
    ~DenialSigner();
    DenialSigner(const DenialSigner&) = delete;
    DenialSigner& operator=(const DenialSigner&) = delete;

    [[nodiscard]] dnssec::DenialCache& cache() noexcept { return *cache_; }

    [[nodiscard]] const DenialCounters& counters() const noexcept { return counters_; }

  private:
    DenialSigner(const SnapshotHolder& holder,
                 dnssec::ValidityPolicy policy,
                 std::function<void()> on_signed,
                 std::unique_ptr<dnssec::DenialCache> cache);

    void run();
    bool sign(const Snapshot& snapshot, const dnssec::DenialAsk& ask);

    const SnapshotHolder& holder_;
    const dnssec::ValidityPolicy policy_;
    const std::function<void()> on_signed_;
    std::unique_ptr<dnssec::DenialCache> cache_;
    std::atomic<bool> stopping_{false};
    DenialCounters counters_;
    base::WorkerPool worker_;  // goes first
};

/// The signatures over the denial of `name` by the keys of a zone. Errors: Unavailable without
/// their private halves, TooLarge if there are more keys than are kept.
[[nodiscard]] base::Result<dnssec::DenialSignatures> sign_denial(
    const dnssec::ZoneVariants::Source& zone, const Name& name, const dnssec::Validity& validity);

}  // namespace dns
