#include <cstdio>
#include <filesystem>

#include "base/file.h"
#include "ops/cli.h"
#include "ops/cluster_config.h"
#include "ops/commands/commands.h"
#include "ops/control.h"
#include "ops/json.h"
#include "ops/output.h"
#include "ops/up.h"

namespace ops {

namespace {

constexpr std::size_t kFileMax = std::size_t{1} << 20U;

base::Result<ClusterFiles> cluster_files(const CommandContext& context) {
    if (context.directory.empty()) {
        return base::Error{base::Errc::Invalid,
                           "give --dir DIR, the state directory of `roundtable up`"};
    }
    std::error_code ignored;
    return ClusterFiles(std::filesystem::absolute(context.directory, ignored).string());
}

base::Status up(CommandContext& context, const Arguments& arguments) {
    const ClusterFiles files = TRY(cluster_files(context));
    UpOptions options;
    options.directory = files.directory();
    options.database = context.database;
    options.program = context.program;
    options.user = arguments.optional("--user").value_or("roundtable");
    if (arguments.has("--standard-ports")) {
        options.ports = Ports::Standard;
    } else if (arguments.has("--free-ports")) {
        options.ports = Ports::Free;
    }
    return run_up(options);
}

base::Status endpoints(CommandContext& context, const Arguments&) {
    const ClusterFiles files = TRY(cluster_files(context));
    auto json = base::read_file(files.endpoints_file(), kFileMax);
    if (!json) {
        return base::Error{base::Errc::Unavailable,
                           "no cluster is up in " + files.directory() + "; `roundtable --dir " +
                               files.directory() + " up` starts it"};
    }
    if (context.output == Output::Json) {
        std::fputs(json.value().c_str(), stdout);
        return base::Done{};
    }
    const ClusterLayout layout = TRY(load_layout(files.layout_file()));
    std::string database = TRY(base::read_file(files.database_file(), kFileMax));
    database.erase(std::min(database.find('\n'), database.size()));
    std::fputs(endpoints_text(layout, files, database).c_str(), stdout);
    return base::Done{};
}

// The supervisor's tab-separated lines as a table or JSON.
void print_daemons(const CommandContext& context, const std::string& lines) {
    Json all = Json::array();
    std::size_t at = 0;
    while (at < lines.size()) {
        const std::size_t end = lines.find('\n', at);
        const std::string line = lines.substr(at, end - at);
        std::vector<std::string> words;
        std::size_t from = 0;
        for (std::size_t tab = line.find('\t'); tab != std::string::npos;
             tab = line.find('\t', from)) {
            words.push_back(line.substr(from, tab - from));
            from = tab + 1;
        }
        words.push_back(line.substr(from));
        words.resize(5);
        if (context.output == Output::Json) {
            all.push_back({{"daemon", words[0]},
                           {"state", words[1]},
                           {"pid", std::stol("0" + words[2])},
                           {"restarts", std::stol("0" + words[3])},
                           {"last_end", words[4]}});
        } else {
            std::printf("%-12s %-9s pid %-8s restarts %-4s %s\n",
                        words[0].c_str(),
                        words[1].c_str(),
                        words[2].c_str(),
                        words[3].c_str(),
                        words[4].c_str());
        }
        at = end == std::string::npos ? lines.size() : end + 1;
    }
    if (context.output == Output::Json) {
        std::puts(all.dump().c_str());
    }
}

base::Status list_daemons(CommandContext& context, const Arguments&) {
    const ClusterFiles files = TRY(cluster_files(context));
    print_daemons(context, TRY(ask_control(files.control_socket(), "list")));
    return base::Done{};
}

base::Status control_daemon(CommandContext& context,
                            const Arguments& arguments,
                            const std::string& verb) {
    const ClusterFiles files = TRY(cluster_files(context));
    const std::string name = arguments.text("daemon");
    (void)TRY(ask_control(files.control_socket(), verb + " " + name));
    say(context, verb == "stop" ? "stopping " + name : "starting " + name);
    return base::Done{};
}

base::Status status(CommandContext& context, const Arguments&) {
    (void)TRY(
        print_one(context,
                  "SELECT c.name AS cluster, c.min_copies, "
                  "(SELECT count(*) FROM directory.domain) AS domains, "
                  "(SELECT count(*) FROM directory.account) AS accounts, "
                  "(SELECT coalesce(sum(messages), 0) FROM report.account) AS messages, "
                  "(SELECT coalesce(sum(bytes), 0) FROM report.account) AS octets, "
                  "(SELECT count(*) FROM report.copy_owed) AS copies_owed, "
                  "(SELECT round(extract(epoch FROM lag))::bigint FROM report.journal) "
                  " AS journal_lag_seconds, "
                  "(SELECT phase FROM report.rebuild) AS rebuild, "
                  "(SELECT count(*) FROM report.override WHERE state = 'active') AS overrides, "
                  "(SELECT verdict FROM report.failover) AS failover, "
                  "(SELECT count(*) FROM report.event WHERE severity = 'alarm' "
                  " AND at > now() - interval '1 day') AS alarms_today "
                  "FROM directory.cluster c",
                  {},
                  "the directory has no cluster row; run `roundtable schema migrate`"));
    if (context.output == Output::Json) {
        return base::Done{};
    }
    std::puts("");
    (void)TRY(print_rows(context,
                         "SELECT storage_server, state, failure_domain, segments, not_good, "
                         "copies_owed, paths FROM report.storage ORDER BY 1",
                         {},
                         "no storage servers"));
    std::puts("");
    return print_rows(context,
                      "SELECT domain, mail_server, priority_index, "
                      "round(first_share::numeric, 3) AS first_share, cause FROM report.priority "
                      "ORDER BY domain, priority_index, mail_server LIMIT 100",
                      {},
                      "no domain has mail servers");
}

base::Status completion(CommandContext&, const Arguments& arguments) {
    std::fputs(TRY(completion_script(arguments.text("shell"), all_commands())).c_str(), stdout);
    return base::Done{};
}

}  // namespace

std::vector<Command> cluster_commands() {
    const OptionSpec daemon{"daemon", OptionKind::Positional, "its name: mail1"};
    return {
        {"",
         "up",
         "run a whole cluster on this machine until Ctrl-C (needs --dir)",
         {{"--standard-ports", OptionKind::Flag, "a new cluster takes ports 53, 25, 143, 110"},
          {"--free-ports", OptionKind::Flag, "a new cluster takes any free ports"},
          {"--user",
           OptionKind::Value,
           "when root: run the daemons as this user, else roundtable"}},
         up},
        {"", "status", "what the cluster is and how it is", {}, status},
        {"", "endpoints", "where the servers listen (needs --dir)", {}, endpoints},
        {"daemon", "list", "the daemons of `up` and their state", {}, list_daemons},
        {"daemon",
         "stop",
         "stop a daemon and leave it stopped",
         {daemon},
         [](CommandContext& context, const Arguments& arguments) {
             return control_daemon(context, arguments, "stop");
         }},
        {"daemon",
         "start",
         "start a stopped daemon",
         {daemon},
         [](CommandContext& context, const Arguments& arguments) {
             return control_daemon(context, arguments, "start");
         }},
        {"",
         "completion",
         "print a completion script",
         {{"shell", OptionKind::Positional, "bash, zsh or fish"}},
         completion},
    };
}

}  // namespace ops
