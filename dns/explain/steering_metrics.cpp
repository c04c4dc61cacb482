#include "dns/explain/steering_metrics.h"

#include <array>
#include <charconv>
#include <cmath>
#include <functional>

namespace dns::explain {
namespace {

void append(std::string& out, double value) {
    std::array<char, 32> digits{};
    const auto end =
        std::to_chars(
            digits.data(), digits.data() + digits.size(), value, std::chars_format::general, 6)
            .ptr;
    out.append(digits.data(), end);
    out += '\n';
}

void head(std::string& out, std::string_view name, std::string_view help) {
    out.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ");
    out.append(name).append(" gauge\n");
}

using ServerValue = std::function<std::optional<double>(const PoolMetrics&, std::size_t)>;

struct Family {
    std::string_view name;
    std::string_view help;
    ServerValue value;
};

const std::vector<Family>& families() {
    static const std::vector<Family> kFamilies = {
        {"roundtable_dns_steering_server_up",
         "What the probes say: 1 up, 0 down",
         [](const auto& pool, auto i) { return pool.servers[i].up ? 1.0 : 0.0; }},
        {"roundtable_dns_steering_weight",
         "Weight in the pool's table; 0: withdrawn",
         [](const auto& pool, auto i) { return pool.servers[i].weight; }},
        {"roundtable_dns_steering_first_share",
         "Share of first attempts that the pool's table gives to the server",
         [](const auto& pool, auto i) -> std::optional<double> {
             const auto& table = *pool.commit->table();
             return i < table.servers.size() ? std::optional(table.servers[i].first_share)
                                             : std::nullopt;
         }},
        {"roundtable_dns_steering_trim",
         "Factor that load has put on the weight",
         [](const auto& pool, auto i) { return std::exp(pool.servers[i].trim); }},
        {"roundtable_dns_steering_ramp",
         "Factor of the slow start",
         [](const auto& pool, auto i) { return pool.servers[i].ramp; }},
        {"roundtable_dns_steering_load",
         "Filtered load index, 0 to 2; none until it is known",
         [](const auto& pool, auto i) { return pool.servers[i].load; }},
        {"roundtable_dns_steering_probe_age_seconds",
         "Since the last probe whose outcome is known",
         [](const auto& pool, auto i) { return pool.probe_ages_s[i]; }},
    };
    return kFamilies;
}

void append_family(std::string& out, const std::vector<PoolMetrics>& pools, const Family& family) {
    head(out, family.name, family.help);
    for (const PoolMetrics& pool : pools) {
        for (std::size_t i = 0; i < pool.servers.size(); ++i) {
            if (const auto value = family.value(pool, i)) {
                out.append(family.name).append("{pool=\"").append(pool.commit->pool);
                out.append("\",server=\"").append(pool.servers[i].name).append("\"} ");
                append(out, *value);
            }
        }
    }
}

void append_pools(std::string& out,
                  const std::vector<PoolMetrics>& pools,
                  const std::pair<std::string_view, std::string_view>& name_and_help,
                  const std::function<double(const PoolMetrics&)>& value) {
    head(out, name_and_help.first, name_and_help.second);
    for (const PoolMetrics& pool : pools) {
        out.append(name_and_help.first).append("{pool=\"").append(pool.commit->pool);
        out.append("\"} ");
        append(out, value(pool));
    }
}

}  // namespace

std::optional<PoolMetrics> measure_pool(const PoolSource& pool, steering::Now now) {
    if (pool.engine == nullptr || pool.engine->last_commit() == nullptr) {
        return std::nullopt;
    }
    PoolMetrics metrics;
    metrics.commit = pool.engine->last_commit();
    metrics.commit_age_s = now.monotonic_s - metrics.commit->when.monotonic_s;
    metrics.servers = pool.engine->status(now);
    for (const steering::ServerStatus& server : metrics.servers) {
        const ProbeNote* const note = pool.probes->find(server.id);
        metrics.probe_ages_s.push_back(
            note == nullptr ? std::nullopt : std::optional(now.monotonic_s - note->time_s));
    }
    return metrics;
}

std::string steering_metrics_text(const std::vector<PoolMetrics>& pools) {
    std::string out;
    if (pools.empty()) {
        return out;
    }
    for (const Family& family : families()) {
        append_family(out, pools, family);
    }
    append_pools(out,
                 pools,
                 {"roundtable_dns_steering_commit", "Number of the last steering commit"},
                 [](const PoolMetrics& pool) { return static_cast<double>(pool.commit->id); });
    append_pools(out,
                 pools,
                 {"roundtable_dns_steering_commit_age_seconds", "Since the last steering commit"},
                 [](const PoolMetrics& pool) { return pool.commit_age_s; });
    append_pools(out,
                 pools,
                 {"roundtable_dns_steering_fail_open",
                  "1 while the table is not made of the healthy servers alone"},
                 [](const PoolMetrics& pool) {
                     return pool.commit->table()->basis == steering::TableBasis::Healthy ? 0.0
                                                                                         : 1.0;
                 });
    return out;
}

}  // namespace dns::explain
