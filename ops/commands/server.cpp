#include <filesystem>

#include "ops/commands/commands.h"
#include "ops/output.h"
#include "ops/store_root.h"

namespace ops {

namespace {

base::Result<std::string> need(const Arguments& arguments, const char* option) {
    const auto value = arguments.optional(option);
    if (!value) {
        return base::Error{base::Errc::Invalid,
                           "a " + arguments.text("kind") + " server needs " + option};
    }
    return *value;
}

base::Result<base::Param> port(const Arguments& arguments, const char* option, std::int64_t usual) {
    const std::int64_t number = TRY(arguments.integer(option, 1, 65535, usual));
    return number == 0 ? base::Param(nullptr) : base::Param(number);
}

base::Status add_mail_server(CommandContext& context, const Arguments& arguments) {
    return change_one(
        context,
        "INSERT INTO directory.mail_server (name, host_name, address, address6, smtp_port, "
        "load_port, storage_server_id, capacity) SELECT $1, $2, $3::inet, $4::inet, $5, $6, s.id, "
        "$8 FROM directory.storage_server s WHERE s.name = $7",
        {arguments.text("name"),
         normal_name(TRY(need(arguments, "--host"))),
         arguments.optional("--address"),
         arguments.optional("--address6"),
         TRY(port(arguments, "--smtp-port", 25)),
         TRY(port(arguments, "--load-port", 0)),
         TRY(need(arguments, "--storage")),
         TRY(arguments.real("--capacity", 1))},
        "there is no storage server " + arguments.text("--storage"));
}

base::Status add_access_server(CommandContext& context, const Arguments& arguments) {
    return change_one(
        context,
        "INSERT INTO directory.access_server (name, host_name, address, address6, imap_port, "
        "pop3_port, load_port, capacity) VALUES ($1, $2, $3::inet, $4::inet, $5, $6, $7, $8)",
        {arguments.text("name"),
         normal_name(TRY(need(arguments, "--host"))),
         arguments.optional("--address"),
         arguments.optional("--address6"),
         TRY(port(arguments, "--imap-port", 143)),
         TRY(port(arguments, "--pop3-port", 110)),
         TRY(port(arguments, "--load-port", 0)),
         TRY(arguments.real("--capacity", 1))},
        "not added");
}

base::Status add_name_server(CommandContext& context, const Arguments& arguments) {
    return change_one(context,
                      "INSERT INTO directory.name_server (name, host_name, address, port, "
                      "internal_port) VALUES ($1, $2, $3::inet, $4, $5)",
                      {arguments.text("name"),
                       normal_name(TRY(need(arguments, "--host"))),
                       TRY(need(arguments, "--address")),
                       TRY(port(arguments, "--port", 53)),
                       TRY(port(arguments, "--internal-port", 0))},
                      "not added");
}

base::Status check_absolute(const std::string& directory) {
    if (!directory.starts_with('/')) {
        return base::Error{base::Errc::Invalid,
                           "a storage path is absolute, which '" + directory + "' is not"};
    }
    return base::Done{};
}

base::Status add_server(CommandContext& context, const Arguments& arguments) {
    const std::string kind = arguments.text("kind");
    base::Status added = base::Error{
        base::Errc::Invalid, "kinds are mail, access, storage and name, not '" + kind + "'"};
    if (kind == "mail") {
        added = add_mail_server(context, arguments);
    } else if (kind == "access") {
        added = add_access_server(context, arguments);
    } else if (kind == "storage") {
        added = add_storage_server(context, arguments);
    } else if (kind == "name") {
        added = add_name_server(context, arguments);
    }
    if (!added && added.error().code == base::Errc::Exists) {
        return base::Error{base::Errc::Exists,
                           "there is a server with that name, host name or identity already"};
    }
    (void)TRY(std::move(added));
    say(context, "added " + kind + " server " + arguments.text("name"));
    return base::Done{};
}

// What may refer to a server of that kind, and what ends it.
const char* what_uses(std::string_view kind) {
    if (kind == "mail") {
        return "it serves a domain (`roundtable mx remove`), is in the mirroring table "
               "(`roundtable mirror remove`), or has accepted mail";
    }
    if (kind == "storage") {
        return "a mail server has it as its own, or it holds mail";
    }
    return "something refers to it";
}

base::Status remove_server(CommandContext& context, const Arguments& arguments) {
    const std::string kind = arguments.text("kind");
    const std::string name = arguments.text("name");
    if (kind != "mail" && kind != "access" && kind != "storage" && kind != "name") {
        return base::Error{base::Errc::Invalid,
                           "kinds are mail, access, storage and name, not '" + kind + "'"};
    }
    base::Connection* connection = TRY(context.db());
    base::Tx tx = TRY(connection->begin());
    if (kind == "access") {
        // Which access servers serve a domain is not edited one by one: it leaves with the server.
        (void)TRY(
            tx.query("DELETE FROM directory.access_exchange WHERE access_server_id = "
                     "(SELECT id FROM directory.access_server WHERE name = $1)",
                     {name}));
    }
    auto removed = tx.query("DELETE FROM directory." + kind + "_server WHERE name = $1", {name});
    if (!removed && removed.error().code == base::Errc::Invalid) {
        return base::Error{
            base::Errc::Refused,
            name + " is still in use: " + what_uses(kind) + " (" + removed.error().detail + ")"};
    }
    if (TRY(std::move(removed)).affected() == 0) {
        return base::Error{base::Errc::NotFound, "there is no " + kind + " server " + name};
    }
    (void)TRY(tx.commit());
    say(context, "removed " + kind + " server " + name);
    return base::Done{};
}

base::Status list_servers(CommandContext& context, const Arguments&) {
    return print_rows(
        context,
        "SELECT * FROM ("
        "SELECT 'mail' AS kind, m.name::text, m.host_name::text, host(coalesce(m.address, "
        "m.address6)) AS address, m.smtp_port::text AS ports, 'storage ' || s.name AS detail "
        "FROM directory.mail_server m JOIN directory.storage_server s ON s.id = "
        "m.storage_server_id "
        "UNION ALL SELECT 'access', a.name::text, a.host_name::text, host(coalesce(a.address, "
        "a.address6)), a.imap_port || ' ' || a.pop3_port, '' FROM directory.access_server a "
        "UNION ALL SELECT 'name', n.name::text, n.host_name::text, host(n.address), n.port::text, "
        "coalesce('internal view ' || n.internal_port, '') FROM directory.name_server n "
        "UNION ALL SELECT 'storage', s.name::text, NULL, NULL, NULL, s.state || ' ' || "
        "coalesce((SELECT string_agg(p.directory, ' ' ORDER BY p.preference, p.id) "
        "FROM directory.storage_path p WHERE p.storage_server_id = s.id), 'without a path') "
        "FROM directory.storage_server s) AS servers ORDER BY kind, name",
        {},
        "no servers");
}

base::Status add_path(CommandContext& context, const Arguments& arguments) {
    const std::string storage = arguments.text("storage");
    const std::string directory = arguments.text("directory");
    base::Connection* connection = TRY(context.db());
    const base::Rows found = TRY(connection->query(
        "SELECT id, store_id FROM directory.storage_server WHERE name = $1", {storage}));
    if (found.empty()) {
        return base::Error{base::Errc::NotFound, "there is no storage server " + storage};
    }
    (void)TRY(mark_store_roots({directory}, found[0].uuid(1)));
    auto added = connection->query(
        "INSERT INTO directory.storage_path (storage_server_id, directory, preference, for_server) "
        "VALUES ($1, $2, $3, $4)",
        {found[0].int64(0),
         directory,
         TRY(arguments.integer("--preference", 0, 65535, 10)),
         arguments.optional("--for")});
    if (!added && added.error().code == base::Errc::Exists) {
        return base::Error{base::Errc::Exists, storage + " has that path already"};
    }
    (void)TRY(std::move(added));
    say(context, storage + " is also reached by " + directory);
    return base::Done{};
}

base::Status move_server(CommandContext& context, const Arguments& arguments) {
    const std::string name = arguments.text("name");
    const std::string storage = arguments.text("storage");
    (void)TRY(
        change_one(context,
                   "UPDATE directory.mail_server m SET storage_server_id = s.id "
                   "FROM directory.storage_server s "
                   "WHERE m.name = $1 AND s.name = $2 AND s.state = 'active'",
                   {name, storage},
                   "there is no mail server " + name + ", or no active storage server " + storage));
    say(context, name + " keeps its mail on " + storage + " from its next segment on");
    return base::Done{};
}

base::Status remove_path(CommandContext& context, const Arguments& arguments) {
    const std::string storage = arguments.text("storage");
    const std::string directory = arguments.text("directory");
    (void)TRY(change_one(context,
                         "DELETE FROM directory.storage_path p USING directory.storage_server s "
                         "WHERE s.id = p.storage_server_id AND s.name = $1 AND p.directory = $2",
                         {storage, directory},
                         storage + " has no path " + directory));
    say(context, storage + " is no longer reached by " + directory);
    return base::Done{};
}

}  // namespace

// Each directory gets the identity file of the store, or must have it already: the same store may
// be reached by several paths.
base::Status add_storage_server(CommandContext& context, const Arguments& arguments) {
    const auto directories = arguments.list("--path");
    if (directories.empty()) {
        return base::Error{base::Errc::Invalid, "a storage server needs --path DIRECTORY"};
    }
    for (const std::string& directory : directories) {
        (void)TRY(check_absolute(directory));
    }
    base::Connection* connection = TRY(context.db());
    base::Tx tx = TRY(connection->begin());
    const std::string name = arguments.text("name");
    const base::Rows added =
        TRY(tx.query("INSERT INTO directory.storage_server (name, failure_domain) "
                     "VALUES ($1, $2) RETURNING id, store_id",
                     {name, arguments.optional("--failure-domain").value_or(name)}));
    std::int64_t preference = 10;
    for (const std::string& directory : directories) {
        (void)TRY(
            tx.query("INSERT INTO directory.storage_path (storage_server_id, directory, "
                     "preference, for_server) VALUES ($1, $2, $3, $4)",
                     {added[0].int64(0), directory, preference, arguments.optional("--for")}));
        preference += 10;
    }
    (void)TRY(mark_store_roots(directories, added[0].uuid(1)));
    return tx.commit();
}

std::vector<Command> server_commands() {
    const OptionSpec kind{"kind", OptionKind::Positional, "mail, access, storage or name"};
    const OptionSpec name{"name", OptionKind::Positional, "a short name: mail4"};
    const OptionSpec storage{"storage", OptionKind::Positional, "a storage server"};
    const OptionSpec directory{"directory", OptionKind::Positional, "an absolute path"};
    const OptionSpec for_server{
        "--for", OptionKind::Value, "only for the processes of this server"};
    return {
        {"server", "list", "list mail, access, name and storage servers", {}, list_servers},
        {"server",
         "add",
         "add a server to the directory",
         {kind,
          name,
          {"--host", OptionKind::Value, "host name, as MX and A records give it"},
          {"--address", OptionKind::Value, "IPv4 address (name server: either family)"},
          {"--address6", OptionKind::Value, "IPv6 address"},
          {"--smtp-port", OptionKind::Value, "mail: else 25"},
          {"--imap-port", OptionKind::Value, "access: else 143"},
          {"--pop3-port", OptionKind::Value, "access: else 110"},
          {"--load-port", OptionKind::Value, "mail, access: where load probes are answered"},
          {"--port", OptionKind::Value, "name: else 53"},
          {"--internal-port", OptionKind::Value, "name: of the internal view"},
          {"--capacity", OptionKind::Value, "mail, access: relative; else 1"},
          {"--storage", OptionKind::Value, "mail: its own storage server"},
          {"--path",
           OptionKind::Values,
           "storage: a directory; more than one in order of preference"},
          {"--failure-domain", OptionKind::Value, "storage: what fails together; else its name"},
          for_server},
         add_server},
        {"server", "remove", "remove a server from the directory", {kind, name}, remove_server},
        {"path",
         "add",
         "add one more path to a storage server",
         {storage,
          directory,
          {"--preference", OptionKind::Value, "0 to 65535, low is tried first; else 10"},
          for_server},
         add_path},
        {"server",
         "move",
         "give a mail server another storage server of its own",
         {{"name", OptionKind::Positional, "a mail server"}, storage},
         move_server},
        {"path", "remove", "remove a path of a storage server", {storage, directory}, remove_path},
    };
}

}  // namespace ops
