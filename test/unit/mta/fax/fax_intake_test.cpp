#include "mta/fax/fax_intake.h"

#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/file.h"
#include "test/support/errors.h"

namespace {

using base::Errc;
using base::Error;

struct World {
    std::string path;
    std::optional<Errc> route_error;
    std::vector<Errc> ingest_errors;  // of the next calls
    std::vector<mta::IngestRequest> requests;
    std::vector<std::string> events;
    mta::FaxCall routed;

    World() {
        std::string name = std::filesystem::temp_directory_path() / "roundtable-intake-XXXXXX";
        const std::string directory = ::mkdtemp(name.data());
        path = directory + "/fax000000012.tif";
        std::filesystem::copy_file(SOURCE_DIR "/test/fuzz/corpus/fax_tiff/hyla.tif", path);
    }

    ~World() { std::filesystem::remove_all(std::filesystem::path(path).parent_path()); }

    World(const World&) = delete;
    World& operator=(const World&) = delete;

    mta::FaxIntake intake() {
        mta::FaxIntakeParts parts;
        parts.route = [this](const mta::FaxCall& call) -> base::Result<std::string> {
            routed = call;
            if (route_error) {
                return Error{*route_error, "told to"};
            }
            return std::string("alice@example.test");
        };
        parts.ingest =
            [this](const mta::IngestRequest& request) -> base::Result<mta::IngestReceipt> {
            requests.push_back(request);
            if (!ingest_errors.empty()) {
                const Errc code = ingest_errors.front();
                ingest_errors.erase(ingest_errors.begin());
                return Error{code, "told to"};
            }
            return mta::IngestReceipt{};
        };
        parts.event = [this](const std::string& kind, const std::string&, const std::string&) {
            events.push_back(kind);
        };
        return {std::move(parts), {"fax.example.test", ""}};
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(fax_intake)

BOOST_AUTO_TEST_CASE(routes_by_the_tags_and_hands_in_with_the_key_of_the_file) {
    World world;
    const auto outcome = world.intake().hand_in({}, world.path).value();
    BOOST_TEST(world.routed.called == "+4940123456");
    BOOST_TEST(world.routed.subaddress == "53");
    BOOST_TEST(outcome.recipient == "alice@example.test");
    BOOST_TEST(outcome.pages == 2U);
    BOOST_REQUIRE_EQUAL(world.requests.size(), 1U);
    const mta::IngestRequest& request = world.requests[0];
    BOOST_TEST((request.kind == mail::Kind::Fax));
    BOOST_TEST(request.key ==
               mta::fax_key("fax000000012.tif", base::read_file(world.path, 1U << 20U).value()));
    BOOST_TEST(request.sender == "+4930999@fax.example.test");
    BOOST_TEST(*request.attributes.find("called") == "+4940123456");
    BOOST_TEST(world.events.empty());
}

BOOST_AUTO_TEST_CASE(nobodys_fax_waits_with_an_event) {
    World world;
    world.route_error = Errc::NotFound;
    BOOST_TEST((world.intake().hand_in({}, world.path).error().code == Errc::Unavailable));
    BOOST_TEST(world.events == std::vector<std::string>{"fax_unrouted"},
               boost::test_tools::per_element());
    // A database that lets nobody in, or has the wrong rights, is no reason to refuse a fax.
    for (const Errc code : test_support::kAllErrors) {
        if (code != Errc::NotFound) {
            world.route_error = code;
            BOOST_TEST((world.intake().hand_in({}, world.path).error().code == Errc::Unavailable),
                       base::errc_name(code));
        }
    }
    BOOST_TEST(world.events.size() == 1U);
    BOOST_TEST(world.requests.empty());
}

BOOST_AUTO_TEST_CASE(every_error_of_the_cluster_is_an_error_here) {
    for (const Errc code : test_support::kAllErrors) {
        World world;
        world.ingest_errors = {code, code};
        const auto outcome = world.intake().hand_in({}, world.path);
        BOOST_TEST_CONTEXT(base::errc_name(code)) {
            BOOST_REQUIRE(!outcome);
            const bool later = base::is_temporary(code) || code == Errc::NotFound;
            BOOST_TEST(base::is_temporary(outcome.error().code) == later);
            BOOST_TEST(world.events.size() == (base::is_temporary(code) ? 0U : 1U));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_message_that_is_too_large_goes_without_its_pdf) {
    World world;
    world.ingest_errors = {Errc::TooLarge};
    BOOST_CHECK(static_cast<bool>(world.intake().hand_in({}, world.path)));
    BOOST_REQUIRE_EQUAL(world.requests.size(), 2U);
    BOOST_TEST(world.requests[0].message.find("application/pdf") != std::string::npos);
    BOOST_TEST(world.requests[1].message.find("application/pdf") == std::string::npos);
    BOOST_TEST(world.requests[0].key == world.requests[1].key);
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_taken_is_told_of_and_stays) {
    World world;
    std::filesystem::resize_file(world.path, mta::kTiffSizeMax + 1);
    BOOST_TEST((world.intake().hand_in({}, world.path).error().code == Errc::TooLarge));
    BOOST_TEST(world.events == std::vector<std::string>{"fax_refused"},
               boost::test_tools::per_element());
    BOOST_TEST(std::filesystem::exists(world.path));
    std::filesystem::remove(world.path);
    std::filesystem::create_directory(world.path);
    BOOST_TEST((world.intake().hand_in({}, world.path).error().code == Errc::Invalid));
    BOOST_TEST(world.events.size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_missing_file_is_told) {
    World world;
    BOOST_TEST((world.intake().hand_in({}, world.path + "x").error().code == Errc::NotFound));
    BOOST_TEST(world.requests.empty());
}

BOOST_AUTO_TEST_SUITE_END()
