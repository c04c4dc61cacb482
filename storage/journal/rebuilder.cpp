#include "storage/journal/rebuilder.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/log.h"
#include "storage/journal/abort_scan.h"

namespace storage {
namespace {

using base::Connection;
using base::Deadline;
using base::Errc;
using base::Error;
using base::Result;
using base::Status;

constexpr auto kStatementDeadline = std::chrono::seconds(20);
constexpr auto kAbortDeadline = std::chrono::seconds(60);
constexpr std::size_t kAbortsMax = 1'000;
constexpr base::Statement kDirectoryServers{
    "storage_rebuild_servers",
    "SELECT store_id, name FROM directory.storage_server WHERE state <> 'retired' ORDER BY name"};

bool is_lost(const RebuildClaim& claim, const StorageServerConfig& server) {
    return std::ranges::find(claim.without, server.name) != claim.without.end();
}

}  // namespace

template <typename F>
auto Rebuilder::run(F f) {
    if (long_pool_ == nullptr) {
        base::DbPoolOptions options;
        options.connections = 1;
        options.timeouts.statement = options_.statement;
        long_pool_ = std::make_unique<base::DbPool>(
            options_.database, "rebuild " + options_.tracker, options);
    }
    return long_pool_->run(std::move(f), Deadline::after(options_.statement));
}

Rebuilder::Rebuilder(StorageServerSet& servers, base::DbPool& pool, RebuildOptions options)
    : servers_(servers),
      pool_(pool),
      options_(std::move(options)),
      discovery_(servers, pool),
      workers_("rebuild", 1, 4),
      reader_(servers, workers_) {
}

Rebuilder::~Rebuilder() = default;

Status Rebuilder::step() {
    const RebuildPhase phase =
        TRY(pool_.run([](Connection& connection) { return read_rebuild_phase(connection); },
                      Deadline::after(kStatementDeadline)));
    is_open_ = phase != RebuildPhase::Replaying;
    if (phase == RebuildPhase::None) {
        long_pool_.reset();
        return base::Done{};
    }
    const std::optional<RebuildClaim> claim = TRY(pool_.run(
        [this](Connection& connection) {
            return claim_rebuild(connection, options_.tracker, options_.lease);
        },
        Deadline::after(kStatementDeadline)));
    if (!claim) {
        return base::Done{};
    }
    working_ = true;
    const Status done = work(*claim);
    working_ = false;
    return done;
}

Status Rebuilder::work(const RebuildClaim& claim) {
    if (claim.phase == RebuildPhase::Replaying) {
        return replay(claim);
    }
    const bool ended = TRY(run([tracker = options_.tracker](Connection& connection) {
        return settle_rebuild(connection, tracker);
    }));
    if (ended) {
        base::log::info("storage", "catalog_rebuilt", {});
    }
    return base::Done{};
}

Status Rebuilder::keep() {
    if (!working_) {
        return base::Done{};
    }
    (void)TRY(pool_.run(
        [tracker = options_.tracker, lease = options_.lease](Connection& connection) {
            return claim_rebuild(connection, tracker, lease);
        },
        Deadline::after(kStatementDeadline)));
    return base::Done{};
}

// Said once, in the log and in report.rebuild.
Error Rebuilder::waits_for(std::string problem) {
    if (problem != told_) {
        base::log::warning("storage", "rebuild_waits", {{"problem", problem}});
        told_ = problem;
        // If this is lost, the log has it.
        (void)pool_.run(
            [tracker = options_.tracker, problem](Connection& connection) {
                return note_rebuild(connection, tracker, problem);
            },
            Deadline::after(kStatementDeadline));
    }
    return Error{Errc::Unavailable, std::move(problem)};
}

Status Rebuilder::replay(const RebuildClaim& claim) {
    TRY(find_segments(claim));
    const std::vector<SegmentPlaces> journal = TRY(places(claim, WhichSegments::Journals));
    const JournalPlan plan = TRY(this->plan(journal));
    base::log::info("storage",
                    "rebuild_replays",
                    {{"checkpoint", plan.checkpoint},
                     {"segments", plan.segments.size()},
                     {"incomplete_rounds", plan.incomplete}});
    TRY(run(
        [tracker = options_.tracker, count = plan.segments.size(), number = plan.checkpoint](
            Connection& connection) { return begin_replay(connection, tracker, count, number); }));
    TRY(replay_segments(journal, plan));
    TRY(tell_aborts(claim));
    return open(plan);
}

// A directory that was lost may still be empty, and a tracker that ran on knows its storage servers
// all the same: what it found then would be recorded without copies, and the journal taken for
// lost. A tracker that has just started may not know them yet.
Status Rebuilder::require_layout(const RebuildClaim& claim) {
    const base::Rows rows =
        TRY(pool_.run([](Connection& connection) { return connection.query(kDirectoryServers); },
                      Deadline::after(kStatementDeadline)));
    if (rows.empty()) {
        return waits_for("the directory has no storage servers");
    }
    for (const base::Row row : rows) {
        const std::string name = row.string(1);
        if (servers_.find(StorageServerId(row.uuid(0))) == nullptr &&
            std::ranges::find(claim.without, name) == claim.without.end()) {
            return waits_for("storage server " + name + " is not known to the tracker yet");
        }
    }
    return base::Done{};
}

Status Rebuilder::find_segments(const RebuildClaim& claim) {
    TRY(require_layout(claim));
    std::vector<std::string> missing;
    for (const StorageServerClient* server : servers_.all()) {
        if (!server->health().is_healthy() && !is_lost(claim, server->config())) {
            missing.push_back(server->config().name);
        }
    }
    if (missing.empty()) {
        (void)TRY(discovery_.run_once(DiscoveryDepth::All));
        for (const StorageServerId& id : discovery_.unlisted()) {
            const StorageServerClient* server = servers_.find(id);
            if (server != nullptr && !is_lost(claim, server->config())) {
                missing.push_back(server->config().name);
            }
        }
    }
    if (!missing.empty()) {
        return waits_for(
            fmt::format("storage servers do not answer: {}", fmt::join(missing, ", ")));
    }
    return base::Done{};
}

Result<std::vector<SegmentPlaces>> Rebuilder::places(const RebuildClaim& claim,
                                                     WhichSegments which) {
    std::vector<SegmentPlaces> all;
    while (true) {
        const SegmentId after = all.empty() ? SegmentId() : all.back().id;
        std::vector<SegmentPlaces> page = TRY(run([which, after](Connection& connection) {
            return list_segments(connection, which, after);
        }));
        if (page.empty()) {
            return all;
        }
        for (SegmentPlaces& segment : page) {
            std::erase_if(segment.replicas, [&](const ReplicaPlace& place) {
                const StorageServerClient* server = servers_.find(place.store);
                return server == nullptr || is_lost(claim, server->config());
            });
        }
        std::ranges::move(page, std::back_inserter(all));
    }
}

// Reads the heads of the whole journal. What is corrupt in all copies does not count; what may
// still turn up is waited for.
Result<JournalPlan> Rebuilder::plan(const std::vector<SegmentPlaces>& journal) {
    std::vector<JournalContents> contents;
    for (const SegmentPlaces& segment : journal) {
        const Result<std::vector<JournalText>> frames = reader_.read(segment);
        if (!frames && frames.error().code == Errc::Corrupt) {
            base::log::error("storage",
                             "journal_segment_lost",
                             {{"segment", segment.id.text()}, {"error", frames.error()}});
            continue;
        }
        if (!frames && frames.error().code == Errc::Unavailable) {
            return waits_for("journal segment " + segment.id.text() + " cannot be read");
        }
        if (!frames) {
            return frames.error();
        }
        JournalContents& heads = contents.emplace_back();
        heads.segment = segment.id;
        for (const JournalText& frame : frames.value()) {
            heads.heads.push_back(frame.head);
        }
    }
    return plan_replay(contents);
}

Status Rebuilder::replay_segments(const std::vector<SegmentPlaces>& journal,
                                  const JournalPlan& plan) {
    std::map<SegmentId, const SegmentPlaces*> by_id;
    for (const SegmentPlaces& segment : journal) {
        by_id[segment.id] = &segment;
    }
    for (const SegmentId& id : plan.segments) {
        const auto frames =
            std::make_shared<std::vector<JournalText>>(TRY(reader_.read(*by_id.at(id))));
        const auto replay_all = [tracker = options_.tracker, frames](Connection& connection) {
            Status replayed = base::Done{};
            for (std::size_t n = 0; replayed && n < frames->size(); ++n) {
                replayed = replay_frame(connection, tracker, (*frames)[n]);
            }
            return replayed;
        };
        TRY(run(replay_all));
    }
    return base::Done{};
}

Status Rebuilder::tell_aborts(const RebuildClaim& claim) {
    std::vector<mail::MessageId> aborted;
    const auto tell = [&] {
        auto ids = std::make_shared<const std::vector<mail::MessageId>>(std::exchange(aborted, {}));
        return run([tracker = options_.tracker, ids](Connection& connection) {
            return note_aborted(connection, tracker, *ids);
        });
    };
    for (const SegmentPlaces& segment : TRY(places(claim, WhichSegments::All))) {
        Result<std::vector<mail::MessageId>> found =
            find_aborted(servers_, segment, Deadline::after(kAbortDeadline));
        if (!found && found.error().code == Errc::Unavailable) {
            return waits_for("segment " + segment.id.text() + " cannot be read");
        }
        std::ranges::move(TRY(std::move(found)), std::back_inserter(aborted));
        if (aborted.size() >= kAbortsMax) {
            TRY(tell());
        }
    }
    return tell();
}

Status Rebuilder::open(const JournalPlan& plan) {
    std::int64_t left = 1;
    while (left > 0) {
        left = TRY(run([tracker = options_.tracker](Connection& connection) {
            return make_mailboxes(connection, tracker);
        }));
    }
    TRY(run([tracker = options_.tracker, used = plan.segments](Connection& connection) {
        return open_mailboxes(connection, tracker, used);
    }));
    told_.clear();
    is_open_ = true;
    base::log::info("storage", "catalog_replayed", {});
    return base::Done{};
}

}  // namespace storage
