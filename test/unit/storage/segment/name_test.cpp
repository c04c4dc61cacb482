#include "storage/segment/name.h"

#include <boost/test/unit_test.hpp>

using namespace storage;

BOOST_AUTO_TEST_SUITE(storage_segment_name)

BOOST_AUTO_TEST_CASE(the_path_follows_from_id_and_generation) {
    // 2026-11-22 00:00:00 UTC is 1795305600000 ms: 0x01a2_0183_9c00.
    const SegmentId id = SegmentId::parse("01a20183-9c00-7000-8000-000000000001").take_value();
    BOOST_TEST(segment_day(id) == "20261122");
    BOOST_TEST(segment_path({id, 12}) ==
               "segments/20261122/01a20183-9c00-7000-8000-000000000001.12.seg");
}

BOOST_AUTO_TEST_CASE(names_are_read_back) {
    const auto name = parse_segment_name("01a20183-9c00-7000-8000-000000000001.12.seg");
    BOOST_REQUIRE(name);
    BOOST_TEST(name.value().generation == 12U);
    BOOST_TEST(name.value().segment.text() == "01a20183-9c00-7000-8000-000000000001");
}

BOOST_AUTO_TEST_CASE(other_spellings_are_refused) {
    for (const char* text : {
             "",
             "01a20183-9c00-7000-8000-000000000001.seg",
             "01a20183-9c00-7000-8000-000000000001..seg",
             "01a20183-9c00-7000-8000-000000000001.0.seg",
             "01a20183-9c00-7000-8000-000000000001.01.seg",
             "01a20183-9c00-7000-8000-000000000001.-1.seg",
             "01a20183-9c00-7000-8000-000000000001.4294967296.seg",
             "01a20183-9c00-7000-8000-000000000001.1x.seg",
             "01A20183-9c00-7000-8000-000000000001.1.seg",
             "01a20183-9c00-7000-8000-000000000001.1.tmp",
             "x1a20183-9c00-7000-8000-000000000001.1.seg",
             "segments/01a20183-9c00-7000-8000-000000000001.1.seg",
         }) {
        BOOST_TEST(!parse_segment_name(text), text);
    }
}

BOOST_AUTO_TEST_CASE(a_day_is_eight_digits) {
    BOOST_TEST(is_segment_day("20261122"));
    BOOST_TEST(!is_segment_day("2026112"));
    BOOST_TEST(!is_segment_day("2026112a"));
    BOOST_TEST(!is_segment_day("202611222"));
}

BOOST_AUTO_TEST_SUITE_END()
