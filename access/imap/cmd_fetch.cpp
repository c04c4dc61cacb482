#include "access/imap/cmd_fetch.h"

#include <algorithm>
#include <span>
#include <utility>

#include "access/imap/commands.h"
#include "access/imap/fetch_response.h"
#include "base/log.h"
#include "base/metrics.h"

namespace accessd {
namespace {

/// Messages whose summaries are read together.
constexpr std::size_t kBatch = 64;
const mail::FlagList kSeen{mail::Flags::Seen, {}, false};

base::Counter& unreadable() {
    static base::Counter& counter =
        base::counter("roundtable_imap_unreadable_messages_total",
                      "Messages of which no copy could be read for a client",
                      {{"folder", "access"}});
    return counter;
}

/// One FETCH command in work.
class Fetch {
  public:
    Fetch(ImapSession& session, FetchItems items)
        : session_(session), mailbox_(session.mailbox()), items_(std::move(items)) {}

    base::Status run(std::span<const std::uint32_t> indexes);

    /// Marks what was sent as \Seen in the catalog.
    base::Status keep_seen();

    /// The worst that happened to a single message, if anything did.
    [[nodiscard]] const std::optional<base::Error>& failure() const { return failure_; }

  private:
    base::Status run_batch(std::span<const std::uint32_t> indexes);
    base::Status send_one(std::uint32_t index, const mail::Summary* summary);
    void send_sections(std::string& out, std::string_view message, const mail::PartTree& parts);
    base::Status pass_over(const base::Error& error);
    [[nodiscard]] bool show_seen(std::uint32_t index);

    [[nodiscard]] bool reads_summaries() const {
        return items_.has(FetchAttribute::Envelope) || items_.has(FetchAttribute::Body) ||
               items_.has(FetchAttribute::BodyStructure) || names_parts(items_);
    }

