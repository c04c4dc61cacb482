#pragma once

// SenderList: the sender blocklist as it stands in memory: exact addresses, domains, and domains
// with all below them (mail::sender_match_keys). The most specific entry that has not expired
// counts.
//
// File form (sender_block.bin in the state directory), numbers little-endian: magic "RTSENDR1", u64
// entry count, then per entry i64 id, u8 type (0 address, 1 domain, 2 subtree), i64 expiry in wall
// clock microseconds (0: never), u16 length, the pattern; CRC32C of all before it.
//
// Thread rule: immutable once built; shared by shared_ptr<const SenderList>.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "mail/address.h"

namespace mta {

enum class SenderBlockId : std::int64_t {};

class SenderList {
  public:
    static constexpr std::size_t kEntriesMax = 1'000'000;
    static constexpr std::size_t kPatternMax = 320;

    struct Entry {
        SenderBlockId id{};
        mail::SenderKey key;
        std::int64_t expires_us = 0;  ///< 0: never
    };

    SenderList() = default;

    /// Of two entries with one key the last counts. Entries beyond kEntriesMax are the caller's
    /// error.
    explicit SenderList(std::vector<Entry> entries);

    /// The entry that blocks `sender` at that moment.
    [[nodiscard]] std::optional<SenderBlockId> find(const mail::Address& sender,
                                                    std::int64_t now_us) const;

    [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }

  private:
    std::vector<Entry> entries_;
    std::unordered_map<std::string, std::size_t> index_;  ///< type digit and pattern -> entry
};

[[nodiscard]] std::string encode_sender_list(const SenderList& list);

/// Corrupt: not that form, or damaged. TooLarge: more than kEntriesMax entries.
[[nodiscard]] base::Result<SenderList> decode_sender_list(std::string_view bytes);

inline constexpr std::size_t kSenderListFileMax =
    8 + 8 + SenderList::kEntriesMax * (8 + 1 + 8 + 2 + SenderList::kPatternMax) + 4;

/// By its name in the directory: "address", "domain", "subtree". Errors: Invalid.
[[nodiscard]] base::Result<mail::SenderKeyType> parse_sender_key_type(std::string_view name);

}  // namespace mta
