#include <algorithm>
#include <iterator>
#include <span>

#include <fmt/core.h>

#include "access/imap/commands.h"
#include "access/imap_search.h"
#include "access/limits.h"
#include "base/log.h"

namespace accessd {
namespace {

constexpr std::size_t kBatch = 64;
/// Larger messages are decoded on a worker, so that the loop goes on.
constexpr std::size_t kDecodeHereMax = std::size_t{8} * 1024;
constexpr std::int64_t kSecondsPerDay = 86'400;

/// One SEARCH in work: memory first, then summaries, then messages (imap_search.h).
class Search {
  public:
    Search(ImapSession& session, SearchProgram program)
        : session_(session), mailbox_(session.mailbox()), program_(std::move(program)) {}

    base::Status run();

    [[nodiscard]] const std::vector<std::uint32_t>& hits() const { return hits_; }

    /// A message that could not be read now might have matched.
    [[nodiscard]] bool is_complete() const { return complete_; }

  private:
    [[nodiscard]] SearchSubject subject(std::uint32_t index) const;
    base::Status run_undecided(std::span<const std::uint32_t> indexes);
    base::Status decide_by_message(std::uint32_t index, const mail::Summary& summary);
    base::Status cannot_read(const base::Error& error);
    base::Result<SearchableText> searchable(const MailStore::MessagePtr& message);

    ImapSession& session_;
    SelectedMailbox& mailbox_;
    SearchProgram program_;
    std::vector<std::uint32_t> hits_;
    bool complete_ = true;
};

SearchSubject Search::subject(std::uint32_t index) const {
    SearchSubject known;
    known.sequence = index + 1;
    known.uid = mailbox_.uid(index);
    known.flags = mailbox_.flags(index);
    known.recent = mailbox_.is_recent(index);
    known.keywords = &mailbox_.keywords(index);
    known.internal_day = mailbox_.internal_date_s(index) / kSecondsPerDay;
    known.size_bytes = mailbox_.size_bytes(index);
    return known;
}

base::Status Search::run() {
    std::vector<std::uint32_t> undecided;
    for (std::uint32_t index = 0; index < mailbox_.told(); ++index) {
        if (mailbox_.is_ghost(index)) {
            continue;
        }
        const Truth truth = program_.evaluate(subject(index));
        if (truth == Truth::True) {
            hits_.push_back(index);
        } else if (truth == Truth::Unknown) {
            undecided.push_back(index);
        }
    }
    std::span<const std::uint32_t> left = undecided;
    while (!left.empty()) {
        const std::size_t count = std::min(kBatch, left.size());
        TRY(run_undecided(left.first(count)));
        left = left.subspan(count);
        if (session_.should_stop()) {
            return base::Error{base::Errc::Cancelled, "session ends"};
        }
    }
    std::sort(hits_.begin(), hits_.end());
    return base::Done{};
}

base::Status Search::run_undecided(std::span<const std::uint32_t> indexes) {
    std::vector<mail::MessageId> ids;
    ids.reserve(indexes.size());
    for (const std::uint32_t index : indexes) {
        ids.push_back(mailbox_.message(index));
    }
    const auto summaries = session_.store().read_summaries(ids);
    for (std::size_t i = 0; i < indexes.size(); ++i) {
        if (!summaries[i]) {
            TRY(cannot_read(summaries[i].error()));
            continue;
        }
        SearchSubject known = subject(indexes[i]);
        known.summary = summaries[i].value().get();
        const Truth truth = program_.evaluate(known);
        if (truth == Truth::True) {
            hits_.push_back(indexes[i]);
        } else if (truth == Truth::Unknown) {
            TRY(decide_by_message(indexes[i], *known.summary));
        }
    }
    if (base::in_fiber()) {
        TRY(base::fiber_yield());
    }
    return base::Done{};
}

base::Status Search::decide_by_message(std::uint32_t index, const mail::Summary& summary) {
    const auto message = session_.store().read_message(mailbox_.message(index));
    if (!message) {
        return cannot_read(message.error());
    }
    const SearchableText text = TRY(searchable(message.value()));
    SearchSubject known = subject(index);
    known.summary = &summary;
    known.text = &text;
    if (program_.evaluate(known) == Truth::True) {
        hits_.push_back(index);
    }
    return base::Done{};
}

/// A message that is lost matches nothing, for ever; one that is away now may match.
base::Status Search::cannot_read(const base::Error& error) {
    if (error.code == base::Errc::Cancelled) {
        return error;
    }
    base::log::warning(
        "access", "message unreadable", {{"session", session_.id()}, {"error", error}});
    complete_ = complete_ && !base::is_temporary(error.code);
    return base::Done{};
}

base::Result<SearchableText> Search::searchable(const MailStore::MessagePtr& message) {
    if (message->size() <= kDecodeHereMax) {
        return make_searchable(*message);
    }
    return session_.context().workers.run([message] { return make_searchable(*message); },
                                          base::Deadline::after(kReadTimeout));
}

}  // namespace

// RFC 3501 6.4.4.
CommandResult cmd_search(ImapSession& session, ImapCommand& command) {
    TRY(command.arguments.space());
    base::Result<SearchProgram> program = SearchProgram::parse(command.arguments);
    if (!program) {
        return program.error().code == base::Errc::Unsupported
                   ? CommandResult(no("[BADCHARSET (US-ASCII UTF-8)] Charset not supported"))
                   : CommandResult(program.error());
    }
    const SelectedMailbox& mailbox = session.mailbox();
    program.value().resolve(mailbox.told(), mailbox.largest_uid());
    Search search(session, std::move(program).take_value());
    TRY(search.run());
    if (!search.is_complete()) {
        return no("[UNAVAILABLE] Some messages cannot be read now");
    }
    std::string out = "* SEARCH";
    for (const std::uint32_t index : search.hits()) {
        const bool uid = command.numbers == Numbers::Uid;
        fmt::format_to(std::back_inserter(out), " {}", uid ? mailbox.uid(index) : index + 1);
    }
    session.send(out + "\r\n");
    return ok("SEARCH completed");
}

}  // namespace accessd
