#include <chrono>
#include <cstdio>

#include <fmt/format.h>

#include "ops/commands/commands.h"
#include "ops/embedded_schema.h"
#include "ops/output.h"
#include "storage/journal/directory_restore.h"

namespace ops {

namespace {

constexpr auto kLook = std::chrono::seconds(1);
constexpr const char* kRebuild = "SELECT * FROM report.rebuild";

base::Error needs_word(bool drop) {
    return {base::Errc::Refused,
            drop ? "this drops the catalog and makes it anew from the storage servers. Until then "
                   "mail is accepted but not delivered, and no mailbox can be opened. What clients "
                   "did with their mailboxes since the last journal (`roundtable catalog status`) "
                   "is lost. Say so with --yes"
                 : "there is a catalog; if it is to be thrown away and made anew, say --drop"};
}

// One line whenever something has changed, until the trackers are done.
base::Status watch(base::Connection& connection) {
    std::string shown;
    TRY(connection.listen("roundtable_event"));
    while (true) {
        const base::Rows rows = TRY(connection.query(
            "SELECT phase, concat_ws(', ', segments || ' segments', frames || ' journal frames', "
            "mailboxes || ' mailboxes', messages || ' messages', "
            "CASE phase WHEN 'cataloguing' THEN segments_behind || ' segments to read' END, "
            "nullif(problem, '')) FROM report.rebuild"));
        if (rows.empty()) {
            return base::Error{base::Errc::NotFound, "no rebuild was asked for"};
        }
        std::string line = rows[0].string(0) + ": " + rows[0].string(1);
        if (line != shown) {
            std::fprintf(stderr, "%s\n", line.c_str());
            shown = std::move(line);
        }
        if (rows[0].text(0) == "done") {
            return base::Done{};
        }
        // Ends sooner when a tracker says that a phase is over.
        const auto woken = connection.wait_notifications(kLook);
        if (!woken && !base::is_temporary(woken.error().code)) {
            return woken.error();
        }
    }
}

// What the storage roots have of a directory that is to be put back. Nothing is changed yet.
base::Result<storage::JournalFiles> journal_for(base::Connection& connection,
                                                const std::vector<std::string>& roots) {
    TRY(storage::require_no_directory(connection));
    storage::JournalFiles journal = TRY(storage::find_journal(roots));
    for (const std::string& bad : journal.bad) {
        std::fprintf(stderr, "passed over %s\n", bad.c_str());
    }
    return journal;
}

base::Status put_back_directory(CommandContext& context,
                                base::Connection& connection,
                                const storage::JournalFiles& journal) {
    const storage::RestoredDirectory restored =
        TRY(storage::restore_directory(connection, journal));
    const base::Rows at = TRY(connection.query(
        "SELECT to_timestamp($1::bigint / 1000000.0)::timestamptz(0)", {restored.at_us}));
    say(context,
        fmt::format("the directory is back as of {}: {} rows", at[0].text(0), restored.rows));
    return base::Done{};
}

base::Status rebuild(CommandContext& context, const Arguments& arguments) {
    const std::vector<std::string> roots = arguments.list("--directory-from");
    // Where the directory was empty there was no catalog worth keeping.
    const bool drop = arguments.has("--drop") || !roots.empty();
    if (arguments.has("--drop") && !arguments.has("--yes")) {
        return needs_word(drop);
    }
    auto connection = TRY(open_as_owner(context));
    storage::JournalFiles journal;
    if (!roots.empty()) {
        journal = TRY(journal_for(*connection, roots));
    }
    const base::Status remade =
        storage::remake_catalog(*connection,
                                embedded_migrations(),
                                drop ? storage::OldCatalog::Drop : storage::OldCatalog::Keep,
                                arguments.list("--without"));
    if (!remade && remade.error().code == base::Errc::Exists) {
        return needs_word(drop);
    }
    TRY(base::Status(remade));
    if (!roots.empty()) {
        // Only now: a tracker that met this directory with a catalog that no rebuild was asked for
        // would journal empty mailboxes over what is to be read back. Until then it waits.
        TRY(put_back_directory(context, *connection, journal));
    }
    if (!arguments.has("--no-wait")) {
        TRY(watch(*connection));
    }
    return print_one(context, kRebuild, {}, "no rebuild was asked for");
}

base::Status wait(CommandContext& context, const Arguments&) {
    base::Connection* connection = TRY(context.db());
    TRY(watch(*connection));
    return print_one(context, kRebuild, {}, "no rebuild was asked for");
}

base::Status status(CommandContext& context, const Arguments&) {
    return print_one(
        context,
        "SELECT j.leader AS journal_written_by, j.caught_up_at::timestamptz(0) AS journaled_until, "
        "round(extract(epoch FROM j.lag))::bigint AS journal_lag_seconds, "
        "j.lag <= interval '60 seconds' AS journal_in_time, "
        "j.segments AS journal_segments, j.checkpoint_bytes, j.delta_bytes, "
        "(SELECT r.phase FROM report.rebuild r) AS rebuild, "
        "(SELECT r.problem FROM report.rebuild r) AS rebuild_problem FROM report.journal j",
        {},
        "no tracker has written a journal yet");
}

}  // namespace

std::vector<Command> catalog_commands() {
    return {
        {"catalog",
         "rebuild",
         "make the catalog anew from the storage servers",
         {{"--drop", OptionKind::Flag, "throw the catalog away that is there"},
          {"--yes", OptionKind::Flag, "really, with --drop"},
          {"--without", OptionKind::Values, "a storage server that is lost: do not wait for it"},
          {"--directory-from",
           OptionKind::Values,
           "the directory is lost, too: put it back from the journal in this storage root first"},
          {"--no-wait", OptionKind::Flag, "return as soon as the trackers have been asked"}},
         rebuild},
        {"catalog", "wait", "watch a rebuild until it is done", {}, wait},
        {"catalog", "status", "how far mailboxes are journaled, and a rebuild", {}, status},
    };
}

}  // namespace ops
