#pragma once

// SourceCache: which variants the last sources of a thread's queries got. A resolver asks many
// times between two changes, and hashing its network (steering/source_hash.h) and finding its row
// are the dearest steps of a steered answer.
//
// A few KiB, direct-mapped: a source that is not there is hashed and takes its place. Nothing is
// ever wrong: variants are known by the snapshot, on whose key and tables they depend. Sources
// without a prefix of their own (IPv4-mapped ones, and ::/48) are hashed each time.
//
// Owned by a thread (ThreadState). No allocation after construction.

#include <array>
#include <cstddef>
#include <cstdint>

#include "dns/client.h"
#include "dns/wire.h"

namespace dns {

/// See the top of this file.
class SourceCache {
  public:
    static constexpr std::size_t kEntries = 64;

    /// The variant of a client for a steered RRset of a snapshot: the one that is known, else
    /// choose(). `place`: any number that tells the RRsets of a snapshot apart.
    template <typename Choose>
    [[nodiscard]] std::uint32_t variant(std::uint64_t snapshot,
                                        std::uint32_t place,
                                        const Client& client,
                                        Choose&& choose) noexcept {
        const std::uint64_t prefix = prefix_of(client);
        if (prefix == 0) {
            return choose();
        }
        Entry& entry = entries_.data()[((prefix + place) * 0x9e3779b97f4a7c15U) >> 58U];
        if (entry.prefix != prefix || entry.place != place || entry.snapshot != snapshot) {
            entry = {prefix, snapshot, place, choose()};
        }
        return entry.variant;
    }

  private:
    struct Entry {
        std::uint64_t prefix = 0;  // 0: free
        std::uint64_t snapshot = 0;
        std::uint32_t place = 0;
        std::uint32_t variant = 0;
    };

    static_assert(kEntries == 64, "an index is the top six bits");

    // What source_hash() looks at, with the family; 0: see the top of this file.
    static std::uint64_t prefix_of(const Client& client) noexcept {
        const std::byte* const at = client.address.data();
        const std::uint64_t first = (std::uint64_t{load_u16(at)} << 16) | load_u16(at + 2);
        if (client.family == Family::V4) {
            return (std::uint64_t{1} << 56) | (first >> 8);
        }
        const std::uint64_t prefix = (first << 16) | load_u16(at + 4);
        return prefix == 0 ? 0 : (std::uint64_t{2} << 56) | prefix;
    }

    std::array<Entry, kEntries> entries_;
};

}  // namespace dns
