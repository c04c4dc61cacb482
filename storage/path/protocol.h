#pragma once

// What a daemon and its path helper say to each other. One request or reply is one packet of a
// SOCK_SEQPACKET socketpair; bulk data goes through a shared memory file (memfd) of kSlots slots of
// kSlotSize octets each. A request that carries or fetches data names a slot; the slot is the
// request's until its reply. The daemon gives out the slots, and never uses one again whose request
// was not answered: it gives up the helper with all its memory instead.
//
// Packets: little-endian, version first (a daemon may outlive the helper program that it was
// installed with): see protocol.cpp. Thread rule: pure.
// Errors of decoding: Corrupt, Unsupported (version).

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace storage::helper {

inline constexpr std::uint8_t kProtocolVersion = 1;
inline constexpr std::size_t kSlots = 8;
inline constexpr std::size_t kSlotSize = 1U << 20U;
inline constexpr std::size_t kSharedSize = kSlots * kSlotSize;
inline constexpr std::uint8_t kNoSlot = 255;
inline constexpr std::size_t kPacketMax = 1024;
inline constexpr std::size_t kDetailMax = 200;
inline constexpr std::size_t kListMax = 4'096;  // entries of one listing; a slot holds them

/// Descriptors of a helper: its end of the socketpair, and the shared memory.
inline constexpr int kSocketFd = 3;
inline constexpr int kSharedFd = 4;

enum class RequestType : std::uint8_t {
    Probe = 1,   ///< identity and space; Sync: also write, sync and remove the file `path`. If only
                 ///< that failed, the error comes with the space
    Create = 2,  ///< new file `path` of handle, `length` octets of the slot at offset 0; durable
    Write = 3,   ///< `length` octets of the slot to handle at `offset`; Sync: then fdatasync
    Sync = 4,    ///< fdatasync of handle
    Close = 5,   ///< forget handle
    Read = 6,    ///< up to `length` octets at `offset` of `path`, opened afresh, into the slot
    List = 7,    ///< folder `path` ("" is the root), names after `after`; Detail: sizes and times
    Stat = 8,    ///< of `path`
    Remove = 9,  ///< `path`, and make that durable
};

enum class Flag : std::uint8_t { None = 0, Sync = 1, Detail = 2 };

/// See RequestType for what counts in which request.
struct Request {
    std::uint64_t id = 0;
    RequestType type = RequestType::Probe;
    Flag flag = Flag::None;
    std::uint8_t slot = kNoSlot;
    std::uint32_t length = 0;
    std::uint64_t offset = 0;
    std::uint64_t handle = 0;
    std::string path;
    std::string after;

    friend bool operator==(const Request&, const Request&) = default;
};

/// The answer to the request of that id. `detail` is for logs.
struct Reply {
    std::uint64_t id = 0;
    bool ok = false;
    base::Errc code = base::Errc::Io;  ///< if not ok
    std::uint32_t length = 0;          ///< Read, List: octets in the slot
    std::uint64_t value = 0;           ///< Probe: octets free; Stat: size; List: 1 = complete
    std::uint64_t second = 0;          ///< Probe: octets in all; Stat: seconds since 1970
    bool is_folder = false;            ///< Stat
    std::string detail;

    friend bool operator==(const Reply&, const Reply&) = default;
};

/// An entry of a listing, as it lies in the slot.
struct Entry {
    std::string name;
    std::uint64_t size = 0;
    std::int64_t modified_s = 0;
    bool is_folder = false;

    friend bool operator==(const Entry&, const Entry&) = default;
};

[[nodiscard]] std::vector<std::byte> encode(const Request& request);
[[nodiscard]] std::vector<std::byte> encode(const Reply& reply);
[[nodiscard]] base::Result<Request> decode_request(std::span<const std::byte> packet);
[[nodiscard]] base::Result<Reply> decode_reply(std::span<const std::byte> packet);

/// Puts entries into a slot; returns the octets used. Entries that do not fit are a programmer's
/// error: kListMax of the longest names fit.
[[nodiscard]] std::size_t put_entries(const std::vector<Entry>& entries, std::span<std::byte> slot);
[[nodiscard]] base::Result<std::vector<Entry>> get_entries(std::span<const std::byte> bytes);

}  // namespace storage::helper
