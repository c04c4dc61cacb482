#pragma once

// AnswerGuard: what goes around an answer that no record decides: its cookie, NSID and keepalive,
// and whether it leaves at all (rate limiting). One for each thread of the answer path.
//
// Over UDP an answer beyond the rate of its source's network is dropped, or slips: every slip-th
// leaves without records. With a client that knows cookies, it says BADCOOKIE and brings a cookie
// with which the next query is answered at once (RFC 7873 5.2.3); with any other, TC, and the
// client comes back over TCP. A valid cookie, TCP and exempt networks are never limited.
//
// No lock, system call or allocation after construction; times come from set_time(), once for each
// batch of queries. Thread rule: one thread; counters from any.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "dns/client.h"
#include "dns/cookie.h"
#include "dns/counter.h"
#include "dns/denial_gate.h"
#include "dns/explain/chaos_answer.h"
#include "dns/message.h"
#include "dns/rate_limit.h"
#include "dns/siphash.h"
#include "dns/wire.h"

namespace dns {

/// Settings. The default does nothing.
struct AnswerPolicy {
    std::string nsid;                    ///< at most kNsidMax octets; empty: not told
    bool cookies = false;                ///< whether cookies are given and believed
    std::vector<SipKey> cookie_secrets;  ///< empty: from the steering key (cookie.h)
    RateLimits rate_limits;
    unsigned slip = 1;                  ///< 1: all that is limited slips; 0: nothing does
    std::vector<base::Network> exempt;  ///< never limited
    explain::ChaosPolicy chaos;         ///< class CHAOS
    DenialLimits denials;               ///< signatures that queries may ask for
    std::uint16_t tcp_idle = 0;         ///< told to who asks (RFC 7828), in 100 ms; 0: not told
};

/// What became of answers beyond the rate.
enum class LimitAction : std::uint8_t { Dropped, Truncated, BadCookie };
inline constexpr std::size_t kLimitActions = 3;

/// What one thread's guard has seen and done. Its thread raises them, any may read.
struct GuardCounters {
    std::array<Counter, kCookieVerdicts> cookies;
    std::array<Counter, kLimitActions> limited;
};

/// The time of a batch of queries.
struct Moment {
    std::uint32_t wall_s = 0;  ///< since 1970, modulo 2^32
    std::uint64_t monotonic_us = 0;
};

[[nodiscard]] Moment moment_now() noexcept;

/// See the top of this file.
class AnswerGuard {
  public:
    /// `threads` share the rates.
    explicit AnswerGuard(AnswerPolicy policy, unsigned threads = 1);

    /// Takes the other's settings, and gives it its own; rates are counted anew, what was counted
    /// for metrics stays. No allocation.
    void swap_policy(AnswerGuard& other) noexcept;

    void set_time(const Moment& now) noexcept { now_ = now; }

    [[nodiscard]] const Moment& time() const noexcept { return now_; }

    /// Before any record: judges the query's cookie and sets the reply's options.
    CookieVerdict greet(const SipKey& steering_key,
                        const Query& query,
                        std::span<const std::byte> packet,
                        const Client& client,
                        Message& message) noexcept;

    /// Behind the last record: false if nothing is to be sent. Else the message is what is sent.
    [[nodiscard]] bool admit(AnswerClass answer_class,
                             CookieVerdict cookie,
                             const Client& client,
                             Message& message) noexcept {
        return within_rate(answer_class, cookie, client) || slip(cookie, message);
    }

    /// The two halves of it, for an answer that is made later: whether there may be one, and what
    /// leaves in its place: as admit().
    [[nodiscard]] bool within_rate(AnswerClass answer_class,
                                   CookieVerdict cookie,
                                   const Client& client) noexcept;
    [[nodiscard]] bool slip(CookieVerdict cookie, Message& message) noexcept;

    /// Whether a query may ask for the signature of a denial; counts it.
    [[nodiscard]] bool admit_signature(const Client& client) noexcept {
        return gate_.admit(client, now_.monotonic_us);
    }

    [[nodiscard]] const explain::ChaosPolicy& chaos() const noexcept { return policy_.chaos; }

    [[nodiscard]] const GuardCounters& counters() const noexcept { return counters_; }

  private:
    [[nodiscard]] bool is_exempt(const Client& client) const noexcept;
    void count(LimitAction action) noexcept;

    AnswerPolicy policy_;
    CookieKeys keys_;
    RateLimiter limiter_;
    DenialGate gate_;
    Moment now_;
    unsigned limited_ = 0;  // since the last that slipped
    GuardCounters counters_;
};

}  // namespace dns
