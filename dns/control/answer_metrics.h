#pragma once

// AnswerMetrics: brings the counters of the answer path, which only their own threads raise, into
// the metrics that the admin port shows, and sets the gauges of the name server. README.md lists
// the metrics.
//
// Owner: NameServer. Thread rule: one thread. Each source is the same one each time: what it has
// counted more than at the last call is added.

#include <array>
#include <cstdint>
#include <span>

#include "base/metrics.h"
#include "dns/answer.h"
#include "dns/control/denial_signer.h"
#include "dns/control/parent_watch.h"
#include "dns/control/signature_waits.h"
#include "dns/control/variant_signer.h"
#include "dns/directory/directory.h"
#include "dns/internal_answer.h"
#include "dns/probe/prober.h"
#include "dns/stream_replies.h"
#include "dns/tcp_server.h"
#include "dns/transfer/notify_plan.h"
#include "dns/udp_server.h"

namespace dns {

/// What the snapshot in force is made of.
struct ZoneCounts {
    std::size_t served = 0;
    std::size_t refused = 0;
    std::size_t with_signatures = 0;
    std::size_t memory = 0;  ///< octets
};

/// See the top of this file.
class AnswerMetrics {
  public:
    AnswerMetrics();

    /// The counters of all threads that there are and were: no sum of them ever falls.
    void take_answers(std::span<const AnswerCounters* const> threads);
    /// The same for what guards their answers.
    void take_guards(std::span<const GuardCounters* const> threads);
    void take_internal(const InternalCounters& counters);
    void take_udp(std::span<const UdpCounters* const> threads);
    void take_tcp(const TcpCounters& counters);
    void take_streams(const StreamCounters& counters);
    /// `waiting`: notices without an answer yet.
    void take_notifies(const transfer::NotifyCounts& counts, std::size_t waiting);
    void take_probes(PoolName pool, const probe::ProbeCounts& counts);
    void take_signing(const SigningCounters& counters);
    void take_waits(const WaitCounters& counters);
    void take_parents(const ParentCounters& counters);
    void take_denials(const DenialCounters& counters);
    static void set_zones(const ZoneCounts& counts);
    void set_servers_up(std::size_t mail, std::size_t access);

  private:
    // A metric and how much of its source it has taken.
    struct Follower {
        base::Counter* metric = nullptr;
        std::uint64_t taken = 0;

        void take(std::uint64_t total) {
            metric->add(total - taken);
            taken = total;
        }
    };

    std::array<Follower, kAnswerKinds> answers_;
    std::array<Follower, kQueryOutcomes> outcomes_;
    Follower truncated_;
    std::array<Follower, dnssec::kVariantsServed> variants_;
    std::array<Follower, 3> signing_;
    std::array<Follower, 3> waits_;
    std::array<Follower, 2> parents_;
    std::array<Follower, kOnlineDenials> denials_;
    std::array<Follower, 3> denial_signing_;
    std::array<Follower, 5> internal_;
    std::array<Follower, 2> udp_deferred_;
    std::array<Follower, 2> udp_dropped_;
    std::array<Follower, kCookieVerdicts> cookies_;
    std::array<Follower, kLimitActions> limited_;
    std::array<Follower, 6> tcp_;
    std::array<Follower, 3> streams_;
    std::array<Follower, 3> notifies_;
    std::array<std::array<Follower, 7>, 2> probes_;  // by pool
};

}  // namespace dns
