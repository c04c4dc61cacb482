#include "ops/commands/commands.h"
#include "ops/output.h"

namespace ops {

namespace {

constexpr std::int64_t kCheckRows = 1'000;

base::Status list_mirrors(CommandContext& context, const Arguments&) {
    return print_rows(context,
                      "SELECT m.name AS mail_server, own.name AS own_storage, p.name AS peer, "
                      "s.name AS peer_storage FROM directory.mail_server m "
                      "JOIN directory.storage_server own ON own.id = m.storage_server_id "
                      "LEFT JOIN directory.mirroring x ON x.mail_server_id = m.id "
                      "LEFT JOIN directory.mail_server p ON p.id = x.peer_id "
                      "LEFT JOIN directory.storage_server s ON s.id = p.storage_server_id "
                      "ORDER BY m.name, x.position",
                      {},
                      "no mail servers");
}

// Replaces the peers of a mail server by the ones named, in one transaction.
base::Status set_mirrors(CommandContext& context, const Arguments& arguments) {
    const std::string server = arguments.text("server");
    base::Connection* connection = TRY(context.db());
    base::Tx tx = TRY(connection->begin());
    const base::Rows found =
        TRY(tx.query("SELECT id FROM directory.mail_server WHERE name = $1", {server}));
    if (found.empty()) {
        return base::Error{base::Errc::NotFound, "there is no mail server " + server};
    }
    const std::int64_t id = found[0].int64(0);
    (void)TRY(tx.query("DELETE FROM directory.mirroring WHERE mail_server_id = $1", {id}));
    int position = 0;
    for (const std::string& peer : arguments.list("peers")) {
        const base::Rows added =
            TRY(tx.query("INSERT INTO directory.mirroring (mail_server_id, peer_id, position) "
                         "SELECT $1, p.id, $3 FROM directory.mail_server p WHERE p.name = $2",
                         {id, peer, ++position}));
        if (added.affected() == 0) {
            return base::Error{base::Errc::NotFound, "there is no mail server " + peer};
        }
    }
    (void)TRY(tx.commit());
    say(context,
        server +
            " mirrors to its peers from its next segment on; the trackers copy what is older "
            "(`roundtable mirror check` lists what is not there yet)");
    return base::Done{};
}

base::Status remove_mirror(CommandContext& context, const Arguments& arguments) {
    const std::string server = arguments.text("server");
    const std::string peer = arguments.text("peer");
    (void)TRY(change_one(context,
                         "DELETE FROM directory.mirroring x USING directory.mail_server m, "
                         "directory.mail_server p WHERE m.id = x.mail_server_id AND m.name = $1 "
                         "AND p.id = x.peer_id AND p.name = $2",
                         {server, peer},
                         server + " is not mirrored to " + peer));
    say(context, server + " is no longer mirrored to " + peer);
    return base::Done{};
}

// What the table asks for and is not there. It is an error, so that a script can wait for its end.
base::Status check_mirrors(CommandContext& context, const Arguments& arguments) {
    const std::int64_t limit = TRY(arguments.integer("--limit", 1, 1'000'000, kCheckRows));
    base::Connection* connection = TRY(context.db());
    const base::Rows counts = TRY(
        connection->query("SELECT count(*), coalesce(sum(g.messages), 0)::bigint FROM "
                          "(SELECT DISTINCT segment_id, messages FROM report.mirror_gap) AS g"));
    (void)TRY(print_rows(
        context,
        arguments.has("--messages")
            ? "SELECT m.id AS message_id, m.received_at, g.writer, m.sender, g.storage_server, "
              "g.copy_state, g.reason FROM report.mirror_gap g "
              "JOIN catalog.message m ON m.segment_id = g.segment_id "
              "ORDER BY m.id, g.storage_server LIMIT $1"
            : "SELECT segment_id, writer, segment_state, messages, storage_server, copy_state, "
              "reason, owed_since FROM report.mirror_gap "
              "ORDER BY segment_id, storage_server LIMIT $1",
        {limit},
        "every message meets the mirroring table"));
    if (counts[0].int64(0) == 0) {
        return base::Done{};
    }
    return base::Error{base::Errc::Unavailable,
                       counts[0].string(0) + " segments with " + counts[0].string(1) +
                           " messages do not meet the mirroring table yet"};
}

}  // namespace

std::vector<Command> mirror_commands() {
    const OptionSpec server{"server", OptionKind::Positional, "a mail server"};
    return {{"mirror", "list", "show the mirroring table", {}, list_mirrors},
            {"mirror",
             "set",
             "say which peers' storage servers also get each message of a mail server",
             {server, {"peers", OptionKind::Positionals, "other mail servers, in order"}},
             set_mirrors},
            {"mirror",
             "check",
             "list the segments that do not meet the mirroring table yet; exit 5 if there are any",
             {{"--messages", OptionKind::Flag, "list the messages in them"},
              {"--limit", OptionKind::Value, "so many rows at most; else 1000"}},
             check_mirrors},
            {"mirror",
             "remove",
             "take a peer out of a mail server's row",
             {server, {"peer", OptionKind::Positional, "the peer"}},
             remove_mirror}};
}

}  // namespace ops
