#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>

#include <pwd.h>
#include <unistd.h>

#include "base/config.h"
#include "ops/commands/commands.h"

namespace ops {

namespace {

constexpr std::size_t kNameMax = 253;  // RFC 1035 2.3.4, in text

}  // namespace

const std::vector<Command>& all_commands() {
    static const std::vector<Command> commands = [] {
        std::vector<Command> all;
        for (const auto& table :
             {cluster_commands(),     setting_commands(),    catalog_commands(),
              schema_commands(),      server_commands(),     storage_commands(),
              mirror_commands(),      domain_commands(),     mx_commands(),
              mx_override_commands(), mx_explain_commands(), account_commands(),
              block_commands(),       ingest_commands(),     message_commands(),
              notify_commands(),      compact_commands(),    voicemail_commands(),
              quarantine_commands(),  fax_commands(),        fax_send_commands(),
              fax_route_commands(),   zone_commands(),       mail_record_commands(),
              transfer_commands(),    dnssec_commands(),     update_commands(),
              server_probe_commands()}) {
            all.insert(all.end(), table.begin(), table.end());
        }
        return all;
    }();
    return commands;
}

std::string current_author() {
    const char* sudo = std::getenv("SUDO_USER");  // NOLINT(concurrency-mt-unsafe): one thread
    if (sudo != nullptr && *sudo != '\0') {
        return sudo;
    }
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    ::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found);
    return found != nullptr ? std::string(found->pw_name) : "uid " + std::to_string(::getuid());
}

std::string normal_name(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    if (text.ends_with('.')) {
        text.pop_back();
    }
    return text;
}

base::Result<std::string> checked_name(const std::string& text) {
    std::string name = normal_name(text);
    const bool allowed = std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    });
    if (name.empty() || name.size() > kNameMax || !allowed) {
        return base::Error{base::Errc::Invalid,
                           "'" + text +
                               "' is no domain name; it is of labels of a-z, 0-9, - and _ with "
                               "dots between"};
    }
    return name;
}

base::Result<std::optional<std::int64_t>> expiry_seconds(const Arguments& arguments) {
    const auto text = arguments.optional("--expires");
    if (!text) {
        return std::optional<std::int64_t>();
    }
    const auto parsed = base::parse_duration(*text);
    const std::int64_t seconds =
        parsed ? std::chrono::duration_cast<std::chrono::seconds>(parsed.value()).count() : 0;
    if (seconds <= 0) {
        return base::Error{
            base::Errc::Invalid,
            "--expires takes a time from now such as 90s, 15m, 2h or 7d, not '" + *text + "'"};
    }
    return std::optional<std::int64_t>(seconds);
}

base::Result<std::unique_ptr<base::Connection>> open_as_owner(const CommandContext& context) {
    std::string target = TRY(context.conninfo());
    if (!context.directory.empty() && context.database.empty()) {
        target = conninfo_as(target, "roundtable");
    }
    return base::Connection::open(target, "roundtable schema");
}

base::Status change_one(CommandContext& context,
                        const std::string& sql,
                        const base::Params& params,
                        const std::string& if_none) {
    base::Connection* connection = TRY(context.db());
    const base::Rows rows = TRY(connection->query(sql, params));
    if (rows.affected() == 0) {
        return base::Error{base::Errc::NotFound, if_none};
    }
    return base::Done{};
}

}  // namespace ops
