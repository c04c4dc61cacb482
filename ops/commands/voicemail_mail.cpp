#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/config.h"
#include "mail/attributes.h"
#include "mta/voicemail/mailcmd_message.h"
#include "mta/voicemail/spool.h"
#include "mta/voicemail/spool_match.h"
#include "ops/commands/commands.h"
#include "ops/commands/voicemail.h"
#include "ops/hand_in.h"
#include "ops/output.h"
#include "ops/pass_on.h"

namespace ops {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kSpool = "/var/spool/asterisk/voicemail";
constexpr base::Duration kLookAgain = milliseconds(200);
constexpr int kLooks = 25;  // Asterisk holds a folder's lock for less than that
constexpr std::int64_t kOlderSeconds = 10;
constexpr std::size_t kRememberedMax = 1'000'000;
constexpr base::Duration kRest = std::chrono::minutes(10);
constexpr base::Duration kAskAgain = std::chrono::hours(24);

void complain(const std::string& what) {
    std::fprintf(stderr, "roundtable: %s\n", what.c_str());
}

// The address to deliver to, by "MAILBOX@CONTEXT".
using Boxes = std::map<std::string, std::string>;

base::Result<Boxes> load_boxes(CommandContext& context) {
    base::Connection* connection = TRY(context.db());
    const base::Rows rows = TRY(connection->query(
        "SELECT b.mailbox || '@' || b.context, "
        "coalesce((SELECT x.local_part || '@' || d.name AS address FROM directory.address x "
        "          JOIN directory.domain d ON d.id = x.domain_id WHERE x.account_id = a.id "
        "          ORDER BY x.local_part || '@' || d.name <> a.login, 1 LIMIT 1), a.login) "
        "FROM directory.voicemail_box b JOIN directory.account a ON a.id = b.account_id"));
    Boxes boxes;
    for (const base::Row& row : rows) {
        boxes[row.string(0)] = row.string(1);
    }
    return boxes;
}

// Of a mailbox without a context, if there is only one of that number.
std::optional<std::string> address_of(const Boxes& boxes,
                                      const std::string& mailbox,
                                      const std::string& context) {
    if (!context.empty()) {
        const auto found = boxes.find(mailbox + "@" + context);
        return found == boxes.end() ? std::nullopt : std::optional(found->second);
    }
    const auto first = boxes.lower_bound(mailbox + "@");
    if (first == boxes.end() || !first->first.starts_with(mailbox + "@")) {
        return std::nullopt;
    }
    const auto second = std::next(first);
    const bool several = second != boxes.end() && second->first.starts_with(mailbox + "@");
    return several ? std::nullopt : std::optional(first->second);
}

// ---------------------------------------------------------------------------------------- mailcmd

// The message of the spool that the e-mail is about, if the spool is on this machine.
base::Result<std::optional<mta::SpoolMessage>> look_into_spool(const Arguments& arguments,
                                                               const mta::MailcmdMessage& mailcmd) {
    const auto given = arguments.optional("--spool");
    if (mailcmd.mailbox.empty()) {
        return std::optional<mta::SpoolMessage>();
    }
    for (int look = 1;; ++look) {
        auto found = mta::find_in_spool(given.value_or(kSpool), mailcmd, base::wall_us());
        if (found) {
            return found;
        }
        const base::Error& error = found.error();
        if (error.code == base::Errc::Busy && look < kLooks) {
            wait_between_passes(kLookAgain);
            continue;
        }
        if (error.code == base::Errc::NotFound && !given) {
            return std::optional<mta::SpoolMessage>();  // no Asterisk with files here
        }
        // Without the spool's key the sweep would bring it a second time: better later than twice.
        return error.code == base::Errc::NotFound
                   ? base::Error{base::Errc::Unavailable, error.detail}
                   : error;
    }
}

// Asterisk pipes its notes to pagers into the same mailcmd: no mailbox, no recording.
bool is_voicemail(const mta::MailcmdMessage& mailcmd) {
    return !mailcmd.mailbox.empty() || !mailcmd.audio.empty();
}

base::Result<std::vector<std::string>> recipients_of(CommandContext& context,
                                                     const Arguments& arguments,
                                                     const mta::MailcmdMessage& mailcmd,
                                                     const std::string& voice_context) {
    if (arguments.has("--to")) {
        return arguments.list("--to");
    }
    // A note to a pager is of no box that we would know: it says itself who gets it.
    if (!arguments.has("--by-box") || !is_voicemail(mailcmd)) {
        if (mailcmd.recipients.empty()) {
            return base::Error{base::Errc::Invalid,
                               "the message has no recipient in To; give --to ADDRESS or --by-box"};
        }
        return mailcmd.recipients;
    }
    const Boxes boxes = TRY(load_boxes(context));
    const auto address = address_of(boxes, mailcmd.mailbox, voice_context);
    if (!address) {
        return base::Error{base::Errc::NotFound,
                           "no account for voicemail box " + mailcmd.mailbox + "@" +
                               (voice_context.empty() ? "?" : voice_context) +
                               "; `roundtable voicemail box add` names one"};
    }
    return std::vector<std::string>{*address};
}

mta::VoiceMessage voice_of(const mta::MailcmdMessage& mailcmd) {
    mta::VoiceMessage voice;
    voice.text = mailcmd.text;
    voice.context = mailcmd.context;
    voice.mailbox = mailcmd.mailbox;
    voice.number = mailcmd.number.value_or(0);
    voice.audio = mailcmd.audio;
    voice.extension = mailcmd.extension;
    voice.info = mailcmd.info;
    return voice;
}

base::Result<mta::IngestRequest> mailcmd_request(CommandContext& context,
                                                 const Arguments& arguments,
                                                 const mta::MailcmdMessage& mailcmd) {
    const auto spooled = TRY(look_into_spool(arguments, mailcmd));
    mta::VoiceMessage voice = spooled ? spooled->voice : voice_of(mailcmd);
    mta::IngestRequest request;
    request.key = spooled ? spooled->key : mta::mailcmd_key(mailcmd);
    request.recipients = TRY(recipients_of(context, arguments, mailcmd, voice.context));
    // Those in To are Asterisk's to choose, from anywhere; others are ours or a mistake.
    request.partial = !arguments.has("--to") && request.recipients == mailcmd.recipients;
    if (!is_voicemail(mailcmd)) {
        request.message = mailcmd.message;
        return request;
    }
    request.kind = mail::Kind::Voicemail;
    voice.recipient = request.recipients.front();
    voice.server = machine_name();
    request.attributes = mta::voice_attributes(voice);
    // attach=no: the recording is in the spool alone, and must not stay there.
    request.message =
        spooled && mailcmd.audio.empty() ? mta::compose(voice) : mta::complete(mailcmd, voice);
    return request;
}

base::Error with_exit_code(CommandContext& context, base::Error error) {
    context.failure_code = base::is_temporary(error.code) ? kExitTryAgain : kExitNever;
    return error;
}

base::Status give_away(CommandContext& context,
                       const std::vector<std::string>& program,
                       const std::string& message,
                       const std::vector<std::string>& recipients) {
    if (recipients.empty()) {
        return base::Done{};
    }
    std::string names;
    for (const std::string& recipient : recipients) {
        names += (names.empty() ? "" : ", ") + recipient;
    }
    if (program.empty()) {
        return with_exit_code(
            context,
            {base::Errc::NotFound,
             "not sent to " + names +
                 ": no address of ours; with --else \"/usr/sbin/sendmail -i\" another mail "
                 "program gets what is not for us"});
    }
    const base::Status passed = pass_on(program, message, recipients);
    if (!passed) {
        return with_exit_code(
            context, {passed.error().code, "not sent to " + names + ": " + passed.error().detail});
    }
    say(context, "passed on to " + names);
    return base::Done{};
}

base::Status take_mailcmd(CommandContext& context, const Arguments& arguments) {
    std::vector<std::string> others;
    if (const auto text = arguments.optional("--else")) {
        others = TRY(usage(context, program_words(*text)));
    }
    const base::Result<std::string> input = read_message("-");
    if (!input) {
        return with_exit_code(context, input.error());
    }
    const base::Result<mta::MailcmdMessage> mailcmd = mta::read_mailcmd(input.value());
    if (!mailcmd) {
        return with_exit_code(context, mailcmd.error());
    }
    const auto request = mailcmd_request(context, arguments, mailcmd.value());
    if (!request) {
        return with_exit_code(context, request.error());
    }
    const auto sockets = ingest_sockets(context, arguments);
    if (!sockets) {
        return with_exit_code(context, sockets.error());
    }
    const auto receipt = hand_in(context, sockets.value(), request.value());
    if (receipt) {
        return give_away(context, others, mailcmd.value().message, receipt.value().left_out);
    }
    if (request.value().partial && receipt.error().code == base::Errc::NotFound) {
        context.failure_code.reset();
        return give_away(context, others, mailcmd.value().message, request.value().recipients);
    }
    return receipt.error();
}

// ------------------------------------------------------------------------------------------ sweep

// How a round went; `last` says of what is left why.
struct Tally {
    std::size_t stored = 0;
    std::size_t again = 0;
    std::size_t later = 0;
    std::size_t refused = 0;
    std::optional<base::Error> later_because;
    std::optional<base::Error> refused_because;
};

// One process's memory of what need not be handed in again. The key is the memory of all others,
// and is kept for as long as somebody asks for it now and then: so does this one.
struct Sweeper {
    std::string root;
    std::vector<std::string> sockets;
    bool open = false;  // somebody listens at one of them
    std::int64_t older_us = 0;
    std::string server = machine_name();
    base::Duration ask_again = kAskAgain;
    std::map<std::string, base::Deadline> settled;  // by key; until then it is not handed in again
    std::map<std::string, base::Deadline> resting;  // refused for good: asked again now and then
    std::set<std::string> complained;               // one line for each trouble of a message
    std::set<std::string> unrouted;                 // boxes of this round that have no account

