#include <cstdio>

#include "ops/commands/commands.h"
#include "ops/embedded_schema.h"
#include "ops/json.h"
#include "ops/output.h"

namespace ops {

namespace {

void report(const CommandContext& context,
            const storage::MigrationReport& report,
            const char* word) {
    if (context.output == Output::Json) {
        const Json all = {{"version", report.version}, {word, report.applied}};
        std::puts(all.dump().c_str());
        return;
    }
    for (const std::string& name : report.applied) {
        std::printf("%s %s\n", word, name.c_str());
    }
    std::printf("schema version %d\n", report.version);
}

base::Status migrate(CommandContext& context, const Arguments&) {
    auto connection = TRY(open_as_owner(context));
    report(context, TRY(storage::migrate(*connection, embedded_migrations())), "applied");
    return base::Done{};
}

base::Status status(CommandContext& context, const Arguments&) {
    auto connection = TRY(open_as_owner(context));
    report(
        context, TRY(storage::pending_migrations(*connection, embedded_migrations())), "pending");
    return base::Done{};
}

}  // namespace

std::vector<Command> schema_commands() {
    return {{"schema", "migrate", "bring the database to this program's schema", {}, migrate},
            {"schema", "status", "list migrations that are still to be applied", {}, status}};
}

}  // namespace ops
