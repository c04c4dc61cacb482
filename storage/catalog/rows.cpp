#include "storage/catalog/rows.h"

#include <cstdint>
#include <string>

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

}  // namespace storage
