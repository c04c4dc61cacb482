#include "dns/control/directory_follower.h"

#include <utility>

#include "base/log.h"
#include "dns/directory/directory_reader.h"

namespace dns {
namespace {

constexpr base::Duration kPollEvery = std::chrono::seconds(2);
constexpr base::Duration kVersionDeadline = std::chrono::seconds(5);
constexpr base::Duration kReadDeadline = std::chrono::minutes(2);

bool same_secrets(const Directory& left, const Directory& right) {
    return left.secrets == right.secrets ||
           (left.secrets != nullptr && right.secrets != nullptr && *left.secrets == *right.secrets);
}

// The same but for the version it was read at. The serials count: another name server may have
// moved one.
bool same_configuration(const Directory& left, const Directory& right) {
    return left.steering_key == right.steering_key && left.mail_servers == right.mail_servers &&
           left.access_servers == right.access_servers && left.name_servers == right.name_servers &&
           left.domains == right.domains && left.overrides == right.overrides &&
           left.pools == right.pools && left.transfer == right.transfer &&
           left.probes == right.probes && left.signing == right.signing &&
           same_secrets(left, right);
}

}  // namespace

DirectoryFollower::DirectoryFollower(base::DbPool& pool, Known known, Callbacks callbacks)
    : pool_(pool), known_(std::move(known)), callbacks_(std::move(callbacks)) {
}

base::Status DirectoryFollower::start(base::Loop& loop) {
    TRY(base::spawn(loop, "directory follower", [this] { run(); }));
    return base::Done{};
}

void DirectoryFollower::run() {
    while (!base::fiber_cancelled()) {
        const base::Status checked = check();
        if (!checked && checked.error().code != base::Errc::Cancelled && !away_) {
            base::log::warning("dns", "directory-away", {{"error", checked.error()}});
        } else if (checked && away_) {
            base::log::info("dns", "directory-back");
        }
        away_ = !checked;
        (void)news_.wait(base::Deadline::after(kPollEvery));  // its end is seen above
    }
}

base::Status DirectoryFollower::check() {
    const std::int64_t version = TRY(
        pool_.run([](base::Connection& connection) { return read_directory_version(connection); },
                  base::Deadline::after(kVersionDeadline)));
    if (version != version_) {
        TRY(read());
    }
    if (callbacks_.on_checked) {
        callbacks_.on_checked();
    }
    return base::Done{};
}

base::Status DirectoryFollower::read() {
    struct Read {
        Known found;
        bool is_news = false;
    };

    const auto job = [known = known_](base::Connection& connection) -> base::Result<Read> {
        Directory directory = TRY(read_directory(connection, SecretsWanted::Yes, known.get()));
        const bool is_news = known == nullptr || !same_configuration(*known, directory);
        return Read{std::make_shared<const Directory>(std::move(directory)), is_news};
    };
    Read read = TRY(pool_.run(job, base::Deadline::after(kReadDeadline)));
    known_ = std::move(read.found);  // also when it is no news: the feed goes on from there
    version_ = known_->version;
    if (read.is_news) {
        callbacks_.on_directory(known_);
    }
    return base::Done{};
}

}  // namespace dns
