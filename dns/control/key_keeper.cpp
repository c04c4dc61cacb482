#include "dns/control/key_keeper.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "dns/dnssec/key_store.h"

namespace dns {
namespace {

// Looks again at least this often: clocks are set.
constexpr base::Duration kLookEvery = std::chrono::hours(1);
constexpr base::Duration kRetry = std::chrono::seconds(10);
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

}  // namespace

base::Status KeyKeeper::start(base::Loop& loop) {
    TRY(base::spawn(loop, "key keeper", [this] { run(); }));
    return base::Done{};
}

void KeyKeeper::take(std::shared_ptr<const Directory> directory) {
    directory_ = std::move(directory);
    news_.notify();
}

void KeyKeeper::run() {
    while (!base::fiber_cancelled()) {
        const base::Duration rest = move_keys();
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
    for (const dnssec::StoredKeys& zone : directory->signing) {
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
