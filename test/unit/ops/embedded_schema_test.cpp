#include "ops/embedded_schema.h"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_CASE(the_program_carries_the_tree_s_migrations) {
    const auto embedded = ops::embedded_migrations();
    const auto files = storage::load_migrations(std::string(SOURCE_DIR) + "/schema");
    BOOST_REQUIRE(files);
    BOOST_REQUIRE_EQUAL(embedded.size(), files.value().size());
    for (std::size_t index = 0; index < embedded.size(); ++index) {
        BOOST_TEST(embedded[index].number == files.value()[index].number);
        BOOST_TEST(embedded[index].name == files.value()[index].name);
        BOOST_TEST(embedded[index].checksum == files.value()[index].checksum);
    }
}
