#include "storage/tracking/layout_follower.h"

#include <utility>

#include "base/file.h"
#include "base/log.h"

namespace storage {
namespace {

using base::Deadline;
using base::Errc;
using base::Error;
using base::Result;
using base::Status;

constexpr auto kSaveDeadline = std::chrono::seconds(10);

std::string cache_file(const LayoutSource& source) {
    return source.state_dir + "/layout";
}

std::int64_t now_ns() {
    return base::monotonic_now().time_since_epoch().count();
}

}  // namespace

// Reached from the listener's thread, which may outlive a stopped follower by a moment.
struct LayoutFollower::Shared {
    LayoutFollower* follower = nullptr;  // loop thread only
};

Result<StartLayout> start_layout(const LayoutSource& source, Deadline deadline) {
    base::DbTimeouts timeouts;
    timeouts.connect = deadline.remaining();
    timeouts.statement = deadline.remaining();
    Error away;
    Result<std::unique_ptr<base::Connection>> connection =
        base::Connection::open(source.database, "layout " + source.server, timeouts);
    if (connection) {
        Result<Layout> layout = read_layout(*connection.value(), source.role, source.server);
        if (layout) {
            const Status saved =
                base::write_file_atomic(cache_file(source), encode(layout.value()), 0600);
            if (!saved) {
                base::log::warning("storage", "layout_not_saved", {{"error", saved.error()}});
            }
            return StartLayout{std::move(layout).take_value(), false};
        }
        away = layout.error();
    } else {
        away = connection.error();
    }
    if (!base::is_temporary(away.code)) {
        return away;
    }
    const Result<std::string> text = base::read_file(cache_file(source), kLayoutSizeMax);
    if (!text) {
        return Error{Errc::Unavailable, "no directory (" + away.detail + ") and no copy of it"};
    }
    base::log::warning("storage", "layout_from_cache", {{"error", away}});
    return StartLayout{TRY(decode_layout(text.value())), true};
}

LayoutFollower::LayoutFollower(base::Loop& loop,
                               base::DbPool& pool,
                               base::WorkerPool& workers,
                               LayoutSource source,
                               LayoutFollowerOptions options,
                               StartLayout start)
    : loop_(loop),
      pool_(pool),
      workers_(workers),
      source_(std::move(source)),
      options_(options),
      layout_(std::move(start.layout)),
      shared_(std::make_shared<Shared>()),
      confirmed_ns_(now_ns()),
      from_cache_(start.from_cache) {
    shared_->follower = this;
}

LayoutFollower::~LayoutFollower() {
    shared_->follower = nullptr;
    listener_.reset();
}

void LayoutFollower::set_on_change(std::function<void(const Layout&)> on_change) {
    on_change_ = std::move(on_change);
}

void LayoutFollower::start() {
    const auto wake = [poster = loop_.poster(), shared = shared_] {
        poster.post([shared] {
            if (shared->follower != nullptr) {
                shared->follower->wake_.notify();
            }
        });
    };
    listener_ = std::make_unique<base::ChangeListener>(
        source_.database,
        "layout " + source_.server,
        std::vector<std::string>{"roundtable_directory"},
        base::ChangeListener::Callbacks{[wake](const std::string&, const std::string&) { wake(); },
                                        wake});
    const Result<base::FiberId> spawned = base::spawn(loop_, "layout", [this] { follow(); });
    if (!spawned) {
        base::log::error("storage", "layout_not_followed", {{"error", spawned.error()}});
    }
}

void LayoutFollower::stop() {
    stopping_ = true;
    wake_.notify();
}

void LayoutFollower::follow() {
    while (!stopping_) {
        const Status woken = wake_.wait(Deadline::after(options_.poll));
        if (!woken && woken.error().code == Errc::Cancelled) {
            return;
        }
        if (!stopping_) {
            look();
        }
    }
}

// Reads the version, and all of it if that has moved. A cached layout is always read anew.
void LayoutFollower::look() {
    const std::int64_t known = from_cache_ ? -1 : layout_.version;
    Result<std::optional<Layout>> read = pool_.run(
        [known, role = source_.role, server = source_.server](
            base::Connection& connection) -> Result<std::optional<Layout>> {
            if (TRY(read_directory_version(connection)) == known) {
                return std::optional<Layout>();
            }
            return std::optional<Layout>(TRY(read_layout(connection, role, server)));
        },
        Deadline::after(options_.read_deadline));
    if (!read) {
        // Away: what we have stays. Gone from the directory: the operator is in the middle of
        // something; a server does not stop on its own for that.
        if (!base::is_temporary(read.error().code)) {
            base::log::warning("storage", "layout_unreadable", {{"error", read.error()}});
        }
        return;
    }
    confirmed_ns_ = now_ns();
    from_cache_ = false;
    if (!read.value()) {
        return;
    }
    Layout fresh = std::move(*read.value());
    Layout same_version = layout_;
    same_version.version = fresh.version;
    const bool differs = fresh != same_version;
    layout_ = std::move(fresh);
    if (differs) {
        base::log::info("storage",
                        "layout_changed",
                        {{"version", layout_.version}, {"servers", layout_.servers.size()}});
        on_change_(layout_);
        save(layout_);
    }
}

void LayoutFollower::save(const Layout& layout) {
    const Status saved =
        workers_.run([file = cache_file(source_),
                      text = encode(layout)] { return base::write_file_atomic(file, text, 0600); },
                     Deadline::after(kSaveDeadline));
    if (!saved) {
        base::log::warning("storage", "layout_not_saved", {{"error", saved.error()}});
    }
}

std::int64_t LayoutFollower::age_ms() const noexcept {
    return (now_ns() - confirmed_ns_) / 1'000'000;
}

bool LayoutFollower::is_from_cache() const noexcept {
    return from_cache_;
}

}  // namespace storage
