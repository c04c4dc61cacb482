#include "storage/upkeep/copy_planner.h"

#include <utility>

#include "base/log.h"
#include "storage/upkeep/copy_check.h"

namespace storage {
namespace {

using base::Deadline;
using base::Result;
using base::Status;

constexpr auto kWalkLease = std::chrono::seconds(30);

}  // namespace

CopyPlanner::CopyPlanner(StorageServerSet& servers, base::DbPool& pool, PlanOptions options)
    : servers_(servers), pool_(pool), options_(std::move(options)) {
}

Result<UpkeepState> CopyPlanner::run_once() {
    (void)TRY(pool_.run([page = options_.page](
                            base::Connection& connection) { return tidy_copies(connection, page); },
                        Deadline::after(options_.statement_deadline)));
    TRY(walk());
    const std::vector<std::string> retired = TRY(pool_.run(
        [pause = options_.request_pause, settle = options_.drain_settle](
            base::Connection& connection) { return finish_requests(connection, pause, settle); },
        Deadline::after(options_.statement_deadline)));
    for (const std::string& name : retired) {
        ++counters_.retired;
        base::log::info("storage", "storage_server_retired", {{"name", name}});
    }
    return pool_.run([](base::Connection& connection) { return upkeep_state(connection); },
                     Deadline::after(options_.statement_deadline));
}

Status CopyPlanner::walk() {
    UpkeepClaim claim{options_.tracker, answering_stores(servers_), options_.page, kWalkLease};
    std::uint64_t owed = 0;
    for (std::size_t n = 0; n < options_.pages_max; ++n) {
        const PlanStep step = TRY(pool_.run(
            [claim, interval = options_.walk_interval](base::Connection& connection) {
                return plan_copies(connection, claim, interval);
            },
            Deadline::after(options_.statement_deadline)));
        owed += step.owed;
        if (!step.walking) {
            counters_.walks += step.ended ? 1 : 0;
            break;
        }
    }
    counters_.owed += owed;
    if (owed > 0) {
        base::log::info("storage", "copies_planned", {{"copies", owed}});
    }
    return base::Done{};
}

}  // namespace storage
