#include "storage/tracking/helper_program.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/path/loop_fixture.h"

using namespace storage_test;

BOOST_AUTO_TEST_SUITE(storage_helper_program)

BOOST_AUTO_TEST_CASE(it_is_beside_the_program_that_runs) {
    BOOST_TEST(storage::find_helper_program("").value() == helper_program());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_run_is_not_found) {
    TempDir dir;
    std::ofstream(dir / "text") << "x";
    std::filesystem::permissions(dir / "text", std::filesystem::perms::owner_read);
    BOOST_CHECK(code_of(storage::find_helper_program(dir / "text")) == base::Errc::NotFound);
    BOOST_CHECK(code_of(storage::find_helper_program(dir / "none")) == base::Errc::NotFound);
}

BOOST_AUTO_TEST_SUITE_END()
