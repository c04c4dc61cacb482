#include "dns/control/directory_follower.h"

#include <utility>

#include "base/log.h"
#include "dns/directory/directory_reader.h"

namespace dns {
namespace {

constexpr base::Duration kPollEvery = std::chrono::seconds(2);
constexpr base::Duration kVersionDeadline = std::chrono::seconds(5);
constexpr base::Duration kReadDeadline = std::chrono::minutes(2);

}  // namespace

DirectoryFollower::DirectoryFollower(base::DbPool& pool,
                                     std::shared_ptr<const AccountView> known,
                                     Callbacks callbacks)
    : pool_(pool), accounts_(std::move(known)), callbacks_(std::move(callbacks)) {
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
        Directory directory =
            TRY(pool_.run([](base::Connection& connection) { return read_directory(connection); },
                          base::Deadline::after(kReadDeadline)));
        AccountView accounts = TRY(pool_.run(
            [known = accounts_](base::Connection& connection) {
                return read_accounts(connection, known.get());
            },
            base::Deadline::after(kReadDeadline)));
        version_ = directory.version;
        accounts_ = std::make_shared<const AccountView>(std::move(accounts));
        callbacks_.on_accounts(accounts_);
        callbacks_.on_directory(std::make_shared<const Directory>(std::move(directory)));
    }
    callbacks_.on_checked();
    return base::Done{};
}

}  // namespace dns
