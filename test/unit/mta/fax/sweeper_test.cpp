#include "mta/fax/sweeper.h"

#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/file.h"

namespace {

using base::Errc;
using base::Error;

// A receive queue, and a cluster that takes each key once.
struct World {
    std::string spool;
    std::int64_t now = 4'000'000'000;    // later than any file of this machine
    std::map<std::string, Errc> errors;  // by file name
    std::map<std::string, int> stored;
    std::vector<mta::FaxCall> calls;
    int asked = 0;
    bool open = true;

    World() {
        std::string name = std::filesystem::temp_directory_path() / "roundtable-sweep-XXXXXX";
        spool = ::mkdtemp(name.data());
        std::filesystem::create_directories(spool + "/recvq");
        std::filesystem::create_directories(spool + "/etc");
    }

    ~World() { std::filesystem::remove_all(spool); }

    World(const World&) = delete;
    World& operator=(const World&) = delete;

    void fax(const std::string& name, const std::string& octets) const {
        BOOST_REQUIRE(base::write_file_atomic(spool + "/recvq/" + name, octets, 0600));
    }

    mta::FaxSweeper sweeper() {
        mta::FaxSweeper made(
            spool,
            spool + "/swept",
            {[this] { return open; },
             [this](mta::FaxCall call, const std::string& path) { return take(call, path); },
             [](const std::string&) {},
             [this] { return now; }});
        made.load();
        return made;
    }

    base::Result<mta::FaxIntake::Outcome> take(const mta::FaxCall& call, const std::string& path) {
        ++asked;
        calls.push_back(call);
        const std::string name = path.substr(path.rfind('/') + 1);
        if (const auto error = errors.find(name); error != errors.end()) {
            return Error{error->second, "told to"};
        }
        const std::string octets = base::read_file(path, 1000).value();
        mta::FaxIntake::Outcome outcome;
        outcome.key = mta::fax_key(path, octets);
        outcome.receipt.again = stored[outcome.key]++ > 0;
        return outcome;
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(fax_sweeper)

BOOST_AUTO_TEST_CASE(hands_in_each_fax_once_and_reads_no_file_twice) {
    World world;
    world.fax("fax1.tif", "one");
    world.fax("fax2.tif", "two");
    auto sweeper = world.sweeper();
    world.open = false;
    BOOST_TEST(sweeper.pass().value().later == 2U);
    BOOST_TEST(world.asked == 0, "nobody would take them: they are not even read");
    world.open = true;
    BOOST_TEST(sweeper.pass().value().handed_in == 2U);
    BOOST_TEST(sweeper.pass().value().handed_in == 0U);
    BOOST_TEST(world.asked == 2);
    auto after_restart = world.sweeper();
    world.fax("fax3.tif", "three");
    BOOST_TEST(after_restart.pass().value().handed_in == 1U);
    BOOST_TEST(world.asked == 3);
}

BOOST_AUTO_TEST_CASE(a_lost_state_makes_no_doubles) {
    World world;
    world.fax("fax1.tif", "one");
    BOOST_TEST(world.sweeper().pass().value().handed_in == 1U);
    for (const char* state : {"", "fax1.tif 3 garbage", "\xff\xfe\n\n", "fax1.tif 4 0 done 1"}) {
        BOOST_REQUIRE(base::write_file_atomic(world.spool + "/swept", state, 0600));
        const auto counts = world.sweeper().pass().value();
        BOOST_TEST(counts.handed_in == 0U);
        BOOST_TEST(counts.known == 1U);
    }
}

BOOST_AUTO_TEST_CASE(what_is_away_is_tried_again_at_once) {
    World world;
    world.fax("fax1.tif", "one");
    auto sweeper = world.sweeper();
    for (const Errc code : {Errc::Unavailable, Errc::Timeout, Errc::UnknownOutcome, Errc::Io}) {
        world.errors["fax1.tif"] = code;
        BOOST_TEST(sweeper.pass().value().later == 1U);
    }
    world.errors.clear();
    BOOST_TEST(sweeper.pass().value().handed_in == 1U);
}

BOOST_AUTO_TEST_CASE(what_was_refused_is_tried_again_a_day_later) {
    World world;
    world.fax("fax1.tif", "one");
    world.errors["fax1.tif"] = Errc::Refused;
    auto sweeper = world.sweeper();
    BOOST_TEST(sweeper.pass().value().refused == 1U);
    BOOST_TEST(sweeper.pass().value().refused == 0U);
    world.errors.clear();
    BOOST_TEST(world.sweeper().pass().value().handed_in == 0U);
    world.now += mta::FaxSweeper::kRefusedSeconds;
    BOOST_TEST(world.sweeper().pass().value().handed_in == 1U);
}

BOOST_AUTO_TEST_CASE(a_fresh_file_waits_for_its_line_in_the_log) {
    World world;
    world.fax("fax1.tif", "one");
    world.now = mta::list_recv_queue(world.spool).value().files[0].modified_ns / 1'000'000'000 + 5;
    auto sweeper = world.sweeper();
    BOOST_TEST(sweeper.pass().value().waiting == 1U);
    BOOST_TEST(world.asked == 0);
    BOOST_REQUIRE(base::write_file_atomic(
        world.spool + "/etc/xferfaxlog",
        "11/25/26 22:49\tRECV\t000000007\tttyS1\trecvq/fax1.tif\t\tfax\t\"1\"\t\"2\"\t1\t1\t"
        "0:01\t0:01\t\"\"\t\"3\"\t\"\"\t\"4\"\t\"\"\t\"\"\n",
        0600));
    BOOST_TEST(sweeper.pass().value().handed_in == 1U);
    BOOST_TEST(world.calls.back().communication == "000000007");
    BOOST_TEST(world.calls.back().called == "4");
    world.fax("fax2.tif", "two");
    BOOST_TEST(sweeper.pass().value().waiting == 1U);
    world.now += mta::FaxSweeper::kSettleSeconds;
    BOOST_TEST(sweeper.pass().value().handed_in == 1U);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_still_locked_or_gone_is_no_error) {
    World world;
    world.fax("fax1.tif", "one");
    world.fax("fax2.tif", "two");
    world.errors = {{"fax1.tif", Errc::Busy}, {"fax2.tif", Errc::NotFound}};
    auto sweeper = world.sweeper();
    const auto counts = sweeper.pass().value();
    BOOST_TEST(counts.waiting == 1U);
    BOOST_TEST(counts.refused == 0U);
    std::filesystem::remove_all(world.spool + "/recvq");
    BOOST_TEST(!sweeper.pass());
}

BOOST_AUTO_TEST_SUITE_END()
