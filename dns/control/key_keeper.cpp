#include "dns/control/key_keeper.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "dns/dnssec/roll_store.h"

namespace dns {
namespace {

// Looks again at least this often: clocks are set.
constexpr base::Duration kLookEvery = std::chrono::hours(1);
constexpr base::Duration kRetry = std::chrono::seconds(10);
constexpr base::Duration kMoreRolls = std::chrono::minutes(1);
constexpr std::size_t kZonesAtOnce = 1000;  // then others have their turn
constexpr base::Duration kDeadline = std::chrono::seconds(10);

std::int64_t now_s() {
    return base::wall_us() / 1'000'000;
}

base::Result<std::vector<std::string>> move_in_database(base::Connection& connection,
                                                        const std::string& domain) {
    base::Tx tx = TRY(connection.begin());
    const dnssec::StoredKeys stored = TRY(dnssec::read_keys(tx, domain));
    dnssec::RollStep step = dnssec::advance(stored.keys, stored.times, now_s());
    if (step.zone == stored.keys) {
        return std::vector<std::string>();
    }
    TRY(dnssec::store_keys(tx, stored, step.zone));
    TRY(tx.commit());
    return std::move(step.changes);
}

// Begins what is due; gives the domains. Each is a transaction of its own: another name server may
// be doing the same.
base::Result<std::vector<std::string>> begin_in_database(base::Connection& connection,
                                                         const std::string& name_server) {
    std::vector<std::string> due;
    {
        base::Tx tx = TRY(connection.begin());
        due = TRY(dnssec::read_due_rolls(tx, now_s(), kRollsAtOnce));
    }
    std::vector<std::string> begun;
    for (const std::string& domain : due) {
        base::Tx tx = TRY(connection.begin());
        const auto began = dnssec::begin_due_roll(tx, domain, name_server, now_s());
        if (!began && began.error().code == base::Errc::Busy) {
            continue;
        }
        if (TRY(began)) {
            TRY(tx.commit());
            begun.push_back(domain);
        }
    }
    return begun;
}

}  // namespace

base::Status KeyKeeper::start(base::Loop& loop) {
    TRY(base::spawn(loop, "key keeper", [this] { run(); }));
    return base::Done{};
}

void KeyKeeper::take(std::shared_ptr<const Directory> directory) {
    directory_ = std::move(directory);
    news_.notify();
}

void KeyKeeper::look(std::int64_t version) {
    if (std::exchange(version_, version) != version) {
        news_.notify();
    }
}

void KeyKeeper::run() {
    while (!base::fiber_cancelled()) {
        const base::Duration rest = std::min(move_keys(), begin_rolls());
        (void)news_.wait(base::Deadline::after(rest));  // its end is seen above
    }
}

// Gives how long nothing is due.
base::Duration KeyKeeper::move_keys() {
    base::Duration rest = kLookEvery;
    const auto directory = directory_;
    if (directory == nullptr) {
        return rest;
    }
    std::size_t count = 0;
    for (const dnssec::StoredKeys& zone : directory->signing) {
        if (++count % kZonesAtOnce == 0 && !base::fiber_yield()) {
            return rest;
        }
        const dnssec::RollStep step = dnssec::advance(zone.keys, zone.times, now_s());
        if (step.zone != zone.keys) {
            const base::Status moved = move(zone.domain);
            if (!moved) {
                rest = std::min<base::Duration>(rest, kRetry);
            }
        } else if (step.next_s) {
            const std::int64_t left = std::max<std::int64_t>(1, *step.next_s - now_s());
            rest = std::min<base::Duration>(rest, std::chrono::seconds(left));
        }
    }
    return rest;
}

// Gives how long none is due. New schedules come by look(); others become due in days.
base::Duration KeyKeeper::begin_rolls() {
    if (directory_ == nullptr || directory_->signing.empty()) {
        return kLookEvery;
    }
    auto begun = pool_.run(
        [name_server = name_server_](base::Connection& connection) {
            return begin_in_database(connection, name_server);
        },
        base::Deadline::after(kDeadline));
    if (!begun) {
        base::log::warning("dns", "rolls-wait", {{"error", begun.error()}});
        return kMoreRolls;
    }
    for (const std::string& domain : begun.value()) {
        base::log::info(
            "dns", "key", {{"domain", domain}, {"change", "a new key is made, by schedule"}});
    }
    return begun.value().size() < kRollsAtOnce ? kLookEvery : kMoreRolls;
}

// What it leads to comes by way of the directory.
base::Status KeyKeeper::move(const std::string& domain) {
    auto moved = pool_.run(
        [domain](base::Connection& connection) { return move_in_database(connection, domain); },
        base::Deadline::after(kDeadline));
    if (!moved) {
        base::log::warning("dns", "keys-wait", {{"domain", domain}, {"error", moved.error()}});
        return std::move(moved).take_error();
    }
    for (const std::string& change : moved.value()) {
        base::log::info("dns", "key", {{"domain", domain}, {"change", change}});
    }
    return base::Done{};
}

}  // namespace dns
