#include "dns/control/snapshot_publisher.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "dns/control/steering_pool.h"

namespace dns {
namespace {

constexpr double kOwedMinS = 0.05;
// What could not be signed is tried again this often; a timer is not trusted for longer than a day,
// since clocks are set.
constexpr std::int64_t kResignMinS = 60;
constexpr std::int64_t kResignMaxS = 86400;
// One build, and what is to be freed.
constexpr std::size_t kJobsMax = 8;
// Reading and compiling so many zones leaves more behind than they are.
constexpr std::size_t kGiveBackAfter = 1'000;

}  // namespace

// Used by one build at a time; the loop thread looks at owed_s, and only between two builds.
struct SnapshotPublisher::Work {
    explicit Work(SnapshotHolder& the_holder) : holder(the_holder), builder(base::random_u64()) {}

    Published publish(const PublishRequest& request);
    [[nodiscard]] std::vector<ZoneToPublish> zones_to_publish() const;
    [[nodiscard]] std::vector<GroupToPublish> groups_to_publish() const;

    [[nodiscard]] std::shared_ptr<const transfer::TransferRights> rights_of(
        const transfer::TransferConfig& config);
    void update_transfers(const BuildInput& input, const std::vector<std::uint32_t>& moved);

    SnapshotHolder& holder;
    SnapshotBuilder builder;
    SerialKeeper keeper;
    transfer::TransferKeeper transfers;
    transfer::TransferConfig config;  // that the rights were made from
    std::shared_ptr<const transfer::TransferRights> rights;
    std::shared_ptr<const transfer::TransferRights> view_rights;  // that the view is of
    transfer::SharedView view;
    std::string transfer_problem;
    std::optional<double> owed_s;
    std::optional<std::int64_t> resign_at_s;
    std::size_t compiled = 0;  // zones, since memory was given back
    std::stop_source stop;     // asked by the loop thread
};

std::vector<ZoneToPublish> SnapshotPublisher::Work::zones_to_publish() const {
    const auto& domains = builder.last_good()->domains;
    const auto& group_of = *builder.groups().group_of();
    std::vector<ZoneToPublish> zones;
    zones.reserve(domains.size());
    for (std::size_t i = 0; i < domains.size(); ++i) {
        zones.push_back({domains[i].name, domains[i].serial, group_of[i]});
    }
    return zones;
}

std::vector<GroupToPublish> SnapshotPublisher::Work::groups_to_publish() const {
    std::vector<GroupToPublish> groups;
    for (const ZoneGroup& group : builder.groups().groups()) {
        GroupToPublish made;
        if (group.mail.set != nullptr) {
            made.canonical =
                std::make_shared<const CanonicalAnswer>(canonical_of(group.mail.set->table()));
        }
        made.steered = canonical_parts(group);
        groups.push_back(std::move(made));
    }
    return groups;
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

void SnapshotPublisher::Work::update_transfers(const BuildInput& input,
                                               const std::vector<std::uint32_t>& moved) {
    std::vector<transfer::ZoneOffer> offers = builder.offers();
    for (transfer::ZoneOffer& offer : offers) {
        offer.serial = (*keeper.serials())[offer.place];
        offer.origin = std::ranges::binary_search(moved, offer.place)
                           ? transfer::SerialOrigin::Own
                           : transfer::SerialOrigin::Foreign;
    }
    auto transferred = transfers.update(
        input.rights, offers, static_cast<std::uint64_t>(input.now_s), input.validity, input.stop);
    if (transferred) {
        view = std::move(transferred).take_value();
        view_rights = input.rights;
    } else {
        transfer_problem = transferred.error().detail;
    }
}

// What changed, and so which serials move, is known before the snapshot is made.
Published SnapshotPublisher::Work::publish(const PublishRequest& request) {
    Published published;
    BuildInput input = request.input;
    input.rights = rights_of(input.directory->transfer);
    input.now_s = base::wall_us() / 1'000'000;
    input.stop = stop.get_token();
    auto built = builder.build(input);
    if (!built) {
        published.outcome = std::move(built).take_error();
        return published;
    }
    const BuildReport report = std::move(built).take_value();
    if (report.other_zones) {
        keeper.take_zones(zones_to_publish());
    }
    const std::vector<std::uint32_t> moved = keeper.update(
        groups_to_publish(), report.changed, request.urgency, steering_now().monotonic_s);
    owed_s = keeper.due_s();
    if (report.other_zones || report.signed_anew || !moved.empty() || view_rights != input.rights) {
        update_transfers(input, moved);
    }
    if (input.stop.stop_requested()) {
        published.outcome = base::Error{base::Errc::Cancelled, "the name server ends"};
        return published;
    }
    auto snapshot = builder.snapshot(keeper.serials(), view);
    if (!snapshot) {
        published.outcome = std::move(snapshot).take_error();
        return published;
    }
    holder.publish(std::move(snapshot).take_value());
    published.last_good = builder.last_good();
    published.serials = keeper.serials();
    for (const std::uint32_t place : moved) {
        published.moved.push_back(
            {published.last_good->domains[place].id, (*published.serials)[place]});
    }
    published.refused = report.refused;
    published.domains = report.domains;
    published.memory = report.memory;
    published.transfer = view;
    published.transfer_problem = transfer_problem;
    published.zones_signed = report.zones_signed;
    if (report.signed_anew) {
        published.signatures = std::make_shared<const SignatureCaches>(builder.signatures());
    }
    resign_at_s = report.resign_at_s;
    compiled += report.compiled;
    if (compiled >= kGiveBackAfter) {
        base::give_back_memory();
        compiled = 0;
    }
    return published;
}

SnapshotPublisher::SnapshotPublisher(base::Loop& loop,
                                     SnapshotHolder& holder,
                                     OnPublished on_published)
    : loop_(loop),
      on_published_(std::move(on_published)),
      work_(std::make_shared<Work>(holder)),
      self_(std::make_shared<SnapshotPublisher*>(this)),
      worker_("dns-build", 1, kJobsMax) {
}

SnapshotPublisher::~SnapshotPublisher() {
    stop();
}

void SnapshotPublisher::stop() noexcept {
    work_->stop.request_stop();
}

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

void SnapshotPublisher::release(std::shared_ptr<const void> object) {
    // With half of the room, so that a build always has its place; else it is freed here.
    if (object != nullptr && worker_.queued() < kJobsMax / 2) {
        (void)worker_.submit([held = std::move(object)]() mutable { held.reset(); });
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
