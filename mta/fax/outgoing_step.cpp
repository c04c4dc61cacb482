#include "mta/fax/outgoing_step.h"

namespace mta {

namespace {

OutgoingStep finish(std::string why, std::string detail) {
    return {OutgoingAct::Finish, 0, std::move(why), std::move(detail)};
}

// The time is up, and HylaFAX has not told of an end.
OutgoingStep out_of_time(const OutgoingJob& job, const std::optional<HylafaxJob>& there) {
    if (there) {
        return finish("timedout", there->status);
    }
    return job.state == "submitted"
               ? finish("unknown", "the fax server took it and knows of it no longer")
               : finish("timedout", "the fax server did not take it");
}

}  // namespace

OutgoingStep next_step(const OutgoingJob& job,
                       const std::optional<HylafaxJob>& there,
                       const std::string& host,
                       std::int64_t give_up_s) {
    if (job.reported) {
        return {OutgoingAct::Remove, 0, {}, {}};
    }
    if (job.state == "delivered" || job.state == "failed") {
        return {OutgoingAct::Report, 0, {}, {}};
    }
    const bool is_late = job.age_s > give_up_s;
    if (!job.host.empty() && job.host != host) {
        return is_late ? finish("unknown",
                                "the fax machine " + job.host +
                                    ", which took it, has not told what became of it")
                       : OutgoingStep{};
    }
    if (there && there->state == HylafaxState::Done) {
        return finish("done", there->status);
    }
    if (there && there->state == HylafaxState::Failed) {
        return finish("failed", there->status);
    }
    if (is_late) {
        const bool is_calling = there && there->state == HylafaxState::Active &&
                                job.age_s <= give_up_s + kFaxCallSecondsMax;
        return is_calling ? OutgoingStep{} : out_of_time(job, there);
    }
    if (job.state == "submitted") {
        return {};
    }
    if (there) {
        return {OutgoingAct::Note, 0, {}, {}};
    }
    const std::int64_t minutes = (give_up_s - job.age_s) / 60;
    return minutes > 0 ? OutgoingStep{OutgoingAct::Submit, minutes, {}, {}} : OutgoingStep{};
}

}  // namespace mta
