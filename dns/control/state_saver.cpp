#include "dns/control/state_saver.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/clock.h"
#include "base/log.h"

namespace dns {
namespace {

constexpr base::Duration kSaveEvery = std::chrono::seconds(5);  // trims can wait
constexpr base::Duration kSaveGap = std::chrono::milliseconds(100);
constexpr int kSaveRest = 10;
constexpr base::Duration kSaveDeadline = std::chrono::minutes(1);

}  // namespace

StateSaver::StateSaver(SnapshotFiles files,
                       SteeringPool& mail,
                       SteeringPool& access,
                       HealthKeeper& health)
    : files_(std::move(files)),
      mail_(mail),
      access_(access),
      health_(health),
      worker_("dns-files", 1, 4) {
}

bool StateSaver::Unsaved::empty() const {
    return directory == nullptr && !trims && !health && signatures == nullptr;
}

// What failed to be written, unless something newer has come.
void StateSaver::Unsaved::take_back(const Unsaved& failed) {
    directory = directory == nullptr ? failed.directory : directory;
    signatures = signatures == nullptr ? failed.signatures : signatures;
}

base::Status StateSaver::write(const SnapshotFiles& files, const Unsaved& unsaved) {
    if (unsaved.directory != nullptr) {
        TRY(files.save_directory(*unsaved.directory, *unsaved.serials));
    }
    if (unsaved.trims) {
        TRY(files.save_trims(*unsaved.trims));
    }
    if (unsaved.health) {
        TRY(files.save_health(*unsaved.health));
    }
    if (unsaved.signatures != nullptr) {
        TRY(files.save_signatures(*unsaved.signatures));
    }
    return base::Done{};
}

base::Status StateSaver::start(base::Loop& loop, SavedTrims trims) {
    saved_trims_ = std::move(trims);
    TRY(base::spawn(loop, "save snapshot", [this] { run(); }));
    return base::Done{};
}

void StateSaver::take(std::shared_ptr<const Directory> directory,
                      Snapshot::PerZone<std::uint32_t> serials,
                      std::shared_ptr<const SignatureCaches> signatures) {
    serials_ = std::move(serials);
    if (directory != nullptr) {
        unsaved_.directory = std::move(directory);
        news_.notify();
    }
    if (signatures != nullptr) {
        unsaved_.signatures = std::move(signatures);
        news_.notify();
    }
}

void StateSaver::run() {
    while (!base::fiber_cancelled()) {
        (void)news_.wait(base::Deadline::after(kSaveEvery));  // its end is seen above
        const base::Instant started = base::monotonic_now();
        save();
        const base::Duration rest =
            std::max(kSaveGap, (base::monotonic_now() - started) * kSaveRest);
        if (!base::sleep_until(base::Deadline::after(rest))) {
            return;
        }
    }
}

void StateSaver::save() {
    SavedTrims learnt{mail_.save_trims(), access_.save_trims()};
    if (learnt != saved_trims_) {
        unsaved_.trims = learnt;
    }
    unsaved_.health = health_.unsaved(base::wall_us());
    if (unsaved_.empty()) {
        return;
    }
    Unsaved now = std::exchange(unsaved_, {});
    now.serials = serials_;
    // It owns what it writes: past the deadline it may still be at it.
    const base::Status saved = worker_.run([files = files_, now] { return write(files, now); },
                                           base::Deadline::after(kSaveDeadline));
    if (saved) {
        saved_trims_ = std::move(learnt);
        if (now.health) {
            health_.set_saved(*now.health);
        }
        return;
    }
    if (saved.error().code != base::Errc::Cancelled) {
        base::log::warning("dns", "snapshot-not-saved", {{"error", saved.error()}});
    }
    unsaved_.take_back(now);
}

}  // namespace dns
