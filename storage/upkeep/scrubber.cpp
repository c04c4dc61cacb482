#include "storage/upkeep/scrubber.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/metrics.h"

namespace storage {
namespace {

using base::Deadline;
using base::Result;
using base::Status;

constexpr std::uint64_t kSlowRate = 16ULL << 20U;

}  // namespace

Scrubber::Scrubber(Tools tools, ScrubOptions options)
    : tools_(tools), options_(std::move(options)) {
}

Deadline Scrubber::statement() const {
    return Deadline::after(options_.statement_deadline);
}

Result<std::size_t> Scrubber::run_once() {
    UpkeepClaim claim{
        options_.tracker, answering_stores(tools_.servers), options_.looks_max, options_.lease};
    if (claim.stores.empty()) {
        return 0U;
    }
    std::size_t worked = TRY(look(claim));
    TRY(tools_.rate.wait());
    // Slow ones wait with a copy for longer than a lease should last.
    claim.most = tools_.rate.per_second() < kSlowRate ? 1 : options_.claims_max;
    const std::vector<ReplicaClaim> claims = TRY(tools_.pool.run(
        [claim = std::move(claim)](base::Connection& connection) {
            return claim_scrubs(connection, claim);
        },
        statement()));
    for (const ReplicaClaim& each : claims) {
        TRY(tools_.rate.wait());
        TRY(scrub(each));
        ++worked;
    }
    return worked;
}

Status Scrubber::scrub(const ReplicaClaim& claim) {
    static base::Counter& copies =
        base::counter("roundtable_copies_scrubbed_total", "Copies of segments read whole");
    static base::Counter& corrupt = base::counter(
        "roundtable_copies_corrupt_total", "Copies of segments that were bad twice, and are lost");
    const CopyFinding finding = TRY(read(claim));
    const ScrubOutcome outcome = TRY(tools_.pool.run(
        [claim, finding, times = options_.times](base::Connection& connection) {
            return note_scrub(connection, claim, finding, times);
        },
        statement()));
    if (finding.verdict == CopyVerdict::Unknown) {
        return base::Done{};
    }
    ++counters_.copies;
    copies.add();
    if (finding.verdict == CopyVerdict::Bad) {
        ++counters_.bad;
        base::log::warning("storage",
                           outcome == ScrubOutcome::Lost ? "copy_lost" : "copy_bad",
                           {{"segment", claim.segment.text()},
                            {"store", claim.store.text()},
                            {"generation", finding.generation},
                            {"reason", finding.reason}});
    } else if (claim.state == ReplicaState::Suspect && outcome == ScrubOutcome::Active) {
        base::log::info("storage",
                        "suspicion_cleared",
                        {{"segment", claim.segment.text()}, {"store", claim.store.text()}});
    }
    if (outcome == ScrubOutcome::Lost) {
        ++counters_.lost;
        corrupt.add();
    }
    return base::Done{};
}

// The file that the catalog names; if that is bad, any other file of the segment there.
Result<CopyFinding> Scrubber::read(const ReplicaClaim& claim) {
    const Deadline deadline = Deadline::after(options_.read_deadline);
    const auto check = [&](std::uint32_t generation) -> Result<CopyFinding> {
        CheckedCopy checked = TRY(check_whole(tools_.servers,
                                              tools_.workers,
                                              claim.segment,
                                              {claim.store, generation},
                                              claim.shape,
                                              deadline));
        tools_.rate.use(checked.bytes_read);
        counters_.bytes += checked.bytes_read;
        return std::move(checked.finding);
    };
    CopyFinding named = TRY(check(claim.generation));
    if (named.verdict != CopyVerdict::Bad) {
        return named;
    }
    const Result<std::vector<std::uint32_t>> there =
        generations_on(tools_.servers, claim.segment, claim.store, deadline);
    if (!there) {
        return named;
    }
    for (const std::uint32_t generation : there.value()) {
        if (generation != claim.generation) {
            CopyFinding other = TRY(check(generation));
            if (other.verdict == CopyVerdict::Good) {
                return other;
            }
        }
    }
    return named;
}

Result<std::size_t> Scrubber::look(const UpkeepClaim& claim) {
    const std::vector<ReplicaClaim> claims = TRY(tools_.pool.run(
        [claim](base::Connection& connection) { return claim_verifications(connection, claim); },
        statement()));
    for (const ReplicaClaim& each : claims) {
        const CopyFinding finding = TRY(check_seal_only(tools_.servers,
                                                        each.segment,
                                                        {each.store, each.generation},
                                                        each.shape.length,
                                                        Deadline::after(options_.look_deadline)));
        TRY(tools_.pool.run(
            [each, finding, times = options_.times](base::Connection& connection) {
                return note_verified(connection, each, finding, times);
            },
            statement()));
        ++counters_.looked_at;
        if (finding.verdict == CopyVerdict::Bad) {
            base::log::warning("storage",
                               "copy_suspected",
                               {{"segment", each.segment.text()},
                                {"store", each.store.text()},
                                {"reason", finding.reason}});
        }
    }
    return claims.size();
}

}  // namespace storage
