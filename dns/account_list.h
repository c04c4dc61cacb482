#pragma once

// AccountList: the addresses of one domain, sorted by their digests, as the internal view knows
// them: no local part, only the first 28 octets of its SHA-256 (the pattern of RFC 7929 3), 36
// octets an address.
//
// The list lies in chunks that lists share: a list with a few changes shares all the others with
// the one that it came from, so that a change among ten million addresses copies some hundred. A
// chunk ends where the last octet of a digest is zero, after 256 addresses on average: where chunks
// end follows from what is in them, and a list that was read anew shares whatever is the same.
//
// Immutable. Thread rule: any thread may read. find() neither allocates nor locks.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace dns {

inline constexpr std::size_t kAccountDigest = 28;
/// Octets of an address in a list.
inline constexpr std::size_t kAccountEntry = 36;
/// A chunk ends here at the latest, whatever the digests.
inline constexpr std::size_t kAccountChunkMax = 8192;

using AccountDigest = std::array<std::byte, kAccountDigest>;

/// The digest of a local part, which must be in lower case already.
[[nodiscard]] AccountDigest account_digest(std::string_view local_part);

enum class AccountState : std::uint8_t { Active, Disabled };

/// One address. Ordered by its digest.
class AccountEntry {
  public:
    /// `account` below 2^63.
    AccountEntry(const AccountDigest& digest, std::uint64_t account, AccountState state) noexcept;

    /// As octets() gave it.
    explicit AccountEntry(std::span<const std::byte, kAccountEntry> octets) noexcept;

    [[nodiscard]] const AccountDigest& digest() const noexcept { return digest_; }

    [[nodiscard]] std::uint64_t account() const noexcept;
    [[nodiscard]] AccountState state() const noexcept;

    /// The digest, then the account, big-endian; its top bit is set for a disabled one.
    [[nodiscard]] std::array<std::byte, kAccountEntry> octets() const noexcept;

    bool operator==(const AccountEntry&) const = default;

  private:
    AccountDigest digest_;
    std::array<std::byte, kAccountEntry - kAccountDigest> account_;  // see octets()
};

static_assert(sizeof(AccountEntry) == kAccountEntry);

enum class Presence : std::uint8_t { There, Gone };

/// What became of an address. Of one that is gone only the digest counts.
struct AccountChange {
    std::int64_t domain = 0;  ///< directory.domain
    AccountEntry entry;
    Presence presence = Presence::There;

    bool operator==(const AccountChange&) const = default;
};

/// See the top of this file.
class AccountList {
  public:
    AccountList() = default;

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// Null if there is no such address. `digest`: kAccountDigest octets. Borrowed from the list.
    [[nodiscard]] const AccountEntry* find(std::span<const std::byte> digest) const noexcept;

    /// The list after some changes, which have distinct, ascending digests; of which domain they
    /// are is not looked at.
    [[nodiscard]] AccountList with(std::span<const AccountChange> changes) const;

    /// Calls visit(const AccountEntry&) in ascending order.
    template <typename F>
    void for_each(F&& visit) const {
        for (const Chunk& chunk : chunks_) {
            for (const AccountEntry& entry : *chunk.entries) {
                visit(entry);
            }
        }
    }

    /// Both lists are the same chunks: then they are equal. Lists that were made from one another,
    /// or read with one another at hand, are equal only if this is true.
    [[nodiscard]] bool same_chunks(const AccountList& other) const noexcept;

    [[nodiscard]] std::size_t chunk_count() const noexcept { return chunks_.size(); }

    /// How many chunks of this list are in the other, too.
    [[nodiscard]] std::size_t shared_chunks(const AccountList& other) const noexcept;

  private:
    friend class AccountListBuilder;

    using Entries = std::vector<AccountEntry>;

    // The first octets of its first digest as a number, so that a search stays in one array.
    struct Chunk {
        std::uint64_t first = 0;
        std::shared_ptr<const Entries> entries;  // at least one
    };

    // Index of the chunk that has the digest, or would have it; 0 if there are none.
    [[nodiscard]] std::size_t chunk_of(std::span<const std::byte> digest) const noexcept;

    std::vector<Chunk> chunks_;
    std::size_t size_ = 0;
};

/// Makes a list of addresses that come in order. One thread. Ends the process if they do not come
/// in order: readers of what others wrote look first (see last()).
class AccountListBuilder {
  public:
    /// Chunks that are the same as in `known` (may be null) are shared with it; it is borrowed.
    explicit AccountListBuilder(const AccountList* known = nullptr) : known_(known) {}

    /// Its digest must be above that of last().
    void add(const AccountEntry& entry);

    /// The address that was added last; null: none since the last finish().
    [[nodiscard]] const AccountEntry* last() const noexcept;

    /// The list; the builder starts anew.
    [[nodiscard]] AccountList finish();

  private:
    friend class AccountList;

    void share(const AccountList::Chunk& chunk);
    void close();
    // The next address starts a chunk.
    [[nodiscard]] bool at_boundary() const noexcept;

    const AccountList* known_;
    AccountList made_;
    std::vector<AccountEntry> open_;
};

}  // namespace dns
