#include "storage/tracking/segment_scan.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/tracking/cluster_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

// A segment on store 1, and a scan of it.
struct Scanned {
    Stores stores{1};
    Servers servers;
    SegmentBuilder segment;

    explicit Scanned(base::Loop& loop) : servers(loop, stores, 1) {}

    void put() const { put_file(path(), segment.bytes); }

    [[nodiscard]] std::string path() const { return stores.path_of(1, {segment.id(), 1}); }

    base::Result<CopyScan> scan(ScanLimits limits = {}) {
        return scan_copy(servers.set, segment.id(), {store_id(1), 1}, limits, in(10'000));
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(storage_segment_scan)

BOOST_AUTO_TEST_CASE(frames_come_as_a_tracker_needs_them) {
    run_in_fiber([](base::Loop& loop) {
        Scanned it(loop);
        const FrameLocation first = it.segment.add(make_mail(1, 42, "Subject: x\r\n\r\nbody"));
        const FrameLocation abort = it.segment.cancel(message_id(9), first);
        const Seal seal = it.segment.seal();
        it.put();
        const auto scan = it.scan();
        BOOST_REQUIRE(scan);
        BOOST_REQUIRE(scan.value().frames.size() == 2U);
        const ScannedFrame& mail = scan.value().frames[0];
        BOOST_CHECK(mail.entry.id == message_id(1));
        BOOST_TEST(mail.entry.offset == first.offset);
        BOOST_TEST(mail.message_size == 18U);
        BOOST_TEST(mail.received_us == 1'795'345'200'000'001);
        BOOST_TEST(mail.envelope.recipients[0].account_id == 42);
        BOOST_TEST(mail.problem.empty());
        BOOST_REQUIRE(scan.value().frames[1].abort.has_value());
        BOOST_CHECK(scan.value().frames[1].abort->id == message_id(9));
        BOOST_TEST(seal.data_size == abort.offset + abort.length);
        BOOST_TEST(scan.value().end == seal.file_size);
        BOOST_CHECK(scan.value().seal == seal);
        BOOST_TEST(scan.value().first_frame == first.offset);
    });
}

BOOST_AUTO_TEST_CASE(it_begins_at_a_frame_and_ends_at_its_limit) {
    run_in_fiber([](base::Loop& loop) {
        Scanned it(loop);
        std::vector<FrameLocation> frames;
        for (std::uint8_t n = 1; n <= 10; ++n) {
            frames.push_back(it.segment.add(make_mail(n, 1, std::string(700'000, 'x'))));
        }
        it.put();
        const auto all = it.scan();
        BOOST_REQUIRE(all);
        BOOST_TEST(all.value().frames.size() == 10U);  // over windows
        BOOST_TEST(!all.value().seal.has_value());
        const auto some = it.scan({frames[4].offset, 1'500'000});
        BOOST_REQUIRE(some);
        BOOST_REQUIRE(!some.value().frames.empty());
        BOOST_CHECK(some.value().frames[0].entry.id == message_id(5));
        BOOST_TEST(some.value().frames.size() < 6U);
        BOOST_TEST(some.value().frames.size() >= 2U);
        BOOST_TEST(some.value().end == some.value().frames.back().entry.offset +
                                           some.value().frames.back().entry.length);
    });
}

BOOST_AUTO_TEST_CASE(a_frame_larger_than_a_window_passes) {
    run_in_fiber([](base::Loop& loop) {
        Scanned it(loop);
        (void)it.segment.add(make_mail(1, 1, std::string(5U << 20U, 'x')));
        (void)it.segment.add(make_mail(2, 1, "x"));
        it.put();
        const auto scan = it.scan();
        BOOST_REQUIRE(scan);
        BOOST_TEST(scan.value().frames.size() == 2U);
    });
}

BOOST_AUTO_TEST_CASE(a_bad_frame_is_a_gap_and_a_torn_one_the_end) {
    run_in_fiber([](base::Loop& loop) {
        Scanned it(loop);
        const FrameLocation bad = it.segment.add(make_mail(1, 1, std::string(3U << 20U, 'x')));
        const FrameLocation good = it.segment.add(make_mail(2, 1, "y"));
        (void)it.segment.add(make_mail(3, 1, "z"));
        it.segment.bytes.resize(it.segment.bytes.size() - 8);
        it.put();
        spoil(it.path(), bad.offset + 2'000'000);
        const auto scan = it.scan();
        BOOST_REQUIRE(scan);
        BOOST_REQUIRE(scan.value().frames.size() == 1U);
        BOOST_CHECK(scan.value().frames[0].entry.id == message_id(2));
        BOOST_CHECK((scan.value().gaps == std::vector<Gap>{{bad.offset, good.offset}}));
        BOOST_TEST(scan.value().end == good.offset + good.length);
    });
}

BOOST_AUTO_TEST_CASE(an_unreadable_envelope_is_a_problem_of_its_frame) {
    run_in_fiber([](base::Loop& loop) {
        Scanned it(loop);
        (void)it.segment.add(make_frame(1, "its envelope is none"));
        (void)it.segment.add(make_mail(2, 1, "x"));
        it.put();
        const auto scan = it.scan();
        BOOST_REQUIRE(scan);
        BOOST_TEST(!scan.value().frames[0].problem.empty());
        BOOST_TEST(scan.value().frames[1].problem.empty());
    });
}

BOOST_AUTO_TEST_CASE(what_is_no_copy_of_the_segment_is_an_error) {
    run_in_fiber([](base::Loop& loop) {
        Scanned it(loop);
        BOOST_CHECK(code_of(it.scan()) == base::Errc::NotFound);
        put_file(it.path(), SegmentBuilder(make_header(7, 2)).bytes);
        BOOST_CHECK(code_of(it.scan()) == base::Errc::Corrupt);
        put_file(it.path(), {});
        BOOST_CHECK(code_of(it.scan()) == base::Errc::Corrupt);
        BOOST_CHECK(
            code_of(scan_copy(it.servers.set, it.segment.id(), {store_id(9), 1}, {}, in(1'000))) ==
            base::Errc::Unavailable);
    });
}

BOOST_AUTO_TEST_CASE(a_copy_ends_in_the_seal_or_it_does_not) {
    run_in_fiber([](base::Loop& loop) {
        Scanned it(loop);
        (void)it.segment.add(make_mail(1, 1, "x"));
        const Bytes open = it.segment.bytes;
        const Seal seal = it.segment.seal();
        const auto check = [&] {
            return check_seal(it.servers.set, it.segment.id(), {store_id(1), 1}, seal, in(5'000));
        };
        BOOST_CHECK(code_of(check()) == base::Errc::NotFound);
        put_file(it.path(), open);
        BOOST_CHECK(code_of(check()) == base::Errc::Corrupt);
        it.put();
        BOOST_TEST(check().operator bool());
    });
}

BOOST_AUTO_TEST_SUITE_END()
