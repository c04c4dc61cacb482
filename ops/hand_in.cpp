#include "ops/hand_in.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <system_error>

#include <poll.h>
#include <unistd.h>

#include "base/file.h"
#include "base/unix_socket.h"
#include "ops/cluster_files.h"
#include "ops/json.h"
#include "ops/output.h"

namespace ops {

namespace {

// One socket. Longer than a mail server takes for the copies and the catalog.
constexpr base::Duration kPatience = std::chrono::seconds(60);
constexpr base::Duration kToConnect = std::chrono::seconds(5);
constexpr std::size_t kMessageMax = std::size_t{1} << 30U;
constexpr const char* kRunDirectory = "/run/roundtable";

// DIRECTORY/*/ingest, by name.
std::vector<std::string> sockets_below(const std::string& directory) {
    std::vector<std::string> sockets;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
        const std::filesystem::path path = entry.path() / "ingest";
        std::error_code ignored;
        if (std::filesystem::is_socket(path, ignored)) {
            sockets.push_back(path.string());
        }
    }
    std::sort(sockets.begin(), sockets.end());
    return sockets;
}

void tell(const CommandContext& context, const mta::IngestReceipt& receipt) {
    if (context.output == Output::Json) {
        const Json told = {
            {"id", receipt.id.text()}, {"copies", receipt.copies}, {"again", receipt.again}};
        std::cout << told.dump() << "\n";
    } else if (receipt.again) {
        say(context, "was handed in before: " + receipt.id.text());
    } else {
        say(context, receipt.id.text() + " stored, copies: " + std::to_string(receipt.copies));
    }
}

}  // namespace

std::string machine_name() {
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

void wait_between_passes(base::Duration span) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(span).count();
    (void)::poll(nullptr, 0, static_cast<int>(std::clamp<std::int64_t>(ms, 1, 86'400'000)));
}

OptionSpec socket_option() {
    return {"--socket",
            OptionKind::Values,
            "ingest socket of a mail server; several are tried in turn (default: those of --dir, "
            "else /run/roundtable/*/ingest)"};
}

base::Result<std::vector<std::string>> ingest_sockets(const CommandContext& context,
                                                      const Arguments& arguments) {
    std::vector<std::string> sockets = arguments.list("--socket");
    if (!sockets.empty()) {
        return sockets;
    }
    const std::string root = context.directory.empty()
                                 ? std::string(kRunDirectory)
                                 : ClusterFiles(context.directory).state_root();
    sockets = sockets_below(root);
    if (sockets.empty()) {
        return base::Error{base::Errc::Unavailable,
                           "no mail server of this machine takes messages: no socket " + root +
                               "/*/ingest. Start one with ingest_socket in its configuration, or "
                               "name the socket with --socket"};
    }
    return sockets;
}

base::Result<mail::Attributes> attributes_of(const std::vector<std::string>& words) {
    mail::Attributes attributes;
    for (const std::string& word : words) {
        const std::size_t equals = word.find('=');
        if (equals == std::string::npos) {
            return base::Error{base::Errc::Invalid,
                               "--attribute takes name=value, not '" + word + "'"};
        }
        const base::Status set =
            attributes.set(word.substr(0, equals), std::string_view(word).substr(equals + 1));
        if (!set) {
            return base::Error{base::Errc::Invalid,
                               "--attribute " + word + ": " + set.error().detail};
        }
    }
    return attributes;
}

base::Result<std::string> read_message(const std::string& path) {
    if (!path.empty() && path != "-") {
        return base::read_file(path, kMessageMax);
    }
    std::string message;
    std::array<char, 65'536> piece{};
    while (std::cin.read(piece.data(), piece.size()) || std::cin.gcount() > 0) {
        message.append(piece.data(), static_cast<std::size_t>(std::cin.gcount()));
        if (message.size() > kMessageMax) {
            return base::Error{base::Errc::TooLarge, "a message may have 1 GiB"};
        }
    }
    return message;
}

bool anyone_listens(const std::vector<std::string>& sockets) {
    return std::any_of(sockets.begin(), sockets.end(), [](const std::string& socket) {
        return static_cast<bool>(base::connect_unix(socket, base::Deadline::after(kToConnect)));
    });
}

base::Result<mta::IngestReceipt> ingest_at_any(const std::vector<std::string>& sockets,
                                               const mta::IngestRequest& request) {
    base::Error last{base::Errc::Unavailable, "no mail server of this machine takes messages"};
    for (const std::string& socket : sockets) {
        auto receipt = mta::ingest(socket, request, base::Deadline::after(kPatience));
        if (receipt || !base::is_temporary(receipt.error().code)) {
            return receipt;
        }
        last = receipt.error();
    }
    return last;
}

base::Result<mta::IngestReceipt> hand_in(CommandContext& context,
                                         const std::vector<std::string>& sockets,
                                         const mta::IngestRequest& request) {
    const base::Result<mta::IngestReceipt> receipt = ingest_at_any(sockets, request);
    if (receipt) {
        tell(context, receipt.value());
        return receipt;
    }
    context.failure_code = base::is_temporary(receipt.error().code) ? kExitTryAgain : kExitNever;
    return receipt.error();
}

}  // namespace ops
