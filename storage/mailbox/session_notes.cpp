#include "storage/mailbox/session_notes.h"

#include <utility>

#include "base/log.h"
#include "base/metrics.h"

namespace storage {
namespace {

constexpr base::Statement kNote{
    "storage_note_session",
    "SELECT catalog.note_session($1, $2, $3, $4, $5, $6::inet, $7, $8::inet, $9)"};

base::DbPoolOptions pool_options() {
    base::DbPoolOptions options;
    options.connections = 1;  // one after the other: Login before its Logout
    options.queue_max = kSessionNotesMax;
    options.timeouts.statement = kSessionNoteTimeout;
    return options;
}

void count_lost(const base::Error& error) {
    base::counter("roundtable_session_notes_lost_total",
                  "Sign-ins and ends of sessions that nobody could be told of, by reason",
                  {{"folder", "storage"}, {"reason", base::errc_name(error.code)}})
        .add();
    base::log::debug("storage", "session not noted", {{"error", error}});
}

}  // namespace

std::string_view session_event_name(SessionEvent event) noexcept {
    return event == SessionEvent::Login ? "Login" : "Logout";
}

SessionNotes::SessionNotes(std::string database, std::string application_name)
    : pool_(std::move(database), std::move(application_name), pool_options()) {
}

void SessionNotes::add(SessionNote note) {
    waiting_.fetch_add(1);
    auto job = [this, note = std::move(note)](base::Connection& connection) {
        const auto noted = connection.query(kNote,
                                            {session_event_name(note.event),
                                             number(note.account),
                                             note.session,
                                             note.at_us,
                                             note.service,
                                             note.client.address().to_text(),
                                             note.client.port(),
                                             note.server.address().to_text(),
                                             note.server.port()});
        if (!noted) {
            count_lost(noted.error());
        }
        waiting_.fetch_sub(1);
    };
    const auto lose = [this](const base::Error& error) {
        count_lost(error);
        waiting_.fetch_sub(1);
    };
    const base::Status queued =
        pool_.submit(std::move(job), base::Deadline::after(kSessionNoteTimeout), lose);
    if (!queued) {
        lose(queued.error());
    }
}

void SessionNotes::finish(base::Deadline deadline) {
    if (waiting_.load() > 0) {
        // One connection: when this comes to its turn, what stood before it is done.
        (void)pool_.run([](base::Connection&) { return base::Done{}; }, deadline);  // else too late
    }
}

}  // namespace storage
