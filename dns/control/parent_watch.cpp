#include "dns/control/parent_watch.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>

#include "base/clock.h"
#include "base/log.h"
#include "dns/dnssec/roll_store.h"

namespace dns {
namespace {

constexpr base::Duration kLookDeadline = std::chrono::seconds(30);
constexpr base::Duration kNoteDeadline = std::chrono::seconds(10);
constexpr std::int64_t kRetryS = 60;                          // what was seen could not be written
constexpr base::Duration kRestMax = std::chrono::minutes(1);  // clocks are set
constexpr std::size_t kPlansAtOnce = 1000;                    // then others have their turn

std::int64_t now_s() {
    return base::wall_us() / 1'000'000;
}

using Answers = base::Result<std::vector<dnssec::ParentAnswer>>;

// What was seen, as the keys are then; gives what it led to.
base::Result<std::vector<std::string>> note_in_database(base::Connection& connection,
                                                        const std::string& domain,
                                                        const std::string& name_server,
                                                        const Answers& answers) {
    base::Tx tx = TRY(connection.begin());
    dnssec::StoredKeys stored = TRY(dnssec::read_keys(tx, domain));
    std::vector<std::string> changes;
    if (!answers) {
        TRY(dnssec::note_parent_problem(tx, stored.domain_id, name_server, answers.error().detail));
        TRY(tx.commit());
        return changes;
    }
    const Name zone = TRY(Name::from_text(domain));
    const auto view = dnssec::view_parent(zone, stored.keys, answers.value());
    TRY(dnssec::note_parent(tx, stored.domain_id, name_server, view));
    stored.times.ds_ttl_s = std::max<std::int64_t>(stored.times.ds_ttl_s, view.ttl_s);
    const dnssec::RollStep step = dnssec::advance(
        dnssec::note_servers(stored.keys, view.keys, now_s()), stored.times, now_s());
    if (step.zone != stored.keys) {
        TRY(dnssec::store_keys(tx, stored, step.zone));
        changes = step.changes;
        changes.insert(changes.begin(),
                       "DS at all " + std::to_string(view.servers) + " servers of the parent: " +
                           std::to_string(view.keys.everywhere.size()));
    }
    TRY(tx.commit());
    return changes;
}

}  // namespace

base::Status ParentWatch::start(base::Loop& loop) {
    if (!lookup_.possible()) {
        return base::Done{};
    }
    TRY(base::spawn(loop, "parent plans", [this] {
        while (!base::fiber_cancelled()) {
            if (news_.wait(base::Deadline::after(kRestMax))) {
                make_plans();
            }
        }
    }));
    for (std::size_t i = 0; i < kLooksAtOnce; ++i) {
        TRY(base::spawn(loop, "parent watch", [this] { work(); }));
    }
    return base::Done{};
}

void ParentWatch::take(std::shared_ptr<const Directory> directory) {
    if (lookup_.possible()) {
        directory_ = std::move(directory);
        news_.notify();
    }
}

// The directory is held while others run; a newer one comes with news of its own.
void ParentWatch::make_plans() {
    const auto directory = directory_;
    const std::int64_t at_s = now_s();
    std::size_t count = 0;
    for (const dnssec::StoredKeys& zone : directory->signing) {
        schedule(zone, at_s);
        if (++count % kPlansAtOnce == 0 && !base::fiber_yield()) {
            return;
        }
    }
    // What is signed no more, once there is much of it.
    if (plans_.size() > 2 * directory->signing.size() + kPlansAtOnce) {
        std::erase_if(plans_, [&directory](const auto& plan) {
            return !plan.second.busy &&
                   !std::ranges::binary_search(
                       directory->signing, plan.first, {}, &dnssec::StoredKeys::domain);
        });
    }
    changed_.notify_all();
}

// Zones that nobody waits for are looked at some time of their first day, not all at once.
void ParentWatch::schedule(const dnssec::StoredKeys& zone, std::int64_t at_s) {
    Plan& plan = plans_[zone.domain];
    if (plan.busy) {
        return;
    }
    const std::int64_t every_s = dnssec::look_again_s(zone.keys, at_s);
    std::int64_t next_s = plan.looked_s + every_s;
    if (plan.looked_s == 0) {
        const auto spread =
            static_cast<std::int64_t>(std::hash<std::string>()(zone.domain) % dnssec::kLookIdleS);
        next_s = every_s < dnssec::kLookIdleS ? at_s : at_s + spread;
    }
    enqueue(zone.domain, next_s);
}

// Sooner, or not at all before: what a longer wait would change is seen at its end.
void ParentWatch::enqueue(const std::string& domain, std::int64_t next_s) {
    Plan& plan = plans_[domain];
    if (plan.next_s == 0 || next_s < plan.next_s) {
        plan.next_s = next_s;
        due_.emplace(next_s, domain);
    }
}

void ParentWatch::work() {
    while (!base::fiber_cancelled()) {
        const base::Duration rest = next_rest();
        if (rest > base::Duration::zero()) {
            (void)changed_.wait(base::Deadline::after(rest));  // its end is seen above
            continue;
        }
        const std::string domain = due_.top().second;
        due_.pop();
        look(domain);
    }
}

// How long nothing is due; zero: what is on top is.
base::Duration ParentWatch::next_rest() {
    while (!due_.empty()) {
        const auto plan = plans_.find(due_.top().second);
        if (plan == plans_.end() || plan->second.busy || plan->second.next_s != due_.top().first) {
            due_.pop();
            continue;
        }
        const std::int64_t left = due_.top().first - now_s();
        return left <= 0 ? base::Duration::zero()
                         : std::min<base::Duration>(kRestMax, std::chrono::seconds(left));
    }
    return kRestMax;
}

void ParentWatch::look(const std::string& domain) {
    const auto find = [this, &domain]() -> const dnssec::StoredKeys* {
        const auto& zones = directory_->signing;
        const auto at = std::ranges::lower_bound(zones, domain, {}, &dnssec::StoredKeys::domain);
        return at != zones.end() && at->domain == domain ? &*at : nullptr;
    };
    const auto zone = Name::from_text(domain);
    if (!zone || find() == nullptr) {
        plans_.erase(domain);
        return;
    }
    plans_[domain].busy = true;
    plans_[domain].next_s = 0;
    const Answers answers = lookup_.ask(zone.value(), base::Deadline::after(kLookDeadline));
    if (!answers && answers.error().code == base::Errc::Cancelled) {
        return;
    }
    (answers ? counters_.seen : counters_.failed).add();
    const base::Status noted = note(domain, answers);
    Plan& plan = plans_[domain];
    plan.busy = false;
    if (!noted) {
        base::log::warning("dns", "parent-wait", {{"domain", domain}, {"error", noted.error()}});
        enqueue(domain, now_s() + kRetryS);
        return;
    }
    plan.looked_s = now_s();
    if (const dnssec::StoredKeys* const keys = find(); keys != nullptr) {
        schedule(*keys, plan.looked_s);
    } else {
        plans_.erase(domain);
    }
}

base::Status ParentWatch::note(const std::string& domain, const Answers& answers) {
    auto noted = pool_.run(
        [domain, name_server = name_server_, answers](base::Connection& connection) {
            return note_in_database(connection, domain, name_server, answers);
        },
        base::Deadline::after(kNoteDeadline));
    if (!noted) {
        return std::move(noted).take_error();
    }
    for (const std::string& change : noted.value()) {
        base::log::info("dns", "key", {{"domain", domain}, {"change", change}});
    }
    return base::Done{};
}

}  // namespace dns
