#include "dns/directory/probe_reader.h"

#include <map>

namespace dns {
namespace {

constexpr base::Statement kProbes{
    "dns_probes",
    "SELECT id, pool, coalesce(mail_server_id, access_server_id), interval_s, jitter, deadline_s, "
    "rise, fall, dwell_s, flap_max_s, flap_half_life_s FROM directory.probe "
    "ORDER BY coalesce(mail_server_id, access_server_id) NULLS FIRST, pool, id"};

constexpr base::Statement kChecks{
    "dns_probe_checks",
    "SELECT probe_id, kind, coalesce(port, 0), coalesce(path, '') FROM directory.probe_check "
    "ORDER BY probe_id, position"};

std::optional<double> optional_real(const base::Row& row, int column) {
    return row.is_null(column) ? std::nullopt : std::optional(row.real(column));
}

std::optional<std::uint16_t> optional_u16(const base::Row& row, int column) {
    return row.is_null(column) ? std::nullopt
                               : std::optional(static_cast<std::uint16_t>(row.int64(column)));
}

}  // namespace

base::Result<std::vector<ProbeConfig>> read_probes(base::Tx& tx) {
    std::vector<ProbeConfig> probes;
    std::map<std::int64_t, std::size_t> index;
    const base::Rows rows = TRY(tx.query(kProbes));
    for (const base::Row row : rows) {
        ProbeConfig config;
        config.pool = row.text(1) == "mail" ? PoolName::Mail : PoolName::Access;
        if (!row.is_null(2)) {
            config.server = steering::ServerId{static_cast<std::uint64_t>(row.int64(2))};
        }
        config.interval_s = optional_real(row, 3);
        config.jitter = optional_real(row, 4);
        config.deadline_s = optional_real(row, 5);
        config.rise = optional_u16(row, 6);
        config.fall = optional_u16(row, 7);
        config.dwell_s = optional_real(row, 8);
        config.flap_max_s = optional_real(row, 9);
        config.flap_half_life_s = optional_real(row, 10);
        index[row.int64(0)] = probes.size();
        probes.push_back(std::move(config));
    }
    const base::Rows checks = TRY(tx.query(kChecks));
    for (const base::Row row : checks) {
        const auto kind = probe::parse_probe_kind(row.text(1));
        if (!kind) {
            return base::Error{base::Errc::Invalid, "directory: kind of a probe's check"};
        }
        probes[index.at(row.int64(0))].checks.push_back(
            {*kind, static_cast<std::uint16_t>(row.int64(2)), row.string(3)});
    }
    return probes;
}

}  // namespace dns
