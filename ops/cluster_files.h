#pragma once

// ClusterFiles: where `roundtable up` keeps what in its state directory.
//
//   cluster.yaml      the layout (ops/cluster_layout.h)
//   endpoints.json    where the servers listen; there while the cluster is up
//   database          connection string, without a user
//   config/NAME.yaml  bootstrap file of a daemon
//   state/NAME/       its state directory
//   run/              sockets and process ids, mode 0700
//   log/NAME.log      what it printed
//   postgres/         the private PostgreSQL
//   stores/NAME/      storage directories of the default layout
//
// Thread rule: values.

#include <string>
#include <utility>

namespace ops {

class ClusterFiles {
  public:
    explicit ClusterFiles(std::string directory) : directory_(std::move(directory)) {}

    [[nodiscard]] const std::string& directory() const noexcept { return directory_; }

    [[nodiscard]] std::string layout_file() const { return directory_ + "/cluster.yaml"; }

    [[nodiscard]] std::string endpoints_file() const { return directory_ + "/endpoints.json"; }

    [[nodiscard]] std::string database_file() const { return directory_ + "/database"; }

    [[nodiscard]] std::string config_directory() const { return directory_ + "/config"; }

    [[nodiscard]] std::string config_file(const std::string& name) const {
        return config_directory() + "/" + name + ".yaml";
    }

    [[nodiscard]] std::string state_root() const { return directory_ + "/state"; }

    [[nodiscard]] std::string state_directory(const std::string& name) const {
        return state_root() + "/" + name;
    }

    /// Of a mail server: where programs of this machine hand in messages.
    [[nodiscard]] std::string ingest_socket(const std::string& name) const {
        return state_directory(name) + "/ingest";
    }

    [[nodiscard]] std::string run_directory() const { return directory_ + "/run"; }

    [[nodiscard]] std::string control_socket() const { return run_directory() + "/control"; }

    [[nodiscard]] std::string lock_file() const { return directory_ + "/up.lock"; }

    [[nodiscard]] std::string log_directory() const { return directory_ + "/log"; }

    [[nodiscard]] std::string log_file(const std::string& name) const {
        return log_directory() + "/" + name + ".log";
    }

    [[nodiscard]] std::string postgres_directory() const { return directory_ + "/postgres"; }

  private:
    std::string directory_;
};

}  // namespace ops
