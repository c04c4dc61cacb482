#pragma once

// Sealed segments on the stores of a small cluster, and the trackers' tools that look after them.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/worker_pool.h"
#include "storage/upkeep/byte_rate.h"
#include "storage/upkeep/copy_planner.h"
#include "storage/upkeep/repairer.h"
#include "storage/upkeep/scrubber.h"
#include "test/unit/storage/tracking/cluster_fixture.h"

namespace storage_test {

/// A sealed segment as its files have it.
struct SealedSegment {
    storage::SegmentId id;
    storage::Bytes bytes;
    storage::Seal seal;
    std::uint64_t first_frame = 0;

    [[nodiscard]] storage::SealedShape shape() const {
        return {seal.file_size, std::optional<base::Digest256>(seal.digest)};
    }
};

/// See the top of this file.
class UpkeepFixture : public ClusterFixture {
  public:
    UpkeepFixture() : pool(conninfo("roundtable_trackerd"), "test", {2, 64, {}}) {}

    /// Three messages in a segment of `writer`, which knows of stores 1 and 2; no file yet.
    SealedSegment make_sealed(const std::string& writer = "a") {
        storage::SegmentHeader header = make_header();
        header.replicas = {store_id(1), store_id(2)};
        header.writer = writer;
        header.min_copies = 2;
        header.segment = storage::SegmentId(base::Uuid::time_ordered());
        SegmentBuilder builder(header);
        for (std::uint8_t n = 1; n <= 3; ++n) {
            (void)builder.add(make_mail(n, ann, "message " + std::to_string(n)));
        }
        SealedSegment segment;
        segment.id = builder.id();
        segment.seal = builder.seal();
        segment.bytes = builder.bytes;
        segment.first_frame = storage::encode_header(header).value().size();
        return segment;
    }

    /// What the catalog is told of it: good on `good`, owed to `owed`.
    void tell_sealed(const SealedSegment& segment,
                     const std::vector<std::uint8_t>& good,
                     const std::vector<std::uint8_t>& owed = {},
                     const std::string& writer = "a") {
        storage::SegmentNote note;
        note.id = segment.id;
        note.writer = writer;
        note.boot_epoch = 1;
        note.first_frame = segment.first_frame;
        note.min_copies = 2;
        note.opened_us = 1;
        note.state = storage::SegmentState::Sealed;
        note.length = segment.seal.file_size;
        for (const std::uint8_t store : good) {
            note.replicas.push_back(
                {store_id(store), 1, storage::ReplicaState::Active, segment.seal.file_size, {}});
        }
        for (const std::uint8_t store : owed) {
            note.owed.push_back({store_id(store), "unhealthy: test"});
        }
        const std::vector<storage::SegmentNote> notes{note};
        BOOST_REQUIRE(storage::note_segments(admin(), notes));
        sql("UPDATE catalog.segment SET catalogued_to = length WHERE id = $1", {segment.id.uuid()});
    }

    /// With its files on `good`.
    SealedSegment publish(const std::vector<std::uint8_t>& good,
                          const std::vector<std::uint8_t>& owed = {},
                          const std::string& writer = "a") {
        SealedSegment segment = make_sealed(writer);
        for (const std::uint8_t store : good) {
            put(store, segment.id, segment.bytes);
        }
        tell_sealed(segment, good, owed, writer);
        return segment;
    }

    [[nodiscard]] std::string path_of(const SealedSegment& segment,
                                      std::uint8_t store,
                                      std::uint32_t generation = 1) const {
        return stores.path_of(store, {segment.id, generation});
    }

    /// "active", "lost" and so on; empty: no row.
    std::string replica(const SealedSegment& segment, std::uint8_t store) {
        return value(
            "SELECT r.state FROM catalog.segment_replica r JOIN directory.storage_server v "
            "ON v.id = r.storage_server_id WHERE r.segment_id = $1 AND v.store_id = $2::uuid",
            {segment.id.uuid(), store_id(store).uuid()});
    }

    std::string generation(const SealedSegment& segment, std::uint8_t store) {
        return value(
            "SELECT r.generation FROM catalog.segment_replica r JOIN directory.storage_server v "
            "ON v.id = r.storage_server_id WHERE r.segment_id = $1 AND v.store_id = $2::uuid",
            {segment.id.uuid(), store_id(store).uuid()});
    }

    /// "s1: reason, s3: reason" of what is owed of a segment.
    std::string owed(const SealedSegment& segment) {
        return value(
            "SELECT coalesce(string_agg(v.name || ': ' || o.reason, ', ' ORDER BY v.name), '') "
            "FROM catalog.copy_owed o JOIN directory.storage_server v "
            "ON v.id = o.storage_server_id WHERE o.segment_id = $1",
            {segment.id.uuid()});
    }

    std::string owed_count() { return value("SELECT count(*) FROM catalog.copy_owed"); }

    /// All copies become as old as that.
    void age_copies(const std::string& interval) {
        sql("UPDATE catalog.segment_replica SET scrubbed_at = now() - '" + interval +
            "'::interval, verified_at = now() - '" + interval + "'::interval");
    }

    /// The waits between two bad readings are over.
    void let_cache_expire() {
        sql("UPDATE catalog.segment_replica SET bad_since = bad_since - interval '1 day', "
            "not_before = '-infinity'");
    }

    /// The tools of one tracker, on servers that answer.
    struct Tools {
        Servers servers;
        base::WorkerPool workers{"test", 1, 16};
        storage::ByteRate rate{1ULL << 40U};
        storage::Repairer repairer;
        storage::Scrubber scrubber;
        storage::CopyPlanner planner;

        Tools(base::Loop& loop, UpkeepFixture& fixture)
            : servers(loop, fixture.stores),
              repairer({servers.set, fixture.pool, workers, rate}, fixture.repair),
              scrubber({servers.set, fixture.pool, workers, rate}, fixture.scrub),
              planner(servers.set, fixture.pool, fixture.plan) {}

        std::size_t repair_once() {
            const auto made = repairer.run_once();
            BOOST_REQUIRE_MESSAGE(made, why(made));
            return made.value();
        }

        std::size_t scrub_once() {
            const auto worked = scrubber.run_once();
            BOOST_REQUIRE_MESSAGE(worked, why(worked));
            return worked.value();
        }

        void plan_once() {
            const auto planned = planner.run_once();
            BOOST_REQUIRE_MESSAGE(planned, why(planned));
        }
    };

    void with(const std::function<void(Tools&)>& body) {
        repair.tracker = scrub.tracker = plan.tracker = "t";
        plan.request_pause = milliseconds(0);
        plan.drain_settle = milliseconds(0);
        run_in_fiber([&](base::Loop& loop) {
            Tools tools(loop, *this);
            body(tools);
        });
    }

    base::DbPool pool;
    storage::RepairOptions repair;
    storage::ScrubOptions scrub;
    storage::PlanOptions plan;
};

}  // namespace storage_test
