#pragma once

// PathClient: one storage path as one daemon sees it: the helper process, what it was asked, how
// long that may take, and how well the path does.
//
// A request that is not answered by its deadline is answered Timeout here; its slot stays taken
// until the helper answers. A helper with a request unanswered for `hang_after` is abandoned:
// killed, not waited for. At most kHelpersMax exist per path, the abandoned ones that have not
// ended included; then the path stays out until one of them has ended and a new one answers a
// probe. No call here waits.
//
// Probes check identity and free space; with ProbeKind::Write also that a file can be written and
// synced, whenever the path is not healthy or nothing was synced for a while. Failed probes are
// repeated with growing pauses.
//
// Thread rule: loop thread only. Callbacks come from the loop, never from inside a call; none comes
// after the destructor. Errors: see storage_server_client.h.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/loop.h"
#include "base/result.h"
#include "storage/path/health.h"
#include "storage/path/protocol.h"
#include "storage/path/storage_server_client.h"

namespace storage {

/// Helper processes of one path, dead ones that cannot be reaped included.
inline constexpr std::size_t kHelpersMax = 2;

/// How far a path can be used for reading.
enum class Readable : std::uint8_t {
    No,     ///< no helper, or not our store
    Maybe,  ///< suspect: worth a try if nothing else is left
    Yes,
};

/// Octets of a shared, immutable buffer.
struct Payload {
    std::shared_ptr<const std::vector<std::byte>> bytes;
    std::size_t from = 0;
    std::size_t size = 0;
};

/// A good reply. `data` (Read, List) is valid during the callback only.
struct PathAnswer {
    helper::Reply reply;
    std::span<const std::byte> data;
};

using PathAnswered = std::function<void(base::Result<PathAnswer>)>;

/// See the top of this file.
class PathClient {
  public:
    PathClient(base::Loop& loop,
               StoragePathConfig config,
               const StorageServerId& identity,
               const PathOptions& options);
    ~PathClient();
    PathClient(const PathClient&) = delete;
    PathClient& operator=(const PathClient&) = delete;

    /// Called (posted to the loop) when the state of health() changed. Set before start().
    void set_on_change(std::function<void()> on_change);
    void start();

    /// Sends the request, with `payload` in a slot. `id` and `slot` of `request` are filled here.
    void call(helper::Request request,
              Payload payload,
              base::Deadline deadline,
              PathAnswered on_answer);

    /// Which helper this is, counted from 1; 0: none runs. A file handle dies with its helper.
    [[nodiscard]] std::uint64_t helper_epoch() const noexcept;

    [[nodiscard]] Readable readable() const noexcept;
    [[nodiscard]] StoreHealth health() const;
    [[nodiscard]] PathCounters counters() const;

    /// Probes as soon as possible.
    void probe_soon();

    /// Process ids of the helper that serves now (0: none) and of all, for people and tests.
    [[nodiscard]] pid_t helper_pid() const noexcept;
    [[nodiscard]] std::size_t helpers_alive() const noexcept;

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace storage
