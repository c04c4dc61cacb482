#pragma once

// The tables of commands, one function a noun; all_commands() joins them. Thread rule: any thread.

#include <memory>
#include <string>
#include <vector>

#include "ops/command.h"

namespace ops {

[[nodiscard]] std::vector<Command> account_commands();
[[nodiscard]] std::vector<Command> block_commands();
[[nodiscard]] std::vector<Command> catalog_commands();
[[nodiscard]] std::vector<Command>
cluster_commands();  ///< up, daemon, endpoints, status, completion
[[nodiscard]] std::vector<Command> compact_commands();  ///< storage compact
[[nodiscard]] std::vector<Command> dnssec_commands();
[[nodiscard]] std::vector<Command> domain_commands();
[[nodiscard]] std::vector<Command> ingest_commands();
[[nodiscard]] std::vector<Command> fax_commands();          ///< what runs beside HylaFAX
[[nodiscard]] std::vector<Command> fax_send_commands();     ///< fax send, send-queue, notify, jobs
[[nodiscard]] std::vector<Command> fax_route_commands();    ///< fax route, domain, sender
[[nodiscard]] std::vector<Command> mail_record_commands();  ///< domain mail-records, dkim
[[nodiscard]] std::vector<Command> message_commands();
[[nodiscard]] std::vector<Command> mirror_commands();
[[nodiscard]] std::vector<Command> mx_commands();
[[nodiscard]] std::vector<Command> mx_explain_commands();   ///< mx explain, watch
[[nodiscard]] std::vector<Command> mx_override_commands();  ///< mx pin, drain, clear, history...
[[nodiscard]] std::vector<Command> notify_commands();
[[nodiscard]] std::vector<Command> quarantine_commands();
[[nodiscard]] std::vector<Command> schema_commands();
[[nodiscard]] std::vector<Command> server_commands();
[[nodiscard]] std::vector<Command> server_probe_commands();  ///< server probe
[[nodiscard]] std::vector<Command> setting_commands();
[[nodiscard]] std::vector<Command> storage_commands();
[[nodiscard]] std::vector<Command> transfer_commands();  ///< transfer, its keys and catalog
[[nodiscard]] std::vector<Command> update_commands();    ///< who may change zones by RFC 2136
[[nodiscard]] std::vector<Command> voicemail_commands();
[[nodiscard]] std::vector<Command> zone_commands();

/// Who makes a change, for author columns: the login name of the person (before sudo), at the least
/// "uid N".
[[nodiscard]] std::string current_author();

/// A domain or host name as the directory keeps it: lower case, no final dot.
[[nodiscard]] std::string normal_name(std::string text);

/// The same, checked. Errc::Invalid if it is none.
[[nodiscard]] base::Result<std::string> checked_name(const std::string& text);

/// --expires ("2h") as seconds from now for SQL, null when not given. Errc::Invalid.
[[nodiscard]] base::Result<std::optional<std::int64_t>> expiry_seconds(const Arguments& arguments);

/// A connection for what makes schemas and roles, which the operator's role may not: the connection
/// string must name the database's owner. Of a private PostgreSQL that is known.
[[nodiscard]] base::Result<std::unique_ptr<base::Connection>> open_as_owner(
    const CommandContext& context);

/// Runs one statement; Errc::NotFound with `if_none` when it changed no row.
base::Status change_one(CommandContext& context,
                        const std::string& sql,
                        const base::Params& params,
                        const std::string& if_none);

/// Adds the storage server "name" with its --path directories, --failure-domain and --for. Each
/// directory gets the identity file of the store, or must have it already: the same store may be
/// reached by several paths. Errc::Exists, Errc::Invalid, and those of mark_store_roots().
base::Status add_storage_server(CommandContext& context, const Arguments& arguments);

}  // namespace ops
