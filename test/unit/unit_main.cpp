// The one main() of the unit tests: Boost.Test is linked dynamically.
#define BOOST_TEST_MODULE roundtable
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <boost/test/results_collector.hpp>
#include <boost/test/unit_test.hpp>
#include <unistd.h>

namespace {

// Records which cases passed, "suite/case" a line, for the test `claims`: a file with the name of
// this program in the directory that ROUNDTABLE_RAN names, replaced as a whole at the end. The file
// of the last run goes at the start: a program that crashes has recorded nothing.
class RanRecorder : public boost::unit_test::test_observer {
  public:
    void test_start(boost::unit_test::counter_t /*cases*/,
                    boost::unit_test::test_unit_id /*root*/) override {
        passed_.clear();
        if (!file().empty()) {
            std::filesystem::create_directories(file().parent_path());
            std::filesystem::remove(file());
        }
    }

    void test_unit_finish(const boost::unit_test::test_unit& unit,
                          unsigned long /*microseconds*/) override {
        if (unit.p_type == boost::unit_test::TUT_CASE &&
            boost::unit_test::results_collector.results(unit.p_id).passed()) {
            passed_ += unit.full_name() + "\n";
        }
    }

    void test_finish() override {
        if (file().empty()) {
            return;
        }
        std::filesystem::path part = file();
        part += "." + std::to_string(::getpid());
        std::ofstream(part) << passed_;
        std::filesystem::rename(part, file());
    }

    // Less than that of the collector of results, whose judgement is read: what finishes is told to
    // observers in the reversed order.
    int priority() override { return 2; }

  private:
    static std::filesystem::path file() {
        const char* const directory = std::getenv("ROUNDTABLE_RAN");
        const auto& suite = boost::unit_test::framework::master_test_suite();
        return directory == nullptr || suite.argc == 0
                   ? std::filesystem::path()
                   : directory / std::filesystem::path(suite.argv[0]).filename();
    }

    std::string passed_;
};

struct RanFixture {
    RanFixture() { boost::unit_test::framework::register_observer(recorder); }

    ~RanFixture() { boost::unit_test::framework::deregister_observer(recorder); }

    RanFixture(const RanFixture&) = delete;
    RanFixture& operator=(const RanFixture&) = delete;

    RanRecorder recorder;
};

}  // namespace

BOOST_TEST_GLOBAL_CONFIGURATION(RanFixture);
