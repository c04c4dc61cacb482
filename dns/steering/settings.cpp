#include "dns/steering/settings.h"

#include <array>
#include <string>

namespace dns::steering {
namespace {

struct Range {
    const char* name;
    double value;
    double min;
    double max;
};

}  // namespace

base::Status check_settings(const Settings& settings) {
    const auto& s = settings;
    const std::array ranges = {
        Range{"ttl", s.ttl_s, 30, 300},
        Range{"probe_interval", s.probe_interval_s, 1, 20},
        Range{"probe_timeout", s.probe_timeout_s, 0.1, s.probe_interval_s},
        Range{"gain", s.gain, 0.1, 0.6},
        Range{"boost", s.boost, 0, 4},
        Range{"load_filter", s.load_filter_s, 10, 60},
        Range{"accept_filter", s.accept_filter_s, 10, 60},
        Range{"hold", s.hold_s, 0, 30},
        Range{"quant", s.quant, 0, 0.15},
        Range{"trim_up_max", s.trim_up_max, 1, 4},
        Range{"trim_down_max", s.trim_down_max, 1, 16},
        Range{"ramp", s.ramp_s, 0, 120},
        Range{"ramp_floor", s.ramp_floor, 0.01, 1},
        Range{"sane", s.sane, 0, 0.5},
        Range{"sane_mail_min", s.sane_mail_min, 1, 1000},
        Range{"panic", s.panic, 0, 0.5},
        Range{"row_min", static_cast<double>(s.row_min), 1, 3},
        Range{"list_max", static_cast<double>(s.list_max), 2, 255},
        Range{"loss_start", s.loss_start, 0.001, 0.5},
        Range{"loss_gain", s.loss_gain, 0.001, 0.2},
        Range{"false_down", s.false_down, 1e-12, 1e-3},
        Range{"losses_min", static_cast<double>(s.losses_min), 1, 8},
        Range{
            "losses_max", static_cast<double>(s.losses_max), static_cast<double>(s.losses_min), 16},
        Range{"replies_up", static_cast<double>(s.replies_up), 1, 5},
    };
    for (const Range& range : ranges) {
        // Written so that NaN fails as well.
        if (!(range.value >= range.min && range.value <= range.max)) {
            return base::Error{base::Errc::Invalid,
                               std::string("steering setting out of range: ") + range.name};
        }
    }
    return base::Done{};
}

}  // namespace dns::steering