    void put_off(Tally& tally, const std::string& name, base::Error error);
    void complain_once(const std::string& what);
    void refuse(Tally& tally, const std::string& name, base::Error error);
    void take(Tally& tally, const mta::SpoolItem& item, const Boxes& boxes);
    void raise_unrouted(CommandContext& context);
    base::Result<Tally> round(CommandContext& context, const Arguments& arguments);
};

// Asterisk moves what was heard to Old, or where its owner says; new ones are in these two.
bool was_heard(std::string_view folder) {
    return folder != "INBOX" && folder != "Urgent";
}

void Sweeper::complain_once(const std::string& what) {
    if (complained.size() >= kRememberedMax) {
        complained.clear();
    }
    if (complained.insert(what).second) {
        complain(what);
    }
}

void Sweeper::put_off(Tally& tally, const std::string& name, base::Error error) {
    ++tally.later;
    complain_once(name + ": later: " + error.detail);
    tally.later_because = std::move(error);
}

void Sweeper::refuse(Tally& tally, const std::string& name, base::Error error) {
    ++tally.refused;
    complain_once(name + ": not taken: " + error.detail);
    tally.refused_because = std::move(error);
}

void Sweeper::take(Tally& tally, const mta::SpoolItem& item, const Boxes& boxes) {
    const auto address = address_of(boxes, item.mailbox, item.context);
    if (!address) {
        const std::string box = item.mailbox + "@" + item.context;
        const base::Error error{
            base::Errc::NotFound,
            "no account for " + box + "; `roundtable voicemail box add` names one"};
        unrouted.insert(box);
        refuse(tally, item.name(), error);
        return;
    }
    // Usually all has been seen: the text alone says so, the recording is not read.
    const auto text = mta::read_spool_text(item);
    if (text) {
        const std::string key = mta::voicemail_key(item.context, item.mailbox, text.value());
        const auto done = settled.find(key);
        const auto rest = resting.find(key);
        if (done != settled.end() && !done->second.passed()) {
            ++tally.again;
            return;
        }
        if (rest != resting.end() && !rest->second.passed()) {
            ++tally.refused;
            return;
        }
    }
    if (!open) {
        put_off(tally,
                item.name(),
                {base::Errc::Unavailable, "no mail server of this machine takes messages"});
        return;
    }
    auto message = mta::read_spool_message(item);
    if (!message) {
        // NotFound: renumbered, or the recording is still to come.
        if (base::is_temporary(message.error().code) ||
            message.error().code == base::Errc::NotFound) {
            put_off(tally, item.name(), message.error());
        } else {
            refuse(tally, item.name(), message.error());
        }
        return;
    }
    mta::VoiceMessage& voice = message.value().voice;
    voice.recipient = *address;
    voice.server = server;
    mta::IngestRequest request;
    request.kind = mail::Kind::Voicemail;
    request.key = message.value().key;
    request.recipients = {*address};
    request.attributes = mta::voice_attributes(voice);
    request.seen = was_heard(item.folder);
    request.message = mta::compose(voice);
    const auto receipt = ingest_at_any(sockets, request);
    if (!receipt) {
        if (base::is_temporary(receipt.error().code)) {
            put_off(tally, item.name(), receipt.error());
        } else {
            refuse(tally, item.name(), receipt.error());
            resting.insert_or_assign(request.key, base::Deadline::after(kRest));
        }
        return;
    }
    resting.erase(request.key);
    if (settled.size() < kRememberedMax || settled.contains(request.key)) {
        settled.insert_or_assign(request.key, base::Deadline::after(ask_again));
    }
    ++(receipt.value().again ? tally.again : tally.stored);
}

// An event once a day and box: nobody reads what a sweep of cron prints.
void Sweeper::raise_unrouted(CommandContext& context) {
    for (const std::string& box : std::exchange(unrouted, {})) {
        const auto connection = context.db();
        if (!connection ||
            !connection.value()->query(
                "SELECT directory.note_voicemail_unrouted($1, $2, $3)",
                {mail::clean_text(box),
                 server,
                 "no account for voicemail box " + mail::clean_text(box) + " of " + server})) {
            complain_once(box + ": no event could be raised");
        }
    }
}

base::Result<Tally> Sweeper::round(CommandContext& context, const Arguments& arguments) {
    const Boxes boxes = TRY(load_boxes(context));
    // Mail servers come and go. Without one each message is put off by name.
    const auto found = ingest_sockets(context, arguments);
    sockets = found ? found.value() : std::vector<std::string>();
    open = anyone_listens(sockets);
    // Folder by folder: what is full of messages must not keep others from being looked at.
    const mta::SpoolFolders places = TRY(mta::spool_folders(root));
    Tally tally;
    for (const std::string& place : places.skipped) {
        put_off(tally, place, {base::Errc::Busy, "it cannot be listed"});
    }
    const std::int64_t old_enough = base::wall_us() - older_us;
    for (const mta::SpoolItem& place : places.folders) {
        const mta::SpoolScan scan = mta::scan_folder(place);
        for (const std::string& folder : scan.skipped) {
            put_off(tally, folder, {base::Errc::Busy, "it is locked, or cannot be listed"});
        }
        for (const mta::SpoolItem& item : scan.items) {
            if (item.changed_us <= old_enough) {
                take(tally, item, boxes);
            }
        }
        if (scan.truncated) {
            put_off(tally,
                    place.folder_path,
                    {base::Errc::Busy, "it has more messages than are read of one folder"});
        }
    }
    raise_unrouted(context);
    return tally;
}

base::Status outcome(const Tally& tally) {
    if (tally.later_because) {
        return base::Error{
            base::Errc::Unavailable,
            std::to_string(tally.later) + " left for later: " + tally.later_because->detail};
    }
    if (tally.refused_because) {
        return base::Error{
            tally.refused_because->code,
            std::to_string(tally.refused) + " not taken: " + tally.refused_because->detail};
    }
    return base::Done{};
}

void report(const CommandContext& context, const Tally& tally) {
    say(context,
        std::to_string(tally.stored) + " stored, " + std::to_string(tally.again) +
            " there already, " + std::to_string(tally.later) + " left for later, " +
            std::to_string(tally.refused) + " not taken");
    (void)std::fflush(stdout);  // a log follows it
}

base::Status sweep(CommandContext& context, const Arguments& arguments) {
    Sweeper sweeper;
    sweeper.root = arguments.text("--spool");
    sweeper.older_us =
        TRY(usage(context, arguments.integer("--older", 0, 86'400 * 365, kOlderSeconds))) *
        1'000'000;
    const auto interval = arguments.optional("--watch");
    if (!interval) {
        const auto tally = sweeper.round(context, arguments);
        if (!tally) {
            return with_exit_code(context, tally.error());
        }
        report(context, tally.value());
        const base::Status done = outcome(tally.value());
        return done ? done : base::Status(with_exit_code(context, done.error()));
    }
    const auto every = base::parse_duration(*interval);
    if (!every || every.value() < seconds(1)) {
        context.failure_code = kExitUsage;
        return base::Error{
            base::Errc::Invalid,
            "--watch takes a time such as 10s or 5m, 1s at least, not '" + *interval + "'"};
    }
    if (const auto text = arguments.optional("--ask-again")) {
        sweeper.ask_again = TRY(usage(context, base::parse_duration(*text)));
    }
    // Until it is killed, which it may be at any moment: what was not answered is asked again.
    while (true) {
        const base::Result<Tally> tally = sweeper.round(context, arguments);
        if (!tally) {
            complain("sweep: " + tally.error().detail);
        } else if (tally.value().stored > 0) {
            report(context, tally.value());
        }
        wait_between_passes(every.value());
    }
}

}  // namespace

std::vector<Command> voicemail_mail_commands() {
    const OptionSpec socket = socket_option();
    return {
        {"voicemail",
         "mailcmd",
         "take the e-mail that Asterisk's mailcmd gives on standard input",
         {{"--spool",
           OptionKind::Value,
           "voicemail spool of the Asterisk; else /var/spool/asterisk/voicemail"},
          {"--to", OptionKind::Values, "deliver to this address, not to those in To"},
          {"--by-box", OptionKind::Flag, "deliver to the account of the voicemail box"},
          {"--else",
           OptionKind::Value,
           "program that gets the e-mail on standard input for those in To who are not ours, as "
           "its "
           "last arguments: \"/usr/sbin/sendmail -i\""},
          socket},
         take_mailcmd},
        {"voicemail",
         "sweep",
         "take what lies in Asterisk's voicemail spool and is not here yet",
         {{"--spool",
           OptionKind::Value,
           "the directory with the contexts, .../spool/asterisk/voicemail",
           Required::Yes},
          {"--watch", OptionKind::Value, "again and again, so far apart: 10s, 5m"},
          {"--older", OptionKind::Value, "only what has lain for so many seconds; else 10"},
          {"--ask-again",
           OptionKind::Value,
           "with --watch: what is there already is asked for again after so long, so that its key "
           "is kept; else 24h"},
          socket},
         sweep},
    };
}

}  // namespace ops
