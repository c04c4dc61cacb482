#include "storage/path/path_metrics.h"

#include <set>
#include <string_view>

#include "base/metrics.h"
#include "storage/path/health.h"
#include "storage/path/running_total.h"

namespace storage {

namespace {

constexpr double kGone = -1;

double number_of(StoreState state) noexcept {
    switch (state) {
        case StoreState::Out:
            return 0;
        case StoreState::Suspect:
            return 1;
        case StoreState::Healthy:
            return 2;
    }
    return kGone;
}

}  // namespace

struct PathMetrics::Series {
    using Name = std::pair<std::string, std::string>;

    explicit Series(const Name& name)
        : state(gauge(name,
                      "roundtable_storage_path_state",
                      "Storage paths: 2 healthy, 1 suspect, 0 out, -1 no more in the directory")),
          free_bytes(gauge(name,
                           "roundtable_storage_path_free_bytes",
                           "Free octets by storage path, as of the last probe")),
          total_bytes(gauge(name,
                            "roundtable_storage_path_total_bytes",
                            "Octets of the file system by storage path, as of the last probe")),
          requests(total(name, "roundtable_storage_requests_total", "Requests by storage path")),
          errors(total(name,
                       "roundtable_storage_request_errors_total",
                       "Requests that were answered with an error, by storage path")),
          timeouts(total(name,
                         "roundtable_storage_request_timeouts_total",
                         "Requests that were not answered in time, by storage path")),
          helpers_started(helpers(name, "started")),
          helpers_lost(helpers(name, "lost")),
          helpers_abandoned(helpers(name, "abandoned")),
          bytes_read(bytes(name, "read")),
          bytes_written(bytes(name, "written")),
          syncs_done(syncs(name, "ok")),
          syncs_failed(syncs(name, "failed")) {}

    static base::Gauge& gauge(const Name& name, std::string_view metric, std::string_view help) {
        return base::gauge(
            metric, help, {{"folder", "storage"}, {"store", name.first}, {"path", name.second}});
    }

    static RunningTotal total(const Name& name, std::string_view metric, std::string_view help) {
        return RunningTotal(base::counter(
            metric, help, {{"folder", "storage"}, {"store", name.first}, {"path", name.second}}));
    }

    static RunningTotal helpers(const Name& name, std::string_view event) {
        return RunningTotal(base::counter("roundtable_storage_helpers_total",
                                          "Helper processes that were started, ended by "
                                          "themselves, or were given up hung, by storage path",
                                          {{"folder", "storage"},
                                           {"store", name.first},
                                           {"path", name.second},
                                           {"event", event}}));
    }

    static RunningTotal bytes(const Name& name, std::string_view direction) {
        return RunningTotal(base::counter("roundtable_storage_bytes_total",
                                          "Octets read and written by storage path",
                                          {{"folder", "storage"},
                                           {"store", name.first},
                                           {"path", name.second},
                                           {"direction", direction}}));
    }

    static RunningTotal syncs(const Name& name, std::string_view outcome) {
        return RunningTotal(base::counter("roundtable_storage_syncs_total",
                                          "Syncs by storage path",
                                          {{"folder", "storage"},
                                           {"store", name.first},
                                           {"path", name.second},
                                           {"outcome", outcome}}));
    }

    void show(const StoreHealth& health, const PathCounters& counted) {
        state.set(number_of(health.state));
        free_bytes.set(static_cast<double>(health.free_bytes));
        total_bytes.set(static_cast<double>(health.total_bytes));
        requests.follow(counted.requests);
        errors.follow(counted.errors);
        timeouts.follow(counted.timeouts);
        helpers_started.follow(counted.helpers_started);
        helpers_lost.follow(counted.helpers_lost);
        helpers_abandoned.follow(counted.helpers_abandoned);
        bytes_read.follow(counted.bytes_read);
        bytes_written.follow(counted.bytes_written);
        syncs_done.follow(counted.syncs);
        syncs_failed.follow(counted.sync_failures);
    }

    void show_gone() {
        state.set(kGone);
        free_bytes.set(0);
        total_bytes.set(0);
    }

    base::Gauge& state;
    base::Gauge& free_bytes;
    base::Gauge& total_bytes;
    RunningTotal requests;
    RunningTotal errors;
    RunningTotal timeouts;
    RunningTotal helpers_started;
    RunningTotal helpers_lost;
    RunningTotal helpers_abandoned;
    RunningTotal bytes_read;
    RunningTotal bytes_written;
    RunningTotal syncs_done;
    RunningTotal syncs_failed;
};

PathMetrics::PathMetrics(const StorageServerSet& servers) : servers_(servers) {
}

PathMetrics::~PathMetrics() = default;

void PathMetrics::update() {
    std::set<Series::Name> present;
    for (const StorageServerClient* server : servers_.all()) {
        const std::vector<StoreHealth> health = server->path_health();
        const std::vector<PathCounters> counted = server->path_counters();
        for (std::size_t n = 0; n < health.size() && n < counted.size(); ++n) {
            const Series::Name name(server->config().name, health[n].path);
            present.insert(name);
            paths_.try_emplace(name, name).first->second.show(health[n], counted[n]);
        }
    }
    for (auto& [name, series] : paths_) {
        if (!present.contains(name)) {
            series.show_gone();
        }
    }
}

}  // namespace storage
