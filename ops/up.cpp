#include "ops/up.h"

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <optional>

#include <sys/signalfd.h>
#include <unistd.h>

#include "base/db.h"
#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "ops/cluster_config.h"
#include "ops/cluster_files.h"
#include "ops/command.h"
#include "ops/control.h"
#include "ops/embedded_schema.h"
#include "ops/private_postgres.h"
#include "ops/seed.h"
#include "ops/supervisor.h"
#include "ops/system_user.h"

namespace ops {

namespace {

constexpr const char* kDatabaseName = "roundtable";
constexpr const char* kPostgresName = "postgres";

// SIGTERM and SIGINT as a readable descriptor; blocked in this and all later threads.
base::Result<base::Fd> stop_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    if (::pthread_sigmask(SIG_BLOCK, &signals, nullptr) != 0) {
        return base::errno_error("block signals", errno);
    }
    base::Fd descriptor(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!descriptor) {
        return base::errno_error("signalfd", errno);
    }
    return descriptor;
}

// One run of the cluster: what run_up() sets up, and what its callbacks work on.
class ClusterRun {
  public:
    ClusterRun(const UpOptions& options, base::Loop& loop, SystemUser user)
        : options_(options),
          files_(options.directory),
          loop_(loop),
          user_(std::move(user)),
          supervisor_(loop, {files_.run_directory(), files_.log_directory(), user_.name}) {}

    base::Status prepare();
    void start();
    void stop();

    /// Why it ended; Ok after a stop that was asked for.
    base::Status outcome = base::Done{};

  private:
    base::Status prepare_layout();
    base::Status prepare_directories();
    base::Status prepare_database();
    base::Status create_database(const std::string& owner);
    base::Status add_daemons();
    void on_database_ready();
    void on_all_ready();
    void fail(base::Error error);

