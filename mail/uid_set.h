#pragma once

// Sequence sets of IMAP (RFC 9051 9, sequence-set): what a client wrote (SequenceSet), and the
// plain sets of numbers that it stands for (UidSet), used for UIDs and for sequence numbers alike.
//
// Numbers are 1 to 2^32-1. Thread rule: values. Limits: kSequenceRangesMax, kSequenceTextMax.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mail {

/// first <= last, both included.
struct UidRange {
    std::uint32_t first = 1;
    std::uint32_t last = 1;

    friend bool operator==(const UidRange&, const UidRange&) = default;
};

/// A set of numbers as sorted ranges that neither overlap nor touch.
class UidSet {
  public:
    UidSet() = default;

    [[nodiscard]] static UidSet from_ranges(std::vector<UidRange> ranges);

    /// Cheap at the end of the set, linear elsewhere. `uid` must not be 0.
    void add(std::uint32_t uid) { add_range({uid, uid}); }

    void add_range(UidRange range);

    [[nodiscard]] bool contains(std::uint32_t uid) const noexcept;

    [[nodiscard]] bool empty() const noexcept { return ranges_.empty(); }

    /// How many numbers, not how many ranges.
    [[nodiscard]] std::uint64_t count() const noexcept;

    [[nodiscard]] const std::vector<UidRange>& ranges() const noexcept { return ranges_; }

    [[nodiscard]] UidSet intersected_with(const UidSet& other) const;

    /// This set without the numbers of `other`.
    [[nodiscard]] UidSet without(const UidSet& other) const;

    /// "1:3,7,9:12"; empty for the empty set (which IMAP cannot write).
    [[nodiscard]] std::string text() const;

    friend bool operator==(const UidSet&, const UidSet&) = default;

  private:
    std::vector<UidRange> ranges_;
};

/// A sequence set as written. "*" depends on the mailbox and is resolved late.
class SequenceSet {
  public:
    static constexpr std::uint32_t kStar = 0;

    struct Item {
        std::uint32_t first = 1;  ///< kStar for "*"
        std::uint32_t last = 1;   ///< kStar for "*"
    };

    /// "1,3:5,9:*,*:4" or "$" (RFC 5182). Invalid: 0, a number over 2^32-1, anything else.
    /// TooLarge: over the limits.
    [[nodiscard]] static base::Result<SequenceSet> parse(std::string_view text);

    /// "$": the result of the last SEARCH, kept by the session.
    [[nodiscard]] bool is_saved_result() const noexcept { return saved_result_; }

    [[nodiscard]] const std::vector<Item>& items() const noexcept { return items_; }

    /// True if "*" occurs.
    [[nodiscard]] bool has_star() const noexcept;

    /// With "*" taken for the largest number in the mailbox. Reversed ranges are put right, so that
    /// "559:*" holds the last message even if its UID is below 559 (RFC 9051 9, seq-range). In an
    /// empty mailbox (largest = 0) "*" is no number, and a range with it is empty.
    [[nodiscard]] UidSet resolve(std::uint32_t largest) const;

    /// "9:*" as written, items in order.
    [[nodiscard]] std::string text() const;

  private:
    std::vector<Item> items_;
    bool saved_result_ = false;
};

/// A set without "*" and "$", as in QRESYNC's known UIDs. Errors as SequenceSet::parse.
[[nodiscard]] base::Result<UidSet> parse_uid_set(std::string_view text);

}  // namespace mail
