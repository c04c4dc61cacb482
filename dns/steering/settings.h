#pragma once

// The numbers that the steering of a pool works with, each with its unit and its safe range.
//
// One Settings value belongs to each pool. The defaults are the ones the simulation was tuned with
// (test/sim/steering shows what moving them does); check_settings() refuses values outside the
// ranges in which the rule was seen to behave.
//
// Thread rule: values; no sharing. Times are seconds.

#include <cstddef>
#include <cstdint>

#include "base/result.h"

namespace dns::steering {

/// Most servers in one pool. Bounds every table and every loop over servers.
inline constexpr std::size_t kServersMax = 1024;

/// Preference of the lower and of the upper level of a row, within one tier (RFC 5321 5.1).
inline constexpr std::uint16_t kLevel0Preference = 10;
inline constexpr std::uint16_t kLevel1Preference = 20;

/// Tier t uses preferences kTierStep * t + 10 and + 20.
inline constexpr std::uint16_t kTierStep = 100;
inline constexpr std::uint8_t kTiersMax = 16;
static_assert(kTiersMax * kTierStep + kLevel1Preference <= 0xffff);

/// Configured weights are relative capacities; only their ratio matters.
inline constexpr double kWeightMin = 1e-3;
inline constexpr double kWeightMax = 1e6;

struct Settings {
    double ttl_s = 60;            ///< TTL of the steered RRset; 30 to 300
    double probe_interval_s = 5;  ///< P, between two probes of one server; 1 to 20
    double probe_timeout_s = 1;   ///< a probe without a reply by then is lost; 0.1 to P
    double gain = 0.3;            ///< G, trim per max(TTL, 60) seconds; 0.1 to 0.6
    double boost = 2;             ///< extra gain at a large error; 0 to 4
    double load_filter_s = 30;    ///< tau, time constant of the load index; 10 to 60
    double accept_filter_s = 30;  ///< time constant of the accepted-mail rate; 10 to 60
    double hold_s = 10;           ///< least time between two routine tables; 0 to 30
    double quant = 0.10;          ///< weights within this share count as equal; 0 to 0.15
    double trim_up_max = 2;       ///< the trim multiplies a weight by at most this; 1 to 4
    double trim_down_max = 8;     ///< the trim divides a weight by at most this; 1 to 16
    double ramp_s = 120;          ///< slow start after a restart or an undrain; 0 to 120
    double ramp_floor = 0.1;      ///< share of its weight that a ramp starts with; 0.01 to 1
    double sane = 0.1;  ///< share of the expected mail below which a server is ill; 0 to 0.5
    double sane_mail_min =
        20;              ///< expected mails per accept_filter_s before `sane` judges; 1 to 1000
    double panic = 0.3;  ///< share of capacity that must be up; 0 to 0.5
    std::uint16_t row_min = 2;     ///< kmin, least servers in a row; 1 to 3
    std::uint16_t list_max = 40;   ///< L, most records in an answer; 2 to 255 (12 at N = 16)
    double loss_start = 0.02;      ///< fleet-wide probe loss rate assumed at start; 0.001 to 0.5
    double loss_gain = 0.02;       ///< step of the loss rate's average; 0.001 to 0.2
    double false_down = 1e-6;      ///< accepted chance that lost probes alone take a server down
    std::uint16_t losses_min = 3;  ///< losses in a row before down, at least; 1 to 8
    std::uint16_t losses_max = 8;  ///< and at most; losses_min to 16
    std::uint16_t replies_up = 2;  ///< replies in a row before up; 1 to 5

    bool operator==(const Settings&) const = default;
};

/// Errc::Invalid names the first setting outside its range.
[[nodiscard]] base::Status check_settings(const Settings& settings);

}  // namespace dns::steering