    const UpOptions& options_;
    ClusterFiles files_;
    base::Loop& loop_;
    SystemUser user_;
    Supervisor supervisor_;
    std::optional<ControlServer> control_;
    std::optional<PrivatePostgres> postgres_;
    ClusterLayout layout_;
    std::string owner_database_;  ///< for migrations
    std::string plain_database_;  ///< without a user, for the daemons
};

base::Status ClusterRun::prepare() {
    (void)TRY(prepare_layout());
    (void)TRY(prepare_directories());
    control_ = TRY(ControlServer::create(loop_, files_.control_socket(), supervisor_));
    return prepare_database();
}

base::Status ClusterRun::prepare_layout() {
    auto loaded = load_layout(files_.layout_file());
    if (loaded) {
        layout_ = std::move(loaded).take_value();
        if (options_.ports != Ports::High && options_.ports != layout_.ports) {
            return base::Error{base::Errc::Invalid,
                               "this cluster was made with " +
                                   std::string(ports_name(layout_.ports)) + " ports; edit " +
                                   files_.layout_file() + " or start anew in another --dir"};
        }
        return base::Done{};
    }
    if (loaded.error().code != base::Errc::NotFound) {
        return loaded.error();
    }
    layout_ = TRY(default_layout(options_.directory, options_.ports));
    return base::write_file_atomic(files_.layout_file(), format_layout(layout_), 0644);
}

base::Status ClusterRun::prepare_directories() {
    (void)TRY(base::ensure_dir(files_.run_directory(), 0700));
    (void)TRY(base::ensure_dir(files_.log_directory(), 0755));
    (void)TRY(base::ensure_dir(files_.config_directory(), 0755));
    (void)TRY(base::ensure_dir(files_.state_root(), 0755));
    (void)TRY(base::ensure_dir(files_.postgres_directory(), 0700));
    (void)TRY(user_.own(files_.run_directory()));
    (void)TRY(user_.own(files_.postgres_directory()));
    return base::Done{};
}

base::Status ClusterRun::prepare_database() {
    if (!options_.database.empty()) {
        owner_database_ = options_.database;
        plain_database_ = options_.database;
        return base::Done{};
    }
    PrivatePostgres::Options options;
    options.data_directory = files_.postgres_directory();
    options.socket_directory = files_.run_directory();
    options.log_file = files_.log_file(kPostgresName);
    options.user = user_.name;
    postgres_ = TRY(PrivatePostgres::create(options));
    (void)TRY(postgres_->prepare());
    plain_database_ = "host=" + files_.run_directory() + " dbname=" + kDatabaseName;
    owner_database_ = conninfo_as(plain_database_, PrivatePostgres::owner_role());
    DaemonSpec spec;
    spec.name = kPostgresName;
    spec.stage = 0;
    spec.process = postgres_->server();
    spec.log_file = options.log_file;
    spec.stop_signal = SIGINT;  // "fast": open transactions are rolled back, clients cut
    spec.stop_timeout = std::chrono::seconds(60);
    spec.is_ready = [this] { return postgres_->is_ready(); };
    return supervisor_.add(std::move(spec));
}

void ClusterRun::start() {
    supervisor_.start([this] { on_database_ready(); });
}

base::Status ClusterRun::create_database(const std::string& owner) {
    auto connection =
        TRY(base::Connection::open(postgres_->conninfo(owner, "postgres"), "roundtable up"));
    const base::Rows found =
        TRY(connection->query("SELECT 1 FROM pg_database WHERE datname = $1", {kDatabaseName}));
    if (found.empty()) {
        (void)TRY(connection->query(std::string("CREATE DATABASE ") + kDatabaseName));
    }
    return base::Done{};
}

// Blocks the loop for as long as the schema takes: nothing else runs yet.
base::Status ClusterRun::add_daemons() {
    if (postgres_) {
        (void)TRY(create_database(PrivatePostgres::owner_role()));
    }
    auto connection = TRY(base::Connection::open(owner_database_, "roundtable up"));
    (void)TRY(storage::migrate(*connection, embedded_migrations()));
    (void)TRY(seed_directory(*connection, layout_));
    for (const auto& server : layout_.storage_servers) {
        for (const auto& directory : server.directories) {
            (void)TRY(user_.own(directory));
            for (const auto& entry : std::filesystem::directory_iterator(directory)) {
                (void)TRY(user_.own(entry.path().string()));
            }
        }
    }
    (void)TRY(base::write_file_atomic(files_.database_file(), plain_database_ + "\n", 0644));
    const std::string programs =
        std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
    for (const DaemonConfig& config : daemon_configs(layout_, files_, plain_database_)) {
        (void)TRY(base::write_file_atomic(files_.config_file(config.name), config.yaml, 0644));
        (void)TRY(base::ensure_dir(files_.state_directory(config.name), 0700));
        (void)TRY(user_.own(files_.state_directory(config.name)));
        DaemonSpec spec;
        spec.name = config.name;
        spec.stage = config.stage;
        spec.process.program = programs + "/" + config.program;
        spec.process.arguments = {"--config", files_.config_file(config.name)};
        spec.process.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"};
        spec.process.directory = "/";
        spec.process.user = user_.name;
        spec.process.keep_bind_service = config.low_port;
        spec.log_file = files_.log_file(config.name);
        (void)TRY(supervisor_.add(std::move(spec)));
    }
    return base::Done{};
}

void ClusterRun::on_database_ready() {
    base::Status added = add_daemons();
    if (!added) {
        fail(std::move(added).take_error());
        return;
    }
    supervisor_.start([this] { on_all_ready(); });
}

void ClusterRun::on_all_ready() {
    base::Status written = base::write_file_atomic(
        files_.endpoints_file(), endpoints_json(layout_, files_, plain_database_), 0644);
    if (!written) {
        fail(std::move(written).take_error());
        return;
    }
    base::log::info("up", "cluster-ready", {{"endpoints", files_.endpoints_file()}});
}

void ClusterRun::fail(base::Error error) {
    base::log::error("up", "failed", {{"error", error}});
    outcome = std::move(error);
    stop();
}

void ClusterRun::stop() {
    ::unlink(files_.endpoints_file().c_str());
    supervisor_.stop([this] { loop_.stop(); });
}

}  // namespace

base::Status run_up(const UpOptions& options) {
    (void)TRY(base::ensure_dir(options.directory, 0755));
    const base::Fd signals = TRY(stop_signals());
    auto locked = base::LockFile::acquire(ClusterFiles(options.directory).lock_file());
    if (!locked) {
        return base::Error{locked.error().code,
                           "another `roundtable up` runs in " + options.directory + " (" +
                               locked.error().detail + ")"};
    }
    auto loop = TRY(base::Loop::create("up"));
    ClusterRun run(options, *loop, TRY(SystemUser::for_daemons(options.user)));
    (void)TRY(run.prepare());
    bool stopping = false;
    auto watch = base::FdWatch::create(*loop, signals.get(), base::Interest::Read, [&] {
        signalfd_siginfo info{};
        if (::read(signals.get(), &info, sizeof(info)) > 0 && !stopping) {
            stopping = true;
            base::log::info("up", "stopping", {{"signal", info.ssi_signo}});
            run.stop();
        }
    });
    run.start();
    loop->run();
    return run.outcome;
}

}  // namespace ops
