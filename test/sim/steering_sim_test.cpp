// The model against its known figures, and the product's steering against bounds for single seeds.
// Means over ten seeds against the real goals: prove-steering.

#include <cmath>
#include <string>

#include <boost/test/unit_test.hpp>

#include "test/sim/model.h"
#include "test/sim/rng.h"
#include "test/sim/scenario.h"

namespace {

using boost::test_tools::tolerance;

double unit(std::uint64_t word) {
    return static_cast<double>(word >> 11) * 0x1p-53;
}

sim::Figures run(const std::string& scenario, sim::SimPolicy policy, std::uint64_t seed) {
    const auto found = sim::find_scenario(scenario);
    BOOST_REQUIRE(found);
    return sim::Model(*found, policy, seed).run();
}

// `value` as printed with so many decimals.
double rounded(double value, int decimals) {
    const double scale = std::pow(10, decimals);
    return std::round(value * scale) / scale;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(steering_sim)

BOOST_AUTO_TEST_CASE(random_numbers_are_the_models) {
    sim::Rng rng(1, 1);
    BOOST_TEST(rng.next() == 0x5c1d49a70d26949aU);
    BOOST_TEST(rng.next() == 0x8ced152ef453efd6U);
    BOOST_TEST(rng.next() == 0xc33b24196461329bU);
    // The first draw is x. (The reference prints these two the other way round; with x and y
    // exchanged its figures do not come out: see README.md.)
    const sim::SourceWords words = sim::hash_source(0, 1);
    BOOST_TEST(rounded(unit(words.x), 12) == 0.339660991351);
    BOOST_TEST(rounded(unit(words.y), 12) == 0.421272979754);
}

// Figures of an independent simulator of the same model: no digit differs, since equal MX involves
// no code of ours.
BOOST_AUTO_TEST_CASE(equal_preferences_give_the_reference_figures) {
    const sim::Figures figures = run("steady80", sim::SimPolicy::Equal, 1);
    BOOST_TEST(rounded(figures.r50, 4) == 2.4996);
    BOOST_TEST(rounded(figures.r99, 4) == 2.8853);
    BOOST_TEST(rounded(figures.refused_percent, 3) == 22.632);
    BOOST_TEST(rounded(figures.d50, 3) == 1.155);
    BOOST_TEST(rounded(figures.max_mean, 3) == 2.324);
    BOOST_TEST(rounded(figures.queries, 3) == 6.937);
}

// Near, not equal: the reference has a rule of its own, written from the same words.
BOOST_AUTO_TEST_CASE(the_load_policy_is_near_the_reference) {
    const sim::Figures figures = run("steady80", sim::SimPolicy::Load, 1);
    BOOST_TEST(figures.r50 == 1.1746, tolerance(0.02));
    BOOST_TEST(figures.r99 == 1.4189, tolerance(0.02));
    BOOST_TEST(figures.refused_percent == 0.2374, tolerance(0.15));
    BOOST_TEST(figures.d50 == 0.418, tolerance(0.02));
    BOOST_TEST(figures.k == 10.674, tolerance(0.01));
    BOOST_TEST(figures.queries == 6.937, tolerance(0.001));
}

// Bounds: the worst of ten single seeds and a little. What a mistake in the rule does is far beyond
// them: without the trim mis80 refuses 23 %, without the guard liar80 refuses 25 %.
BOOST_AUTO_TEST_CASE(single_runs_stay_within_loose_bounds) {
    const struct {
        const char* scenario;
        double r50;
        double r99;
        double refused_percent;
    } bounds[] = {
        {"steady80", 1.25, 1.70, 0.60},
        {"homog80", 1.18, 1.35, 0.20},
        {"mis80", 1.25, 1.70, 0.60},
        {"liar80", 1.28, 1.75, 2.80},
    };

    for (const auto& bound : bounds) {
        for (const std::uint64_t seed : {1U, 2U}) {
            BOOST_TEST_CONTEXT(bound.scenario << ", seed " << seed) {
                const sim::Figures figures = run(bound.scenario, sim::SimPolicy::Load, seed);
                BOOST_TEST(figures.r50 <= bound.r50);
                BOOST_TEST(figures.r99 <= bound.r99);
                BOOST_TEST(figures.refused_percent <= bound.refused_percent);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_seed_names_a_run) {
    const sim::Figures one = run("fail80", sim::SimPolicy::Load, 3);
    const sim::Figures two = run("fail80", sim::SimPolicy::Load, 3);
    BOOST_TEST((sim::list_figures(one) == sim::list_figures(two)));
}

BOOST_AUTO_TEST_SUITE_END()
