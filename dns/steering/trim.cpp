#include "dns/steering/trim.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace dns::steering {
namespace {

/// The trim is per this time or per TTL, whichever is longer: no faster than answers age.
constexpr double kTrimPeriodMin_s = 60;
/// Below this mean load the error is measured against it: an idle pool has nothing to equalise.
constexpr double kLoadFloor = 0.2;
/// Filtered error at which the boost sets in, and the width over which it grows to its full value.
constexpr double kBoostStart = 0.25;
constexpr double kBoostWidth = 0.25;

/// What happened at one server between two replies.
struct Interval {
    double seconds = 0;
    double load = 0;                 // v
    std::optional<double> accepted;  // mails, if it counts them
};

/// Mails per second over all servers that count and are up, and the sum of their weights.
struct PoolMail {
    double rate = 0;
    double weight = 0;
};

bool is_ramping(const Settings& settings, const ServerTrim& trim, double now_s) {
    return trim.ramp_since_s && now_s - *trim.ramp_since_s < settings.ramp_s;
}

bool went_back(const probe::LoadCounters& before, const probe::LoadCounters& now) {
    return now.start_id != before.start_id || now.busy_us < before.busy_us ||
           now.arrivals < before.arrivals || now.refused < before.refused ||
           now.accepted < before.accepted;
}

Interval measure(const probe::LoadCounters& before,
                 const probe::LoadCounters& now,
                 double seconds) {
    const auto arrivals = static_cast<double>(now.arrivals - before.arrivals);
    const auto refused = static_cast<double>(now.refused - before.refused);
    const double busy = static_cast<double>(now.busy_us - before.busy_us) * 1e-6 / seconds;
    Interval interval;
    interval.seconds = seconds;
    // A server that claims more than it can be is not believed beyond full.
    interval.load = std::min(busy, 1.0) + (arrivals > 0 ? std::min(refused / arrivals, 1.0) : 0);
    interval.accepted = static_cast<double>(now.accepted - before.accepted);
    return interval;
}

PoolMail pool_mail(const std::vector<TrimServer>& servers) {
    PoolMail mail;
    for (const TrimServer& server : servers) {
        if (server.up && server.trim->counters) {
            mail.rate += server.trim->accepted_rate;
            mail.weight += server.table_weight;
        }
    }
    return mail;
}

/// True if a server takes (nearly) no mail though its weight should bring it plenty: it fails fast
/// and looks idle, and any feedback would feed it.
bool takes_no_mail(const Settings& settings,
                   const std::vector<TrimServer>& servers,
                   const TrimServer& server,
                   const Interval& interval) {
    if (!interval.accepted) {
        return false;
    }
    const PoolMail mail = pool_mail(servers);
    if (mail.weight <= 0) {
        return false;
    }
    const double expected = mail.rate * server.table_weight / mail.weight;
    return expected * settings.accept_filter_s >= settings.sane_mail_min &&
           server.trim->accepted_rate < settings.sane * expected &&
           *interval.accepted <= 0.1 * expected * interval.seconds;
}

/// At the start of the pool nobody has a filtered load yet. When every server that can tell has
/// told once, all begin with the mean of what they told; so nobody's first interval counts more.
void begin_loads(const std::vector<TrimServer>& servers) {
    double sum = 0;
    double count = 0;
    for (const TrimServer& server : servers) {
        const ServerTrim& trim = *server.trim;
        if (server.up && !trim.first_load && !trim.silent) {
            return;
        }
        sum += trim.first_load.value_or(0);
        count += trim.first_load ? 1 : 0;
    }
    for (const TrimServer& server : servers) {
        if (server.trim->first_load) {
            server.trim->load = sum / count;
            server.trim->first_load.reset();
        }
    }
}

void note_first_load(const std::vector<TrimServer>& servers, ServerTrim& trim, double load) {
    const std::optional<double> mean = mean_load(servers);
    if (mean) {
        trim.load = mean;  // the pool is running; this server is new in it
        return;
    }
    trim.first_load = load;
    begin_loads(servers);
}

void move_trim(const Settings& settings,
               const std::vector<TrimServer>& servers,
               const TrimServer& server,
               const Interval& interval) {
    ServerTrim& trim = *server.trim;
    const double mean = mean_load(servers).value_or(interval.load);
    const double scale = std::max(mean, kLoadFloor);
    double error = std::clamp((mean - interval.load) / scale, -1.0, 1.0);
    if (trim.ill) {
        error = -1;
    }
    const double filtered = std::abs(mean - *trim.load) / scale;
    const double boost =
        1 + settings.boost * std::clamp((filtered - kBoostStart) / kBoostWidth, 0.0, 1.0);
    const double gain = settings.gain / std::max(settings.ttl_s, kTrimPeriodMin_s);
    trim.z = clip_trim(settings, trim.z + gain * boost * interval.seconds * error);
}

/// The interval since the last reply; empty if this one only sets the base.
std::optional<Interval> next_interval(ServerTrim& trim,
                                      const probe::ProbeResult& reply,
                                      double now_s) {
    const std::optional<double> last_s = std::exchange(trim.reply_s, now_s);
    const std::optional<probe::LoadCounters> last = std::exchange(trim.counters, reply.counters);
    trim.silent = !reply.counters && !reply.gauge;
    const double seconds = last_s ? now_s - *last_s : 0;
    if (reply.counters && last && went_back(*last, *reply.counters)) {
        trim.restarted = true;
        return std::nullopt;
    }
    if (seconds <= 0) {
        return std::nullopt;
    }
    if (reply.counters && last) {
        return measure(*last, *reply.counters, seconds);
    }
    if (!reply.counters && reply.gauge) {
        return Interval{seconds, std::clamp(*reply.gauge, 0.0, 1.0), std::nullopt};
    }
    return std::nullopt;
}

}  // namespace

