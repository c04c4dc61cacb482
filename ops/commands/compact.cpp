#include <chrono>
#include <cinttypes>
#include <cstdio>

#include "base/clock.h"
#include "ops/commands/commands.h"
#include "ops/json.h"
#include "ops/output.h"

namespace ops {

namespace {

constexpr auto kLook = std::chrono::seconds(1);

struct Progress {
    std::int64_t left = 0;        // segments that were asked for and still have dead octets
    std::int64_t superseded = 0;  // segments, by all compactions ever
    std::int64_t freed = 0;       // octets of one copy of each, by all compactions ever
};

base::Result<Progress> look(base::Connection& connection) {
    const base::Rows rows = TRY(
        connection.query("SELECT (SELECT count(*) FROM catalog.segment s "
                         "WHERE s.compact_asked_at IS NOT NULL AND s.superseded_at IS NULL), "
                         "coalesce(sum(t.segments), 0)::bigint, coalesce(sum(t.bytes), 0)::bigint "
                         "FROM catalog.compaction_total t"));
    return Progress{rows[0].int64(0), rows[0].int64(1), rows[0].int64(2)};
}

void report(const CommandContext& context, const Progress& before, const Progress& now) {
    const std::int64_t segments = now.superseded - before.superseded;
    const std::int64_t freed = now.freed - before.freed;
    if (context.output == Output::Json) {
        const Json all = {{"left", now.left}, {"superseded", segments}, {"freed_bytes", freed}};
        std::puts(all.dump().c_str());
        return;
    }
    std::printf("segments to do %" PRId64 ", done %" PRId64 ", octets freed in each copy %" PRId64
                "\n",
                now.left,
                segments,
                freed);
    std::fflush(stdout);
}

// Until nothing is left, or nothing has moved for `patience`.
base::Status wait(CommandContext& context,
                  base::Connection& connection,
                  const Progress& before,
                  std::chrono::seconds patience) {
    Progress shown = before;
    base::Deadline give_up = base::Deadline::after(patience);
    for (;;) {
        const Progress now = TRY(look(connection));
        const bool moved = now.left != shown.left || now.superseded != shown.superseded;
        if (now.left == 0) {
            report(context, before, now);
            say(context,
                "files of the old segments are removed when directory.cluster.superseded_grace "
                "has passed");
            return base::Done{};
        }
        if (moved) {
            shown = now;
            give_up = base::Deadline::after(patience);
            if (context.output == Output::Text) {
                report(context, before, now);
            }
        }
        if (give_up.passed()) {
            return base::Error{base::Errc::Timeout,
                               std::to_string(now.left) +
                                   " segments are still to be compacted; is a tracker running, and "
                                   "does it reach their copies? Its log says why it puts one off"};
        }
        (void)TRY(connection.wait_notifications(kLook));  // none comes: it waits so long
    }
}

base::Status compact(CommandContext& context, const Arguments& arguments) {
    const std::int64_t patience = TRY(arguments.integer("--patience", 1, 86'400, 300));
    base::Connection* connection = TRY(context.db());
    const Progress before = TRY(look(*connection));
    if (!TRY(connection->query("SELECT catalog.may_remove_files()"))[0].boolean(0)) {
        return base::Error{
            base::Errc::Unavailable,
            "the catalog is being rebuilt: nothing is compacted before that is done"};
    }
    const base::Rows asked =
        TRY(connection->query("SELECT segments, bytes FROM catalog.request_compaction()"));
    if (context.output == Output::Text) {
        std::printf("%" PRId64 " segments are due, with %" PRId64 " dead octets that are counted\n",
                    asked[0].int64(0),
                    asked[0].int64(1));
        std::fflush(stdout);
    }
    if (arguments.has("--wait")) {
        return wait(context, *connection, before, std::chrono::seconds(patience));
    }
    if (context.output == Output::Json) {
        report(context, before, TRY(look(*connection)));
    }
    return base::Done{};
}

}  // namespace

std::vector<Command> compact_commands() {
    return {{"storage",
             "compact",
             "give back the room of expunged messages now, however little it is",
             {{"--wait", OptionKind::Flag, "until it is done, showing what was freed"},
              {"--patience",
               OptionKind::Value,
               "with --wait: give up after so many seconds without progress; else 300"}},
             compact}};
}

}  // namespace ops
