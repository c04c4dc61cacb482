#include "storage/catalog/rows.h"

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "storage/catalog/json.h"

namespace storage {

ReplicaState replica_state_of(std::string_view text) noexcept {
    if (text == "active") {
        return ReplicaState::Active;
    }
    if (text == "behind") {
        return ReplicaState::Behind;
    }
    return text == "suspect" ? ReplicaState::Suspect : ReplicaState::Lost;
}

base::Result<std::vector<ReplicaPlace>> replica_places(const base::Row& row, int first) {
    std::vector<ReplicaPlace> places;
    if (row.is_null(first)) {
        return places;
    }
    const std::vector<std::string> stores = row.string_array(first);
    const std::vector<std::int64_t> generations = row.int64_array(first + 1);
    const std::vector<std::string> states = row.string_array(first + 2);
    const std::vector<std::int64_t> lengths = row.int64_array(first + 3);
    if (generations.size() != stores.size() || states.size() != stores.size() ||
        lengths.size() != stores.size()) {
        return base::Error{base::Errc::Corrupt, "arrays of replicas differ in length"};
    }
    for (std::size_t n = 0; n < stores.size(); ++n) {
        places.push_back({TRY(StorageServerId::parse(stores[n])),
                          static_cast<std::uint32_t>(generations[n]),
                          replica_state_of(states[n]),
                          static_cast<std::uint64_t>(lengths[n])});
    }
    return places;
}

std::string describe(std::span<const SegmentNote> segments) {
    JsonText json;
    json.begin_array();
    for (const SegmentNote& note : segments) {
        json.begin_object();
        json.field("id", note.id.text());
        json.field("writer", note.writer);
        json.field("boot_epoch", note.boot_epoch);
        json.field("generation", note.generation);
        json.field("first_frame", note.first_frame);
        json.field("min_copies", note.min_copies);
        json.field("opened_at", base::format_utc(static_cast<std::int64_t>(note.opened_us)));
        json.field("state", segment_state_name(note.state));
        json.field("length", note.length);
        if (note.state == SegmentState::Sealed) {
            json.field("sealed_at", "now");
        }
        json.key("replicas");
        json.begin_array();
        for (const ReplicaNote& replica : note.replicas) {
            json.begin_object();
            json.field("store", replica.store.text());
            json.field("generation", replica.generation);
            json.field("state", replica_state_name(replica.state));
            json.field("durable_length", replica.durable_length);
            json.field("reason", replica.reason);
            json.end_object();
        }
        json.end_array();
        json.key("owed");
        json.begin_array();
        for (const OwedNote& owed : note.owed) {
            json.begin_object();
            json.field("store", owed.store.text());
            json.field("reason", owed.reason);
            json.end_object();
        }
        json.end_array();
        json.end_object();
    }
    json.end_array();
    return json.text();
}

}  // namespace storage
