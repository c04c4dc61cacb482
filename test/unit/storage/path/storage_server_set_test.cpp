#include "storage/path/storage_server_set.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/mirror/mirror_fixture.h"

using namespace storage;
using namespace storage_test;

BOOST_AUTO_TEST_SUITE(storage_server_set)

BOOST_AUTO_TEST_CASE(unchanged_servers_are_kept_with_all_that_runs_on_them) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(3);
        StorageServerSet set(loop, quick_options());
        BOOST_TEST(set.all().empty());
        set.apply({stores.configs[0], stores.configs[1]});
        StorageServerClient* first = set.find(store_id(1));
        StorageServerClient* second = set.find(store_id(2));
        BOOST_REQUIRE((first != nullptr && second != nullptr));
        BOOST_REQUIRE(eventually([&] { return first->health().is_healthy(); }));
        const auto file = create(*first, "a", "head");
        BOOST_REQUIRE(file);
        // Another order, a new one, one that changed.
        stores.configs[1].failure_domain = "moved";
        set.apply({stores.configs[2], stores.configs[1], stores.configs[0]});
        BOOST_TEST(set.find(store_id(1)) == first);
        BOOST_TEST(set.find(store_id(2))->config().failure_domain == "moved");
        BOOST_TEST(write(*first, file.value(), 4, "body").operator bool());
        BOOST_REQUIRE(set.all().size() == 3U);
        BOOST_CHECK(set.all()[0]->config().id == store_id(3));
        BOOST_CHECK(set.all()[2] == first);
        // Started at once.
        BOOST_REQUIRE(eventually([&] { return set.all()[0]->health().is_healthy(); }));
    });
}

BOOST_AUTO_TEST_CASE(what_is_taken_out_ends_with_its_helpers) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        StorageServerSet set(loop, quick_options());
        set.apply(stores.configs);
        BOOST_REQUIRE(eventually([&] { return set.find(store_id(2))->health().is_healthy(); }));
        const pid_t helper = set.find(store_id(2))->helper_pids()[0];
        set.apply({stores.configs[0]});
        BOOST_TEST(set.find(store_id(2)) == nullptr);
        BOOST_TEST(eventually([&] {
            (void)base::reap_abandoned();
            return ::kill(helper, 0) != 0;
        }));
    });
}

BOOST_AUTO_TEST_CASE(draining_keeps_the_server_and_its_files) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        StorageServerSet set(loop, quick_options());
        set.apply(stores.configs);
        StorageServerClient* second = set.find(store_id(2));
        set.apply(stores.configs, {store_id(2)});
        BOOST_TEST(set.find(store_id(2)) == second);
        BOOST_TEST(set.is_draining(store_id(2)));
        BOOST_TEST(!set.is_draining(store_id(1)));
        set.apply(stores.configs);
        BOOST_TEST(!set.is_draining(store_id(2)));
    });
}

BOOST_AUTO_TEST_SUITE_END()
