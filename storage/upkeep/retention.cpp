#include "storage/upkeep/retention.h"

#include "base/log.h"
#include "base/metrics.h"

namespace storage {
namespace {

using base::Deadline;
using base::Result;
using base::Status;

constexpr std::size_t kRows = 500;     // of one purge: they lock the segments of so many messages
constexpr std::size_t kSegments = 20;  // of one survey
constexpr auto kStatementDeadline = std::chrono::seconds(30);

Deadline statement() {
    return Deadline::after(kStatementDeadline);
}

}  // namespace

Result<Purged> Retention::run_once() {
    const Purged purged = TRY(purge());
    TRY(empty_quarantine());
    TRY(survey());
    TRY(forget());
    TRY(show_numbers());
    return purged;
}

Result<Purged> Retention::purge() {
    static base::Counter& ended = base::counter(
        "roundtable_retentions_ended_total", "Expunged messages that cannot be restored any more");
    Purged all;
    for (std::size_t round = 0; round < kRoundsMax; ++round) {
        const Purged part = TRY(pool_.run(
            [](base::Connection& connection) { return purge_retained(connection, kRows); },
            statement()));
        all.rows += part.rows;
        all.messages += part.messages;
        all.dead_bytes += part.dead_bytes;
        ended.add(part.rows);
        if (part.rows == 0) {
            break;
        }
    }
    if (all.rows > 0) {
        base::log::info(
            "storage",
            "retention_ended",
            {{"rows", all.rows}, {"messages", all.messages}, {"dead_bytes", all.dead_bytes}});
    }
    return all;
}

Status Retention::empty_quarantine() {
    static base::Counter& ended = base::counter("roundtable_quarantine_expired_total",
                                                "Quarantined messages removed by their age");
    for (std::size_t round = 0; round < kRoundsMax; ++round) {
        const std::size_t removed = TRY(pool_.run(
            [](base::Connection& connection) { return purge_quarantine(connection, kRows); },
            statement()));
        ended.add(removed);
        if (removed > 0) {
            base::log::info("storage", "quarantine_expired", {{"messages", removed}});
        }
        if (removed < kRows) {
            break;
        }
    }
    return base::Done{};
}

Status Retention::survey() {
    for (std::size_t round = 0; round < kRoundsMax; ++round) {
        const std::size_t counted = TRY(pool_.run(
            [](base::Connection& connection) { return survey_segments(connection, kSegments); },
            statement()));
        if (counted < kSegments) {
            break;
        }
    }
    return base::Done{};
}

Status Retention::forget() {
    for (std::size_t round = 0; round < kRoundsMax; ++round) {
        const std::size_t forgotten = TRY(pool_.run(
            [](base::Connection& connection) { return purge_forgotten(connection, kRows); },
            statement()));
        if (forgotten < kRows) {
            break;
        }
    }
    return base::Done{};
}

Status Retention::show_numbers() {
    static base::Gauge& retained =
        base::gauge("roundtable_messages_retained", "Expunged messages that can be restored");
    static base::Gauge& dead = base::gauge("roundtable_segment_dead_bytes",
                                           "Octets in segments that belong to no mailbox any more");
    static base::Gauge& superseded = base::gauge("roundtable_segments_superseded",
                                                 "Segments whose files are about to be removed");
    const SpaceState state = TRY(pool_.run(
        [](base::Connection& connection) { return space_state(connection); }, statement()));
    retained.set(static_cast<double>(state.retained));
    dead.set(static_cast<double>(state.dead_bytes));
    superseded.set(static_cast<double>(state.superseded));
    return base::Done{};
}

}  // namespace storage
