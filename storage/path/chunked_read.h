#pragma once

// ChunkedRead: one read of a file, in chunks of one slot each, all asked for at once. The part of
// StorageServerClient that puts a large read together.
//
// Owner: whoever reads and the answers under way, by shared_ptr. Thread rule: loop thread only. A
// read that is tried on another path begins anew; answers to the earlier attempt do not count.
// Limits: kLengthMax octets.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "storage/path/path_attempts.h"
#include "storage/path/path_client.h"

namespace storage {

/// See the top of this file. Fill in the public part, then start(); `on_done` is called once, with
/// Corrupt for a read that came out short and had to be exact.
struct ChunkedRead : std::enable_shared_from_this<ChunkedRead> {
    static constexpr std::uint32_t kLengthMax = 64U << 20U;

    std::string path;
    std::uint64_t offset = 0;
    std::uint32_t length = 0;  ///< at least 1
    bool exact = false;        ///< fewer octets are an error
    std::function<void(base::Result<std::vector<std::byte>>)> on_done;

    /// Asks `through` for all chunks. An error goes to attempts->failed().
    void start(const std::shared_ptr<PathAttempts>& attempts,
               PathClient& through,
               base::Deadline deadline);

  private:
    void on_chunk(PathAttempts& attempts, std::size_t chunk, base::Result<PathAnswer> answer);
    void finish();

    std::vector<std::byte> bytes_;
    std::vector<std::uint32_t> sizes_;  // octets read, per chunk
    std::size_t chunks_left_ = 0;
    std::size_t round_ = 0;  // of attempts
};

}  // namespace storage
