#include "dns/directory/probe_file.h"

namespace dns {
namespace {

void put(ByteWriter& out, const std::optional<double>& value) {
    out.u8(value ? 1 : 0);
    out.real(value.value_or(0));
}

void put(ByteWriter& out, const std::optional<std::uint16_t>& value) {
    out.u8(value ? 1 : 0);
    out.u16(value.value_or(0));
}

std::optional<double> take_real(ByteReader& in) {
    const bool present = in.u8() != 0;
    const double value = in.real();
    return present ? std::optional(value) : std::nullopt;
}

std::optional<std::uint16_t> take_u16(ByteReader& in) {
    const bool present = in.u8() != 0;
    const std::uint16_t value = in.u16();
    return present ? std::optional(value) : std::nullopt;
}

ProbeCheck take_check(ByteReader& in) {
    ProbeCheck check;
    const std::uint8_t kind = in.u8();
    if (kind >= probe::kProbeKinds) {
        in.fail();
        return check;
    }
    check.kind = static_cast<probe::ProbeKind>(kind);
    check.port = in.u16();
    check.path = in.text();
    return check;
}

ProbeConfig take_probe(ByteReader& in) {
    ProbeConfig config;
    config.pool = in.u8() == 0 ? PoolName::Mail : PoolName::Access;
    const bool has_server = in.u8() != 0;
    const std::uint64_t server = in.u64();
    if (has_server) {
        config.server = steering::ServerId{server};
    }
    config.interval_s = take_real(in);
    config.jitter = take_real(in);
    config.deadline_s = take_real(in);
    config.rise = take_u16(in);
    config.fall = take_u16(in);
    config.dwell_s = take_real(in);
    config.flap_max_s = take_real(in);
    config.flap_half_life_s = take_real(in);
    for (std::uint32_t left = in.count(7); left > 0; --left) {
        config.checks.push_back(take_check(in));
    }
    return config;
}

}  // namespace

void put_probes(ByteWriter& out, const std::vector<ProbeConfig>& probes) {
    out.u32(static_cast<std::uint32_t>(probes.size()));
    for (const ProbeConfig& config : probes) {
        out.u8(static_cast<std::uint8_t>(config.pool));
        out.u8(config.server ? 1 : 0);
        out.u64(config.server.value_or(steering::ServerId{}).value);
        put(out, config.interval_s);
        put(out, config.jitter);
        put(out, config.deadline_s);
        put(out, config.rise);
        put(out, config.fall);
        put(out, config.dwell_s);
        put(out, config.flap_max_s);
        put(out, config.flap_half_life_s);
        out.u32(static_cast<std::uint32_t>(config.checks.size()));
        for (const ProbeCheck& check : config.checks) {
            out.u8(static_cast<std::uint8_t>(check.kind));
            out.u16(check.port);
            out.text(check.path);
        }
    }
}

std::vector<ProbeConfig> take_probes(ByteReader& in) {
    std::vector<ProbeConfig> probes;
    for (std::uint32_t left = in.count(68); left > 0; --left) {
        probes.push_back(take_probe(in));
    }
    return probes;
}

}  // namespace dns
