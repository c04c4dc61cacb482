#pragma once

// What an operator can set of an access server, as the sessions need it. Immutable after start; any
// thread.

#include <cstdint>
#include <string>
#include <vector>

#include "access/limits.h"
#include "base/endpoint.h"
#include "base/stream.h"

namespace accessd {

/// Whether a password may cross the wire unencrypted.
enum class InsecureAuth : std::uint8_t { LoopbackOnly, Allowed };

struct AccessSettings {
    std::string name;  ///< of this server in the directory; shown in greetings
    InsecureAuth insecure_auth = InsecureAuth::LoopbackOnly;
    std::vector<base::Endpoint> internal_view;  ///< name servers that verify addresses
    std::size_t append_bytes_max = kAppendBytesDefault;
    std::size_t append_bytes_in_flight = 8 * kAppendBytesDefault;  ///< of all sessions together
    std::size_t sessions_max = 10'000;
    std::size_t sessions_per_source_max = 1'000;
};

/// True if a client of this connection may be asked for its password: it is encrypted, or it never
/// leaves the machine, or the operator allows it (RFC 9051 11.1).
[[nodiscard]] inline bool may_take_password(const AccessSettings& settings,
                                            const base::Stream& stream) {
    return stream.is_secure() || stream.peer().is_loopback() ||
           settings.insecure_auth == InsecureAuth::Allowed;
}

}  // namespace accessd
