#include "mta/voicemail/waiting_sender.h"

#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process.h"
#include "mta/notify/curl.h"
#include "mta/voicemail/sip_client.h"
#include "mta/voicemail/sip_notify.h"

namespace mta {

namespace {

constexpr base::Duration kStopEvery = std::chrono::milliseconds(200);

// A pipe that holds `text` and then ends; a summary is far shorter than what a pipe keeps.
base::Result<base::Fd> filled_pipe(const std::string& text) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return base::errno_error("pipe", errno);
    }
    base::Fd reader(ends[0]);
    const base::Fd writer(ends[1]);
    if (::write(writer.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        return base::errno_error("write to a pipe", errno);
    }
    return reader;
}

// Errc::Timeout, Errc::Cancelled.
base::Result<base::ExitStatus> wait_for(base::Child& child, const std::atomic<bool>* stop) {
    const base::Deadline end = base::Deadline::after(kHookTime);
    while (stop == nullptr || !stop->load()) {
        const base::Deadline look = base::Deadline::after(kStopEvery).sooner(end);
        base::Result<base::ExitStatus> status = child.wait(look);
        if (status || status.error().code != base::Errc::Timeout || end.passed()) {
            return status;
        }
    }
    return base::Error{base::Errc::Cancelled, "stopping"};
}

base::Status run_hook(const WaitingEvent& event,
                      const std::string& program,
                      const std::atomic<bool>* stop) {
    const base::Fd input = TRY(filled_pipe(waiting_summary(event.counts, "mailto:" + event.login)));
    base::ProcessOptions options;
    options.program = program;
    options.arguments = hook_arguments(event);
    options.environment = {"PATH=/usr/local/bin:/usr/bin:/bin"};
    options.descriptors = {{input.get(), 0}};
    options.directory = "/";
    base::Child child = TRY(base::spawn_process(options));
    const base::ExitStatus status = TRY(wait_for(child, stop));
    if (!status.is_clean()) {
        return base::Error{base::Errc::Unavailable, program + " ended with " + status.to_text()};
    }
    return base::Done{};
}

base::Status post(const WaitingEvent& event,
                  const std::string& url,
                  const std::atomic<bool>* stop) {
    // Operators alone subscribe: what they name may be in their own network.
    Reach reach(TargetRule::trusted());
    reach.deadline = kWebhookTime;
    reach.stop = stop;
    const HttpReply reply =
        TRY(http_post({url, {"Content-Type: application/json"}, waiting_json(event)}, reach));
    if (reply.status < 200 || reply.status >= 300) {
        return base::Error{base::Errc::Unavailable,
                           "the webhook answered " + std::to_string(reply.status)};
    }
    return base::Done{};
}

}  // namespace

base::Status tell_waiting(const WaitingEvent& event,
                          const std::string& hooks,
                          const std::atomic<bool>* stop) {
    const std::string target = expand_target(event.target, event.context, event.mailbox);
    switch (event.method) {
        case WaitingMethod::Hook:
            TRY(check_hook(target, hooks));
            return run_hook(event, target, stop);
        case WaitingMethod::Webhook:
            return post(event, target, stop);
        case WaitingMethod::Sip:
            break;
    }
    const SipTarget sip = TRY(parse_sip_target(target));
    return send_notify(sip, waiting_summary(event.counts, sip.uri()), stop);
}

}  // namespace mta
