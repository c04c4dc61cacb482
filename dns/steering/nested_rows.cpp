#include "dns/steering/nested_rows.h"

#include <algorithm>
#include <numeric>

namespace dns::steering {
namespace {

/// Replaces each group of nearly equal weights by its mean.
std::vector<double> quantise(std::span<const double> weights, double quant) {
    std::vector<double> result(weights.begin(), weights.end());
    std::size_t first = 0;
    while (first < result.size()) {
        const double floor = (1 - quant) * result[first];
        std::size_t end = first + 1;
        while (end < result.size() && result[end] >= floor) {
            ++end;
        }
        const auto begin_it = result.begin() + static_cast<std::ptrdiff_t>(first);
        const auto end_it = result.begin() + static_cast<std::ptrdiff_t>(end);
        const double mean =
            std::accumulate(begin_it, end_it, 0.0) / static_cast<double>(end - first);
        std::fill(begin_it, end_it, mean);
        first = end;
    }
    return result;
}

}  // namespace

std::vector<NestedRow> nested_rows(std::span<const double> weights,
                                   double quant,
                                   std::size_t row_min) {
    const std::vector<double> level = quantise(weights, quant);
    const std::size_t count = level.size();
    const double sum = std::accumulate(level.begin(), level.end(), 0.0);
    std::vector<double> share(count + 1, 0.0);  // share[j] is q_j; [0] is unused
    for (std::size_t j = 1; j <= count; ++j) {
        const double next = j < count ? level[j] : 0.0;
        share[j] = static_cast<double>(j) * (level[j - 1] - next) / sum;
    }
    for (std::size_t j = 1; j < std::min(row_min, count); ++j) {
        share[j + 1] += share[j];
        share[j] = 0;
    }
    std::vector<NestedRow> rows;
    double end = 0;
    for (std::size_t j = count; j >= 1; --j) {
        if (share[j] > 0) {
            end = std::min(end + share[j], 1.0);
            rows.push_back({j, share[j], end});
        }
    }
    rows.back().end = 1;
    return rows;
}

}  // namespace dns::steering