    ImapSession& session_;
    SelectedMailbox& mailbox_;
    FetchItems items_;
    mail::UidSet seen_;
    std::optional<base::Error> failure_;
};

base::Status Fetch::run(std::span<const std::uint32_t> indexes) {
    while (!indexes.empty()) {
        const std::size_t count = std::min(kBatch, indexes.size());
        TRY(run_batch(indexes.first(count)));
        indexes = indexes.subspan(count);
        if (session_.should_stop()) {
            return base::Error{base::Errc::Cancelled, "session ends"};
        }
        if (base::in_fiber()) {
            TRY(base::fiber_yield());  // others wait while a large mailbox is listed
        }
    }
    return base::Done{};
}

base::Status Fetch::run_batch(std::span<const std::uint32_t> indexes) {
    std::vector<base::Result<MailStore::SummaryPtr>> summaries;
    if (reads_summaries()) {
        std::vector<mail::MessageId> ids;
        ids.reserve(indexes.size());
        for (const std::uint32_t index : indexes) {
            ids.push_back(mailbox_.message(index));
        }
        summaries = session_.store().read_summaries(ids);
    }
    for (std::size_t i = 0; i < indexes.size() && !session_.is_broken(); ++i) {
        if (summaries.empty()) {
            TRY(send_one(indexes[i], nullptr));
        } else if (!summaries[i]) {
            TRY(pass_over(summaries[i].error()));
        } else {
            TRY(send_one(indexes[i], summaries[i].value().get()));
        }
    }
    return base::Done{};
}

/// A message that cannot be read costs its own response, never the session.
base::Status Fetch::pass_over(const base::Error& error) {
    if (error.code == base::Errc::Cancelled) {
        return error;
    }
    unreadable().add();
    base::log::warning(
        "access", "message unreadable", {{"session", session_.id()}, {"error", error}});
    // What may go away is worth more to the client than what will not.
    if (!failure_ || (base::is_temporary(error.code) && !base::is_temporary(failure_->code))) {
        failure_ = error;
    }
    return base::Done{};
}

base::Status Fetch::send_one(std::uint32_t index, const mail::Summary* summary) {
    MailStore::MessagePtr message;
    bool newly_seen = false;
    if (items_.needs_message()) {
        auto read = session_.store().read_message(mailbox_.message(index));
        if (!read) {
            return pass_over(read.error());
        }
        message = std::move(read).take_value();
        newly_seen = show_seen(index);
    }
    std::string out;
    if (const base::Status made = append_attributes(out, mailbox_, index, items_, summary); !made) {
        return pass_over(made.error());
    }
    if (newly_seen && !items_.has(FetchAttribute::Flags)) {
        out.append(out.back() == '(' ? "FLAGS " : " FLAGS ");
        mailbox_.append_flags(out, index);
    }
    if (message != nullptr) {
        static const mail::PartTree kNoParts;
        send_sections(out, *message, summary == nullptr ? kNoParts : summary->parts);
    }
    out.append(")\r\n");
    session_.send(out);
    return base::Done{};
}

void Fetch::send_sections(std::string& out, std::string_view message, const mail::PartTree& parts) {
    bool first = out.back() == '(';
    for (const SectionItem& item : items_.sections) {
        if (!std::exchange(first, false)) {
            out.push_back(' ');
        }
        const SectionOctets octets = section_octets(message, parts, item);
        append_section_head(out, item, octets);
        session_.send(out);
        session_.send(octets.octets());
        out.clear();
    }
}

/// From now on the message counts as seen, for this client at once, in the catalog at the end. The
/// changed flags belong into this very response (RFC 3501 6.4.5). True if they changed.
bool Fetch::show_seen(std::uint32_t index) {
    if (!items_.sets_seen() || mailbox_.mode() == OpenMode::Examine ||
        mail::has(mailbox_.flags(index), mail::Flags::Seen)) {
        return false;
    }
    mailbox_.assume_flags(index, FlagChange::Add, kSeen);
    seen_.add(mailbox_.uid(index));
    return true;
}

base::Status Fetch::keep_seen() {
    if (seen_.empty()) {
        return base::Done{};
    }
    const auto stored =
        session_.store().store_flags(mailbox_.id(), {seen_, FlagChange::Add, kSeen});
    if (stored) {
        return base::Done{};
    }
    for (const mail::UidRange& range : seen_.ranges()) {
        for (std::uint64_t uid = range.first; uid <= range.last; ++uid) {
            // It was said to be \Seen and is not: say so.
            if (const auto index = mailbox_.find(static_cast<std::uint32_t>(uid))) {
                mailbox_.assume_flags(*index, FlagChange::Remove, kSeen);
                mailbox_.mark_changed(*index);
            }
        }
    }
    return stored.error();
}

Reply failure_reply(const base::Error& error) {
    switch (error.code) {
        case base::Errc::NotFound:
            return no("[EXPUNGEISSUED] Some of the messages no longer exist");
        case base::Errc::Corrupt:
            return no("[CORRUPTION] Some of the messages cannot be read");
        default:
            return no("[UNAVAILABLE] Some of the messages cannot be read now");
    }
}

}  // namespace

base::Status fetch_unasked(ImapSession& session,
                           const FetchItems& items,
                           std::span<const std::uint32_t> indexes) {
    return Fetch(session, items).run(indexes);
}

// RFC 3501 6.4.5.
CommandResult cmd_fetch(ImapSession& session, ImapCommand& command) {
    FetchArguments arguments = TRY(parse_fetch(command.arguments));
    const std::vector<std::uint32_t> indexes =
        TRY(session.mailbox().resolve(arguments.set, command.numbers));
    if (command.numbers == Numbers::Uid) {
        arguments.items.add(FetchAttribute::Uid);
    }
    Fetch fetch(session, std::move(arguments.items));
    const base::Status sent = fetch.run(indexes);
    const base::Status kept = fetch.keep_seen();
    TRY(sent);
    TRY(kept);
    if (fetch.failure()) {
        return failure_reply(*fetch.failure());
    }
    return ok("FETCH completed");
}

}  // namespace accessd
