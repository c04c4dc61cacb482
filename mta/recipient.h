#pragma once

// RecipientVerifier: is this address one of ours? It asks the name servers' internal view over DNS
// (mail::verification_name, TXT "v=1 account=<id> state=<state>"):
//
//   the TXT        it exists (a disabled account too: it cannot sign in, its mail is taken)
//   NXDOMAIN       NotFound
//   REFUSED        Refused: the domain is not ours, and we relay for nobody
//   no answer      the verdict of less than 24 h ago, else Unavailable; never a permanent error
//
// The postmaster exists in any domain of ours and without one (RFC 5321 4.5.1): if the view does
// not know that address, its mail goes to the configured postmaster.
//
// A verdict is reused for at most kFreshMax without asking: the bound within which a change of the
// directory takes effect anyway. After a query that nobody answered the view is taken to be away
// for kAwayPause, so that a transaction with many recipients does not wait for each.
//
// Thread rule: verify() from a fiber of any loop; the rest from any thread. Owner: the mail agent.
// File: recipient_cache.bin in the state directory, see recipient_cache.h.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/guarded.h"
#include "base/resolver.h"
#include "base/result.h"
#include "mail/address.h"
#include "mta/recipient_cache.h"
#include "mta/smtp_engine.h"

namespace mta {

/// What the internal view said of one address.
struct ViewAnswer {
    std::int64_t account_id = 0;
    std::uint32_t ttl_s = 0;
};

/// The meaning of a reply of the internal view. Errors: NotFound, Refused, Unavailable (anything
/// that is no clear answer).
[[nodiscard]] base::Result<ViewAnswer> read_view_reply(const base::DnsReply& reply);

/// The verifier; see the top for what each answer means, threads and owner.
class RecipientVerifier {
  public:
    static constexpr base::Duration kQueryDeadline = std::chrono::seconds(2);
    static constexpr base::Duration kFreshMax = std::chrono::seconds(1);
    static constexpr base::Duration kStaleMax = std::chrono::hours(24);
    static constexpr base::Duration kAwayPause = std::chrono::seconds(1);

    /// Asks the view for a name's TXT. Errors: Timeout, Unavailable, Cancelled.
    using Query =
        std::function<base::Result<base::DnsReply>(std::string_view name, base::Deadline deadline)>;

    struct Clocks {
        std::function<std::int64_t()> wall_us = base::wall_us;
        std::function<base::Instant()> monotonic = base::monotonic_now;
    };

    /// `postmaster`: where mail for a postmaster without account goes; none: nowhere.
    RecipientVerifier(Query query, std::optional<mail::Address> postmaster, Clocks clocks);

    /// A Query over base::dns_query.
    [[nodiscard]] static Query ask_servers(std::vector<base::Endpoint> servers);

    /// Waits at most kQueryDeadline for each address that it has to ask for.
    [[nodiscard]] base::Result<VerifiedRecipient> verify(const mail::Address& recipient);

    /// Reads the saved cache. A missing file is no error. Blocks: at start.
    [[nodiscard]] base::Status load(const std::string& path);
    /// Saves the cache, if it has changed. Blocks: on a worker.
    [[nodiscard]] base::Status save(const std::string& path);

    [[nodiscard]] std::size_t cached() const;

  private:
    [[nodiscard]] base::Result<VerifiedRecipient> verify_full(const mail::Address& recipient);
    [[nodiscard]] base::Result<std::int64_t> ask(const mail::Address& recipient,
                                                 const RecipientCache::Key& key);
    [[nodiscard]] base::Result<VerifiedRecipient> verify_postmaster(const mail::Address& recipient);
    [[nodiscard]] std::optional<std::int64_t> cached_account(const RecipientCache::Key& key,
                                                             base::Duration age_max);

    Query query_;
    std::optional<mail::Address> postmaster_;
    Clocks clocks_;
    // Shared by the session loops and the worker that saves it.
    base::Guarded<RecipientCache> cache_;
    std::atomic<bool> changed_{false};
    std::atomic<base::Instant::rep> away_until_{0};
};

}  // namespace mta
