#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "ops/cluster_files.h"
#include "ops/commands/commands.h"
#include "ops/commands/mx_watch.h"
#include "ops/steering_client.h"

namespace ops {

namespace {

constexpr std::uint16_t kDnsPort = 53;
constexpr const char* kRoots[] = {"/run/roundtable", "/var/lib/roundtable"};

// DIRECTORY/*/explain, by name.
void add_sockets(const std::string& directory, std::vector<SteeringTarget>& targets) {
    std::vector<std::string> sockets;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
        const std::filesystem::path path = entry.path() / "explain";
        std::error_code ignored;
        if (std::filesystem::is_socket(path, ignored)) {
            sockets.push_back(path.string());
        }
    }
    std::ranges::sort(sockets);
    for (std::string& socket : sockets) {
        targets.push_back({std::move(socket), {}});
    }
}

// Those that --at and --socket name; else all of --dir, else all of this machine.
base::Result<std::vector<SteeringTarget>> targets_of(const CommandContext& context,
                                                     const Arguments& arguments) {
    std::vector<SteeringTarget> targets;
    for (const std::string& path : arguments.list("--socket")) {
        targets.push_back({path, {}});
    }
    for (const std::string& address : arguments.list("--at")) {
        targets.push_back({"", TRY(base::Endpoint::parse(address, kDnsPort))});
    }
    if (!targets.empty()) {
        return targets;
    }
    if (!context.directory.empty()) {
        add_sockets(ClusterFiles(context.directory).state_root(), targets);
    } else {
        for (const char* root : kRoots) {
            add_sockets(root, targets);
        }
    }
    if (targets.empty()) {
        return base::Error{base::Errc::Unavailable,
                           "no name server of this machine can be asked; name its explain_socket "
                           "with --socket, or the address of one whose admin_acl has this machine "
                           "with --at"};
    }
    return targets;
}

base::Status explain_mx(CommandContext& context, const Arguments& arguments) {
    dns::explain::ExplainRequest request;
    const bool json = context.output == Output::Json;
    request.format = json ? dns::explain::Format::Json : dns::explain::Format::Text;
    request.domain = TRY(checked_name(arguments.text("domain")));
    if (const auto source = arguments.optional("--source")) {
        request.source = std::optional(TRY(base::IpAddress::parse(*source)));
    }
    std::string all;
    std::optional<base::Error> problem;
    bool answered = false;
    for (const SteeringTarget& target : TRY(targets_of(context, arguments))) {
        auto answer = ask_steering(target, request);
        if (!answer) {
            const std::string where = target.name() + ": ";
            problem = base::Error{answer.error().code, where + answer.error().detail};
            std::fprintf(stderr, "%s\n", problem->detail.c_str());
            continue;
        }
        std::string text = std::move(answer).take_value();
        if (json) {
            text.pop_back();
            all += (answered ? "," : "") + text;
        } else {
            all += (answered ? "\n" : "") + text;
        }
        answered = true;
    }
    if (!answered) {
        return problem ? *problem : base::Error{base::Errc::Unavailable, "nobody was asked"};
    }
    std::fputs((json ? "[" + all + "]\n" : all).c_str(), stdout);
    return base::Done{};
}

base::Status watch_mx(CommandContext& context, const Arguments& arguments) {
    WatchOptions options;
    options.json = context.output == Output::Json;
    options.rounds = TRY(arguments.integer("--count", 1, 1'000'000'000, 0));
    return watch_steering(TRY(targets_of(context, arguments)), options);
}

}  // namespace

std::vector<Command> mx_explain_commands() {
    const OptionSpec socket{
        "--socket",
        OptionKind::Values,
        "explain socket of a name server (default: those of --dir, else of this "
        "machine)"};
    const OptionSpec at{
        "--at", OptionKind::Values, "address of a name server whose admin_acl has this machine"};
    return {
        {"mx",
         "explain",
         "why a domain is answered as it is: probes, weights, overrides, variants",
         {{"domain", OptionKind::Positional, "a mail domain"},
          {"--source", OptionKind::Value, "an IP address: which variant its network gets"},
          socket,
          at},
         explain_mx},
        {"mx",
         "watch",
         "the steering as it goes, each second, until Ctrl-C; with --json a line for each look",
         {{"--count", OptionKind::Value, "end after so many looks"}, socket, at},
         watch_mx},
    };
}

}  // namespace ops
