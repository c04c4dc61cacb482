#include "dns/steering/nested_rows.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/steering/steering_fixture.h"

namespace {

using dns::steering::nested_rows;
using dns::steering::NestedRow;
using dns::steering::fixture::Random;

double share_of(const std::vector<NestedRow>& rows, std::size_t place) {
    double share = 0;
    for (const NestedRow& row : rows) {
        share += place < row.width ? row.share / static_cast<double>(row.width) : 0;
    }
    return share;
}

BOOST_AUTO_TEST_SUITE(nested_rows_)

BOOST_AUTO_TEST_CASE(example_gives_the_five_known_rows) {
    const std::vector<double> weights = {16, 16, 12, 8, 8, 6, 4, 4};
    const auto rows = nested_rows(weights, 0.10, 2);
    const std::vector<std::size_t> widths = {8, 6, 5, 3, 2};
    const std::vector<double> shares = {32.0 / 74, 12.0 / 74, 10.0 / 74, 12.0 / 74, 8.0 / 74};
    BOOST_REQUIRE_EQUAL(rows.size(), widths.size());
    double end = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        BOOST_TEST(rows[i].width == widths[i]);
        BOOST_TEST(rows[i].share == shares[i], boost::test_tools::tolerance(1e-12));
        end += shares[i];
        BOOST_TEST(rows[i].end == end, boost::test_tools::tolerance(1e-12));
    }
    for (std::size_t i = 0; i < weights.size(); ++i) {
        BOOST_TEST(share_of(rows, i) == weights[i] / 74, boost::test_tools::tolerance(1e-12));
    }
}

BOOST_AUTO_TEST_CASE(equal_weights_give_one_row_of_all) {
    const auto rows = nested_rows(std::vector<double>(16, 9.0), 0.10, 2);
    BOOST_REQUIRE_EQUAL(rows.size(), 1U);
    BOOST_TEST(rows[0].width == 16U);
    BOOST_TEST(rows[0].end == 1.0);
}

BOOST_AUTO_TEST_CASE(weights_within_the_quantum_count_as_equal) {
    BOOST_TEST(nested_rows(std::vector<double>{10, 9.5, 9}, 0.10, 2).size() == 1U);
    // 8.9 is below 0.9 of the group's first, though within a tenth of its neighbour.
    BOOST_TEST(nested_rows(std::vector<double>{10, 9.5, 8.9}, 0.10, 2).size() == 2U);
    BOOST_TEST(nested_rows(std::vector<double>{10, 9.5, 9}, 0, 1).size() == 3U);
}

BOOST_AUTO_TEST_CASE(narrow_rows_are_given_to_the_next_wider_one) {
    const std::vector<double> weights = {16, 8, 4};
    const auto rows = nested_rows(weights, 0.10, 2);
    BOOST_REQUIRE_EQUAL(rows.size(), 2U);
    BOOST_TEST(rows[1].width == 2U);
    BOOST_TEST(rows[1].share == 16.0 / 28, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(nested_rows(weights, 0.10, 3).size() == 1U);
    BOOST_TEST(nested_rows(weights, 0.10, 1).size() == 3U);
}

BOOST_AUTO_TEST_CASE(one_server_is_one_row_whatever_the_minimum) {
    const auto rows = nested_rows(std::vector<double>{5}, 0.10, 3);
    BOOST_REQUIRE_EQUAL(rows.size(), 1U);
    BOOST_TEST(rows[0].width == 1U);
    BOOST_TEST(rows[0].share == 1.0);
}

BOOST_AUTO_TEST_CASE(shares_follow_weights_and_sum_to_one_for_any_weights) {
    Random random(1);
    for (int round = 0; round < 500; ++round) {
        std::vector<double> weights(1 + random.below(64));
        for (double& weight : weights) {
            weight = 1e-3 + random.unit() * (random.one_in(4) ? 1e6 : 10);
        }
        std::ranges::sort(weights, std::greater<>());
        const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
        const auto rows = nested_rows(weights, 0, 1);
        double total = 0;
        for (const NestedRow& row : rows) {
            BOOST_TEST(row.share > 0);
            total += row.share;
        }
        BOOST_TEST(total == 1.0, boost::test_tools::tolerance(1e-9));
        for (std::size_t i = 0; i < weights.size(); ++i) {
            BOOST_TEST(share_of(rows, i) == weights[i] / sum, boost::test_tools::tolerance(1e-6));
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
