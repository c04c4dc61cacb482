#pragma once

// What is to be done next for a fax to be sent. What HylaFAX says of the job comes before the job's
// age: a fax that was sent while nobody looked is never reported as not sent. Where nobody can know
// any more (its fax machine is gone, HylaFAX has forgotten it) the sender is told exactly that.
//
// Thread rule: functions of their arguments.

#include <cstdint>
#include <optional>
#include <string>

#include "mta/fax/hylafax_job.h"

namespace mta {

/// A call that is under way when the time is up may end within this; longer takes no call.
inline constexpr std::int64_t kFaxCallSecondsMax = 3'600;

/// A row of directory.fax_job, as far as it matters here.
struct OutgoingJob {
    std::string state;  ///< as the table has it; "offered" counts as accepted: the message is there
    std::string host;   ///< the fax machine that took it; empty: none yet
    bool reported = false;
    std::int64_t age_s = 0;
};

/// What a runner does with a job now.
enum class OutgoingAct : std::uint8_t {
    Wait,
    Submit,  ///< give it to HylaFAX
    Note,    ///< HylaFAX has it, and that is not noted
    Finish,  ///< it is over
    Report,  ///< that it is over is noted; its sender is to be told
    Remove,  ///< everything is done
};

/// An act and what it needs.
struct OutgoingStep {
    OutgoingAct act = OutgoingAct::Wait;
    std::int64_t kill_minutes = 0;  ///< Submit: when HylaFAX is to give up; not after we do
    std::string why;                ///< Finish: HylaFAX's word, "timedout" or "unknown"
    std::string detail;             ///< Finish: for the sender
};

/// `there`: what HylaFAX of the machine `host` says of the job. `give_up_s`: age at which a job
/// that is not over has failed.
[[nodiscard]] OutgoingStep next_step(const OutgoingJob& job,
                                     const std::optional<HylafaxJob>& there,
                                     const std::string& host,
                                     std::int64_t give_up_s);

}  // namespace mta
