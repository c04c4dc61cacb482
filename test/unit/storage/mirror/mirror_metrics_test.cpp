#include "storage/mirror/mirror_metrics.h"

#include <string>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace storage;

namespace {

std::string shown(const std::string& series) {
    const std::string line = "\n" + series + " ";
    const std::string text = base::metrics_text();
    const std::size_t at = text.find(line);
    return at == std::string::npos
               ? ""
               : text.substr(at + line.size(), text.find('\n', at + 1) - at - line.size());
}

std::uint64_t count(const std::string& series) {
    const std::string value = shown(series);
    return value.empty() ? 0 : std::stoull(value);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(storage_mirror_metrics)

BOOST_AUTO_TEST_CASE(fitness_is_shown_as_it_is) {
    MirrorMetrics metrics;
    MirrorFitness fitness;
    fitness.fit = true;
    fitness.stores_configured = 5;
    fitness.stores_healthy = 4;
    fitness.domains_healthy = 3;
    fitness.min_copies = 2;
    MirrorCounters counted;
    counted.queue_frames = 7;
    counted.queue_bytes = 700;
    metrics.update(fitness, counted);
    BOOST_TEST(shown("roundtable_mirror_fit{folder=\"storage\"}") == "1");
    BOOST_TEST(shown("roundtable_mirror_stores{folder=\"storage\"}") == "5");
    BOOST_TEST(shown("roundtable_mirror_stores_healthy{folder=\"storage\"}") == "4");
    BOOST_TEST(shown("roundtable_mirror_domains_healthy{folder=\"storage\"}") == "3");
    BOOST_TEST(shown("roundtable_mirror_min_copies{folder=\"storage\"}") == "2");
    BOOST_TEST(shown("roundtable_mirror_queue_frames{folder=\"storage\"}") == "7");
    BOOST_TEST(shown("roundtable_mirror_queue_bytes{folder=\"storage\"}") == "700");
    fitness.fit = false;
    metrics.update(fitness, {});
    BOOST_TEST(shown("roundtable_mirror_fit{folder=\"storage\"}") == "0");
    BOOST_TEST(shown("roundtable_mirror_queue_frames{folder=\"storage\"}") == "0");
}

BOOST_AUTO_TEST_CASE(each_counter_has_its_series) {
    const std::vector<std::pair<std::string, std::uint64_t MirrorCounters::*>> all = {
        {"roundtable_mirror_frames_total{folder=\"storage\",outcome=\"stored\"}",
         &MirrorCounters::frames_stored},
        {"roundtable_mirror_frames_total{folder=\"storage\",outcome=\"failed\"}",
         &MirrorCounters::frames_failed},
        {"roundtable_mirror_frames_total{folder=\"storage\",outcome=\"refused\"}",
         &MirrorCounters::frames_refused},
        {"roundtable_mirror_frames_total{folder=\"storage\",outcome=\"rewritten\"}",
         &MirrorCounters::frames_rewritten},
        {"roundtable_mirror_frames_total{folder=\"storage\",outcome=\"degraded\"}",
         &MirrorCounters::frames_degraded},
        {"roundtable_mirror_batches_total{folder=\"storage\"}", &MirrorCounters::batches},
        {"roundtable_mirror_batches_short_total{folder=\"storage\"}",
         &MirrorCounters::batches_short},
        {"roundtable_mirror_bytes_total{folder=\"storage\"}", &MirrorCounters::bytes},
        {"roundtable_mirror_segments_total{folder=\"storage\",event=\"opened\"}",
         &MirrorCounters::segments_opened},
        {"roundtable_mirror_segments_total{folder=\"storage\",event=\"sealed\"}",
         &MirrorCounters::segments_sealed},
        {"roundtable_mirror_segments_total{folder=\"storage\",event=\"unsealed\"}",
         &MirrorCounters::segments_unsealed},
        {"roundtable_mirror_replicas_behind_total{folder=\"storage\"}",
         &MirrorCounters::replicas_behind},
        {"roundtable_mirror_lease_breaks_total{folder=\"storage\"}", &MirrorCounters::lease_breaks},
    };
    MirrorMetrics metrics;
    MirrorCounters counted;
    std::uint64_t number = 1;
    for (const auto& [series, member] : all) {
        const std::uint64_t before = count(series);
        counted.*member = number;
        metrics.update({}, counted);
        metrics.update({}, counted);
        BOOST_TEST(count(series) == before + number, series);
        ++number;
    }
}

BOOST_AUTO_TEST_SUITE_END()
