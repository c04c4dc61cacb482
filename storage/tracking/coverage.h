#pragma once

// Coverage: which stretches of one segment are dealt with (catalogued, or cancelled durably), and
// up to where they are contiguous. The agent keeps one for each segment it writes, so that the
// catalog's mark moves over frames that finish out of order, and stays before one that did not.
//
// Pure. Thread rule: one thread at a time. Limits: kStretchesMax; beyond, a stretch is forgotten,
// which only leaves work to a tracker.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

namespace storage {

/// See the top of this file.
class Coverage {
  public:
    static constexpr std::size_t kStretchesMax = 4'096;

    /// `start`: where the first frame begins.
    explicit Coverage(std::uint64_t start) noexcept : mark_(start) {}

    /// Bytes [from, to) are dealt with. Stretches before the mark are ignored.
    void add(std::uint64_t from, std::uint64_t to);

    /// All before it is dealt with.
    [[nodiscard]] std::uint64_t mark() const noexcept { return mark_; }

    /// How many stretches lie beyond the mark.
    [[nodiscard]] std::size_t stretches() const noexcept { return ahead_.size(); }

  private:
    void advance();

    std::uint64_t mark_ = 0;
    std::map<std::uint64_t, std::uint64_t> ahead_;  // from -> to, beyond the mark, not touching it
};

}  // namespace storage