void AgentShare::hear(double share_wanted, double now_s) {
    if (!heard_s) {
        share = share_wanted;
    } else {
        const double seconds = std::max(now_s - *heard_s, 0.0);
        share += (1 - std::exp(-seconds / kAgentFilter_s)) * (share_wanted - share);
    }
    heard_s = now_s;
}

std::optional<double> mean_load(const std::vector<TrimServer>& servers) {
    double sum = 0;
    double weight = 0;
    for (const TrimServer& server : servers) {
        if (server.up && server.trim->load && !server.trim->ill) {
            const double part = server.weight * std::exp(server.trim->z);
            sum += part * *server.trim->load;
            weight += part;
        }
    }
    if (weight <= 0) {
        return std::nullopt;
    }
    return sum / weight;
}

bool trim_on_reply(const Settings& settings,
                   const std::vector<TrimServer>& servers,
                   std::size_t index,
                   const probe::ProbeResult& reply,
                   double now_s) {
    const TrimServer& server = servers[index];
    ServerTrim& trim = *server.trim;
    const bool was_restarted = trim.restarted;
    const std::optional<Interval> interval = next_interval(trim, reply, now_s);
    if (!interval || !server.up) {
        return trim.restarted && !was_restarted;
    }
    if (interval->accepted) {
        const double rate = *interval->accepted / interval->seconds;
        trim.accepted_rate += (1 - std::exp(-interval->seconds / settings.accept_filter_s)) *
                              (rate - trim.accepted_rate);
    }
    if (!trim.load) {
        note_first_load(servers, trim, interval->load);
        return false;
    }
    *trim.load +=
        (1 - std::exp(-interval->seconds / settings.load_filter_s)) * (interval->load - *trim.load);
    trim.ill = takes_no_mail(settings, servers, server, *interval);
    if (!server.fixed && !is_ramping(settings, trim, now_s)) {
        move_trim(settings, servers, server, *interval);
    }
    return false;
}

void trim_on_up(const std::vector<TrimServer>& servers, std::size_t index, double now_s) {
    ServerTrim& trim = *servers[index].trim;
    if (!trim.restarted) {
        return;
    }
    trim.restarted = false;
    trim.ill = false;
    trim.ramp_since_s = now_s;
    trim.first_load.reset();
    std::vector<TrimServer> others = servers;
    others[index].up = false;
    const std::optional<double> mean = mean_load(others);
    if (mean) {
        trim.load = mean;
    }
}

double clip_trim(const Settings& settings, double z) {
    if (std::isnan(z)) {
        return 0;
    }
    return std::clamp(z, -std::log(settings.trim_down_max), std::log(settings.trim_up_max));
}

double ramp_factor(const Settings& settings, const ServerTrim& trim, double now_s) {
    if (!is_ramping(settings, trim, now_s)) {
        return 1;
    }
    const double part = (now_s - *trim.ramp_since_s) / settings.ramp_s;
    return std::clamp(part, settings.ramp_floor, 1.0);
}

}  // namespace dns::steering
