#include "dns/control/snapshot_publisher.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "dns/control/steering_pool.h"

namespace dns {
namespace {

constexpr double kOwedMinS = 0.05;
// What could not be signed is tried again this often; a timer is not trusted for longer than a day,
// since clocks are set.
constexpr std::int64_t kResignMinS = 60;
constexpr std::int64_t kResignMaxS = 86400;

}  // namespace

// Used by one build at a time; the loop thread looks at owed_s, and only between two builds.
struct SnapshotPublisher::Work {
    explicit Work(SnapshotHolder& the_holder) : holder(the_holder), builder(base::random_u64()) {}

    Published publish(const PublishRequest& request);
    [[nodiscard]] std::vector<ZoneToPublish> zones_of(const BuildInput& input,
                                                      const std::vector<std::string>& changed);

    [[nodiscard]] std::shared_ptr<const transfer::TransferRights> rights_of(
        const transfer::TransferConfig& config);
    [[nodiscard]] std::vector<transfer::ZoneOffer> offers(const Serials& moved) const;

    SnapshotHolder& holder;
    SnapshotBuilder builder;
    SerialKeeper keeper;
    transfer::TransferKeeper transfers;
    transfer::TransferConfig config;  // that the rights were made from
    std::shared_ptr<const transfer::TransferRights> rights;
    transfer::SharedView view;
    std::string transfer_problem;
    std::optional<double> owed_s;
    std::optional<std::int64_t> resign_at_s;
};

std::vector<ZoneToPublish> SnapshotPublisher::Work::zones_of(
    const BuildInput& input, const std::vector<std::string>& changed) {
    const std::set<std::string_view> with_changes(changed.begin(), changed.end());
    // Zones that are alike share a table, and so its canonical answer.
    std::map<const steering::SteeringTable*, std::shared_ptr<const CanonicalAnswer>> canonical;
    std::vector<ZoneToPublish> zones;
    for (const DirectoryDomain& domain : builder.last_good()->domains) {
        ZoneToPublish zone;
        zone.name = domain.name;
        zone.directory_serial = domain.serial;
        zone.records_changed = with_changes.contains(domain.name);
        if (!domain.mail.empty() && input.mail.commit != nullptr &&
            input.mail.commit->zones->contains(domain.name)) {
            const auto& table = input.mail.commit->table_for(domain.name);
            auto& answer = canonical[table.get()];
            if (answer == nullptr) {
                answer = std::make_shared<const CanonicalAnswer>(canonical_of(*table));
            }
            zone.canonical = answer;
        }
        zone.steered = builder.steered_parts(domain.name);
        zones.push_back(std::move(zone));
    }
    return zones;
}

// A configuration that is refused leaves the one before in force.
std::shared_ptr<const transfer::TransferRights> SnapshotPublisher::Work::rights_of(
    const transfer::TransferConfig& wanted) {
    if (wanted == config) {
        return rights;
    }
    config = wanted;
    transfer_problem.clear();
    if (wanted.peers.empty() && wanted.keys.empty()) {
        rights = nullptr;
        return rights;
    }
    auto made = transfer::TransferRights::create(wanted);
    if (made) {
        rights = std::move(made).take_value();
    } else {
        transfer_problem = made.error().detail;
    }
    return rights;
}

std::vector<transfer::ZoneOffer> SnapshotPublisher::Work::offers(const Serials& moved) const {
    std::vector<transfer::ZoneOffer> offers = builder.offers();
    for (transfer::ZoneOffer& offer : offers) {
        std::string name = offer.fixed->apex.to_text();
        name.pop_back();  // the directory writes no final dot
        const auto serial = keeper.serials().find(name);
        if (serial != keeper.serials().end()) {
            offer.serial = serial->second;
        }
        offer.origin =
            moved.contains(name) ? transfer::SerialOrigin::Own : transfer::SerialOrigin::Foreign;
    }
    return offers;
}

// Builds twice: what changed, and so which serials move, is known after the first time; the second
// finds everything else made.
Published SnapshotPublisher::Work::publish(const PublishRequest& request) {
    Published published;
    BuildInput input = request.input;
    input.rights = rights_of(input.directory->transfer);
    input.now_s = base::wall_us() / 1'000'000;
    auto first = builder.build(input);
    if (!first) {
        published.outcome = std::move(first).take_error();
        return published;
    }
    const bool signed_anew = first.value().signed_anew;
    published.moved = keeper.update(
        zones_of(input, first.value().changed), request.urgency, steering_now().monotonic_s);
    owed_s = keeper.due_s();
    input.serials = keeper.serials();
    auto transferred = transfers.update(input.rights,
                                        offers(published.moved),
                                        static_cast<std::uint64_t>(input.now_s),
                                        input.validity);
    if (transferred) {
        view = std::move(transferred).take_value();
    } else {
        transfer_problem = transferred.error().detail;
    }
    input.transfer = view;
    auto second = builder.build(input);
    if (!second) {
        published.outcome = std::move(second).take_error();
        return published;
    }
    BuildReport report = std::move(second).take_value();
    holder.publish(std::move(report.snapshot));
    published.serials = keeper.serials();
    published.refused = std::move(report.refused);
    published.last_good = builder.last_good();
    published.domains = report.domains;
    published.memory = report.memory;
    published.transfer = view;
    published.transfer_problem = transfer_problem;
    published.zones_signed = report.zones_signed;
    if (signed_anew || report.signed_anew) {
        published.signatures = std::make_shared<const SignatureCaches>(builder.signatures());
    }
    resign_at_s = report.resign_at_s;
    return published;
}

SnapshotPublisher::SnapshotPublisher(base::Loop& loop,
                                     SnapshotHolder& holder,
                                     OnPublished on_published)
    : loop_(loop),
      on_published_(std::move(on_published)),
      work_(std::make_shared<Work>(holder)),
      self_(std::make_shared<SnapshotPublisher*>(this)),
      worker_("dns-build", 1, 1) {
}

SnapshotPublisher::~SnapshotPublisher() = default;

void SnapshotPublisher::restore(SignatureCaches caches) {
    work_->builder.restore(std::move(caches));
}

void SnapshotPublisher::request(PublishRequest request) {
    if (pending_ && pending_->urgency == steering::Urgency::AtOnce) {
        request.urgency = steering::Urgency::AtOnce;
    }
    pending_ = std::move(request);
    if (!building_) {
        start();
    }
}

void SnapshotPublisher::start() {
    building_ = true;
    last_ = std::move(*pending_);
    pending_.reset();
    owed_.cancel();
    resign_.cancel();
    const base::Status submitted = worker_.submit(
        [self = std::weak_ptr(self_), work = work_, poster = loop_.poster(), request = *last_] {
            Published published = work->publish(request);
            // Past the loop's end nobody waits for it.
            (void)poster.post([self, published = std::move(published)] {
                if (const auto publisher = self.lock()) {
                    (*publisher)->finish(published);
                }
            });
        });
    if (!submitted) {
        building_ = false;
        base::log::error("dns", "build not started", {{"error", submitted.error()}});
    }
}

void SnapshotPublisher::finish(const Published& published) {
    building_ = false;
    on_published_(published);
    if (building_) {
        return;  // the callback asked for the next one
    }
    if (pending_) {
        start();
        return;
    }
    if (work_->owed_s) {
        const double left_s = std::max(kOwedMinS, *work_->owed_s - steering_now().monotonic_s);
        const auto span =
            std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(left_s));
        owed_ = base::Timer::after(loop_, span, [this] { publish_again(); });
    }
    resign_in_time();
}

void SnapshotPublisher::publish_again() {
    PublishRequest again = *last_;
    again.urgency = steering::Urgency::Routine;
    request(std::move(again));
}

void SnapshotPublisher::resign_in_time() {
    if (work_->resign_at_s) {
        const std::int64_t left_s =
            std::clamp(*work_->resign_at_s - base::wall_us() / 1'000'000, kResignMinS, kResignMaxS);
        resign_ =
            base::Timer::after(loop_, std::chrono::seconds(left_s), [this] { publish_again(); });
    }
}

}  // namespace dns
