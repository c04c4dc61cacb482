#pragma once

// ListPattern: the mailbox pattern of LIST and LSUB, RFC 9051 6.3.9. "*" matches anything, "%"
// anything but the hierarchy separator, and nothing else is special.
//
// All positions of the pattern are followed at once as bits, so that the time is length of the name
// x length of the pattern / 64, whatever the pattern: there is no backtracking to blow up (the
// class of CVE-2026-33607).
//
// Thread rule: immutable after create. Limits: kListPatternBytesMax. Names are UTF-8; wildcards and
// separator are ASCII, so octets can be compared.

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace accessd {

class ListPattern {
  public:
    /// `pattern`: reference and pattern joined, UTF-8. TooLarge over the limit.
    [[nodiscard]] static base::Result<ListPattern> create(std::string_view pattern);

    /// True if the whole of `name` matches. The first level INBOX matches in any case.
    [[nodiscard]] bool matches(std::string_view name) const;

  private:
    static constexpr std::size_t kWords = 8;
    using Bits = std::array<std::uint64_t, kWords>;

    ListPattern() : accepts_(256) {}

    void close(Bits& positions) const;

    std::vector<Bits> accepts_;  ///< by octet: tokens that this octet satisfies
    Bits star_{};                ///< tokens that are "*"
    Bits percent_{};             ///< tokens that are "%"
    std::size_t tokens_ = 0;
};

}  // namespace accessd
