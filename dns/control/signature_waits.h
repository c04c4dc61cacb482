#pragma once

// SignatureWaits: datagrams whose answer has to be signed first and that a UDP thread has left to
// the main loop (DeferReason::Signature). Each is answered as soon as the signature is made, at the
// latest kVariantWaitMax after it came, then with TC: the client comes back over TCP.
//
// The rate of its network has been judged where it came in; here nothing is limited but the number
// that wait: beyond kSignatureWaits a client gets TC at once. Nothing is signed here.
//
// Owner: NameServer; destroyed before the holder and the queue. Thread rule: loop thread only;
// counters may be read from others.

#include <cstddef>
#include <deque>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/loop.h"
#include "dns/answer.h"
#include "dns/counter.h"
#include "dns/deferred_queries.h"
#include "dns/limits.h"
#include "dns/snapshot_holder.h"

namespace dns {

struct WaitCounters {
    Counter in_time;  ///< answered with what was waited for
    Counter late;     ///< TC, after kVariantWaitMax
    Counter full;     ///< TC at once
};

/// See the top of this file.
class SignatureWaits {
  public:
    /// `reader`: of the loop's thread, offline but in calls of this one; outlives it. `policy`:
    /// without rates.
    SignatureWaits(base::Loop& loop, SnapshotReader& reader, AnswerPolicy policy);

    /// Who is asked for signatures; outlives it.
    void set_asks(dnssec::AskQueue* asks) noexcept { thread_.asks = asks; }

    /// The same for denials of names.
    void set_denials(dnssec::DenialCache* denials) noexcept { thread_.denials = denials; }

    /// As AnswerGuard::swap_policy().
    void set_policy(AnswerPolicy policy);

    /// A deferred query; once there is a snapshot.
    void take(std::span<const std::byte> packet, const base::Endpoint& peer, DeferredReply reply);

    /// Something was signed: those that waited for it are answered.
    void on_signed();

    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }

    [[nodiscard]] const WaitCounters& counters() const noexcept { return counters_; }

    [[nodiscard]] const ThreadState& thread() const noexcept { return thread_; }

  private:
    struct Waiting {
        std::vector<std::byte> packet;
        base::Endpoint peer;
        base::Deadline until;
        DeferredReply reply;
    };

    enum class Patience : bool { More, None };

    [[nodiscard]] bool try_answer(std::span<const std::byte> packet,
                                  const base::Endpoint& peer,
                                  DeferredReply& reply,
                                  Patience patience);
    void on_time();
    void set_timer();

    base::Loop& loop_;
    SnapshotReader& reader_;
    ThreadState thread_;
    std::deque<Waiting> waiting_;  // the oldest first: all wait equally long
    base::Timer timer_;            // for the oldest
    WaitCounters counters_;
};

}  // namespace dns
