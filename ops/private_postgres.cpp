#include "ops/private_postgres.h"

#include <filesystem>
#include <fstream>

#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"

namespace ops {

namespace {

constexpr std::size_t kPidFileMax = 4096;
constexpr auto kInitdbTimeout = std::chrono::minutes(2);
// PostgreSQL's pid file has the state in its eighth line ("starting", "ready", "stopping").
constexpr int kPidFileStateLine = 7;

base::Result<std::string> find_programs() {
    // Debian keeps each version in a directory of its own; the newest one wins.
    std::string best;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", ignored)) {
        const std::string bin = entry.path().string() + "/bin";
        if (std::filesystem::exists(bin + "/initdb", ignored) && (best.empty() || bin > best)) {
            best = bin;
        }
    }
    if (best.empty()) {
        return base::Error{base::Errc::NotFound,
                           "no PostgreSQL server is installed: apt-get install postgresql-15, or "
                           "name another database with --database"};
    }
    return best;
}

std::vector<std::string> plain_environment() {
    return {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"};
}

}  // namespace

PrivatePostgres::PrivatePostgres(Options options, std::string programs)
    : options_(std::move(options)), programs_(std::move(programs)) {
}

base::Result<PrivatePostgres> PrivatePostgres::create(Options options) {
    const std::string socket_path = options.socket_directory + "/.s.PGSQL.5432";
    if (socket_path.size() >= sizeof(sockaddr_un::sun_path)) {
        return base::Error{base::Errc::TooLarge,
                           "the path of the database socket is too long (" +
                               std::to_string(socket_path.size()) +
                               " characters): choose a shorter --dir"};
    }
    return PrivatePostgres(std::move(options), TRY(find_programs()));
}

base::Status PrivatePostgres::prepare() {
    std::error_code ignored;
    if (std::filesystem::exists(options_.data_directory + "/PG_VERSION", ignored)) {
        return base::Done{};
    }
    base::ProcessOptions initdb;
    initdb.program = programs_ + "/initdb";
    initdb.arguments = {"-D",
                        options_.data_directory,
                        "-U",
                        owner_role(),
                        "-E",
                        "UTF8",
                        "--locale=C.UTF-8",
                        "--auth=trust",
                        "--data-checksums",
                        "--no-instructions"};
    initdb.environment = plain_environment();
    initdb.user = options_.user;
    initdb.directory = "/";
    base::Child child = TRY(base::spawn_process(initdb));
    const base::ExitStatus status = TRY(child.wait(base::Deadline::after(kInitdbTimeout)));
    if (!status.is_clean()) {
        return base::Error{base::Errc::Io,
                           "initdb ended with " + status.to_text() + " for " +
                               options_.data_directory + "; its messages stand above"};
    }
    return base::Done{};
}

base::ProcessOptions PrivatePostgres::server() const {
    base::ProcessOptions server;
    server.program = programs_ + "/postgres";
    server.arguments = {"-D", options_.data_directory};
    // Durability settings stay at PostgreSQL's safe defaults.
    for (const std::string& setting : {std::string("listen_addresses="),
                                       "unix_socket_directories=" + options_.socket_directory,
                                       std::string("unix_socket_permissions=0700"),
                                       std::string("max_connections=200"),
                                       std::string("shared_buffers=128MB"),
                                       std::string("max_wal_size=2GB"),
                                       std::string("jit=off"),
                                       std::string("log_line_prefix=%m %p %a ")}) {
        server.arguments.emplace_back("-c");
        server.arguments.push_back(setting);
    }
    server.environment = plain_environment();
    server.user = options_.user;
    server.directory = "/";
    return server;
}

bool PrivatePostgres::is_ready() const {
    auto content = base::read_file(options_.data_directory + "/postmaster.pid", kPidFileMax);
    if (!content) {
        return false;
    }
    std::string_view rest = content.value();
    for (int line = 0; line < kPidFileStateLine; ++line) {
        const std::size_t end = rest.find('\n');
        if (end == std::string_view::npos) {
            return false;
        }
        rest.remove_prefix(end + 1);
    }
    return rest.starts_with("ready");
}

std::string PrivatePostgres::conninfo(const std::string& role, const std::string& database) const {
    return "host=" + options_.socket_directory + " dbname=" + database + " user=" + role;
}

}  // namespace ops
