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

#include <cstddef>
#include <optional>
#include <vector>

#include "dns/probe/probe_result.h"
#include "dns/steering/settings.h"

namespace dns::steering {

/// What the trim knows about one server.
struct ServerTrim {
    double z = 0;                      ///< ln of the trim factor
    std::optional<double> load;        ///< uf, filtered load index; empty until known
    std::optional<double> first_load;  ///< the first index seen, while `load` is not known
    double accepted_rate = 0;          ///< a, accepted mails per second
    std::optional<double> reply_s;     ///< time of the last reply
    std::optional<probe::LoadCounters> counters;  ///< as of the last reply
    bool silent = false;                          ///< replies without any figure of load
    bool ill = false;        ///< takes no mail though it should: its load is not believed
    bool restarted = false;  ///< began anew; becomes a ramp when it counts as up
    std::optional<double> ramp_since_s;  ///< start of the slow start
};

/// Time constant of the share of its weight that an agent asks for, seconds. Agents that report how
/// idle their machine is would make senders herd: the less room, the more a little of it moves.
inline constexpr double kAgentFilter_s = 300;

/// The share of its weight that a server's agent asks for (HAProxy's "75%"), filtered. The first
/// word counts at once. Times: seconds, monotonic.
struct AgentShare {
    double share = 1;
    std::optional<double> heard_s;  ///< when it was last heard

    void hear(double share_wanted, double now_s);

    bool operator==(const AgentShare&) const = default;
};

/// One server as a trim step sees it: its own state and how it stands in the pool.
struct TrimServer {
    ServerTrim* trim = nullptr;  ///< borrowed for the call
    double weight = 1;           ///< c, 0 if drained
    double table_weight = 0;     ///< w of the table in force
    bool up = true;              ///< counts in the means
    bool fixed = false;          ///< pinned, drained, down or frozen: z does not move
};

/// Mean load m over the servers that are up, known and not ill, weighted by c e^z; empty if none
/// is. One that fails fast looks idle: counted in, it would pull the mean down and with it every
/// other server's weight, until in a small pool all stand at the clip and it has its share back.
[[nodiscard]] std::optional<double> mean_load(const std::vector<TrimServer>& servers);

/// Takes the reply of servers[index], which came at `now_s`, into account and moves its z.
///
/// The first reply, one after a restart, and those of a server that is not up only set the base
/// that later ones are measured from. True if it shows that the server was restarted.
bool trim_on_reply(const Settings& settings,
                   const std::vector<TrimServer>& servers,
                   std::size_t index,
                   const probe::ProbeResult& reply,
                   double now_s);

/// servers[index] counts as up from `now_s` on: if it was restarted it takes the mean load of the
/// others and starts slowly; if it only was unreachable nothing changes.
void trim_on_up(const std::vector<TrimServer>& servers, std::size_t index, double now_s);

/// Brings z into -ln trim_down_max .. ln trim_up_max; what is not a number becomes 0.
[[nodiscard]] double clip_trim(const Settings& settings, double z);

/// The factor of the slow start at `now_s`, ramp_floor..1; 1 when there is none.
[[nodiscard]] double ramp_factor(const Settings& settings, const ServerTrim& trim, double now_s);

}  // namespace dns::steering
