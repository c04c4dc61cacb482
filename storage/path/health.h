#pragma once

// How well a storage server, or one path to it, answers. Thread rule: values.

#include <cstdint>
#include <string>
#include <string_view>

namespace storage {

enum class StoreState : std::uint8_t {
    Healthy,  ///< answers; new segments may go there
    Suspect,  ///< failed or was late a moment ago; not chosen for new segments until it is probed
    Out,      ///< does not answer, has no identity file or another one, is full, or is hung
};

/// "healthy", "suspect", "out".
[[nodiscard]] std::string_view store_state_name(StoreState state) noexcept;

/// A state with what a person wants to know of it. Of a server: that of its best path.
struct StoreHealth {
    StoreState state = StoreState::Out;
    std::string reason = "not probed yet";  ///< empty if healthy
    std::string path;                       ///< name of the path it speaks of
    std::uint64_t free_bytes = 0;           ///< as of the last probe
    std::uint64_t total_bytes = 0;

    [[nodiscard]] bool is_healthy() const noexcept { return state == StoreState::Healthy; }
};

/// What happened on a path since the start. Monotonic.
struct PathCounters {
    std::uint64_t requests = 0;
    std::uint64_t errors = 0;    ///< answered with an error
    std::uint64_t timeouts = 0;  ///< not answered in time
    std::uint64_t helpers_started = 0;
    std::uint64_t helpers_lost = 0;  ///< ended by themselves
    std::uint64_t helpers_abandoned = 0;
    std::uint64_t bytes_read = 0;
    std::uint64_t bytes_written = 0;
    std::uint64_t syncs = 0;
    std::uint64_t sync_failures = 0;
};

}  // namespace storage
