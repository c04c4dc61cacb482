#include "storage/path/path_metrics.h"

#include <boost/test/unit_test.hpp>

#include "base/metrics.h"
#include "storage/path/running_total.h"
#include "test/unit/storage/mirror/mirror_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

// The value of a path's series, as the admin port shows it; empty if there is none.
std::string shown(const std::string& metric,
                  const StorageServerConfig& server,
                  const std::string& more = "") {
    const std::string line = "\n" + metric + "{folder=\"storage\",store=\"" + server.name +
                             "\",path=\"" + server.paths[0].name + "\"" + more + "} ";
    const std::string text = base::metrics_text();
    const std::size_t at = text.find(line);
    return at == std::string::npos
               ? ""
               : text.substr(at + line.size(), text.find('\n', at + 1) - at - line.size());
}

std::uint64_t count(const std::string& metric,
                    const StorageServerConfig& server,
                    const std::string& more = "") {
    const std::string value = shown(metric, server, more);
    return value.empty() ? 0 : std::stoull(value);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(storage_path_metrics)

BOOST_AUTO_TEST_CASE(what_was_asked_and_answered_is_shown) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(1);
        StorageServerConfig config = stores.configs[0];
        config.name = "counted";
        StorageServerSet set(loop, quick_options());
        PathMetrics metrics(set);
        set.apply({config});
        metrics.update();
        BOOST_TEST(shown("roundtable_storage_path_state", config) == "0");
        StorageServerClient& server = *set.find(config.id);
        BOOST_REQUIRE(eventually([&] { return server.health().is_healthy(); }));
        const auto file = create(server, "a", "head");
        BOOST_REQUIRE(file);
        BOOST_REQUIRE(write(server, file.value(), 4, "body"));
        BOOST_REQUIRE(read(server, "a", 2, 4));
        BOOST_REQUIRE(!read(server, "b", 0, 4));
        metrics.update();
        metrics.update();  // the same numbers are not counted twice
        BOOST_TEST(shown("roundtable_storage_path_state", config) == "2");
        BOOST_TEST(count("roundtable_storage_path_free_bytes", config) > 0U);
        BOOST_TEST(count("roundtable_storage_path_total_bytes", config) >=
                   count("roundtable_storage_path_free_bytes", config));
        BOOST_TEST(count("roundtable_storage_requests_total", config) >= 4U);
        BOOST_TEST(count("roundtable_storage_request_errors_total", config) == 1U);
        BOOST_TEST(count("roundtable_storage_request_timeouts_total", config) == 0U);
        BOOST_TEST(count("roundtable_storage_helpers_total", config, ",event=\"started\"") == 1U);
        BOOST_TEST(count("roundtable_storage_bytes_total", config, ",direction=\"written\"") == 8U);
        BOOST_TEST(count("roundtable_storage_bytes_total", config, ",direction=\"read\"") == 4U);
        BOOST_TEST(count("roundtable_storage_syncs_total", config, ",outcome=\"ok\"") == 2U);
        BOOST_TEST(count("roundtable_storage_syncs_total", config, ",outcome=\"failed\"") == 0U);
    });
}

BOOST_AUTO_TEST_CASE(helpers_that_hang_or_end_are_counted) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(1);
        StorageServerConfig config = stores.configs[0];
        config.name = "troubled";
        StorageServerSet set(loop, quick_options());
        PathMetrics metrics(set);
        set.apply({config});
        StorageServerClient& server = *set.find(config.id);
        BOOST_REQUIRE(eventually([&] { return server.health().is_healthy(); }));
        stop_process(server.helper_pids()[0]);
        BOOST_TEST(!read(server, "a", 0, 4, in(50)));
        metrics.update();
        BOOST_TEST(shown("roundtable_storage_path_state", config) == "1");
        BOOST_TEST(count("roundtable_storage_request_timeouts_total", config) == 1U);
        BOOST_REQUIRE(eventually([&] {
            metrics.update();
            return count("roundtable_storage_helpers_total", config, ",event=\"abandoned\"") == 1U;
        }));
        BOOST_REQUIRE(eventually([&] { return server.health().is_healthy(); }));
        BOOST_REQUIRE(::kill(server.helper_pids()[0], SIGKILL) == 0);
        BOOST_REQUIRE(eventually([&] {
            metrics.update();
            return count("roundtable_storage_helpers_total", config, ",event=\"lost\"") == 1U;
        }));
        // The root of another server.
        std::filesystem::remove(stores.root(1) + "/roundtable-store");
        BOOST_REQUIRE(eventually([&] {
            metrics.update();
            return shown("roundtable_storage_path_state", config) == "0";
        }));
    });
}

BOOST_AUTO_TEST_CASE(a_path_that_went_is_no_path_that_is_out) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(1);
        StorageServerConfig config = stores.configs[0];
        config.name = "leaving";
        StorageServerSet set(loop, quick_options());
        PathMetrics metrics(set);
        set.apply({config});
        BOOST_REQUIRE(eventually([&] { return set.find(config.id)->health().is_healthy(); }));
        metrics.update();
        BOOST_TEST(count("roundtable_storage_helpers_total", config, ",event=\"started\"") == 1U);
        set.apply({});
        metrics.update();
        BOOST_TEST(shown("roundtable_storage_path_state", config) == "-1");
        BOOST_TEST(shown("roundtable_storage_path_free_bytes", config) == "0");
        // It comes back, and counts from 0.
        set.apply({config});
        BOOST_REQUIRE(eventually([&] { return set.find(config.id)->health().is_healthy(); }));
        BOOST_REQUIRE(!read(*set.find(config.id), "b", 0, 4));
        metrics.update();
        BOOST_TEST(shown("roundtable_storage_path_state", config) == "2");
        BOOST_TEST(count("roundtable_storage_request_errors_total", config) == 1U);
    });
}

BOOST_AUTO_TEST_CASE(a_total_goes_on_when_what_it_follows_begins_anew) {
    base::Counter counter;
    RunningTotal total(counter);
    for (const std::uint64_t seen : std::vector<std::uint64_t>{3, 3, 10, 2, 5}) {
        total.follow(seen);
    }
    BOOST_TEST(counter.value() == 15U);
}

BOOST_AUTO_TEST_SUITE_END()
