#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <utility>

#include "base/config.h"
#include "base/file.h"
#include "mail/address.h"
#include "mta/fax/fax_number.h"
#include "mta/fax/outgoing.h"
#include "ops/commands/commands.h"
#include "ops/fax_out.h"
#include "ops/fax_service.h"
#include "ops/hand_in.h"
#include "ops/output.h"

// Faxes to be sent: taken from who may send, kept in the store, given to HylaFAX, reported.

namespace ops {

namespace {

constexpr std::size_t kPasswordFileMax = 1'024;

base::Result<std::string> read_fax() {
    std::string message;
    std::string piece(64U << 10U, '\0');
    while (std::cin) {
        std::cin.read(piece.data(), static_cast<std::streamsize>(piece.size()));
        message.append(piece, 0, static_cast<std::size_t>(std::cin.gcount()));
        if (message.size() > mta::kMaildropMessageMax) {
            return base::Error{base::Errc::TooLarge, "the message is too large for a fax"};
        }
    }
    if (message.empty()) {
        return base::Error{base::Errc::Invalid, "no message: it is read from standard input"};
    }
    return message;
}

// A recipient's address as a number of a domain.
struct Called {
    std::string number;
    std::string domain;
};

base::Result<Called> called_of(const std::string& recipient) {
    mail::Address address = TRY(mail::parse_mailbox(recipient));
    Called called{mta::fax_number_of_local_part(address.local_part), address.domain};
    if (called.number.empty()) {
        return base::Error{
            base::Errc::Invalid,
            recipient + " names no fax number; it is like +4930901820@" + called.domain};
    }
    return called;
}

base::Status check_verdict(const std::string& verdict,
                           const std::string& sender,
                           const Called& called) {
    if (verdict == "no_domain") {
        return base::Error{base::Errc::NotFound,
                           called.domain +
                               " is no domain of fax numbers; `roundtable fax domain add` makes it "
                               "one"};
    }
    if (verdict != "accepted") {
        return base::Error{base::Errc::Refused,
                           sender + " may not send a fax to " + called.number +
                               "; `roundtable fax sender allow` lets an account"};
    }
    return base::Done{};
}

// Takes one recipient's fax: the row first, so that a message without one is nobody's job. The
// promise holds when the message is stored.
base::Status take(CommandContext& context,
                  const FaxService& service,
                  const std::string& sender,
                  const Called& called,
                  const std::string& message) {
    const std::string key = mta::outgoing_key(sender, called.number, message);
    std::string marked = mta::marked_outgoing(key, message);
    if (marked.size() > mta::kMaildropMessageMax) {
        return base::Error{base::Errc::TooLarge, "the message is too large for a fax"};
    }
    const mta::OutgoingNames names = mta::names_of_outgoing(message);
    const base::Rows rows = TRY(service.ask(
        "SELECT verdict, queue_address FROM directory.offer_fax_job($1, $2, $3, $4, $5, $6)",
        {key, sender, called.domain, called.number, names.message_id, names.subject}));
    TRY(check_verdict(rows[0].string(0), sender, called));
    mta::IngestRequest request;
    request.key = key;
    request.sender = sender;
    request.recipients = {rows[0].string(1)};
    request.message = std::move(marked);
    const auto receipt = service.ingest(request);
    if (!receipt && !base::is_temporary(receipt.error().code)) {
        (void)TRY(service.ask("SELECT directory.refuse_fax_job($1, $2)",
                              {key, mail::clean_text(receipt.error().detail)}));
    }
    const bool again = TRY(receipt).again;
    (void)TRY(service.ask("SELECT directory.accept_fax_job($1)", {key}));
    say(context,
        (again ? "taken before: fax to " : "taken: fax to ") + called.number + ", job " + key);
    return base::Done{};
}

// All or nothing is judged before anything is taken: whoever hands in bounces for all recipients.
base::Status fax_send(CommandContext& context, const Arguments& arguments) {
    const FaxService service(context, TRY(ingest_sockets(context, arguments)));
    const std::string sender = normal_name(arguments.text("--from"));
    TRY(mail::parse_mailbox(sender));
    std::vector<Called> all;
    for (const std::string& recipient : arguments.list("recipient")) {
        const Called called = TRY(called_of(recipient));
        const base::Rows rows = TRY(service.ask("SELECT directory.judge_fax_job($1, $2, $3)",
                                                {sender, called.domain, called.number}));
        TRY(check_verdict(rows[0].string(0), sender, called));
        all.push_back(called);
    }
    const std::string message = TRY(read_fax());
    for (const Called& called : all) {
        TRY(take(context, service, sender, called, message));
    }
    return base::Done{};
}

// Group rights are the operator's own: the file may belong to root and be read by a group of one.
base::Result<std::string> read_password(const std::string& path) {
    std::error_code error;
    const auto rights = std::filesystem::status(path, error).permissions();
    if (!error && (rights & std::filesystem::perms::others_all) != std::filesystem::perms::none) {
        return base::Error{base::Errc::Refused,
                           "everybody on this machine can read " + path + ": chmod o= " + path};
    }
    std::string password = TRY(base::read_file(path, kPasswordFileMax));
    password.erase(std::min(password.find_first_of("\r\n"), password.size()));
    return password;
}

base::Result<FaxOutOptions> out_options(const Arguments& arguments) {
    FaxOutOptions options;
    options.spool = arguments.text("--spool");
    options.sendfax = arguments.optional("--sendfax").value_or("/usr/bin/sendfax");
    options.server = arguments.text("--fax-server");
    options.access_server = TRY(base::Endpoint::parse(arguments.text("--pop3"), 110));
    options.login = arguments.text("--login");
    options.password = TRY(read_password(arguments.text("--password-file")));
    if (const auto text = arguments.optional("--give-up")) {
        const auto span = base::parse_duration(*text);
        if (!span || span.value() < std::chrono::minutes(1)) {
            return base::Error{base::Errc::Invalid,
                               "--give-up takes a time such as 12h, not '" + *text + "'"};
        }
        options.give_up_s = std::chrono::duration_cast<std::chrono::seconds>(span.value()).count();
    }
    return options;
}

base::Status fax_send_queue(CommandContext& context, const Arguments& arguments) {
    const FaxService service(context, TRY(ingest_sockets(context, arguments)));
    FaxOut out(context, service, TRY(out_options(arguments)));
    const auto watch = arguments.optional("--watch");
    const auto interval = base::parse_duration(watch.value_or("10s"));
    if (!interval || interval.value() < std::chrono::milliseconds(100)) {
        return base::Error{
            base::Errc::Invalid,
            "--watch takes a time between two looks such as 10s, not '" + *watch + "'"};
    }
    for (;;) {
        const auto counts = out.pass();
        if (!watch) {
            const FaxOut::Counts found = TRY(counts);
            say(context,
                "given to HylaFAX " + std::to_string(found.submitted) + ", under way " +
                    std::to_string(found.waiting) + ", reported " + std::to_string(found.reported) +
                    ", to be tried again " + std::to_string(found.later));
            return found.later == 0
                       ? base::Status(base::Done{})
                       : base::Error{base::Errc::Unavailable, "not everything could be done"};
        }
        if (!counts && counts.error().code != base::Errc::Busy) {
            std::fprintf(stderr, "roundtable: %s\n", counts.error().detail.c_str());
        }
        wait_between_passes(interval.value());
    }
}

// bin/notify of HylaFAX: qfile why jobtime [nextTry], called in its spool (notify(8)).
base::Status fax_notify(CommandContext& context, const Arguments& arguments) {
    const std::string spool = arguments.optional("--spool").value_or(".");
    std::string path = arguments.text("qfile");
    if (!path.starts_with('/')) {
        path = spool + "/" + path;
    }
    const std::string text = TRY(base::read_file(path, mta::kQFileMax));
    const mta::HylafaxJob job = TRY(mta::parse_hylafax_job(text));
    const std::string why = arguments.text("why");
    if (!job.tag.starts_with("fax-out/") || why == "requeued" || why == "blocked") {
        return base::Done{};  // not ours, or not over
    }
    const FaxService service(context, TRY(ingest_sockets(context, arguments)));
    FaxOut out(context, service, FaxOutOptions{});
    TRY(out.finish(job.tag, why, job.status));
    say(context, "reported the end of the fax to " + job.number + ": " + why);
    return base::Done{};
}

base::Status list_jobs(CommandContext& context, const Arguments& arguments) {
    const std::int64_t limit = TRY(arguments.integer("--limit", 1, 10'000, 50));
    return print_rows(
        context,
        "SELECT j.created_at::timestamptz(0) AS created, j.sender, j.number, j.state, "
        "j.reported, j.host, j.job, j.subject, j.detail, j.key FROM report.fax_job j "
        "ORDER BY j.created_at DESC LIMIT $1",
        {limit},
        "no faxes were sent");
}

}  // namespace

std::vector<Command> fax_send_commands() {
    const OptionSpec socket = socket_option();
    return {
        {"fax",
         "send",
         "take a message from standard input as a fax to +NUMBER@DOMAIN",
         {{"recipient", OptionKind::Positionals, "addresses such as +4930901820@fax.example.test"},
          {"--from",
           OptionKind::Value,
           "who sends it, as the submission server knows",
           Required::Yes},
          socket},
         with_mail_codes(fax_send)},
        {"fax",
         "send-queue",
         "give waiting faxes to HylaFAX and tell their senders what became of them",
         {{"--spool", OptionKind::Value, "HylaFAX's spool", Required::Yes},
          {"--pop3", OptionKind::Value, "address and port of an access server", Required::Yes},
          {"--login", OptionKind::Value, "the queue account", Required::Yes},
          {"--password-file", OptionKind::Value, "its password", Required::Yes},
          {"--sendfax", OptionKind::Value, "HylaFAX's program; else /usr/bin/sendfax"},
          {"--fax-server", OptionKind::Value, "host:port of hfaxd; else as sendfax is set up"},
          {"--give-up", OptionKind::Value, "when a fax that is not over has failed; else 24h"},
          socket,
          {"--watch", OptionKind::Value, "go on, with so much time between looks (10s)"}},
         with_mail_codes(fax_send_queue)},
        {"fax",
         "notify",
         "report the end of a job: for HylaFAX's notify and FaxNotify; put -- before the words",
         {{"qfile", OptionKind::Positional, "the job's file, relative to the spool"},
          {"why", OptionKind::Positional, "done, failed, rejected, requeued ..."},
          {"jobtime", OptionKind::Positional, "how long it took"},
          {"next", OptionKind::OptionalPositional, "when it is tried again"},
          socket,
          {"--spool", OptionKind::Value, "HylaFAX's spool; else the working directory"}},
         with_mail_codes(fax_notify)},
        {"fax",
         "jobs",
         "list faxes to be sent and sent, the newest first",
         {{"--limit", OptionKind::Value, "how many (50)"}},
         list_jobs}};
}

}  // namespace ops
