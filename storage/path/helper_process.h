#pragma once

// HelperProcess: the daemon's end of one roundtable-path-helper: the child, the socket and the
// shared memory. No deadline and no policy; see path_client.h. No call here waits for the helper.
//
// Destroying it kills the helper; one that is stuck in the kernel is left behind (base/process.h).
// Thread rule: loop thread only.

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/fd.h"
#include "base/process.h"
#include "base/result.h"
#include "storage/path/protocol.h"

namespace storage {

/// See the top of this file.
class HelperProcess {
  public:
    /// Starts `program` for `root`. Errors: those of spawn_process, Io.
    [[nodiscard]] static base::Result<HelperProcess> start(const std::string& program,
                                                           const std::string& root,
                                                           const std::string& identity);
    ~HelperProcess();
    HelperProcess(HelperProcess&& other) noexcept;
    HelperProcess& operator=(HelperProcess&& other) noexcept;
    HelperProcess(const HelperProcess&) = delete;
    HelperProcess& operator=(const HelperProcess&) = delete;

    /// For an FdWatch; -1 after give_up().
    [[nodiscard]] int socket() const noexcept { return socket_.get(); }

    /// The memory of one slot; `index` below kSlots; not after give_up().
    [[nodiscard]] std::span<std::byte> slot(std::size_t index) const noexcept;

    /// Busy: the socket is full, try again after a reply. Closed: the helper is gone.
    [[nodiscard]] base::Status send(const helper::Request& request);

    /// Nothing if no reply waits. Closed: the helper is gone. Corrupt, Unsupported: no use.
    [[nodiscard]] base::Result<std::optional<helper::Reply>> receive();

    /// Kills the helper and lets go of socket and memory; only has_ended() and pid() are left.
    void give_up() noexcept;

    /// True once it was reaped. Does not wait.
    [[nodiscard]] bool has_ended();

    [[nodiscard]] pid_t pid() const noexcept { return child_.pid(); }

  private:
    HelperProcess(base::Child child, base::Fd socket, std::span<std::byte> shared) noexcept;

    base::Child child_;
    base::Fd socket_;
    std::span<std::byte> shared_;
};

}  // namespace storage
