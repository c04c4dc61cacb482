#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>

#include "base/clock.h"
#include "base/config.h"
#include "base/file.h"
#include "mta/fax/sweeper.h"
#include "ops/commands/commands.h"
#include "ops/fax_service.h"
#include "ops/hand_in.h"
#include "ops/output.h"

// What runs on a machine with HylaFAX: the hook for received faxes and the sweeper behind it.

namespace ops {

namespace {

constexpr std::int64_t kMicroseconds = 1'000'000;

mta::FaxIntakeOptions intake_options(const Arguments& arguments) {
    return {normal_name(arguments.text("--domain")), arguments.text("--sender")};
}

// bin/faxrcvd of HylaFAX: file devID commID error-msg [callID-1 ...], called in its spool
// (faxrcvd(8)).
base::Status fax_received(CommandContext& context, const Arguments& arguments) {
    const FaxService service(context, TRY(ingest_sockets(context, arguments)));
    const std::string spool = arguments.optional("--spool").value_or(".");
    std::string path = arguments.text("file");
    mta::FaxCall call;
    call.device = arguments.text("device");
    call.communication = arguments.text("commid");
    call.line_error = arguments.text("message");
    const auto call_ids = arguments.list("callid");
    const auto call_id = [&](std::size_t number) {
        return number < call_ids.size() ? call_ids[number] : std::string();
    };
    call.caller = call_id(0);
    call.caller_name = call_id(1);
    call.called = call_id(2);
    // The log has the time that the call took; without it the fax goes all the same.
    if (const auto log = mta::read_xferfaxlog(spool)) {
        const auto record = log.value().find(path.substr(path.find_last_of('/') + 1));
        if (record != log.value().end()) {
            mta::complete_from_log(call, record->second);
        }
    }
    if (!path.starts_with('/')) {
        path = spool + "/" + path;
    }
    mta::FaxIntake intake(service.intake_parts(), intake_options(arguments));
    auto done = intake.hand_in(call, path);
    if (!done && done.error().code == base::Errc::NotFound) {
        return base::Error{
            base::Errc::NotFound,
            "there is no file " + path + "; a call that brought no page is in HylaFAX's own log"};
    }
    const mta::FaxIntake::Outcome outcome = TRY(std::move(done));
    say(context,
        (outcome.receipt.again ? "handed in before: " : "handed in: ") +
            std::to_string(outcome.pages) + " pages, " + std::to_string(outcome.damaged_pages) +
            " damaged, for " + outcome.recipient + ", message " + outcome.receipt.id.text());
    return base::Done{};
}

std::string counts_text(const mta::FaxSweeper::Counts& counts) {
    return "handed in " + std::to_string(counts.handed_in) + ", known before " +
           std::to_string(counts.known) + ", being received " + std::to_string(counts.waiting) +
           ", to be tried again " + std::to_string(counts.later) + ", refused " +
           std::to_string(counts.refused);
}

base::Result<base::Duration> watch_interval(const Arguments& arguments) {
    const auto text = arguments.optional("--watch");
    if (!text) {
        return base::Duration::zero();
    }
    const auto parsed = base::parse_duration(*text);
    if (!parsed || parsed.value() < std::chrono::milliseconds(100)) {
        return base::Error{
            base::Errc::Invalid,
            "--watch takes a time between two passes such as 30s, not '" + *text + "'"};
    }
    return base::Duration(parsed.value());
}

base::Status fax_sweep(CommandContext& context, const Arguments& arguments) {
    FaxService service(context, {});
    const std::string spool = arguments.text("--spool");
    const base::Duration interval = TRY(watch_interval(arguments));
    const std::string state = arguments.text("--state");
    TRY(base::ensure_dir(state));
    // Two sweepers of one queue would only be busy: the second one says so.
    const base::LockFile lock = TRY(base::LockFile::acquire(state + "/sweep.lock"));
    mta::FaxIntake intake(service.intake_parts(), intake_options(arguments));
    mta::FaxSweeper sweeper(
        spool,
        state + "/swept",
        {[&] {
             const auto sockets = ingest_sockets(context, arguments);
             service.use(sockets ? sockets.value() : std::vector<std::string>());
             return sockets && anyone_listens(sockets.value());
         },
         [&](mta::FaxCall call, const std::string& path) {
             return intake.hand_in(std::move(call), path);
         },
         [&](const std::string& text) { say(context, mail::clean_text(text)); },
         [] { return base::wall_us() / kMicroseconds; }});
    sweeper.load();
    for (;;) {
        const auto counts = sweeper.pass();
        if (interval == base::Duration::zero()) {
            say(context, counts_text(TRY(counts)));
            if (counts.value().later > 0) {
                return base::Error{base::Errc::Unavailable,
                                   std::to_string(counts.value().later) +
                                       " faxes could not be handed in yet; run again later"};
            }
            return base::Done{};
        }
        if (!counts) {
            std::fprintf(stderr, "roundtable: %s\n", counts.error().detail.c_str());
        }
        wait_between_passes(interval);
    }
}

}  // namespace

std::vector<Command> fax_commands() {
    const OptionSpec socket = socket_option();
    const OptionSpec domain{"--domain",
                            OptionKind::Value,
                            "domain of the fax numbers, right of the @ of senders; else the "
                            "recipient's"};
    const OptionSpec sender{"--sender",
                            OptionKind::Value,
                            "address to send as; else the caller's number at the domain"};
    std::vector<Command> commands = {
        {"fax",
         "received",
         "hand in a received fax: for HylaFAX's faxrcvd and FaxDispatch; put -- before the words",
         {{"file", OptionKind::Positional, "the TIFF, relative to the spool"},
          {"device", OptionKind::Positional, "the modem"},
          {"commid", OptionKind::Positional, "HylaFAX's number of the call"},
          {"message", OptionKind::Positional, "what went wrong; empty: nothing"},
          {"callid",
           OptionKind::OptionalPositionals,
           "caller's number, caller's name, called number"},
          socket,
          domain,
          sender,
          {"--spool", OptionKind::Value, "HylaFAX's spool; else the working directory"}},
         with_mail_codes(fax_received)},
        {"fax",
         "sweep",
         "hand in what is in HylaFAX's receive queue and was not handed in",
         {{"--spool", OptionKind::Value, "HylaFAX's spool", Required::Yes},
          {"--state", OptionKind::Value, "directory for what is remembered", Required::Yes},
          socket,
          domain,
          sender,
          {"--watch", OptionKind::Value, "go on, with so much time between passes (30s)"}},
         with_mail_codes(fax_sweep)}};
    return commands;
}

}  // namespace ops
