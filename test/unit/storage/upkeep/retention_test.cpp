#include "storage/upkeep/retention.h"

#include <boost/test/unit_test.hpp>

#include "base/metrics.h"
#include "test/unit/storage/upkeep/retention_fixture.h"

using namespace storage;
using namespace storage_test;

BOOST_FIXTURE_TEST_SUITE(storage_retention, RetentionFixture)

BOOST_AUTO_TEST_CASE(it_purges_counts_and_shows) {
    const SealedFile file = put_delivered(1, {1, 2, 3});
    expunge(1);
    expunge(2);
    sql("UPDATE catalog.retained SET removed_at = now() + interval '1 hour' WHERE message_id = $1",
        {base::Uuid(message_id(2).bytes())});
    run_in_fiber([&](base::Loop&) {
        Retention retention(pool);
        const auto purged = retention.run_once();
        BOOST_TEST(why(purged) == "");
        BOOST_TEST(purged.value().rows == 1U);
        BOOST_TEST(purged.value().messages == 1U);
        BOOST_TEST(retention.run_once().value().rows == 0U);
    });
    BOOST_TEST(dead_bytes(file.id) == std::to_string(file.frames[0].length + 32U));
    BOOST_TEST(value("SELECT surveyed_at IS NOT NULL FROM catalog.segment") == "t");
    BOOST_TEST(base::metrics_text().find("roundtable_messages_retained 1") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
