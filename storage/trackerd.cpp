// roundtable-trackerd: the tracker. See storage/README.md and storage/tracking/tracker.h.

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/admin.h"
#include "base/daemon.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/result.h"
#include "storage/tracking/tracker.h"

namespace {

// A tracker that has not come through for so long hangs somewhere.
constexpr std::int64_t kRoundMaxMs = 120'000;

// What the journal lacks for longer than this, a rebuild would not bring back as it should.
constexpr std::int64_t kJournalLagMaxMs = 60'000;

struct Settings {
    storage::TrackerOptions tracker;
    std::optional<base::Endpoint> admin;
};

std::chrono::milliseconds milliseconds(base::Duration span) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(span);
}

Settings read_settings(const base::ConfigSection& root) {
    Settings settings;
    settings.tracker.name = root.text("name");
    settings.tracker.database = root.text("database");
    settings.tracker.state_dir = root.text("state_dir");
    settings.tracker.helper_program = root.text("path_helper", "");
    settings.tracker.grace = milliseconds(root.duration("grace", settings.tracker.grace));
    settings.tracker.upkeep_pause =
        milliseconds(root.duration("upkeep_pause", settings.tracker.upkeep_pause));
    settings.tracker.attribute_cache =
        milliseconds(root.duration("attribute_cache", settings.tracker.attribute_cache));
    if (root.has("admin_listen")) {
        settings.admin = root.endpoint("admin_listen");
    }
    return settings;
}

base::Status check(const storage::TrackerHealth& health) {
    if (!health.database_available) {
        return base::Error{base::Errc::Unavailable, "the database is away"};
    }
    if (health.since_round_ms > kRoundMaxMs) {
        return base::Error{base::Errc::Timeout, "no round of catch-up for two minutes"};
    }
    if (health.journal_known && health.journal_lag_ms > kJournalLagMaxMs) {
        return base::Error{base::Errc::Timeout,
                           "mailboxes have not been journaled for a minute: a rebuild of the "
                           "catalog would bring them back as they were then"};
    }
    return base::Done{};
}

base::Status serve(base::DaemonContext& context) {
    Settings settings = read_settings(context.config().root());
    TRY(context.config().finish());
    const std::string name = settings.tracker.name;
    const std::unique_ptr<base::Loop> loop = TRY(base::Loop::create("trackerd"));
    const std::unique_ptr<storage::Tracker> tracker =
        TRY(storage::Tracker::create(*loop, std::move(settings.tracker)));
    std::unique_ptr<base::AdminServer> admin;
    if (settings.admin) {
        admin = TRY(base::AdminServer::create(*settings.admin,
                                              [&tracker] { return check(tracker->health()); }));
    }
    tracker->start();
    context.set_on_stop([&] {
        tracker->stop();
        loop->stop();
    });
    base::log::info("storage", "tracking", {{"name", name}});
    context.ready();
    loop->run();
    // Waits for a stop that is being asked for, and keeps the next one from a loop that is gone.
    context.set_on_stop([] {});
    return base::Done{};
}

}  // namespace

int main(int argc, char** argv) {
    return base::run_daemon(argc, argv, "roundtable-trackerd", serve);
}
