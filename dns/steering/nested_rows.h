#pragma once

// Nested rows: how a list of weights becomes shares of sources.
//
// With the weights in descending order, row j means "the j heaviest, equally" and gets the share
// q_j = j (w_j - w_(j+1)) / sum w. Server m is in the rows j >= m, at 1/j each, so it gets
// sum over j >= m of (w_j - w_(j+1)) / sum w = w_m / sum w: exactly its part. Of all mixtures of
// sets with these parts, prefixes keep the sets as wide as possible for the weak servers, which are
// the ones that one big source can hurt.
//
// Thread rule: pure function.

#include <cstddef>
#include <span>
#include <vector>

namespace dns::steering {

struct NestedRow {
    std::size_t width = 0;  ///< servers at the best level: the first `width` of the order
    double share = 0;       ///< q
    double end = 0;         ///< sum of the shares up to here; the last is exactly 1
};

/// Rows for weights in descending order, all > 0, at least one; widest first. Weights within
/// `quant` of the first of their group count as equal. Rows narrower than `row_min` are given to
/// the next wider one.
[[nodiscard]] std::vector<NestedRow> nested_rows(std::span<const double> weights,
                                                 double quant,
                                                 std::size_t row_min);

}  // namespace dns::steering
