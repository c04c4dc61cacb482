#pragma once

// The load index and the trim: a slow integral controller that moves each server's weight until
// all servers are equally utilised.
//
// Load is learned slowly on purpose: fresh figures make senders herd. Only refusals and death act
// fast. A server that takes no mail although it should (it fails fast and looks idle) loses weight
// instead of gaining it.
//
// Owner: SteeringEngine. Thread rule: one thread. Pure: times come in with the replies.
// Units: seconds; rates per second; load 0..2 (utilisation 0..1 + refused share 0..1).

#include <optional>
#include <vector>

#include "dns/probe/probe_result.h"
#include "dns/steering/settings.h"

namespace dns::steering {

/// What the trim knows about one server.
struct ServerTrim {
    double z = 0;                                 ///< ln of the trim factor
    std::optional<double> load;                   ///< uf, filtered load index; empty until known
    double accepted_rate = 0;                     ///< a, accepted mails per second
    std::optional<double> reply_s;                ///< time of the last reply
    std::optional<probe::LoadCounters> counters;  ///< as of the last reply
    bool restarted = false;              ///< counters began anew while not yet counted as up
    std::optional<double> ramp_since_s;  ///< start of the slow start, while it ramps
};

/// One server as a trim step sees it: its own state and how it stands in the pool.
struct TrimServer {
    ServerTrim* trim = nullptr;  ///< borrowed for the call
    double weight = 1;           ///< c, 0 if drained
    double table_weight = 0;     ///< w of the table in force
    bool up = true;              ///< counts in the means
    bool fixed = false;          ///< pinned, drained, forced or frozen: z does not move
};

/// Mean load m over the servers that are up and known, weighted by c e^z; empty if none is.
[[nodiscard]] std::optional<double> mean_load(const std::vector<TrimServer>& servers);

/// Takes the reply of servers[index] at time `now_s` into account and moves its z. The first
/// reply, and one after a restart, only set the base that later ones are measured from.
void trim_on_reply(const Settings& settings,
                   const std::vector<TrimServer>& servers,
                   std::size_t index,
                   const probe::ProbeResult& reply,
                   double now_s);

/// The server counts as up again at `now_s`: a restarted one takes the mean load and starts slowly.
void trim_on_up(const Settings& settings,
                const std::vector<TrimServer>& servers,
                std::size_t index,
                double now_s);

/// The factor of the slow start at `now_s`: 1 when there is none.
[[nodiscard]] double ramp_factor(const Settings& settings, const ServerTrim& trim, double now_s);

}  // namespace dns::steering
