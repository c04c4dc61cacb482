#pragma once

// Asks name servers about their steering: at the explain socket of one on this machine, or at the
// public address of any, in class CHAOS over TCP (dns/explain/explain_request.h).
//
// Rights: of a socket those of the file; at an address the admin_acl of the name server.
// Thread rule: any thread; blocks, kSteeringTime at most. What answers is not trusted: bounded in
// octets and time, and parsed strictly. Errors: NotFound no such domain, or no such socket;
// Unavailable nobody answers, or it has nothing to answer from yet; Timeout; Refused no rights;
// Invalid it is no name server of ours, or the request is bad; TooLarge.

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/result.h"
#include "dns/explain/explain_request.h"

namespace ops {

inline constexpr base::Duration kSteeringTime = std::chrono::seconds(5);
inline constexpr std::size_t kSteeringAnswerMax = std::size_t{16} << 20U;

/// A name server that can be asked: one of the two.
struct SteeringTarget {
    std::string socket;
    base::Endpoint address;

    [[nodiscard]] std::string name() const { return socket.empty() ? address.to_text() : socket; }
};

/// Lines, or one line of JSON, each with its end.
[[nodiscard]] base::Result<std::string> ask_steering(const SteeringTarget& target,
                                                     const dns::explain::ExplainRequest& request);

}  // namespace ops
