#include "dns/control/account_keeper.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace dns {
namespace {

constexpr base::Duration kPollEvery = std::chrono::seconds(2);
// Ten million rows from a slow database; until then there is what there was.
constexpr base::Duration kReadDeadline = std::chrono::minutes(30);
constexpr base::Duration kLoadDeadline = std::chrono::minutes(5);
constexpr base::Duration kSaveDeadline = std::chrono::minutes(1);
// Writing takes at most a tenth of the time, and changes that come together are written together.
constexpr base::Duration kSaveGap = std::chrono::milliseconds(100);
constexpr int kSaveRest = 10;

base::Counter& reads(const char* kind) {
    return base::counter("roundtable_dns_account_reads_total",
                         "readings of addresses that found something new",
                         {{"kind", kind}});
}

}  // namespace

AccountKeeper::AccountKeeper(base::DbPool& pool, const std::string& directory, Callbacks callbacks)
    : pool_(pool),
      callbacks_(std::move(callbacks)),
      file_(std::make_shared<AccountFile>(directory)),
      worker_("dns-accounts", 1, 16),
      whole_reads_(reads("whole")),
      change_reads_(reads("changes")),
      addresses_(
          base::gauge("roundtable_dns_addresses", "addresses that the internal view knows")) {
}

AccountKeeper::~AccountKeeper() = default;

base::Status AccountKeeper::start(base::Loop& loop) {
    TRY(base::spawn(loop, "account keeper", [this] { run(); }));
    TRY(base::spawn(loop, "save accounts", [this] { run_saves(); }));
    return base::Done{};
}

void AccountKeeper::run() {
    load();
    while (!base::fiber_cancelled()) {
        const base::Status checked = check();
        if (!checked && checked.error().code != base::Errc::Cancelled && !away_) {
            base::log::warning("dns", "accounts-away", {{"error", checked.error()}});
        } else if (checked && away_) {
            base::log::info("dns", "accounts-back");
        }
        away_ = !checked;
        (void)news_.wait(base::Deadline::after(kPollEvery));  // its end is seen above
    }
}

void AccountKeeper::load() {
    auto loaded = worker_.run(
        [file = file_]() -> base::Result<std::shared_ptr<const AccountView>> {
            return std::make_shared<const AccountView>(TRY(file->load()));
        },
        base::Deadline::after(kLoadDeadline));
    if (loaded) {
        view_ = std::move(loaded).take_value();
        addresses_.set(static_cast<double>(view_->addresses()));
        callbacks_.on_view(view_);
    } else if (loaded.error().code != base::Errc::NotFound &&
               loaded.error().code != base::Errc::Cancelled) {
        base::log::warning("dns", "snapshot-refused", {{"error", loaded.error()}});
    }
}

base::Status AccountKeeper::check() {
    AccountsRead read = TRY(pool_.run(
        [known = view_](base::Connection& connection) { return read_accounts(connection, known); },
        base::Deadline::after(kReadDeadline)));
    if (read.view != view_) {
        take(std::move(read));
    }
    callbacks_.on_checked();
    return base::Done{};
}

void AccountKeeper::take(AccountsRead read) {
    (read.whole ? whole_reads_ : change_reads_).add();
    if (read.whole) {
        base::log::info("dns", "accounts-read", {{"addresses", read.view->addresses()}});
    }
    if (!unsaved_) {
        unsaved_ = Unsaved{read.view, std::move(read.update)};
    } else {
        if (!read.update || !unsaved_->update ||
            unsaved_->update->size() + read.update->size() > kUpdateMax) {
            unsaved_->update.reset();
        } else {
            unsaved_->update->add(std::move(*read.update));
        }
        unsaved_->view = read.view;
    }
    news_to_save_.notify();
    auto before = std::exchange(view_, std::move(read.view));
    addresses_.set(static_cast<double>(view_->addresses()));
    callbacks_.on_view(view_);
    retire(std::move(before));
}

void AccountKeeper::retire(std::shared_ptr<const AccountView> view) {
    // Where the queue is full it is freed here.
    (void)worker_.submit([last = std::move(view)] {});
}

void AccountKeeper::run_saves() {
    while (!base::fiber_cancelled()) {
        if (!unsaved_ && !news_to_save_.wait(base::Deadline::after(std::chrono::hours(1)))) {
            continue;
        }
        const base::Instant started = base::monotonic_now();
        save();
        const base::Duration rest =
            std::max(kSaveGap, (base::monotonic_now() - started) * kSaveRest);
        if (!base::sleep_until(base::Deadline::after(rest))) {
            return;
        }
    }
}

/// In a fiber, or after the loop's end on its thread.
void AccountKeeper::save() {
    if (!unsaved_) {
        return;
    }
    auto now = std::make_shared<const Unsaved>(*std::exchange(unsaved_, std::nullopt));
    // It owns what it writes: past the deadline it may still be at it.
    const base::Status saved = worker_.run(
        [file = file_, now]() -> base::Status {
            return now->update ? file->append(*now->update, *now->view) : file->write(*now->view);
        },
        base::Deadline::after(kSaveDeadline));
    if (saved) {
        return;
    }
    if (saved.error().code != base::Errc::Cancelled) {
        base::log::warning("dns", "snapshot-not-saved", {{"error", saved.error()}});
    }
    // The next time whole, since nobody knows how much of this is in the file.
    unsaved_ = Unsaved{view_, std::nullopt};
}

}  // namespace dns
