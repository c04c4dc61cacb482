#pragma once

// Class CHAOS: who this is (RFC 4892: version.bind, version.server, hostname.bind, id.server), and
// explanations of the steering (explain_request.h has the names). TXT alone; the rest is refused.
//
// Identities are what the settings say, and refused when they say nothing. Explanations are for the
// networks of admins, and made where there is time for it: over UDP, and by the answer function
// over TCP too, they are TC=1 without records. The name server then answers a TCP client by
// reply_lines() or reply_text(), on its main loop. Nothing longer than its question so ever leaves
// by UDP but the identities, which count as errors for rate limiting.
//
// Thread rule: any thread; answer_chaos() neither allocates, locks nor asks for anything.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.h"
#include "dns/client.h"
#include "dns/message.h"
#include "dns/wire.h"

namespace dns::explain {

/// A string of TXT (RFC 1035 3.3).
inline constexpr std::size_t kChaosTextMax = 255;

/// Settings. The default answers nothing.
struct ChaosPolicy {
    std::string version;   ///< at most kChaosTextMax octets, as the others; empty: refused
    std::string hostname;  ///< of hostname.bind
    std::string id;        ///< of id.server
    std::vector<base::Network> admins;  ///< who may have the steering explained
};

/// Whether the query is for class CHAOS and this is its answer; else nothing was done to `message`.
[[nodiscard]] bool answer_chaos(const ChaosPolicy& policy,
                                const Query& query,
                                const Client& client,
                                Message& message) noexcept;

/// A reply over TCP of one record for each line. Longer ones are cut, and those that do not fit
/// left out with a last line that says so. Gives its size in `out` (kMessageMax octets).
[[nodiscard]] std::size_t reply_lines(const Query& query,
                                      std::span<const std::byte> packet,
                                      const std::vector<std::string>& lines,
                                      std::span<std::byte> out);

/// The same with one record whose strings are `text` when they are joined. False, and nothing
/// written, if it is longer than a message holds.
[[nodiscard]] bool reply_text(const Query& query,
                              std::span<const std::byte> packet,
                              std::string_view text,
                              std::span<std::byte> out,
                              std::size_t& size);

}  // namespace dns::explain
