#pragma once

// The body of roundtable-path-helper: answers requests from the socket until the daemon's end is
// closed, on a few threads, so that a read does not wait for another's fsync. It holds no listening
// socket, no lock and nothing of the daemon's but its end of the socketpair and the shared memory.
//
// Thread rule: call once, from main.

#include <cstddef>
#include <span>
#include <string>

#include "storage/path/helper_files.h"
#include "storage/path/protocol.h"

namespace storage::helper {

/// Threads of one helper. More would only queue in the kernel.
inline constexpr std::size_t kThreads = 4;

/// Does one request; `shared` is the whole shared memory. Never fails: errors are replies.
[[nodiscard]] Reply answer(RootFiles& files, const Request& request, std::span<std::byte> shared);

/// Serves kSocketFd and kSharedFd for the root. Returns the exit status of the process.
[[nodiscard]] int serve(const std::string& root, const std::string& identity);

}  // namespace storage::helper
