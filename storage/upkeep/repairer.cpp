#include "storage/upkeep/repairer.h"

#include <algorithm>
#include <utility>

#include "base/fiber.h"
#include "base/log.h"
#include "base/metrics.h"
#include "storage/mirror/recovery.h"
#include "storage/segment/name.h"
#include "storage/upkeep/merged_copy.h"

namespace storage {
namespace {

using base::Deadline;
using base::Errc;
using base::Result;
using base::Status;

constexpr std::uint64_t kSlowRate = 16ULL << 20U;
constexpr auto kRemoveDeadline = std::chrono::seconds(2);
constexpr std::size_t kHopelessMax = 10'000;

}  // namespace

Repairer::Repairer(Tools tools, RepairOptions options)
    : tools_(tools), options_(std::move(options)) {
}

Deadline Repairer::statement() const {
    return Deadline::after(options_.statement_deadline);
}

Result<std::size_t> Repairer::run_once() {
    TRY(tools_.rate.wait());
    UpkeepClaim claim{options_.tracker,
                      answering_stores(tools_.servers),
                      // Slow ones wait with a copy for longer than a lease should last.
                      tools_.rate.per_second() < kSlowRate ? 1 : options_.claims_max,
                      options_.lease};
    if (claim.stores.empty()) {
        return 0U;
    }
    const std::vector<OwedClaim> claims = TRY(tools_.pool.run(
        [claim = std::move(claim)](base::Connection& connection) {
            return claim_owed(connection, claim);
        },
        statement()));
    std::size_t made = 0;
    for (const OwedClaim& owed : claims) {
        TRY(tools_.rate.wait());
        made += TRY(repair(owed)) ? 1U : 0U;
    }
    return made;
}

Result<bool> Repairer::repair(const OwedClaim& claim) {
    static base::Counter& copies =
        base::counter("roundtable_copies_repaired_total", "Copies of segments that were made anew");
    static base::Counter& octets =
        base::counter("roundtable_repaired_bytes_total", "Octets of copies that were made anew");
    Source source = TRY(find_source(claim));
    if (!source.bytes && source.all_bad) {
        TRY(merge_source(claim, source));
    }
    if (!source.bytes) {
        TRY(put_off(claim, source.problem));
        return false;
    }
    const Result<std::vector<std::uint32_t>> there = generations_on(
        tools_.servers, claim.segment, claim.target, Deadline::after(options_.list_deadline));
    if (!there) {
        TRY(put_off(claim, there.error().detail));
        return false;
    }
    // Higher than all that was ever noted, too: a late note of the writer must not undo it.
    const std::uint32_t newest = there.value().empty() ? 0 : there.value().front();
    const std::uint32_t generation = std::max(newest, claim.generation_above) + 1;
    const Status written = write_copy(tools_.servers,
                                      claim.segment,
                                      {claim.target, generation},
                                      source.bytes,
                                      Deadline::after(options_.transfer_deadline));
    if (!written) {
        if (written.error().code == Errc::Cancelled) {
            return written.error();
        }
        remove(claim, generation);
        TRY(put_off(claim, written.error().detail));
        return false;
    }
    const bool wanted = TRY(tools_.pool.run(
        [claim, generation, digest = source.digest](base::Connection& connection) {
            return note_copy(connection, claim, generation, digest);
        },
        statement()));
    if (!wanted) {
        remove(claim, generation);
        return false;
    }
    for (const std::uint32_t older : there.value()) {
        remove(claim, older);
    }
    ++counters_.copies;
    counters_.bytes += source.bytes->size();
    copies.add();
    octets.add(source.bytes->size());
    base::log::info("storage",
                    "copy_repaired",
                    {{"segment", claim.segment.text()},
                     {"store", claim.target.text()},
                     {"generation", generation},
                     {"bytes", source.bytes->size()},
                     {"reason", claim.reason}});
    return true;
}

Result<Repairer::Source> Repairer::find_source(const OwedClaim& claim) {
    Source source;
    source.problem = "no copy is left";
    for (const ReplicaPlace& place : claim.sources) {
        const StorageServerClient* server = tools_.servers.find(place.store);
        if (server == nullptr || !server->health().is_healthy()) {
            source.problem = "no storage server with a good copy answers";
            source.all_bad = false;
            continue;
        }
        const CheckedCopy checked = TRY(check_whole(tools_.servers,
                                                    tools_.workers,
                                                    claim.segment,
                                                    {place.store, place.generation},
                                                    claim.shape,
                                                    Deadline::after(options_.transfer_deadline)));
        tools_.rate.use(checked.bytes_read);
        if (checked.finding.verdict == CopyVerdict::Good) {
            source.bytes = checked.bytes;
            source.digest = *checked.finding.digest;
            return source;
        }
        source.problem = "the copy to read from: " + checked.finding.reason;
        source.all_bad = source.all_bad && checked.finding.verdict == CopyVerdict::Bad;
        if (checked.finding.verdict == CopyVerdict::Bad) {
            ++counters_.bad_sources;
            TRY(tools_.pool.run(
                [claim, place, why = checked.finding.reason](base::Connection& connection) {
                    return suspect_replica(connection, claim.segment, place.store, why);
                },
                statement()));
        }
    }
    return source;
}

// Reads every copy: what was in vain is tried again now and then only.
Status Repairer::merge_source(const OwedClaim& claim, Source& source) {
    const auto before = hopeless_.find(claim.segment);
    if (before != hopeless_.end() && !before->second.passed()) {
        return base::Done{};
    }
    const MergedCopy merged = TRY(merge_copies(tools_.servers,
                                               tools_.workers,
                                               claim.segment,
                                               claim.shape,
                                               Deadline::after(options_.transfer_deadline)));
    tools_.rate.use(merged.bytes_read);
    if (merged.bytes) {
        source.bytes = merged.bytes;
        source.digest = merged.digest;
        ++counters_.merged;
        hopeless_.erase(claim.segment);
        return base::Done{};
    }
    source.problem = merged.problem;
    // Said once; of those beyond the bound the log of put_off() tells.
    if (before != hopeless_.end()) {
        before->second = Deadline::after(options_.merge_pause);
    } else if (hopeless_.size() < kHopelessMax) {
        report_without_source(claim);
        hopeless_.emplace(claim.segment, Deadline::after(options_.merge_pause));
    }
    return base::Done{};
}

Status Repairer::put_off(const OwedClaim& claim, const std::string& problem) {
    ++counters_.put_off;
    base::log::info(
        "storage",
        "repair_put_off",
        {{"segment", claim.segment.text()}, {"store", claim.target.text()}, {"problem", problem}});
    return tools_.pool.run(
        [claim, problem, pause = options_.pause_max](base::Connection& connection) {
            return put_off_owed(connection, claim, problem, pause);
        },
        statement());
}

// Nobody reads it: if it stays it costs its place, until it is removed as an orphan.
void Repairer::remove(const OwedClaim& claim, std::uint32_t generation) {
    if (StorageServerClient* server = tools_.servers.find(claim.target)) {
        base::Completion<base::Done> removed;
        server->remove(segment_path({claim.segment, generation}),
                       Deadline::after(kRemoveDeadline),
                       [removed](Status status) { removed.fulfil(std::move(status)); });
        (void)removed.await(Deadline::after(kRemoveDeadline * 2));  // as said above
    }
}

void Repairer::report_without_source(const OwedClaim& claim) {
    base::log::error("storage", "segment_without_good_copy", {{"segment", claim.segment.text()}});
    const Event event{Severity::Alarm,
                      "segment_without_good_copy",
                      options_.tracker,
                      "segment " + claim.segment.text()};
    // If this is lost, the log has it.
    (void)tools_.pool.run(
        [event](base::Connection& connection) { return raise_event(connection, event); },
        statement());
}

}  // namespace storage
