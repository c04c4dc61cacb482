#include "storage/upkeep/copy_check.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/upkeep/upkeep_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

class CheckFixture : public UpkeepFixture {
  public:
    CheckFixture() : segment(make_sealed()) {}

    void with_servers(const std::function<void(Servers&)>& body) {
        run_in_fiber([&](base::Loop& loop) {
            Servers servers(loop, stores);
            body(servers);
        });
    }

    CheckedCopy whole(Servers& servers, const SealedShape& shape, std::uint8_t store = 1) {
        return check_whole(servers.set, workers, segment.id, {store_id(store), 1}, shape, in(5'000))
            .value();
    }

    CopyFinding glance(Servers& servers, std::uint8_t store = 1) {
        return check_seal_only(
                   servers.set, segment.id, {store_id(store), 1}, segment.seal.file_size, in(5'000))
            .value();
    }

    base::WorkerPool workers{"test", 1, 16};
    SealedSegment segment;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_copy_check, CheckFixture)

BOOST_AUTO_TEST_CASE(a_good_copy_comes_without_what_lies_behind_its_seal) {
    Bytes longer = segment.bytes;
    longer.resize(longer.size() + 100);
    put(1, segment.id, longer);
    with_servers([&](Servers& servers) {
        const CheckedCopy checked = whole(servers, segment.shape());
        BOOST_CHECK(checked.finding.verdict == CopyVerdict::Good);
        BOOST_TEST((*checked.bytes == segment.bytes));
        BOOST_TEST(checked.bytes_read == longer.size());
    });
}

BOOST_AUTO_TEST_CASE(good_in_itself_and_yet_not_what_it_should_be_is_bad) {
    put(1, segment.id, segment.bytes);
    const SealedSegment other = make_sealed();
    put(2, segment.id, other.bytes);
    with_servers([&](Servers& servers) {
        SealedShape longer = segment.shape();
        ++longer.length;
        BOOST_CHECK(whole(servers, longer).finding.verdict == CopyVerdict::Bad);
        SealedShape different = segment.shape();
        different.digest->front() ^= std::byte{1};
        BOOST_CHECK(whole(servers, different).finding.verdict == CopyVerdict::Bad);
        BOOST_CHECK(whole(servers, {segment.seal.file_size, {}}).finding.verdict ==
                    CopyVerdict::Good);
        const CopyFinding foreign = whole(servers, segment.shape(), 2).finding;
        BOOST_CHECK(foreign.verdict == CopyVerdict::Bad);
        BOOST_TEST(foreign.reason == "the file is another segment's");
    });
}

BOOST_AUTO_TEST_CASE(a_server_that_does_not_answer_decides_nothing) {
    put(1, segment.id, segment.bytes);
    with_servers([&](Servers& servers) {
        stop_process(servers.helper(1));
        CheckedCopy checked =
            check_whole(
                servers.set, workers, segment.id, {store_id(1), 1}, segment.shape(), in(100))
                .value();
        BOOST_CHECK(checked.finding.verdict == CopyVerdict::Unknown);
        BOOST_REQUIRE(::kill(servers.helper(1), SIGCONT) == 0);
    });
}

BOOST_AUTO_TEST_CASE(length_and_seal_are_seen_without_reading_the_rest) {
    Bytes spoiled = segment.bytes;
    spoiled[300] ^= std::byte{1};
    put(1, segment.id, spoiled);
    put(2, segment.id, Bytes(segment.bytes.begin(), segment.bytes.end() - 8));
    with_servers([&](Servers& servers) {
        BOOST_CHECK(glance(servers, 1).verdict == CopyVerdict::Good);
        BOOST_CHECK(glance(servers, 2).verdict == CopyVerdict::Bad);
        BOOST_CHECK(glance(servers, 3).verdict == CopyVerdict::Bad);
        BOOST_TEST(glance(servers, 3).reason == "no file there");
    });
}

BOOST_AUTO_TEST_CASE(files_of_a_segment_are_listed_the_newest_first) {
    for (const std::uint32_t generation : std::vector<std::uint32_t>{1, 10, 2}) {
        put(1, segment.id, segment.bytes, generation);
    }
    put(1, make_sealed().id, segment.bytes);
    with_servers([&](Servers& servers) {
        const auto found = generations_on(servers.set, segment.id, store_id(1), in(5'000));
        BOOST_REQUIRE(found);
        BOOST_TEST(found.value() == (std::vector<std::uint32_t>{10, 2, 1}),
                   boost::test_tools::per_element());
        BOOST_TEST(generations_on(servers.set, segment.id, store_id(2), in(5'000)).value().empty());
        BOOST_CHECK(code_of(generations_on(servers.set, segment.id, store_id(9), in(5'000))) ==
                    base::Errc::Unavailable);
    });
}

BOOST_AUTO_TEST_SUITE_END()
